/** The service worker: work without a connection, and threads on any server. */

/**
 * Register it. Where the server does not isolate the page, which threads need,
 * the worker does, from the next loading on.
 * @param {() => boolean} isIdle Whether the page may be loaded anew.
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
    // Private windows have none; the page works without.
  }
}
