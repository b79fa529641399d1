// The list of classes: all that the network knows, or those of a picture with their areas.

const SMALL = 0.001; // of the picture; smaller classes are folded away

export class Legend {
  /** `onLight(id or null)` is called with the class to show alone. */
  constructor(place, onLight) {
    this.place = place;
    this.onLight = onLight;
    this.rows = new Map();
    this.pinned = null;
    this.over = null;
  }

  /** Every class, without areas. */
  list(classes) {
    this.rows.clear();
    this.pinned = this.over = null;
    this.place.classList.remove('found');
    this.place.replaceChildren(
      ...classes.map((entry) => {
        const item = document.createElement('li');
        item.append(chip(entry), entry.name);
        return item;
      }),
    );
  }

  /** The classes of a picture; returns them as the stage wants them. */
  found(classes) {
    this.rows.clear();
    this.pinned = this.over = null;
    this.place.classList.add('found');
    const small = classes.filter((entry) => entry.area < SMALL);
    const large = classes.filter((entry) => entry.area >= SMALL);
    this.place.replaceChildren(...large.map((entry) => this.row(entry)));
    if (small.length) this.place.append(this.fold(small));
    return new Map(
      classes.map((entry) => [
        entry.id,
        {
          name: entry.name,
          colour: [1, 3, 5].map((at) => parseInt(entry.colour.slice(at, at + 2), 16)),
          share: percent(entry.area),
          clear: isClear(entry),
        },
      ]),
    );
  }

  /** Classes of a few pixels, behind one line. */
  fold(classes) {
    const [item, details, rows] = ['li', 'details', 'ul'].map((kind) => element(kind, ''));
    const words = `${classes.length} more below ${percent(SMALL)}`;
    rows.append(...classes.map((entry) => this.row(entry)));
    details.append(element('summary', '', words), rows);
    item.append(details);
    return item;
  }

  row(entry) {
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'row';
    button.setAttribute('aria-pressed', 'false');
    const share = element('span', 'share', percent(entry.area));
    const bar = element('span', 'bar');
    const fill = element('i', 'fill');
    fill.style.setProperty('--share', `${entry.area * 100}%`);
    bar.append(fill);
    button.append(chip(entry), element('span', '', entry.name), share, bar);
    for (const name of ['pointerenter', 'focus']) {
      button.addEventListener(name, () => this.point(entry.id));
    }
    for (const name of ['pointerleave', 'blur']) {
      button.addEventListener(name, () => this.point(null));
    }
    button.addEventListener('click', () => this.pin(entry.id));
    this.rows.set(entry.id, button);
    item.append(button);
    return item;
  }

  /** The class under the pointer, here or in the picture. */
  point(id) {
    this.over = id;
    this.update();
  }

  /** Keep a class shown alone, until it is clicked again. */
  pin(id) {
    this.pinned = this.pinned === id ? null : id;
    this.over = this.pinned;
    this.update();
  }

  update() {
    const lit = this.over ?? this.pinned;
    for (const [id, button] of this.rows) {
      button.classList.toggle('lit', id === lit);
      button.setAttribute('aria-pressed', String(id === this.pinned));
    }
    this.onLight(lit);
  }
}

/** The background is left as the picture is. */
function isClear(entry) {
  return entry.id === 0 && entry.name === 'background';
}

function chip(entry) {
  const mark = element('i', isClear(entry) ? 'chip clear' : 'chip');
  mark.style.setProperty('--colour', entry.colour);
  return mark;
}

function element(kind, name, text = '') {
  const made = document.createElement(kind);
  made.className = name;
  made.textContent = text;
  return made;
}

function percent(share) {
  if (share < SMALL) return `< ${percent(SMALL)}`;
  return `${(share * 100).toFixed(1)} %`;
}
