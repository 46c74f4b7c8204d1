/**
 * Build the page in dist/ from the sources, the libraries and the networks.
 *
 *   npm run build                                  export all networks
 *   npm run build -- --scales 2,4 --models dksan-s export some networks
 *   npm run build -- --keep-models                 keep existing networks
 *
 * Python exports the networks: $PYTHON, the project's .venv or python3.
 */
import {spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {dirname, join, relative} from 'node:path';
import {fileURLToPath} from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const MODULES = join(HERE, 'node_modules');
const LIBRARIES = {
  'ort.wasm.min.mjs': 'onnxruntime-web/dist/ort.wasm.min.mjs',
  'ort-wasm-simd-threaded.mjs': 'onnxruntime-web/dist/ort-wasm-simd-threaded.mjs',
  'ort-wasm-simd-threaded.wasm': 'onnxruntime-web/dist/ort-wasm-simd-threaded.wasm',
  'ort.webgpu.min.mjs': 'onnxruntime-web/dist/ort.webgpu.min.mjs',
  'ort-wasm-simd-threaded.asyncify.mjs': 'onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.mjs',
  'ort-wasm-simd-threaded.asyncify.wasm': 'onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.wasm',
  'mediabunny.mjs': 'mediabunny/dist/bundles/mediabunny.min.mjs',
  'fflate.mjs': 'fflate/esm/browser.js',
  'LICENSE-onnxruntime.txt': 'onnxruntime-web/LICENSE',
  'LICENSE-mediabunny.txt': 'mediabunny/LICENSE',
  'LICENSE-fflate.txt': 'fflate/LICENSE',
};
/** Files that are stored for offline use only after their first use. */
const ON_USE = /webgpu|asyncify|dksan-s-gan|LICENSE|README/;

/** @param {string} name @param {string} fallback @returns {string} */
function option(name, fallback) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : process.argv[at + 1];
}

/** @param {string} sentence @returns {never} */
function fail(sentence) {
  console.error(`build: ${sentence}`);
  process.exit(2);
}

/** @param {string} folder @returns {string[]} All files below it. */
function list(folder) {
  return readdirSync(folder, {withFileTypes: true}).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? list(path) : [path];
  }).sort();
}

/** @param {string} dist Copy sources and libraries. */
function copy(dist) {
  for (const name of existsSync(dist) ? readdirSync(dist) : []) {
    if (name !== 'models') rmSync(join(dist, name), {recursive: true});
  }
  cpSync(join(HERE, 'src'), dist, {recursive: true});
  mkdirSync(join(dist, 'vendor'), {recursive: true});
  for (const [name, source] of Object.entries(LIBRARIES)) {
    const path = join(MODULES, source);
    if (existsSync(path)) cpSync(path, join(dist, 'vendor', name));
    else if (!name.startsWith('LICENSE')) fail(`${source} is missing: run "npm ci" in web/ first`);
  }
}

/** @param {string} dist Export the networks. */
function exportModels(dist) {
  const own = ['bin/python', 'Scripts/python.exe']
    .map((path) => join(HERE, '..', '.venv', path)).find(existsSync);
  const python = process.env.PYTHON || own || 'python3';
  const done = spawnSync(python, [
    join(HERE, 'export_models.py'), join(dist, 'models'),
    '--models', option('models', 'dksan-s,dksan-s-gan'),
    '--scales', option('scales', '2,4,8,16')], {stdio: 'inherit'});
  if (done.error) fail(`${python} cannot be run (${done.error.message}): set PYTHON to another one`);
  if (done.status) fail('the networks could not be exported, see above');
}

/** @param {string} dist Tell the service worker what to store. */
function fillWorker(dist) {
  const digest = createHash('sha256');
  /** @type {Record<'PAGE' | 'REST', string[]>} */
  const lists = {PAGE: ['./'], REST: []};
  for (const path of list(dist)) {
    const name = relative(dist, path).replaceAll('\\', '/');
    if (name === 'sw.js') continue;
    digest.update(name).update(readFileSync(path));
    if (ON_USE.test(name)) continue;
    lists[/\.(wasm|onnx)$/.test(name) ? 'REST' : 'PAGE'].push(name);
  }
  const path = join(dist, 'sw.js');
  const quote = (/** @type {string[]} */ names) => names.map((name) => JSON.stringify(name)).join(', ');
  writeFileSync(path, readFileSync(path, 'utf8')
    .replace('@VERSION@', `dksan-mm-${digest.digest('hex').slice(0, 12)}`)
    .replace('/*@PAGE@*/', quote(lists.PAGE)).replace('/*@REST@*/', quote(lists.REST)));
}

const dist = option('out', join(HERE, 'dist'));
copy(dist);
if (!process.argv.includes('--keep-models') || !existsSync(join(dist, 'models/models.json'))) {
  exportModels(dist);
}
fillWorker(dist);
const size = list(dist).reduce((sum, path) => sum + readFileSync(path).length, 0);
console.log(`${dist}: ${(size / 2 ** 20).toFixed(0)} MiB; "dksan-mm web" serves it`);
