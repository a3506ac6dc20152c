// What monitoring found over days, as lines, marks and words. Pure functions: Node runs them too.
import { countStates, lineOver } from "./day_series.js";
import { count, duration, formatSigned } from "./format.js";

/** @typedef {import("../types/responses").MonitoredDay} MonitoredDay */
/** @typedef {import("../types/responses").MonitoredStatistic} MonitoredStatistic */
/** @typedef {import("../types/responses").MonitoringAdvice} MonitoringAdvice */
/** @typedef {import("./axis.js").Series} Series */

/** Each state's mark, so that colour alone carries no meaning, and the colour of the mark. */
/** @type {Record<string, [mark: string, colour: string]>} */
export const STATES = {
  changed: ["▲", "fg.warning"],
  "no change": ["●", "fg.success"],
  "not compared": ["–", "fg.muted"],
};

/**
 * The accuracy of each day with its interval, and the promised figure.
 * @param {readonly MonitoredDay[]} days
 * @param {string} colour
 * @param {string} other colour of the promised figure
 * @returns {Series[]}
 */
export function accuracySeries(days, colour, other) {
  const measured = lineOver(days, "measured", colour, ({ accuracy }) => accuracy?.balanced_accuracy);
  const intervals = days.flatMap(({ accuracy }, x) =>
    accuracy?.interval ? [/** @type {[number, number, number]} */ ([x, ...accuracy.interval])] : [],
  );
  return [
    { ...measured, intervals },
    lineOver(days, "promised", other, ({ accuracy }) => accuracy?.promised, { dashed: true }),
  ];
}

/**
 * A statistic's distance on each day, and its chance level: what chance alone does not exceed.
 * @param {readonly MonitoredDay[]} days
 * @param {string} name
 * @param {string} colour
 * @param {string} other colour of the chance level
 * @returns {Series[]}
 */
export function distanceSeries(days, name, colour, other) {
  /** @param {(one: MonitoredStatistic) => number} value */
  const of = (value) => (/** @type {MonitoredDay} */ day) => {
    const found = day.statistics.find(({ statistic }) => statistic === name);
    return found && !found.missing ? value(found) : null;
  };
  return [
    lineOver(days, "distance", colour, of(({ distance }) => distance)), // biome-ignore format: short
    lineOver(days, "chance level", other, of(({ chance_level: level }) => level), { dashed: true }), // biome-ignore format: short
  ];
}

/**
 * The statistics of some days: those that changed on any of them first.
 * @param {readonly MonitoredDay[]} days
 * @returns {{changed: string[], others: string[]}}
 */
export function statisticsOf(days) {
  const all = days.flatMap(({ statistics }) => statistics);
  const names = [...new Set(all.map(({ statistic }) => statistic))];
  const changed = new Set(all.filter((one) => one.changed).map(({ statistic }) => statistic));
  return { changed: names.filter((name) => changed.has(name)), others: names.filter((name) => !changed.has(name)) };
}

/**
 * How many days are in which state.
 * @param {readonly MonitoredDay[]} days
 */
export const statesOf = (days) =>
  countStates(
    STATES,
    days.map(({ state }) => state),
  );

/**
 * The expected gain of retraining, in words.
 * @param {MonitoringAdvice} advice
 */
export const expectedGain = ({ gain, decisions }) =>
  gain === null
    ? "unknown: there is no earlier decision to compare with"
    : `${formatSigned(gain, 4)} balanced accuracy, the mean of the last ${count(decisions, "decision")}`;

/**
 * The expected training time, in words.
 * @param {MonitoringAdvice} advice
 */
export const expectedTime = ({ seconds }) =>
  seconds === null ? "unknown: no training time was recorded" : `about ${duration(seconds)} of training`;
