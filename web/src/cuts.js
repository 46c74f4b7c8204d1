/** Hard cuts between scenes; thresholds of dksan_mm.inference.scene_cuts. */

const GREY_LEVELS = 10;
const HISTOGRAM_DISTANCE = 0.2;
const SMALL_FRAMES = 5;
const CORRELATION = 0.85;
const [COLUMNS, ROWS] = [32, 18];

/** @typedef {import('./engine.js').Frame} Frame */

/**
 * Detect a scene cut before a frame: both its colours and its layout of bright
 * and dark areas differ from the previous frame.
 * @param {Frame} previous
 * @param {Frame} frame Of the same size.
 * @returns {boolean}
 */
export function isCut(previous, frame) {
  const greys = [grey(previous), grey(frame)];
  const count = greys[0].length;
  let change = 0;
  for (let i = 0; i < count; i++) change += Math.abs(greys[0][i] - greys[1][i]);
  if (change / count < GREY_LEVELS) return false;
  const histograms = [histogram(previous), histogram(frame)];
  let distance = 0;
  histograms[0].forEach((share, i) => { distance += Math.abs(share - histograms[1][i]); });
  if (distance / 2 < HISTOGRAM_DISTANCE + SMALL_FRAMES / Math.sqrt(count)) return false;
  const layouts = greys.map((image) => layout(image, frame.width, frame.height));
  return correlation(layouts[0], layouts[1]) < CORRELATION;
}

/** @param {Frame} frame @returns {Float32Array} Luma of BT.601. */
function grey({data}) {
  const out = new Float32Array(data.length / 4);
  for (let i = 0, k = 0; i < out.length; i++, k += 4) {
    out[i] = (9798 * data[k] + 19235 * data[k + 1] + 3735 * data[k + 2] + 16384) >> 15;
  }
  return out;
}

/** @param {Frame} frame @returns {Float64Array} Histogram of 8 x 8 x 8 colour bins. */
function histogram({data}) {
  const shares = new Float64Array(512);
  for (let k = 0; k < data.length; k += 4) {
    shares[(data[k] >> 5) << 6 | (data[k + 1] >> 5) << 3 | data[k + 2] >> 5] += 4 / data.length;
  }
  return shares;
}

/**
 * Compute means over a coarse grid of areas.
 * @param {Float32Array} image
 * @param {number} width
 * @param {number} height
 * @returns {Float64Array}
 */
function layout(image, width, height) {
  const [across, down] = [shares(width, COLUMNS), shares(height, ROWS)];
  const out = new Float64Array(COLUMNS * ROWS);
  for (const [row, y, p] of down) {
    for (const [column, x, q] of across) {
      out[row * COLUMNS + column] += p * q * image[y * width + x];
    }
  }
  return out;
}

/**
 * List the pixels of each area, and the share of the area that they cover.
 * @param {number} length
 * @param {number} count
 * @returns {number[][]} Area, pixel, share.
 */
function shares(length, count) {
  const parts = [];
  for (let area = 0; area < count; area++) {
    const [start, stop] = [area * length / count, (area + 1) * length / count];
    for (let i = Math.floor(start); i < stop && i < length; i++) {
      const covered = Math.min(i + 1, stop) - Math.max(i, start);
      if (covered > 0) parts.push([area, i, covered * count / length]);
    }
  }
  return parts;
}

/** @param {Float64Array} first @param {Float64Array} second @returns {number} */
function correlation(first, second) {
  const mean = (/** @type {Float64Array} */ values) =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const [a, b] = [mean(first), mean(second)];
  let [product, power, other] = [0, 0, 0];
  first.forEach((value, i) => {
    product += (value - a) * (second[i] - b);
    power += (value - a) ** 2;
    other += (second[i] - b) ** 2;
  });
  const norm = Math.sqrt(power * other);
  return norm > 1 ? product / norm : 0;
}
