/** Service worker: stores the page for offline use and isolates it for threads. */
const VERSION = '@VERSION@';
/** Files that are stored at the first visit: those of the page itself. */
/** @type {string[]} */
const PAGE = [/*@PAGE@*/];
/** @type {string[]} */
const REST = [/*@REST@*/];
const worker = /** @type {any} */ (self);

worker.addEventListener('install', (/** @type {any} */ event) => {
  event.waitUntil(caches.open(VERSION).then((cache) => cache.addAll(
    PAGE.map((path) => new Request(path, {cache: 'no-cache'})))));
  worker.skipWaiting();
});

worker.addEventListener('activate', (/** @type {any} */ event) => {
  event.waitUntil(caches.keys().then((names) => Promise.all(
    names.filter((name) => name.startsWith('dksan-mm-') && name !== VERSION)
      .map((name) => caches.delete(name)))).then(() => worker.clients.claim()));
});

worker.addEventListener('message', (/** @type {any} */ event) => {
  if (event.data === 'fill') event.waitUntil(fill());
});

/** Store the files that are not stored yet, one after the other. */
async function fill() {
  const cache = await caches.open(VERSION);
  for (const path of REST) {
    if (!await cache.match(path)) await cache.add(path).catch(() => {});
  }
}

/** @param {Response} answer @returns {Response} The same with headers that isolate the page. */
function isolate(answer) {
  if (!answer.status) return answer;
  const headers = new Headers(answer.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  headers.set('Cross-Origin-Resource-Policy', 'same-origin');
  const {status, statusText} = answer;
  return new Response(answer.body, {status, statusText, headers});
}

/** @param {Request} request @returns {Promise<Response>} */
async function answer(request) {
  const cache = await caches.open(VERSION);
  const stored = await cache.match(request, {ignoreSearch: true});
  if (stored) return isolate(stored);
  const fresh = await fetch(request);
  if (fresh.status === 200) await cache.put(request, fresh.clone());
  return isolate(fresh);
}

worker.addEventListener('fetch', (/** @type {any} */ event) => {
  const {request} = event;
  if (request.method !== 'GET' || !request.url.startsWith(worker.registration.scope)) return;
  event.respondWith(answer(request));
});
