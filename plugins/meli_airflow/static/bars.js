// Where the bar of an interval lies on a scale. Pure: Node runs it too.

/** @typedef {readonly [low: number, high: number]} Interval */

/**
 * Parts of a scale, from 0 at its low end to 1 at its high end. `at` is null if the score lies below the scale, and
 * `beyond` whether the interval does: the scale spans the best models, and a bad one must not squeeze them.
 * @param {Interval} interval
 * @param {number} score
 * @param {Interval} scale
 */
export function barOf([from, to], score, [low, high]) {
  const part = (/** @type {number} */ value) => Math.min(1, Math.max(0, (value - low) / (high - low)));
  return { from: part(from), to: part(to), at: score < low ? null : part(score), beyond: from < low };
}
