// The picture with its classes over it: drawing, pointing at classes, before and after.

const LONGEST = 1600; // pixels of what is shown; downloads have the picture's own size
const VEIL = { light: [251, 251, 249], dark: [20, 23, 26] };

export class Stage {
  /** `onPoint(id or null)` is called with the class under the pointer. */
  constructor(root, onPoint) {
    this.root = root;
    this.onPoint = onPoint;
    this.view = root.querySelector('.view');
    this.picture = root.querySelector('.picture');
    this.labels = root.querySelector('.labels');
    this.grip = root.querySelector('.grip');
    this.tip = root.querySelector('.tip');
    this.opacity = 0.6;
    this.lit = null;
    this.result = null;
    this.view.addEventListener('pointermove', (event) => this.point(event));
    this.view.addEventListener('pointerdown', (event) => this.point(event));
    this.view.addEventListener('pointerleave', () => this.leave());
    this.listenToGrip();
  }

  /** 'empty', 'busy' or 'done'. */
  set state(name) {
    this.root.dataset.state = name;
    this.view.setAttribute('aria-busy', String(name === 'busy'));
    if (name !== 'done') this.leave();
  }

  /** Show a picture without classes. */
  show(bitmap) {
    this.result = null;
    this.bitmap = bitmap;
    const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
    this.width = Math.max(1, Math.round(bitmap.width * scale));
    this.height = Math.max(1, Math.round(bitmap.height * scale));
    for (const canvas of [this.picture, this.labels]) {
      canvas.width = this.width;
      canvas.height = this.height;
    }
    this.picture.getContext('2d').drawImage(bitmap, 0, 0, this.width, this.height);
    this.view.style.setProperty('--ratio', bitmap.width / bitmap.height);
  }

  /** Lay classes over the picture: ids (width x height), {id: {name, colour, share, clear}}. */
  reveal(result) {
    this.result = result;
    this.shown = sample(result, this.width, this.height);
    this.lit = null;
    this.draw();
    this.state = 'done';
    this.open();
  }

  /** Uncover the classes from right to left, where motion is welcome. */
  open() {
    cancelAnimationFrame(this.motion);
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return this.setSplit(0);
    const start = performance.now();
    const step = (now) => {
      const t = Math.min(Math.max((now - start) / 800, 0), 1);
      this.setSplit(100 * (1 - t) ** 3);
      if (t < 1) this.motion = requestAnimationFrame(step);
    };
    this.setSplit(100);
    this.motion = requestAnimationFrame(step);
  }

  /** Percent of the width, from the left, where the picture stays bare. */
  setSplit(percent) {
    this.split = Math.min(Math.max(percent, 0), 100);
    const whole = Math.round(this.split);
    this.view.style.setProperty('--split', `${this.split}%`);
    this.grip.setAttribute('aria-valuenow', whole);
    this.grip.setAttribute('aria-valuetext', `${whole} % bare, ${100 - whole} % with classes`);
    this.view.querySelector('.before').classList.toggle('shown', whole > 18);
    this.view.querySelector('.after').classList.toggle('shown', whole > 2 && whole < 82);
  }

  setOpacity(value) {
    this.opacity = value;
    this.draw();
  }

  /** Veil everything but one class; null veils nothing. */
  light(id) {
    if (id === this.lit) return;
    this.lit = id;
    this.draw();
  }

  draw() {
    if (!this.result) return;
    const context = this.labels.getContext('2d');
    context.putImageData(paint(this.shown, this.width, this.height, this.colours(this.lit)), 0, 0);
  }

  /** A colour with opacity, as one number, for every id. */
  colours(lit) {
    const veil = VEIL[matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'];
    const colours = new Uint32Array(256);
    for (const [id, entry] of this.result.classes) {
      const other = lit !== null && id !== lit;
      const opacity = entry.clear ? 0 : this.opacity;
      colours[id] = other ? packed(veil, 0.74) : packed(entry.colour, opacity);
    }
    return colours;
  }

  /** The picture with its classes, as a PNG of the picture's size. */
  async compose() {
    const { width, height, ids } = this.result;
    const over = new OffscreenCanvas(width, height);
    over.getContext('2d').putImageData(paint(ids, width, height, this.colours(null)), 0, 0);
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d');
    context.drawImage(this.bitmap, 0, 0, width, height);
    context.drawImage(over, 0, 0);
    return canvas.convertToBlob({ type: 'image/png' });
  }

  point(event) {
    if (!this.result || this.dragging) return;
    if (this.grip.contains(event.target)) return this.leave();
    const box = this.view.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const column = Math.min(Math.max(Math.floor((x / box.width) * this.width), 0), this.width - 1);
    const row = Math.min(Math.max(Math.floor((y / box.height) * this.height), 0), this.height - 1);
    const id = this.shown[row * this.width + column];
    const entry = this.result.classes.get(id);
    if (!entry) return this.leave();
    const name = document.createElement('b');
    name.textContent = entry.name;
    this.tip.replaceChildren(name, ` ${entry.share}`);
    this.tip.hidden = false;
    const side = x + this.tip.offsetWidth + 24 > box.width ? -this.tip.offsetWidth - 12 : 14;
    const below = y + this.tip.offsetHeight + 24 > box.height ? -this.tip.offsetHeight - 10 : 16;
    this.tip.style.transform = `translate(${Math.max(x + side, 4)}px, ${y + below}px)`;
    this.onPoint(id);
  }

  leave() {
    this.tip.hidden = true;
    this.onPoint(null);
  }

  listenToGrip() {
    const follow = (event) => {
      const box = this.view.getBoundingClientRect();
      this.setSplit(((event.clientX - box.left) / box.width) * 100);
    };
    this.grip.addEventListener('pointerdown', (event) => {
      cancelAnimationFrame(this.motion);
      this.dragging = true;
      this.grip.setPointerCapture(event.pointerId);
    });
    this.grip.addEventListener('pointermove', (event) => this.dragging && follow(event));
    for (const end of ['pointerup', 'pointercancel']) {
      this.grip.addEventListener(end, () => (this.dragging = false));
    }
    this.grip.addEventListener('keydown', (event) => {
      const steps = { ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2 };
      Object.assign(steps, { PageDown: -10, PageUp: 10, Home: -100, End: 100 });
      if (!(event.key in steps)) return;
      event.preventDefault();
      cancelAnimationFrame(this.motion);
      this.setSplit(this.split + steps[event.key]);
    });
  }
}

function packed([red, green, blue], opacity) {
  return new Uint32Array(Uint8Array.of(red, green, blue, Math.round(opacity * 255)).buffer)[0];
}

function paint(ids, width, height, colours) {
  const pixels = new Uint32Array(ids.length);
  for (let i = 0; i < ids.length; i++) pixels[i] = colours[ids[i]];
  return new ImageData(new Uint8ClampedArray(pixels.buffer), width, height);
}

function sample({ ids, width, height }, columns, rows) {
  if (columns === width && rows === height) return ids;
  const out = new Uint8Array(columns * rows);
  for (let y = 0; y < rows; y++) {
    const start = Math.floor((y * height) / rows) * width;
    for (let x = 0; x < columns; x++) {
      out[y * columns + x] = ids[start + Math.floor((x * width) / columns)];
    }
  }
  return out;
}
