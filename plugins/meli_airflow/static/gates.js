// The conditions of a promotion in plain words. Pure functions: Node runs them too.
import { count, formatDecimal, formatNumber, formatSigned, sentenceCase } from "./format.js";

/** @typedef {import("../types/responses").Gate} Gate */
/** @typedef {(value: number) => string} Format */
/** @typedef {{title: string, atMost: boolean, format: Format}} Wording */

/** @type {Format} */
const percent = (value) => `${formatNumber(Math.round(value * 1000) / 10)} %`;
/** @type {Format} */
const milliseconds = (value) => `${formatNumber(Math.round(value * 10) / 10)} ms`;
/** @type {Format} */
const megabytes = (value) =>
  value >= 10 ? `${formatNumber(Math.round(value))} MB` : `${formatNumber(Math.round(value * 10) / 10)} MB`;

/** @type {Record<string, Wording>} */
const WORDINGS = {
  gain: { title: "Gain in balanced accuracy", atMost: false, format: (value) => formatSigned(value, 4) },
  probability: {
    title: "Probability that it is better",
    atMost: false,
    format: (value) => (value < 0.001 ? "below 0.1 %" : value > 0.999 ? "above 99.9 %" : percent(value)),
  },
  category_loss: {
    title: "p-value of the largest loss in a category",
    atMost: false,
    format: (value) => (value < 0.001 ? "below 0.001" : formatDecimal(value, 3)),
  },
  // Decisions before 0.2.0.
  category_drop: {
    title: "Largest loss of recall in a category",
    atMost: true,
    format: (value) => formatDecimal(value, 3),
  },
  unseen_titles: {
    title: "Test titles that are new to every model",
    atMost: false,
    format: (value) => count(value, "title"),
  },
  golden_titles: {
    title: "Misclassified golden titles",
    atMost: true,
    format: (value) => count(value, "title"),
  },
  milliseconds: { title: "CPU time to classify a title", atMost: true, format: milliseconds },
  megabytes: { title: "Size of the model", atMost: true, format: megabytes },
};

/**
 * What a gate of any name looks at.
 * @param {Gate} gate
 */
export const gateTitle = ({ name }) => WORDINGS[name]?.title ?? sentenceCase(name.replaceAll("_", " "));

/**
 * What was observed and what is allowed: "50 MB of at most 2,000 MB", "+0.0120, at least +0.0010 required".
 * @param {Gate} gate
 */
export function gateText({ name, value, limit }) {
  const { atMost = false, format = (/** @type {number} */ any) => formatNumber(any) } = WORDINGS[name] ?? {};
  const bound = limit === null || limit === undefined ? "" : format(limit);
  if (value === null || value === undefined) {
    if (!bound) return "no value";
    return atMost ? `no value; at most ${bound} allowed` : `no value; at least ${bound} required`;
  }
  if (!bound) return format(value);
  if (atMost && limit === 0) return `${format(value)}, none allowed`;
  if (!(name in WORDINGS)) return `${format(value)}, limit ${bound}`;
  return atMost ? `${format(value)} of at most ${bound}` : `${format(value)}, at least ${bound} required`;
}

/** @typedef {"passed" | "failed" | "not checked"} GateState */

/**
 * Whether a gate is passed. One that could not look at anything is not, whatever an earlier version wrote.
 * @param {Gate} gate
 * @returns {GateState}
 */
export function gateState({ passed, value }) {
  if (passed === null || (passed && (value === null || value === undefined))) return "not checked";
  return passed ? "passed" : "failed";
}
