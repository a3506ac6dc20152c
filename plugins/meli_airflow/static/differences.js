// Differences of scores in words: grey unless the paired test says otherwise.
import { h, UI } from "./airflow.js";
import { formatInterval, formatSigned } from "./format.js";

/** @typedef {import("../types/responses").ScoreDifference} ScoreDifference */
/** @typedef {import("../types/responses").Verdict} Verdict */

const { Box } = UI;
const INTERVAL_DIGITS = 3;

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
export const colourOf = (verdict) => ({ better: "fg.success", worse: "fg.error" })[String(verdict)] ?? "fg.muted";

/**
 * A probability in words: never 0 or 100 %, as there is no certainty.
 * @param {number} probability
 */
export function percent(probability) {
  const rounded = Math.round(probability * 100);
  if (rounded < 1) return "less than 1 %";
  return rounded > 99 ? "more than 99 %" : `${rounded} %`;
}

/**
 * A difference in words, such as "+0.0001 (−0.004 to +0.005), better with 52 %".
 * @param {ScoreDifference} difference
 */
export function differenceText({ value, interval, probability }, digits = 4) {
  const size = formatSigned(value, digits);
  if (!interval || probability === null) return size;
  // A limit close to 0 keeps its sign, so that the text never contradicts the colour.
  const rounded = interval.some((limit) => Math.abs(limit) < 0.5 * 10 ** -INTERVAL_DIGITS);
  const limits = formatInterval(interval, rounded ? INTERVAL_DIGITS + 2 : INTERVAL_DIGITS, true);
  return `${size} (${limits}), better with ${percent(probability)}`;
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
