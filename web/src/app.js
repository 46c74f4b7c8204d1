/** The page: the chosen file, the running work and the result. */
import {Comparison} from './compare.js';
import {explain, load} from './failures.js';
import {tooLarge} from './limits.js';
import {goOffline} from './offline.js';
import {left} from './timing.js';

/** @param {string} id @returns {any} */
const find = (id) => document.getElementById(id);
const NAMES = {
  'dksan-s': 'dksan-s: close to the original',
  'dksan-s-gan': 'dksan-s-gan: sharper, invents detail',
};
const KINDS = {picture: 'picture', animation: 'animation', video: 'video'};

const comparison = new Comparison();
/** @type {any[]} Entries of models.json. */
let models = [];
/** @type {File | null} */
let file = null;
/** @type {any} Properties of the file, from the worker. */
let input = null;
/** @type {Worker | null} */
let worker = null;
let running = false;
/** @type {string[]} */
let urls = [];
let quarter = 0;

/** @param {string} sentence The problem to show, or ''. */
function complain(sentence) {
  find('problem').textContent = sentence;
  find('problem').hidden = !sentence;
}

/** @param {string[]} sentences */
function note(sentences) {
  const items = sentences.map((sentence) => {
    const item = document.createElement('li');
    item.textContent = sentence;
    return item;
  });
  find('notes').replaceChildren(...items);
  find('notes').hidden = !items.length;
}

/** @param {string} sentence Announced by screen readers. */
function say(sentence) {
  find('live').textContent = sentence;
}

const scale = () => Number(/** @type {any} */ (
  document.querySelector('input[name=scale]:checked'))?.value);

/** Offer only the networks that support the chosen factor. */
function offerNetworks() {
  const options = [...find('model').options];
  for (const option of options) {
    option.disabled = !models.some((one) => one.name === option.value && one.scale === scale());
  }
  if (find('model').selectedOptions[0]?.disabled) {
    find('model').value = options.find((option) => !option.disabled)?.value;
  }
}

/** Show the controls that can be used now. */
function update() {
  offerNetworks();
  const wrong = input && tooLarge(input, scale());
  find('start').hidden = running;
  find('start').disabled = !input || !models.length || Boolean(wrong);
  find('cancel').hidden = !running;
  find('save-field').hidden = !input || input.kind === 'picture';
  for (const control of document.querySelectorAll('#form input, #form select')) {
    /** @type {any} */ (control).disabled = running;
  }
  find('size').hidden = !input;
  if (input) {
    find('size').textContent = wrong || `Result: ${scale() * input.width} × ` +
      `${scale() * input.height} pixels${input.count > 1 ? `, ${input.count} frames` : ''}.`;
  }
}

/** Discard the last result. */
function forget() {
  complain('');
  note([]);
  for (const id of ['work', 'result', 'movie']) find(id).hidden = true;
  find('movie').removeAttribute('src');
  urls.forEach((url) => URL.revokeObjectURL(url));
  urls = [];
}

/** End the worker and discard its work. */
function stop() {
  worker?.terminate();
  worker = null;
  running = false;
}

/** Start a worker. */
function begin() {
  stop();
  worker = new Worker('worker.js', {type: 'module'});
  worker.onmessage = ({data}) => EVENTS[data.event](data);
  worker.onerror = () => EVENTS.failed({sentence: 'A part of the page could ' +
    'not be loaded, or there was not enough memory. Reload the page.'});
}

/** @param {File} chosen */
function choose(chosen) {
  forget();
  comparison.hide();
  file = chosen;
  input = null;
  find('chosen').textContent = `Opening ${file.name}`;
  begin();
  worker?.postMessage({file});
  update();
}

/** @type {Record<string, (data: any) => void>} Messages of the worker. */
const EVENTS = {
  opened(data) {
    input = data;
    const {kind, width, height, count, notes, bitmap} = data;
    find('chosen').textContent = `${file?.name}: ${KINDS[/** @type {'picture'} */ (kind)]}, ` +
      `${width} × ${height} pixels${count > 1 ? `, ${count} frames` : ''}`;
    note(notes);
    comparison.show(bitmap);
    update();
    say(find('chosen').textContent);
  },
  loading() {
    find('state').textContent = 'Loading the network';
  },
  running({where, note: sentence}) {
    find('engine').textContent = `Running on ${where}.`;
    find('state').textContent = 'Upscaling';
    if (sentence) note([sentence]);
  },
  frame({before, after}) {
    comparison.show(before, after);
  },
  tile(data) {
    comparison.showTile(data);
  },
  progress({done, total, frame, seconds}) {
    find('bar').value = done / total;
    const what = input.count > 1 ? `Frame ${frame} of ${input.count}` :
      `${Math.round(100 * done / total)} %`;
    find('state').textContent = `${what}, ${left(seconds)}`;
    if (Math.floor(4 * done / total) > quarter) {
      quarter = Math.floor(4 * done / total);
      say(find('state').textContent);
    }
  },
  done({blob, extension, notes, width, height}) {
    running = false;
    const url = URL.createObjectURL(blob);
    urls.push(url);
    const stem = file?.name.replace(/\.[^.]*$/, '');
    Object.assign(find('result'), {
      href: url, download: `${stem}-x${scale()}.${extension}`,
      textContent: `Save ${extension.toUpperCase()} (${megabytes(blob.size)})`, hidden: false});
    find('bar').value = 1;
    find('state').textContent = `Done: ${width} × ${height} pixels.`;
    note(notes);
    if (blob.type.startsWith('video/')) Object.assign(find('movie'), {src: url, hidden: false});
    update();
    say('Done. You can save the result.');
    find('result').focus();
  },
  failed({sentence}) {
    const opened = input;
    stop();
    find('work').hidden = true;
    if (!opened) {
      file = null;
      find('chosen').textContent = 'A video, a GIF or a picture.';
    }
    complain(sentence);
    update();
  },
};

/** @param {number} bytes */
const megabytes = (bytes) => bytes < 1e5 ? `${Math.ceil(bytes / 1e3)}\u00a0kB` :
  `${(bytes / 1e6).toFixed(1)}\u00a0MB`;

/** Start upscaling. */
function start() {
  forget();
  const facts = models.find(
    (one) => one.name === find('model').value && one.scale === scale());
  if (!worker) begin();
  running = true;
  quarter = 0;
  find('bar').value = 0;
  find('work').hidden = false;
  worker?.postMessage({file, facts, save: find('save').value, ...settings()});
  update();
  say('Upscaling has started.');
  find('cancel').focus();
}

/** Read settings from the address: ?side=32 (of tiles), ?threads=2, ?gpu=0. */
function settings() {
  const query = new URLSearchParams(location.search);
  const number = (/** @type {string} */ name) => Number(query.get(name)) || 0;
  return {side: number('side'), threads: number('threads'), gpu: query.get('gpu') !== '0'};
}

/** Offer the exported networks. */
async function loadModels() {
  const text = new TextDecoder().decode(await load('models/models.json', 'The list of networks'));
  models = JSON.parse(text);
  const names = [...new Set(models.map(({name}) => name))];
  find('model').replaceChildren(...names.map((name) => {
    const scales = models.filter((one) => one.name === name).map((one) => one.scale);
    const only = scales.length === 1 ? ` (x${scales[0]} only)` : '';
    return new Option((NAMES[/** @type {'dksan-s'} */ (name)] || name) + only, name);
  }));
  const scales = [...new Set(models.map((one) => one.scale))].sort((a, b) => a - b);
  find('scales').replaceChildren(...scales.map((one) => {
    const label = document.createElement('label');
    const text = Object.assign(document.createElement('span'), {textContent: `x${one}`});
    const button = Object.assign(document.createElement('input'),
      {type: 'radio', name: 'scale', value: one, checked: one === 4 || scales.length === 1});
    label.append(button, text);
    return label;
  }));
  if (!scale()) /** @type {any} */ (document.querySelector('input[name=scale]')).checked = true;
}

/** Accept files that are dropped anywhere on the page. */
function takeDrops() {
  for (const name of ['dragenter', 'dragover', 'dragleave', 'drop']) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      find('drop').classList.toggle('over', !running && /enter|over/.test(name));
      const [dropped] = /** @type {any} */ (event).dataTransfer?.files || [];
      if (name === 'drop' && dropped && !running) choose(dropped);
    });
  }
}

find('file').addEventListener('change', () => {
  const [chosen] = find('file').files;
  if (chosen) choose(chosen);
});
find('form').addEventListener('change', update);
find('form').addEventListener('submit', (/** @type {Event} */ event) => {
  event.preventDefault();
  if (!find('start').disabled && !running) start();
});
find('cancel').addEventListener('click', () => {
  stop();
  find('work').hidden = true;
  say('Cancelled.');
  begin();
  worker?.postMessage({file});
  update();
  find('start').focus();
});
takeDrops();
loadModels().catch((error) => complain(explain(error))).finally(update);
goOffline(() => !file);
