// Figures and marks of consecutive days, for nights and for monitoring. Pure functions: Node runs them too.
import { formatDay } from "./format.js";

/** @typedef {import("./axis.js").Series} Series */
/** @typedef {Record<string, [mark: string, colour: string]>} Marks the mark of each state, and its colour */

/**
 * One figure of each day as a line over the days' positions. It ends at a day without a value, and before a
 * day that is not `joined`.
 * @template Day
 * @param {readonly Day[]} days
 * @param {string} label
 * @param {string} colour
 * @param {(day: Day) => number | null | undefined} value
 * @param {{dashed?: boolean, joined?: (day: Day) => boolean}} options
 * @returns {Series}
 */
export function lineOver(days, label, colour, value, { dashed = false, joined = () => true } = {}) {
  const values = days.map((day) => value(day) ?? null);
  const points = values.flatMap((y, x) => (y === null ? [] : [/** @type {[number, number]} */ ([x, y])]));
  const apart = days.flatMap((day, x) =>
    x > 0 && values[x] !== null && (values[x - 1] === null || !joined(day)) ? [x] : [],
  );
  return { label, colour, dashed, points, apart };
}

/**
 * The day at a position, for an axis: "28 Nov".
 * @param {readonly {day: string}[]} days
 * @returns {(x: number) => string}
 */
export const dayAt = (days) => (x) => formatDay(days[x]?.day ?? "").replace(/ \d{4}$/, "");

/**
 * How often each state occurs, in the order of the marks, without those that do not occur.
 * @param {Marks} marks
 * @param {readonly string[]} states
 */
export const countStates = (marks, states) =>
  Object.keys(marks).flatMap((state) => {
    const number = states.filter((each) => each === state).length;
    return number ? [/** @type {[string, number]} */ ([state, number])] : [];
  });
