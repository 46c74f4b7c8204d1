/** PNG files, single or in a ZIP file. */
import {Zip, ZipPassThrough} from './vendor/fflate.mjs';
import {makeCanvas} from './pictures.js';
import {Failure} from './failures.js';

/**
 * @param {import('./engine.js').Frame} frame
 * @returns {Promise<Blob>} PNG.
 */
export async function encodePng({data, width, height}) {
  const {canvas, pen} = makeCanvas(width, height);
  pen.putImageData(new ImageData(data, width, height), 0, 0);
  try {
    return await canvas.convertToBlob({type: 'image/png'});
  } catch {
    throw new Failure(`This browser cannot write a PNG of ${width} x ${height} pixels.`);
  }
}

/** Writer of frames as PNG files in a ZIP file. */
export class ArchiveWriter {
  constructor() {
    this.extension = 'zip';
    /** @type {string[]} */
    this.notes = [];
    /** @type {Blob[]} */
    this.parts = [];
    this.count = 0;
    this.zip = new Zip((error, part) => {
      if (error) throw error;
      this.parts.push(new Blob([part])); // which the browser may keep on disk
    });
  }

  async start() {}

  /** @param {import('./engine.js').Frame} frame */
  async add(frame) {
    const name = `${String(this.count++).padStart(8, '0')}.png`;
    const entry = new ZipPassThrough(name);
    this.zip.add(entry);
    entry.push(new Uint8Array(await (await encodePng(frame)).arrayBuffer()), true);
  }

  /** @returns {Promise<Blob>} The file. */
  async finish() {
    this.zip.end();
    return new Blob(this.parts, {type: 'application/zip'});
  }
}
