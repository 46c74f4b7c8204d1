/** Remaining time. */

/** Estimator of the remaining time from the times of the latest steps. */
export class Clock {
  /** @param {number} total Steps. */
  constructor(total) {
    this.total = total;
    this.times = [performance.now()];
    this.done = 0;
  }

  /**
   * Count a finished step.
   * @returns {number} Seconds left.
   */
  tick() {
    this.done++;
    this.times = [...this.times, performance.now()].slice(-20);
    const last = this.times[this.times.length - 1];
    const step = (last - this.times[0]) / (this.times.length - 1) / 1000;
    return step * Math.max(this.total - this.done, 0);
  }
}

/**
 * @param {number} seconds
 * @returns {string} Such as "about 3 min left".
 */
export function left(seconds) {
  if (seconds < 1) return 'nearly done';
  if (seconds < 60) return `about ${Math.ceil(seconds)} s left`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `about ${minutes} min left`;
  return `about ${Math.floor(minutes / 60)} h ${minutes % 60} min left`;
}
