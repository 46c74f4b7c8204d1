/** A network for whole frames; large frames are processed in tiles. */
import {paste, plan} from './tiles.js';

/**
 * Side of a tile in LR pixels, without the halo, for each factor. Chosen here,
 * so that the last feature maps of a tile take less than a gigabyte.
 */
const TILE_SIDES = {2: 192, 4: 160, 8: 96, 16: 64};

/** @typedef {import('./engine.js').Encoded} Encoded */
/** @typedef {import('./engine.js').Frame} Frame */

/** Upscaler of frames of one size. */
export class Upscaler {
  /**
   * @param {import('./engine.js').Network} network
   * @param {number} width Of the LR frames.
   * @param {number} height Of the LR frames.
   * @param {number} [side] Of the tiles; the default depends on the factor.
   */
  constructor(network, width, height, side = 0) {
    this.network = network;
    this.scale = network.facts.scale;
    this.size = network.facts.num_frames;
    this.width = this.scale * width;
    this.height = this.scale * height;
    const scale = /** @type {keyof TILE_SIDES} */ (this.scale);
    const largest = side || TILE_SIDES[scale];
    // A frame that is only a little larger is processed as a whole.
    this.tiles = plan(width, height,
      side || width * height > 1.5 * largest ** 2 ? largest : Infinity);
  }

  /**
   * Compute the features of a frame.
   * @param {Frame} frame
   * @returns {Promise<Encoded[]>} One for each tile.
   */
  async encode(frame) {
    const encoded = [];
    for (const tile of this.tiles) encoded.push(await this.network.encode(frame, tile));
    return encoded;
  }

  /**
   * Restore the centre frame of a window.
   * @param {(tile: number) => Encoded[] | Promise<Encoded[]>} window Of one tile.
   * @param {(tile: import('./tiles.js').Tile, out: Uint8ClampedArray<ArrayBuffer>) => void} [onTile]
   *     Called after each tile.
   * @returns {Promise<Frame>}
   */
  async decode(window, onTile = () => {}) {
    const {width, height, scale} = this;
    const data = new Uint8ClampedArray(4 * width * height);
    for (const [i, tile] of this.tiles.entries()) {
      const image = await this.network.decode(await window(i));
      paste(data, width, image, tile, scale);
      onTile(tile, data);
    }
    return {data, width, height};
  }

  /**
   * Upscale a single picture, as a video of one frame.
   * @param {Frame} frame
   * @param {(tile: import('./tiles.js').Tile, out: Uint8ClampedArray<ArrayBuffer>) => void} [onTile]
   * @returns {Promise<Frame>}
   */
  picture(frame, onTile) {
    return this.decode(async (i) => {
      const one = await this.network.encode(frame, this.tiles[i]);
      return Array(this.size).fill(one);
    }, onTile);
  }
}
