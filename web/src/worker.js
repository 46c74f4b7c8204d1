/** Web worker that upscales. The page terminates it to cancel. */
import {addAlpha, hasAlpha, spread} from './alpha.js';
import {ArchiveWriter, encodePng} from './archive.js';
import {bicubic} from './bicubic.js';
import {isCut} from './cuts.js';
import {open} from './engine.js';
import {Failure, explain} from './failures.js';
import {previewSize} from './limits.js';
import {openPicture} from './pictures.js';
import {Clock} from './timing.js';
import {Upscaler} from './upscaler.js';
import {VideoWriter, findEncoder, openVideo} from './videos.js';
import {windows} from './windows.js';

/** @typedef {import('./engine.js').Frame} Frame */
/**
 * @typedef {object} Request
 * @property {File} file
 * @property {import('./engine.js').Facts} facts
 * @property {'video' | 'frames'} save Format in which a video is saved.
 * @property {number} [side] Of the tiles.
 * @property {number} [threads]
 * @property {boolean} [gpu]
 */

/** @type {import('./pictures.js').Source} */
let source;

/** @param {object} message @param {Transferable[]} [parts] */
function tell(message, parts = []) {
  /** @type {any} */ (self).postMessage(message, parts);
}

/**
 * @param {Frame} frame
 * @param {number} toWidth
 * @param {number} toHeight
 */
function picture({data, width, height}, toWidth, toHeight) {
  return createImageBitmap(new ImageData(data, width, height),
    {resizeWidth: toWidth, resizeHeight: toHeight, resizeQuality: 'high'});
}

/**
 * Open a file and show its first frame.
 * @param {File} file
 */
async function inspect(file) {
  source = file.type.startsWith('image/') ? await openPicture(file) : await openVideo(file);
  const {kind, width, height, count, notes} = source;
  const frames = source.frames();
  const {value} = await frames.next();
  await frames.return(undefined);
  if (!value) throw new Failure(`${file.name} contains no frame.`);
  const bitmap = await picture(value, width, height);
  tell({event: 'opened', kind, width, height, count, notes, bitmap}, [bitmap]);
}

/**
 * Show a frame, as the input (upscaled bicubically) and as the result.
 * @param {Frame} input
 * @param {Frame} [result] Undefined until there is a result.
 * @param {number} [scale]
 */
async function show(input, result, scale = 1) {
  const size = previewSize(scale * input.width, scale * input.height);
  const [width, height] = [size.width, size.height];
  const before = await createImageBitmap(new ImageData(
    bicubic(input, width, height), width, height));
  const after = result && await picture(result, width, height);
  tell({event: 'frame', width, height, before, after}, after ? [before, after] : [before]);
}

/** @param {Upscaler} upscaler @param {Clock} clock */
function report(upscaler, clock) {
  const seconds = clock.tick();
  tell({event: 'progress', done: clock.done, total: clock.total, seconds,
    frame: Math.floor((clock.done - 1) / upscaler.tiles.length) + 1});
}

/**
 * @param {Upscaler} upscaler
 * @returns {Promise<{blob: Blob, extension: string, notes: string[]}>}
 */
async function upscalePicture(upscaler) {
  const {value: input} = await source.frames().next();
  const transparent = hasAlpha(input);
  await show(input, undefined, upscaler.scale);
  const clock = new Clock(upscaler.tiles.length);
  const result = await upscaler.picture(transparent ? spread(input) : input,
    (tile, data) => {
      report(upscaler, clock);
      if (upscaler.tiles.length > 1) showTile(upscaler, tile, data);
    });
  if (transparent) addAlpha(result, input);
  await show(input, result, upscaler.scale);
  const notes = transparent ? ['Transparency was upscaled bicubically.'] : [];
  return {blob: await encodePng(result), extension: 'png', notes};
}

/**
 * Send a finished tile of the result.
 * @param {Upscaler} upscaler
 * @param {import('./tiles.js').Tile} tile
 * @param {Uint8ClampedArray<ArrayBuffer>} data Of the whole result.
 */
function showTile({scale, width, height}, {rows, columns}, data) {
  const [x, y] = [scale * columns.start, scale * rows.start];
  const [wide, high] = [scale * (columns.stop - columns.start), scale * (rows.stop - rows.start)];
  const part = new Uint8ClampedArray(4 * wide * high);
  for (let row = 0; row < high; row++) {
    const from = 4 * ((y + row) * width + x);
    part.set(data.subarray(from, from + 4 * wide), 4 * row * wide);
  }
  tell({event: 'tile', data: part, wide, high,
    x: x / width, y: y / height, w: wide / width, h: high / height}, [part.buffer]);
}

/**
 * @param {Upscaler} upscaler
 * @param {Request} request
 * @returns {Promise<{blob: Blob, extension: string, notes: string[]}>}
 */
async function upscaleFrames(upscaler, {file, save}) {
  const format = save === 'video' ? await findEncoder(file, upscaler.width, upscaler.height) : null;
  const writer = format ? new VideoWriter(format, upscaler.width, upscaler.height, source.sound) :
    new ArchiveWriter();
  if (save === 'video' && !format) {
    writer.notes.push('This browser has no encoder for videos of this size, ' +
      'so the frames are saved as PNG files.');
  }
  await writer.start();
  const clock = new Clock(source.count * upscaler.tiles.length);
  const encode = async (/** @type {any} */ frame) =>
    ({frame, tiles: await upscaler.encode(frame)});
  let shown = 0;
  const cut = (/** @type {any} */ a, /** @type {any} */ b) => isCut(a, b);
  for await (const window of windows(source.frames(), encode, upscaler.size, cut)) {
    const {frame} = window[(window.length - 1) / 2];
    const result = await upscaler.decode(
      (i) => window.map((one) => one.tiles[i]), () => report(upscaler, clock));
    await writer.add(result, frame);
    if (performance.now() - shown > 300 || clock.done >= clock.total) {
      await show(frame, result, upscaler.scale);
      shown = performance.now();
    }
  }
  return {blob: await writer.finish(), extension: writer.extension, notes: writer.notes};
}

/** @param {Request} request */
async function run(request) {
  tell({event: 'loading'});
  const {network, where, note} = await open(request.facts, request);
  tell({event: 'running', where, note});
  const upscaler = new Upscaler(network, source.width, source.height, request.side);
  const made = source.kind === 'picture' ? await upscalePicture(upscaler) :
    await upscaleFrames(upscaler, request);
  const notes = note ? [note, ...made.notes] : made.notes;
  tell({event: 'done', ...made, notes, width: upscaler.width, height: upscaler.height});
}

self.onmessage = async ({data}) => {
  try {
    await (data.facts ? run(data) : inspect(data.file));
  } catch (error) {
    tell({event: 'failed', sentence: explain(error)});
  }
};
