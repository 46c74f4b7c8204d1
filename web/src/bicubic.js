/** Bicubic interpolation as in MATLAB and dksan_mm.utils.resize. */

/**
 * Keys' kernel with a = -0.5.
 * @param {number} x Distance in samples.
 * @returns {number} Its weight.
 */
function cubic(x) {
  x = Math.abs(x);
  if (x <= 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/**
 * Compute four samples and weights for each output sample; borders are mirrored.
 * @param {number} length Number of input samples.
 * @param {number} count Number of output samples, at least length.
 * @returns {{places: Int32Array, weights: Float64Array}} Four per output sample.
 */
function taps(length, count) {
  const places = new Int32Array(4 * count);
  const weights = new Float64Array(4 * count);
  for (let i = 0; i < count; i++) {
    const centre = (i + 0.5) * length / count - 0.5;
    const first = Math.floor(centre) - 1;
    for (let k = 0; k < 4; k++) {
      const place = ((first + k) % (2 * length) + 2 * length) % (2 * length);
      places[4 * i + k] = place < length ? place : 2 * length - 1 - place;
      weights[4 * i + k] = cubic(centre - first - k);
    }
  }
  return {places, weights};
}

/**
 * Upscale an image.
 * @param {{data: Uint8ClampedArray<ArrayBuffer>, width: number, height: number}} image RGBA.
 * @param {number} width Of the result, at least the image's.
 * @param {number} height Of the result, at least the image's.
 * @param {number} [channels] Channels of data: 4 (RGBA) or 1.
 * @returns {Uint8ClampedArray<ArrayBuffer>} As many channels, rows from the top.
 */
export function bicubic(image, width, height, channels = 4) {
  const across = taps(image.width, width);
  const down = taps(image.height, height);
  const length = image.width * channels;
  const row = new Float64Array(length);
  const out = new Uint8ClampedArray(width * height * channels);
  let at = 0;
  for (let y = 0; y < height; y++) {
    const [a, b, c, d] = down.places.subarray(4 * y, 4 * y + 4);
    const [p, q, r, s] = down.weights.subarray(4 * y, 4 * y + 4);
    for (let i = 0; i < length; i++) {
      row[i] = p * image.data[a * length + i] + q * image.data[b * length + i] +
        r * image.data[c * length + i] + s * image.data[d * length + i];
    }
    for (let x = 0; x < width; x++) {
      const k = 4 * x;
      for (let channel = 0; channel < channels; channel++) {
        out[at++] = across.weights[k] * row[across.places[k] * channels + channel] +
          across.weights[k + 1] * row[across.places[k + 1] * channels + channel] +
          across.weights[k + 2] * row[across.places[k + 2] * channels + channel] +
          across.weights[k + 3] * row[across.places[k + 3] * channels + channel];
      }
    }
  }
  return out;
}
