/** Pictures and animations, decoded by the browser. */
import {Failure} from './failures.js';

/**
 * @typedef {object} Timed Times of a frame of a video or animation.
 * @property {number} timestamp In seconds.
 * @property {number} duration In seconds.
 */

/**
 * @typedef {object} Source
 * @property {'picture' | 'animation' | 'video'} kind
 * @property {number} width
 * @property {number} height
 * @property {number} count Frames.
 * @property {string[]} notes Sentences for the user.
 * @property {() => AsyncGenerator<import('./engine.js').Frame & Timed>} frames
 * @property {any} [sound] The audio track, of videos.
 */

/**
 * Make a canvas whose pixels are read often.
 * @param {number} width
 * @param {number} height
 * @returns {{canvas: OffscreenCanvas, pen: OffscreenCanvasRenderingContext2D}}
 */
export function makeCanvas(width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const pen = canvas.getContext('2d', {willReadFrequently: true, colorSpace: 'srgb'});
  if (!pen) throw new Failure(`This browser cannot make a canvas of ${width} x ${height} pixels.`);
  return {canvas, pen};
}

/**
 * Open a picture or an animation.
 * @param {File} file
 * @returns {Promise<Source>}
 * @throws {Failure} If the browser cannot decode it.
 */
export async function openPicture(file) {
  const animation = await openAnimation(file);
  if (animation) return animation;
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Failure(`${file.name} is damaged or has a format that this browser cannot decode.`);
  }
  const {width, height} = bitmap;
  const {pen} = makeCanvas(width, height);
  pen.drawImage(bitmap, 0, 0);
  bitmap.close();
  const {data} = pen.getImageData(0, 0, width, height);
  const notes = [];
  if (!('ImageDecoder' in globalThis) && /gif|webp|apng|avif/.test(file.type)) {
    notes.push('This browser cannot decode animations (it has no ' +
      'ImageDecoder), so only the first frame is used.');
  }
  return {
    kind: 'picture', width, height, count: 1, notes,
    frames: async function* () {
      yield {data, width, height, timestamp: 0, duration: 0};
    },
  };
}

/**
 * Open a file of several pictures.
 * @param {File} file
 * @returns {Promise<Source | null>} Null if it is no animation or cannot be decoded.
 */
async function openAnimation(file) {
  const Decoder = /** @type {any} */ (globalThis).ImageDecoder;
  if (!Decoder || !await Decoder.isTypeSupported(file.type).catch(() => false)) return null;
  const decoder = new Decoder({data: await file.arrayBuffer(), type: file.type});
  let first;
  try {
    await decoder.tracks.ready;
    await decoder.completed;
    if (decoder.tracks.selectedTrack.frameCount < 2) return null;
    first = (await decoder.decode({frameIndex: 0})).image;
  } catch {
    return null;
  }
  const [width, height] = [first.displayWidth, first.displayHeight];
  first.close();
  const count = decoder.tracks.selectedTrack.frameCount;
  return {
    kind: 'animation', width, height, count, notes: [],
    frames: () => animate(decoder, width, height, count),
  };
}

/**
 * @param {any} decoder
 * @param {number} width
 * @param {number} height
 * @param {number} count
 */
async function* animate(decoder, width, height, count) {
  const {pen} = makeCanvas(width, height);
  pen.fillStyle = 'white'; // under transparent parts
  let timestamp = 0;
  for (let frameIndex = 0; frameIndex < count; frameIndex++) {
    const {image} = await decoder.decode({frameIndex});
    pen.fillRect(0, 0, width, height);
    pen.drawImage(image, 0, 0);
    const duration = (image.duration || 1e5) / 1e6;
    image.close();
    const {data} = pen.getImageData(0, 0, width, height);
    yield {data, width, height, timestamp, duration};
    timestamp += duration;
  }
}
