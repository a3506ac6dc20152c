// A figure with its 95 % interval as a small bar, beside the same figure of all titles. The numbers stand next to it.
import { h } from "./airflow.js";

/** @typedef {import("../types/responses").Interval} Interval */

const WIDTH = 120;
const HEIGHT = 14;
const COLOUR = "var(--chakra-colors-blue-focus-ring)";
const GREY = "var(--chakra-colors-fg-muted)";

/**
 * @param {object} props
 * @param {number} props.value
 * @param {Interval | null} props.interval
 * @param {number} props.low the left end of the scale; the right one is 1
 * @param {number | undefined} [props.overall] the figure of all titles, a thin line
 * @param {boolean} [props.grey]
 */
export function IntervalBar({ value, interval, low, overall, grey = false }) {
  const x = (/** @type {number} */ one) => 4 + Math.max(0, (one - low) / Math.max(1 - low, 1e-9)) * (WIDTH - 8);
  const colour = grey ? GREY : COLOUR;
  const middle = HEIGHT / 2;
  return h(
    "svg",
    { width: WIDTH, height: HEIGHT, "aria-hidden": true },
    overall === undefined
      ? null
      : h("line", { x1: x(overall), x2: x(overall), y1: 0, y2: HEIGHT, stroke: GREY, strokeDasharray: "2 2" }),
    interval
      ? h("line", {
          x1: x(interval[0]),
          x2: x(interval[1]),
          y1: middle,
          y2: middle,
          stroke: colour,
          strokeWidth: 2,
          opacity: 0.7,
        })
      : null,
    h("circle", { cx: x(value), cy: middle, r: 3.5, fill: colour }),
  );
}

/**
 * Where a scale begins: at the lowest end of an interval, rounded down to a tenth.
 * @param {readonly {interval: Interval | null}[]} rows
 * @param {readonly number[]} values
 */
export const scaleFrom = (rows, values) =>
  Math.floor(Math.min(1, ...values, ...rows.flatMap(({ interval }) => (interval ? [interval[0]] : []))) * 10) / 10;
