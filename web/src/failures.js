/** What can go wrong, as sentences for the user. */

/** A failure whose message is a sentence for the user. */
export class Failure extends Error {}

const MEMORY = /out of memory|bad_alloc|allocation failed|allocate|memory access/i;

/**
 * Tell the user what has failed.
 * @param {unknown} error Whatever was thrown.
 * @returns {string} One or two sentences.
 */
export function explain(error) {
  if (error instanceof Failure) return error.message;
  const text = error instanceof Error ? error.message : String(error);
  if (/device (is |was )?lost|webgpu/i.test(text)) {
    return 'The graphics processor has stopped. Add "?gpu=0" to the address ' +
      'of this page to do without it.';
  }
  if (error instanceof RangeError || MEMORY.test(text)) {
    return 'The memory did not suffice. Choose a smaller factor or a smaller ' +
      'file, or close other pages.';
  }
  return `Something failed that this page has no sentence for: ${text}`;
}

/**
 * Read a file of the page itself.
 * @param {string} path Relative to the page.
 * @param {string} what What the file is, for the message.
 * @returns {Promise<ArrayBuffer>} Its content.
 * @throws {Failure} If it cannot be had.
 */
export async function load(path, what) {
  let answer;
  try {
    answer = await fetch(path);
  } catch {
    throw new Failure(`${what} could not be loaded: there is no connection, ` +
      'and it has not been stored for use without one.');
  }
  if (!answer.ok) {
    throw new Failure(`${what} could not be loaded: the server answers ` +
      `${answer.status} for ${path}.`);
  }
  return answer.arrayBuffer();
}
