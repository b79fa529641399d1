// The page: from a picture to its classes, or to a sentence that says why not.

import { Legend } from './legend.js';
import { readMask } from './mask.js';
import { listenForPictures } from './sources.js';
import { Stage } from './stage.js';

const at = (id) => document.getElementById(id);
const fault = at('fault');
let limits = null;
let known = [];
let running = null; // the request that the page waits for
let name = 'picture';

const legend = new Legend(at('legend'), (id) => stage.light(id));
const stage = new Stage(at('stage'), (id) => legend.point(id));

function refuse(sentence) {
  if (!stage.result) stage.state = 'empty';
  fault.textContent = `${sentence[0].toUpperCase()}${sentence.slice(1)}.`;
  fault.hidden = false;
  fault.scrollIntoView({ block: 'nearest' });
}

function clear() {
  running?.abort();
  running = null;
  fault.hidden = true;
  stage.result = null;
  stage.state = 'empty';
  at('tools').hidden = true;
  at('legend-title').textContent = 'Classes';
  at('summary').textContent = `${known.length} that this network tells apart`;
  legend.list(known);
  for (const button of document.querySelectorAll('.strip button')) {
    button.removeAttribute('aria-current');
  }
}

async function take(file) {
  clear();
  name = file.name.replace(/\.\w+$/, '') || 'picture';
  if (limits && file.size > limits.max_bytes) {
    return refuse(`this file has ${megabytes(file.size)}; at most ${megabytes(limits.max_bytes)} are taken`);
  }
  const request = (running = new AbortController());
  const clock = startClock();
  try {
    const asked = ask(file, request.signal);
    asked.catch(() => {}); // it may fail before it is waited for, below
    const bitmap = await createImageBitmap(file).catch(() => null);
    if (request.signal.aborted) return;
    if (bitmap) {
      stage.show(bitmap);
      stage.state = 'busy';
      at('stage').scrollIntoView({ block: 'nearest' });
    }
    const answer = await asked;
    if (!bitmap) throw new Error('this browser cannot show the picture');
    const mask = new Blob([bytes(answer.mask)], { type: 'image/png' });
    const read = await readMask(mask);
    if (!request.signal.aborted) reveal(answer, mask, read);
  } catch (error) {
    if (!request.signal.aborted) refuse(error.message);
  } finally {
    clearInterval(clock);
  }
}

/** The server's answer; an Error with its sentence where it refuses. */
async function ask(file, signal) {
  const headers = { 'Content-Type': file.type || 'application/octet-stream' };
  let response;
  try {
    response = await fetch('api/segment', { method: 'POST', body: file, headers, signal });
  } catch (error) {
    throw signal.aborted ? error : new Error('the server does not answer');
  }
  const answer = await response.json().catch(() => ({ error: `the server failed (${response.status})` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

function reveal(answer, mask, read) {
  stage.reveal({ ...read, classes: legend.found(answer.classes) });
  URL.revokeObjectURL(at('mask').href);
  at('mask').href = URL.createObjectURL(mask);
  at('mask').download = `${name}-mask.png`;
  at('tools').hidden = false;
  at('legend-title').textContent = 'Found';
  at('summary').textContent =
    `${answer.width} \u00d7 ${answer.height} pixels in ${answer.seconds.toFixed(2)} s` +
    (answer.notice ? `; ${answer.notice}` : '');
}

function startClock() {
  const text = document.querySelector('.busy');
  const start = performance.now();
  const tell = () => {
    const seconds = Math.floor((performance.now() - start) / 1000);
    text.textContent = seconds < 2 ? 'Segmenting' : `Segmenting, ${seconds} s`;
  };
  tell();
  return setInterval(tell, 500);
}

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** A config's name, which may break after its underscores. */
function breakable(text) {
  return text.split(/(?<=_)/).flatMap((part) => [part, document.createElement('wbr')]);
}

function megabytes(count) {
  return `${(count / 1e6).toLocaleString('en', { maximumFractionDigits: 1 })} MB`;
}

function save(blob, file) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

async function describe() {
  const [health, table] = await Promise.all(
    ['api/health', 'api/classes'].map(async (url) => (await fetch(url)).json()),
  );
  limits = health;
  known = table.classes;
  const pixels = `${+(health.max_pixels / 1e6).toFixed(3)} megapixels`;
  const size = megabytes(health.max_bytes);
  const formats = health.formats.map((format) => (format === 'WEBP' ? 'WebP' : format)).join(', ');
  at('model').textContent = health.title;
  document.title = `${health.title} \u00b7 mmdeeplab`;
  const facts = [...health.facts, `${known.length} classes`, `runs on ${health.device}`];
  at('facts').replaceChildren(...breakable(health.model), ` \u00b7 ${facts.join(' \u00b7 ')}`);
  at('bounds').textContent = `${formats} up to ${size} and ${pixels}`;
  const words = { megabytes: size, pixels, formats, timeout: `${health.timeout} s` };
  for (const [key, text] of Object.entries({ ...words, origin: location.origin })) {
    for (const place of document.querySelectorAll(`.${key}`)) place.textContent = text;
  }
  clear();
}

async function listExamples() {
  const { examples } = await (await fetch('examples')).json();
  at('examples').hidden = !examples.length;
  examples.forEach((title, index) => {
    const button = document.createElement('button');
    const image = new Image();
    image.src = `examples/${index}/thumbnail`;
    image.alt = `Example: ${title}`;
    button.type = 'button';
    button.append(image);
    button.addEventListener('click', async () => {
      const blob = await (await fetch(`examples/${index}/picture`)).blob();
      take(new File([blob], title, { type: blob.type }));
      button.setAttribute('aria-current', 'true');
    });
    document.querySelector('.strip').append(button);
  });
}

at('opacity').addEventListener('input', (event) => {
  at('opacity-value').textContent = `${event.target.value} %`;
  stage.setOpacity(event.target.value / 100);
});
at('overlay').addEventListener('click', async () => save(await stage.compose(), `${name}-overlay.png`));
at('again').addEventListener('click', () => {
  clear();
  at('choose').focus();
});
listenForPictures(take, refuse);
Promise.all([describe(), listExamples()]).catch(() => refuse('the server does not answer'));
