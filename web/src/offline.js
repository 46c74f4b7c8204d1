/** Registration of the service worker: offline use, and threads on any server. */

/**
 * Register the service worker. Threads need an isolated page. If the server
 * does not isolate it, the worker does, after a reload.
 * @param {() => boolean} isIdle Returns true if the page may be reloaded.
 */
export async function goOffline(isIdle) {
  if (!('serviceWorker' in navigator)) return;
  try {
    await navigator.serviceWorker.register('sw.js');
    const {active} = await navigator.serviceWorker.ready;
    if (!globalThis.crossOriginIsolated && !sessionStorage.getItem('reloaded') && isIdle()) {
      sessionStorage.setItem('reloaded', 'yes');
      location.reload();
      return;
    }
    active?.postMessage('fill');
  } catch {
    // Private windows have no service worker; the page works without one.
  }
}
