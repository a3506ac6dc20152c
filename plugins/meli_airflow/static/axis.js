// What a chart needs to know of its points: columns on one x axis, ranges, labels, the cursor. Pure: Node runs it too.

/** @typedef {[x: number, y: number]} Point */
/** @typedef {[x: number, low: number, high: number]} PointInterval */
/**
 * A line. `apart` are the x values that must not be joined with the point before them, as the two do not compare. `mark`
 * is one of its points that stands out, by its x value, with a text of a letter or two.
 * @typedef {object} Series
 * @property {string} label
 * @property {string} colour
 * @property {boolean | undefined} [dashed]
 * @property {Point[]} points
 * @property {PointInterval[]} [intervals]
 * @property {number[]} [apart]
 * @property {{x: number, text: string} | undefined} [mark]
 */

/**
 * Series as columns over the x values of all of them: `[xs, ys of the first, ys of the second, ...]`, null where a
 * series has no point.
 * @param {readonly Series[]} series
 * @returns {[number[], ...(number | null)[][]]}
 */
export function columns(series) {
  const xs = [...new Set(series.flatMap(({ points }) => points.map(([x]) => x)))].sort((a, b) => a - b);
  return [
    xs,
    ...series.map(({ points }) => {
      const ys = new Map(points);
      return xs.map((x) => ys.get(x) ?? null);
    }),
  ];
}

/**
 * The range of the x axis: that of the points, with room on both sides for a single one.
 * @param {number | null} low
 * @param {number | null} high
 * @returns {[number, number]}
 */
export function xRange(low, high) {
  if (low === null || high === null) return [0, 1];
  return low === high ? [low - 1, low + 1] : [low, high];
}

const MARGIN = 0.06;

/**
 * The range of the y axis: that of the points and a margin, so that no line runs along the edge.
 * @param {number | null} low
 * @param {number | null} high
 * @returns {[number, number]}
 */
export function yRange(low, high) {
  if (low === null || high === null) return [0, 1];
  const margin = (high - low || Math.abs(low) || 1) * MARGIN;
  return [low - margin, high + margin];
}

/**
 * The range of the y axis of something that is counted: from 0, to at least 1.
 * @param {number | null} high
 * @returns {[number, number]}
 */
export const countRange = (high) => [0, Math.max(1, high ?? 0) * (1 + MARGIN)];

/**
 * The range of values and of the intervals around them.
 * @param {number | null} low
 * @param {number | null} high
 * @param {readonly Series[]} series
 * @returns {[number | null, number | null]}
 */
export function withIntervals(low, high, series) {
  const ends = series.flatMap(({ intervals = [] }) => intervals.flatMap(([, from, to]) => [from, to]));
  if (low === null || high === null || ends.length === 0) return [low, high];
  return [Math.min(low, ...ends), Math.max(high, ...ends)];
}

/**
 * The stretches of x over which no line is drawn: from the x before each of `apart` to it.
 * @param {readonly number[]} xs rising
 * @param {readonly number[]} apart
 * @returns {[number, number][]}
 */
export function gapsBefore(xs, apart) {
  const starts = new Set(apart);
  return xs
    .slice(1)
    .flatMap((x, index) => (starts.has(x) ? [/** @type {[number, number]} */ ([xs[index] ?? x, x])] : []));
}

/**
 * The range of a logarithmic axis, whose values are positive.
 * @param {number | null} low
 * @param {number | null} high
 * @returns {[number, number]}
 */
export function logRange(low, high) {
  if (low === null || high === null) return [0.1, 1];
  const factor = low === high ? 2 : (high / low) ** MARGIN;
  return [low / factor, high * factor];
}

const LOG_STEPS = [[1], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 7]];
const FEWEST_LABELS = 3;

/**
 * Where a logarithmic axis has labels: at powers of ten, or between them if there are too few.
 * @param {number} low positive
 * @param {number} high
 * @returns {number[]} at least one
 */
export function logSplits(low, high) {
  const powers = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) powers.push(power);
  for (const steps of LOG_STEPS) {
    const all = powers.flatMap((power) => steps.map((step) => Number((step * 10 ** power).toPrecision(2))));
    const inside = all.filter((value) => value >= low && value <= high);
    if (inside.length >= FEWEST_LABELS) return inside;
  }
  return [0.1, 0.5, 0.9].map((part) => Number((low * (high / low) ** part).toPrecision(3)));
}

/** Distances between labels of an axis that counts things: 1, 2, 5, 10, 20, ... up to 5 billion. */
export const WHOLE_STEPS = Array.from({ length: 10 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

/**
 * The text of an axis label: four significant digits, thousands separators.
 * @param {number} value
 */
export function axisLabel(value) {
  if (value === 0) return "0";
  return Math.abs(value) >= 1000 ? value.toLocaleString("en-US") : String(Number(value.toPrecision(4)));
}

/**
 * The y value of the point nearest to `x`, of the earlier one of two; the last point's for null.
 * @param {readonly Point[]} points at least one
 * @param {number | null} x
 */
export function valueAt(points, x) {
  const last = /** @type {Point} */ (points.at(-1));
  if (x === null) return last[1];
  return points.reduce((best, point) => (Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best))[1];
}

/**
 * Where a key moves the cursor among `length` x values; undefined for a key that means nothing here.
 * @param {string} key as the browser names it
 * @param {number | null} index null: there is no cursor yet
 * @param {number} length at least one
 * @returns {number | null | undefined}
 */
export function moveCursor(key, index, length) {
  const last = length - 1;
  if (key === "ArrowRight") return index === null ? 0 : Math.min(last, index + 1);
  if (key === "ArrowLeft") return index === null ? last : Math.max(0, index - 1);
  if (key === "Home") return 0;
  if (key === "End") return last;
  return key === "Escape" ? null : undefined;
}

/**
 * A chart in words, for those who cannot see it.
 * @param {string} title
 * @param {readonly Series[]} series
 */
export function describe(title, series, digits = 4) {
  const drawn = series.filter(({ points }) => points.length > 0);
  if (drawn.length === 0) return `${title}: no points yet`;
  const ends = drawn.map(({ label, points, mark }) => {
    const marked = mark ? `, kept at ${axisLabel(mark.x)} with ${valueAt(points, mark.x).toFixed(digits)}` : "";
    return `${label} ends at ${valueAt(points, null).toFixed(digits)}${marked}`;
  });
  return `${title}: ${ends.join(", ")}`;
}
