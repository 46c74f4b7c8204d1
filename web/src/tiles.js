/** Overlapping tiles that are merged without seams. */

/** Halo: LR pixels that a tile reads around its output. */
export const HALO = 16;
/** LR pixels on both sides of an edge in which one tile fades into the next. */
export const FADE = 4;

/**
 * @typedef {object} Span One axis of a tile, in LR pixels.
 * @property {number} start First pixel of the output.
 * @property {number} stop Pixel after the last of the output.
 * @property {number} first First pixel of the input.
 * @property {number} last Pixel after the last of the input.
 * @property {number} fade Pixels over which it fades in; 0 at the border.
 */

/**
 * @typedef {object} Tile
 * @property {Span} rows
 * @property {Span} columns
 */

/**
 * @param {number} length Of the axis.
 * @param {number} side Largest length of a tile, without the halo.
 * @returns {Span[]}
 */
function spans(length, side) {
  const count = Math.max(Math.ceil(length / side), 1);
  const edge = (/** @type {number} */ i) => Math.floor(length * i / count);
  return Array.from({length: count}, (_, i) => ({
    start: Math.max(edge(i) - FADE, 0),
    stop: Math.min(edge(i + 1) + FADE, length),
    first: Math.max(edge(i) - HALO, 0),
    last: Math.min(edge(i + 1) + HALO, length),
    fade: i ? 2 * FADE : 0,
  }));
}

/**
 * Cut a frame into tiles.
 * @param {number} width In LR pixels.
 * @param {number} height In LR pixels.
 * @param {number} side Largest side of a tile, without the halo.
 * @returns {Tile[]} Row by row, from the top left.
 */
export function plan(width, height, side) {
  return spans(height, side).flatMap(
    (rows) => spans(width, side).map((columns) => ({rows, columns})));
}

/**
 * Compute the weights of a tile's samples relative to earlier tiles.
 * @param {Span} span
 * @param {number} scale
 * @returns {Float32Array} One for each HR sample of the output.
 */
function ramp(span, scale) {
  const weights = new Float32Array(scale * (span.stop - span.start)).fill(1);
  const length = scale * span.fade;
  for (let i = 0; i < length; i++) weights[i] = (i + 0.5) / length;
  return weights;
}

/**
 * Write a tile into the frame, over the tiles above and to the left.
 * @param {Uint8ClampedArray<ArrayBuffer>} out RGBA of the whole HR frame.
 * @param {number} width Of the HR frame.
 * @param {Float32Array} image Grey levels of the tile with its halo, planar RGB.
 * @param {Tile} tile
 * @param {number} scale
 */
export function paste(out, width, image, {rows, columns}, scale) {
  const [down, across] = [ramp(rows, scale), ramp(columns, scale)];
  const pitch = scale * (columns.last - columns.first);
  const plane = pitch * scale * (rows.last - rows.first);
  for (let y = 0; y < down.length; y++) {
    let from = (y + scale * (rows.start - rows.first)) * pitch +
      scale * (columns.start - columns.first);
    let to = 4 * ((y + scale * rows.start) * width + scale * columns.start);
    for (let x = 0; x < across.length; x++, from++, to += 4) {
      const share = down[y] * across[x];
      for (let channel = 0; channel < 3; channel++) {
        const level = image[from + channel * plane];
        // The assignment rounds and clamps to 0-255.
        out[to + channel] = share === 1 ? level :
          share * level + (1 - share) * out[to + channel];
      }
      out[to + 3] = 255;
    }
  }
}
