// What the champion's card says in words. Pure functions: Node runs them too.
import { count, formatInterval, formatSigned } from "./format.js";

/** @typedef {import("../types/responses").ChampionNews} ChampionNews */

/**
 * What a balanced accuracy means.
 * @param {number} accuracy
 */
export function meaning(accuracy) {
  const right = Math.round(accuracy * 100);
  const about = right === 100 && accuracy < 1 ? "more than 99" : `about ${right}`;
  return `Of 100 titles of an average category, ${about} are classified correctly.`;
}

/**
 * How long ago something was.
 * @param {number} days
 */
export const ago = (days) => (days === 0 ? "today" : `${count(days, "day")} ago`);

/**
 * Better than what, by how much; empty before that is known.
 * @param {ChampionNews | undefined} news
 */
export function betterThan(news) {
  if (!news || news.days === null) return "";
  if (news.first) return "It is the first champion of this store.";
  const { set = "", gain, interval, by_hand: person = "" } = news.better_than ?? {};
  if (!set) return "";
  if (gain === null || gain === undefined) {
    return person ? `${person} promoted it by hand in place of ${set}.` : `It replaced ${set}; no gain was recorded.`;
  }
  const range = interval ? `, 95 % interval ${formatInterval(interval, 4, true)}` : "";
  return `It replaced ${set}: ${formatSigned(gain, 4)} in balanced accuracy${range}.`;
}
