/** Videos, read and written by Mediabunny and the browser's codecs. */
import * as media from './vendor/mediabunny.mjs';
import {Failure} from './failures.js';
import {makeCanvas} from './pictures.js';

/** Codecs to save in, the most common first. */
const CODECS = {mp4: ['avc', 'vp9', 'av1'], webm: ['vp9', 'vp8', 'av1']};

/**
 * Open a video.
 * @param {File} file
 * @returns {Promise<import('./pictures.js').Source>}
 * @throws {Failure} If it is no video or the browser cannot decode it.
 */
export async function openVideo(file) {
  const input = new media.Input({
    source: new media.BlobSource(file), formats: media.ALL_FORMATS});
  const track = await input.canRead().catch(() => false) &&
    await input.getPrimaryVideoTrack().catch(() => null);
  if (!track) {
    throw new Failure(`${file.name} is neither a video nor a picture that this page can read.`);
  }
  if (!('VideoDecoder' in globalThis)) {
    throw new Failure('This browser cannot decode videos for pages (it has no ' +
      'WebCodecs). Pictures and GIFs can be upscaled.');
  }
  if (!await track.canDecode()) {
    const codec = await track.getCodec() || 'an unknown format';
    throw new Failure(`${file.name}: this browser cannot decode the video (${codec}).`);
  }
  const [width, height] = [await track.getDisplayWidth(), await track.getDisplayHeight()];
  const {packetCount} = await track.computePacketStats();
  return {
    kind: 'video', width, height, count: packetCount, notes: [],
    sound: await input.getPrimaryAudioTrack(),
    frames: () => decode(file.name, track, width, height),
  };
}

/**
 * @param {string} name
 * @param {any} track
 * @param {number} width
 * @param {number} height
 */
async function* decode(name, track, width, height) {
  const {pen} = makeCanvas(width, height);
  try {
    for await (const sample of new media.VideoSampleSink(track).samples()) {
      sample.draw(pen, 0, 0, width, height);
      const {timestamp, duration} = sample;
      sample.close();
      const {data} = pen.getImageData(0, 0, width, height);
      yield {data, width, height, timestamp, duration};
    }
  } catch (error) {
    throw new Failure(`${name} cannot be decoded to the end ` +
      `(${error instanceof Error ? error.message : error}).`);
  }
}

/**
 * Return encoder settings with little loss. Chosen here: the quality levels of
 * H.264 gave 26 to 34 dB, and this bitrate gives 35 dB and more.
 * @param {string} codec
 * @param {number} width
 * @param {number} height
 */
function faithful(codec, width, height) {
  return codec === 'avc' ?
    {bitrate: Math.round(5e5 + 15e6 * (width * height / (1280 * 720)) ** 0.75)} :
    {quality: new media.Quality('very-high')};
}

/**
 * Find a container and a codec to save frames.
 * @param {File} file The input; WebM is preferred for WebM.
 * @param {number} width
 * @param {number} height
 * @returns {Promise<{container: 'mp4' | 'webm', codec: any} | null>} Null if there is none.
 */
export async function findEncoder(file, width, height) {
  if (!('VideoEncoder' in globalThis)) return null;
  /** @type {('mp4' | 'webm')[]} */
  const order = /webm/.test(file.type) ? ['webm', 'mp4'] : ['mp4', 'webm'];
  for (const container of order) {
    for (const codec of /** @type {any[]} */ (CODECS[container])) {
      const settings = {width, height, ...faithful(codec, width, height)};
      if (await media.canEncodeVideo(codec, settings)) return {container, codec};
    }
  }
  return null;
}

/** Writer of a video in memory. */
export class VideoWriter {
  /**
   * @param {{container: 'mp4' | 'webm', codec: any}} format
   * @param {number} width
   * @param {number} height
   * @param {any} [sound] Track whose packets are copied.
   */
  constructor({container, codec}, width, height, sound) {
    this.extension = container;
    /** @type {string[]} */
    this.notes = [];
    this.sound = sound;
    const {canvas, pen} = makeCanvas(width, height);
    this.canvas = canvas;
    this.pen = pen;
    const format = container === 'mp4' ? new media.Mp4OutputFormat() :
      new media.WebMOutputFormat();
    this.output = new media.Output({format, target: new media.BufferTarget()});
    this.source = new media.VideoSampleSource({codec, ...faithful(codec, width, height)});
    this.output.addVideoTrack(this.source);
  }

  /** Start the file; call this before adding frames. */
  async start() {
    const codec = this.sound && await this.sound.getCodec();
    if (this.sound && this.output.format.getSupportedAudioCodecs().includes(codec)) {
      this.track = new media.EncodedAudioPacketSource(codec);
      this.output.addAudioTrack(this.track);
    } else if (this.sound) {
      this.notes.push(`${this.extension.toUpperCase()} does not support the ` +
        `sound (${codec || 'unknown format'}), which was dropped.`);
    }
    await this.output.start();
    this.copied = this.track ? this.copySound() : Promise.resolve();
    this.copied.catch(() => {}); // it is awaited at the end
  }

  /** Copy the packets of the sound as they are. */
  async copySound() {
    const decoderConfig = await this.sound.getDecoderConfig();
    const track = /** @type {any} */ (this.track);
    for await (const packet of new media.EncodedPacketSink(this.sound).packets()) {
      await track.add(packet, {decoderConfig});
    }
    track.close();
  }

  /**
   * Add a frame.
   * @param {import('./engine.js').Frame} frame
   * @param {import('./pictures.js').Timed} time
   */
  async add(frame, {timestamp, duration}) {
    this.pen.putImageData(new ImageData(frame.data, frame.width, frame.height), 0, 0);
    const sample = new media.VideoSample(this.canvas, {timestamp, duration});
    try {
      await this.source.add(sample);
    } catch (error) {
      throw new Failure('The encoder of this browser failed ' +
        `(${error instanceof Error ? error.message : error}). Save PNG frames instead.`);
    } finally {
      sample.close();
    }
  }

  /** @returns {Promise<Blob>} The file. */
  async finish() {
    this.source.close();
    await this.copied;
    await this.output.finalize();
    return new Blob([/** @type {ArrayBuffer} */ (this.output.target.buffer)], {type: `video/${this.extension}`});
  }
}
