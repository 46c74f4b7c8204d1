/** Transparency of pictures. */
import {bicubic} from './bicubic.js';

/** Pixels by which colours are spread into transparent parts. */
const REACH = 8;

/** @typedef {import('./engine.js').Frame} Frame */

/** @param {Frame} frame @returns {boolean} True if any pixel is transparent. */
export function hasAlpha({data}) {
  for (let k = 3; k < data.length; k += 4) if (data[k] < 255) return true;
  return false;
}

/**
 * Give transparent pixels the colours of their neighbours, so that the edges
 * do not become dark.
 * @param {Frame} frame
 * @returns {Frame} Opaque.
 */
export function spread(frame) {
  const {width, height} = frame;
  const data = frame.data.slice();
  let known = Uint8Array.from({length: width * height}, (_, i) => +(data[4 * i + 3] > 0));
  for (let k = 3; k < data.length; k += 4) data[k] = 255;
  for (let step = 0; step < REACH; step++) {
    const next = known.slice();
    for (let i = 0; i < known.length; i++) {
      if (known[i]) continue;
      const found = neighbours(i, width, height).filter((j) => known[j]);
      for (let channel = 0; channel < 3 && found.length; channel++) {
        data[4 * i + channel] = found.reduce(
          (sum, j) => sum + data[4 * j + channel], 0) / found.length;
      }
      next[i] = +(found.length > 0);
    }
    known = next;
  }
  return {data, width, height};
}

/** @param {number} i @param {number} width @param {number} height @returns {number[]} */
function neighbours(i, width, height) {
  const [x, y] = [i % width, Math.floor(i / width)];
  return [x > 0 ? i - 1 : -1, x < width - 1 ? i + 1 : -1, y > 0 ? i - width : -1,
    y < height - 1 ? i + width : -1].filter((j) => j >= 0);
}

/**
 * Give an upscaled picture the transparency of the input, upscaled bicubically.
 * @param {Frame} frame The result; it is changed in place.
 * @param {Frame} input
 */
export function addAlpha(frame, input) {
  const plane = new Uint8ClampedArray(input.data.length / 4);
  for (let i = 0; i < plane.length; i++) plane[i] = input.data[4 * i + 3];
  const alpha = bicubic({data: plane, width: input.width, height: input.height},
    frame.width, frame.height, 1);
  for (let i = 0; i < alpha.length; i++) frame.data[4 * i + 3] = alpha[i];
}
