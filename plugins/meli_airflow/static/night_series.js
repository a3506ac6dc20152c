// The runs over nights as lines, marks and words. Pure functions: Node runs them too.
import { countStates, lineOver } from "./day_series.js";
import { count, formatNumber } from "./format.js";

/** @typedef {import("../types/responses").NightRow} NightRow */
/** @typedef {import("../types/responses").NightFigure} NightFigure */
/** @typedef {import("../types/responses").Nights} NightsResponse */
/** @typedef {import("./axis.js").Series} Series */

/** Each outcome's mark, so that colour alone carries no meaning, and the colour of the mark. */
/** @type {Record<string, [mark: string, colour: string]>} */
export const MARKS = {
  promoted: ["▲", "fg.success"],
  kept: ["●", "fg.muted"],
  evaluated: ["◇", "fg.muted"],
  "nothing new": ["○", "fg.muted"],
  waiting: ["?", "fg.warning"],
  failed: ["✕", "fg.error"],
  running: ["…", "fg.info"],
  unknown: ["–", "fg.muted"],
};

/**
 * One figure of each night as a line over the nights' positions. The line ends at a night without it; with `compared`
 * also where two nights in a row were tested on different titles.
 * @param {readonly NightRow[]} nights
 * @param {string} label
 * @param {string} colour
 * @param {(night: NightRow) => number | null} value
 * @returns {Series}
 */
export function line(nights, label, colour, value, compared = false) {
  return lineOver(nights, label, colour, value, { joined: (night) => !compared || night.joined });
}

/**
 * The balanced accuracy of the champion or the challenger, with its intervals.
 * @param {readonly NightRow[]} nights
 * @param {string} label
 * @param {string} colour
 * @param {(night: NightRow) => NightFigure | null} figure
 * @returns {Series}
 */
export function accuracyLine(nights, label, colour, figure) {
  const drawn = line(nights, label, colour, (night) => figure(night)?.balanced_accuracy ?? null, true);
  const intervals = nights.flatMap((night, x) => {
    const found = figure(night);
    return found ? [/** @type {[number, number, number]} */ ([x, ...found.interval])] : [];
  });
  return { ...drawn, intervals };
}

/**
 * How many nights ended how: "3 promoted, 12 kept, 1 failed".
 * @param {readonly NightRow[]} nights
 */
export const outcomes = (nights) =>
  countStates(
    MARKS,
    nights.map(({ outcome }) => outcome),
  );

/**
 * Why points are not joined; empty if all of them are.
 * @param {readonly NightRow[]} nights
 */
export function comparability(nights) {
  const tested = nights.filter((night) => night.test_set);
  const sets = new Set(tested.map((night) => night.test_set)).size;
  if (sets < 2) return "";
  return (
    `These ${count(tested.length, "run")} were tested on ${count(sets, "different set")} of titles. Points are joined ` +
    "only where two runs in a row had the same test titles: a step between others may be due to the titles."
  );
}

/**
 * How many nights there are, and are displayed.
 * @param {NightsResponse} data
 */
export function howMany({ all, matching, nights }) {
  const total = matching === all ? count(all, "run") : `${formatNumber(matching)} matching of ${count(all, "run")}`;
  return nights.length < matching ? `newest ${formatNumber(nights.length)} of ${total}` : total;
}
