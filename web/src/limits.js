/** Limits of the frame size. */

/** Largest side of a canvas in common browsers. */
const SIDE = 16384;
/** Most pixels of a result. Chosen here: as RGBA they take 256 MiB. */
const PIXELS = 2 ** 26;
/** Most pixels of a frame of a video; features of seven frames are kept. */
const MOVING = 1280 * 720;
const SCALES = [16, 8, 4, 2];

/**
 * Say why an input cannot be upscaled.
 * @param {{kind: string, width: number, height: number}} input
 * @param {number} scale
 * @returns {string} A sentence, or '' if it can be upscaled.
 */
export function tooLarge({kind, width, height}, scale) {
  const size = `${width} × ${height} pixels`;
  if (kind !== 'picture' && width * height > MOVING) {
    return `The video has ${size}; this page supports at most 1280 × ${MOVING / 1280}.`;
  }
  const fits = (/** @type {number} */ factor) => factor * Math.max(width, height) <= SIDE &&
    factor ** 2 * width * height <= PIXELS;
  if (fits(scale)) return '';
  const largest = SCALES.find(fits);
  return `The result would have ${scale * width} × ${scale * height} pixels, ` +
    `which is too large for this page${largest ? `: choose x${largest} or less` : ''}.`;
}

/**
 * Compute the size of the preview of a result.
 * @param {number} width
 * @param {number} height
 * @returns {{width: number, height: number}}
 */
export function previewSize(width, height) {
  const share = Math.min(1, Math.sqrt(2 ** 22 / (width * height)), 4096 / Math.max(width, height));
  return {width: Math.round(share * width) || 1, height: Math.round(share * height) || 1};
}
