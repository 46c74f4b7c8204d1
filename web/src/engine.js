/** A network in ONNX Runtime. */
import {Failure, load} from './failures.js';

/**
 * @typedef {object} Facts An entry of models.json.
 * @property {string} name
 * @property {number} scale
 * @property {number} num_frames Of a window.
 * @property {number[]} mean In grey levels.
 * @property {number[]} std In grey levels.
 * @property {string} extract Path of the graph of a frame.
 * @property {string} restore Path of the graph of a window.
 */

/**
 * @typedef {object} Encoded The stored data of a frame or one of its tiles.
 * @property {Float32Array} image Input of the network.
 * @property {Float32Array} features
 * @property {number} channels Of the features.
 * @property {number} width
 * @property {number} height
 */

/** @typedef {{data: Uint8ClampedArray<ArrayBuffer>, width: number, height: number}} Frame RGBA. */

/** The two graphs of a network. */
export class Network {
  /**
   * @param {any} ort The module onnxruntime-web.
   * @param {Facts} facts
   * @param {any} extract Session.
   * @param {any} restore Session.
   */
  constructor(ort, facts, extract, restore) {
    this.ort = ort;
    this.facts = facts;
    this.sessions = {extract, restore};
  }

  /**
   * Compute the features of a frame.
   * @param {Frame} frame
   * @param {import('./tiles.js').Tile} tile Part of the frame to read.
   * @returns {Promise<Encoded>}
   */
  async encode(frame, {rows, columns}) {
    const [width, height] = [columns.last - columns.first, rows.last - rows.first];
    const {mean, std} = this.facts;
    const image = new Float32Array(3 * width * height);
    for (let y = 0; y < height; y++) {
      let from = 4 * ((y + rows.first) * frame.width + columns.first);
      for (let to = y * width; to < (y + 1) * width; to++, from += 4) {
        for (let channel = 0; channel < 3; channel++) {
          image[to + channel * width * height] =
            (frame.data[from + channel] - mean[channel]) / std[channel];
        }
      }
    }
    const {features} = await this.sessions.extract.run({
      frame: new this.ort.Tensor('float32', image, [1, 3, height, width])});
    const data = await features.getData();
    return {image, features: data, channels: features.dims[1], width, height};
  }

  /**
   * Restore the centre frame of a window.
   * @param {Encoded[]} window
   * @returns {Promise<Float32Array>} Grey levels, planar RGB, not rounded.
   */
  async decode(window) {
    const {image, channels, width, height} = window[(window.length - 1) / 2];
    const features = new Float32Array(window.length * channels * width * height);
    window.forEach((one, i) => features.set(one.features, i * one.features.length));
    const Tensor = this.ort.Tensor;
    const answer = await this.sessions.restore.run({
      frame: new Tensor('float32', image, [1, 3, height, width]),
      features: new Tensor('float32', features,
        [window.length, channels, height, width])});
    const out = await answer.image.getData();
    const {mean, std} = this.facts;
    for (let channel = 0, i = 0; channel < 3; channel++) {
      for (const stop = (channel + 1) * out.length / 3; i < stop; i++) {
        out[i] = out[i] * std[channel] + mean[channel];
      }
    }
    return out;
  }

  /** Free the memory. */
  async release() {
    await this.sessions.extract.release();
    await this.sessions.restore.release();
  }
}

/**
 * Load ONNX Runtime.
 * @param {'webgpu' | 'wasm'} provider
 * @param {number} threads 0: one per core, at most 8.
 * @returns {Promise<any>} The module.
 */
async function loadRuntime(provider, threads) {
  const ort = await import(`./vendor/ort.${provider}.min.mjs`).catch(() => {
    throw new Failure('ONNX Runtime could not be loaded: reload the page.');
  });
  ort.env.wasm.wasmPaths = new URL('./vendor/', import.meta.url).href;
  ort.env.wasm.numThreads = globalThis.crossOriginIsolated ?
    threads || Math.min(navigator.hardwareConcurrency || 1, 8) : 1;
  ort.env.logLevel = 'error';
  return ort;
}

/**
 * @param {any} ort
 * @param {Facts} facts
 * @param {'webgpu' | 'wasm'} provider
 * @returns {Promise<Network>}
 */
async function loadNetwork(ort, facts, provider) {
  const what = `The network ${facts.name} for x${facts.scale}`;
  const graphs = await Promise.all(
    [facts.extract, facts.restore].map((path) => load(path, what)));
  const sessions = [];
  for (const graph of graphs) {
    try {
      sessions.push(await ort.InferenceSession.create(
        new Uint8Array(graph), {executionProviders: [provider]}));
    } catch (error) {
      throw new Failure(`${what} could not be started ` +
        `(${String(error).split('\n')[0].slice(0, 200)}).`);
    }
  }
  return new Network(ort, facts, sessions[0], sessions[1]);
}

/**
 * Upscale noise twice; the first run includes preparations.
 * @param {Network} network
 * @returns {Promise<{levels: Float32Array, time: number}>} Milliseconds of the second run.
 */
async function probe(network) {
  const [width, height] = [33, 23];
  const data = new Uint8ClampedArray(4 * width * height);
  for (let i = 0, level = 1; i < data.length; i++) {
    level = level * 75 % 65537;
    data[i] = level % 256;
  }
  const span = (/** @type {number} */ last) =>
    ({start: 0, stop: last, first: 0, last, fade: 0});
  /** @type {Float32Array} */
  let levels = new Float32Array();
  let begin = 0;
  for (let i = 0; i < 2; i++) {
    begin = performance.now();
    const one = await network.encode({data, width, height},
      {rows: span(height), columns: span(width)});
    levels = await network.decode(Array(network.facts.num_frames).fill(one));
  }
  return {levels, time: performance.now() - begin};
}

/**
 * Return a reason not to use the GPU, or ''.
 * @param {Network} network On the processor.
 * @param {Network} fast On the GPU.
 * @returns {Promise<string>} A sentence.
 */
async function objection(network, fast) {
  const [slow, quick] = [await probe(network), await probe(fast)];
  if (slow.levels.some((level, i) => Math.abs(level - quick.levels[i]) >= 2)) {
    return 'The graphics processor computes different values than the ' +
      'processor, which is used instead.';
  }
  // A GPU is faster on large frames than on this small one. A GPU emulated in
  // software is ten times slower.
  return quick.time > 2 * slow.time ?
    'The graphics processor is slower than the processor, which is used instead.' : '';
}

/**
 * Load a network where it runs fastest. A GPU is used if its result equals
 * that of the processor and it is not much slower on a small frame.
 * @param {Facts} facts
 * @param {{gpu?: boolean, threads?: number}} [options]
 * @returns {Promise<{network: Network, where: string, note: string}>}
 */
export async function open(facts, {gpu = true, threads = 0} = {}) {
  const ort = await loadRuntime('wasm', threads);
  const network = await loadNetwork(ort, facts, 'wasm');
  const count = ort.env.wasm.numThreads;
  const where = `the processor (${count} ${count === 1 ? 'thread' : 'threads'})`;
  const adapter = gpu && await /** @type {any} */ (navigator).gpu
    ?.requestAdapter({powerPreference: 'high-performance'}).catch(() => null);
  if (!adapter) return {network, where, note: ''};
  try {
    const fast = await loadNetwork(await loadRuntime('webgpu', threads), facts, 'webgpu');
    const note = await objection(network, fast);
    await (note ? fast : network).release();
    return note ? {network, where, note} :
      {network: fast, where: 'the graphics processor (WebGPU)', note};
  } catch (error) {
    return {network, where, note: 'The graphics processor cannot run this ' +
      `network (${String(error).slice(0, 160)}); the processor is used.`};
  }
}
