/** Error messages for the user. */

/** An error whose message is a sentence for the user. */
export class Failure extends Error {}

const MEMORY = /out of memory|bad_alloc|allocation failed|allocate|memory access/i;

/**
 * Describe an error to the user.
 * @param {unknown} error Whatever was thrown.
 * @returns {string} One or two sentences.
 */
export function explain(error) {
  if (error instanceof Failure) return error.message;
  const text = error instanceof Error ? error.message : String(error);
  if (/device (is |was )?lost|webgpu/i.test(text)) {
    return 'The graphics processor has stopped. Add "?gpu=0" to the address ' +
      'of this page to disable it.';
  }
  if (error instanceof RangeError || MEMORY.test(text)) {
    return 'There was not enough memory. Choose a smaller factor or a smaller ' +
      'file, or close other pages.';
  }
  return `Unexpected error: ${text}`;
}

/**
 * Read a file of the page itself.
 * @param {string} path Relative to the page.
 * @param {string} what Description of the file for the message.
 * @returns {Promise<ArrayBuffer>} Its content.
 * @throws {Failure} If it cannot be loaded.
 */
export async function load(path, what) {
  let answer;
  try {
    answer = await fetch(path);
  } catch {
    throw new Failure(`${what} could not be loaded: there is no connection, ` +
      'and it has not been stored for offline use.');
  }
  if (!answer.ok) {
    throw new Failure(`${what} could not be loaded: the server returned ` +
      `${answer.status} for ${path}.`);
  }
  return answer.arrayBuffer();
}
