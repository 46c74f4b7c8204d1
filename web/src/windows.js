/** Windows of frames within each scene, as in dksan_mm.inference.windows. */

/**
 * Yield a window for each frame. At both ends of a scene, the end frame is
 * repeated.
 * @template F, E
 * @param {AsyncIterable<F>} frames
 * @param {(frame: F) => Promise<E>} encode Computes the features of a frame.
 * @param {number} size Frames of a window, odd.
 * @param {(previous: F, frame: F) => boolean} [isCut] Returns true if a new
 *     scene begins with a frame.
 * @returns {AsyncGenerator<E[]>} Windows around each centre frame.
 */
export async function* windows(frames, encode, size, isCut = () => false) {
  const reach = (size - 1) / 2;
  /** @type {E[]} */
  let window = [];
  /** @type {F | undefined} */
  let previous;
  for await (const frame of frames) {
    if (previous !== undefined && isCut(previous, frame)) {
      yield* finish(window, size);
      window = [];
    }
    const latest = await encode(frame);
    const times = window.length ? 1 : reach + 1;
    window = [...window, ...Array(times).fill(latest)].slice(-size);
    if (window.length === size) yield window;
    previous = frame;
  }
  yield* finish(window, size);
}

/**
 * @template E
 * @param {E[]} window Of the last frames of a scene.
 * @param {number} size
 */
function* finish(window, size) {
  for (let i = 0; window.length && i < (size - 1) / 2; i++) {
    // A scene shorter than half a window fills the window only here.
    window = [...window, window[window.length - 1]].slice(-size);
    if (window.length === size) yield window;
  }
}
