// Differences of scores in words: grey unless the paired test says otherwise.
import { h, UI } from "./airflow.js";
import { formatInterval, formatSigned } from "./format.js";

/** @typedef {import("../types/responses").ScoreDifference} ScoreDifference */
/** @typedef {import("../types/responses").Verdict} Verdict */

const { Box } = UI;
const INTERVAL_DIGITS = 3;
const MOST_DIGITS = 6;

/** @type {Record<Verdict, string>} */
export const VERDICTS = {
  better: "▲ better",
  worse: "▼ worse",
  unclear: "may be chance",
  same: "right and wrong on the same titles",
  untested: "not tested",
};

/**
 * The colour of a difference: only one that the test found is better or worse; any other may be chance.
 * @param {Verdict} verdict
 */
export const colourOf = (verdict) => ({ better: "green.fg", worse: "red.fg" })[String(verdict)] ?? "fg.muted";

/**
 * A probability in words: never 0 or 100 %, as there is no certainty.
 * @param {number} probability
 */
export function percent(probability) {
  const rounded = Math.round(probability * 100);
  if (rounded < 1) return "less than 1\u00a0%"; // the sign stays on the line of its number
  return rounded > 99 ? "more than 99\u00a0%" : `${rounded}\u00a0%`;
}

/**
 * The decimals of an interval: a limit close to 0 keeps its sign, so that the text never contradicts the colour.
 * @param {import("../types/responses").Interval} interval
 */
function digitsOf(interval) {
  const closest = Math.min(...interval.map(Math.abs));
  let digits = INTERVAL_DIGITS;
  while (digits < MOST_DIGITS && closest < 0.5 * 10 ** -digits) digits += 1;
  return digits;
}

/**
 * A difference in words, such as "+0.0001 (−0.004 to +0.005), better with 52 %".
 * @param {ScoreDifference} difference
 */
export function differenceText({ value, interval, probability }, digits = 4) {
  const size = formatSigned(value, digits);
  if (!interval || probability === null) return size;
  return `${size} (${formatInterval(interval, digitsOf(interval), true)}), better with ${percent(probability)}`;
}

/**
 * A difference with its verdict.
 * @param {{difference: ScoreDifference | null | undefined, digits?: number}} props
 */
export function Difference({ difference, digits = 4 }) {
  if (!difference) return null;
  return h(
    Box,
    { color: colourOf(difference.verdict), fontSize: "xs", "data-verdict": difference.verdict },
    h(Box, null, differenceText(difference, digits)),
    h(Box, null, VERDICTS[difference.verdict]),
  );
}

/**
 * A difference in a few words, for a phone: what the test found, without its interval.
 * @param {{difference: ScoreDifference | null | undefined, digits?: number}} props
 */
export const ShortDifference = ({ difference, digits = 4 }) =>
  difference
    ? h(
        Box,
        { as: "span", color: colourOf(difference.verdict) },
        `${formatSigned(difference.value, digits)} ${VERDICTS[difference.verdict]}`,
      )
    : null;
