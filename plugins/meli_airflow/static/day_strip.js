// A strip with a mark for each day, for nights and for monitoring.
import { h, Router, runTab, UI } from "./airflow.js";

/** @typedef {import("./day_series.js").Marks} Marks */
/**
 * A day's state, the words of its mark, and the run that the mark opens; null if Airflow has none.
 * @typedef {{key: string, state: string, words: string, run: string | null}} StripDay
 */

const { Box, Flex, Link, Text } = UI;

/** @param {{marks: Marks, state: string}} props */
export const Mark = ({ marks, state }) =>
  h(Text, { as: "span", color: marks[state]?.[1], "aria-hidden": true }, `${marks[state]?.[0] ?? ""} `);

/**
 * A mark for each day, the newest last, and what the marks mean.
 * @param {object} props
 * @param {string} props.label
 * @param {Marks} props.marks
 * @param {readonly StripDay[]} props.days
 * @param {readonly [state: string, number: number][]} props.counts how many days are in which state
 */
export const DayStrip = ({ label, marks, days, counts }) =>
  h(
    Box,
    { mb: 4 },
    h(
      Flex,
      { as: "ul", "aria-label": label, wrap: "wrap", gap: 1, listStyleType: "none", mb: 2 },
      days.map((day) => h(Box, { as: "li", key: day.key }, h(DayMark, { marks, day }))),
    ),
    h(
      Flex,
      { columnGap: 4, rowGap: 1, wrap: "wrap", fontSize: "sm" },
      counts.map(([state, number]) =>
        h(Text, { as: "span", key: state }, h(Mark, { marks, state }), `${number} ${state}`),
      ),
    ),
  );

/** @param {{marks: Marks, day: StripDay}} props */
function DayMark({ marks, day: { state, words, run } }) {
  const [mark, colour] = marks[state] ?? ["–", "fg.muted"];
  const box = {
    display: "flex",
    alignItems: "center",
    justifyContent: "center",
    w: "26px",
    h: "26px",
    borderWidth: 1,
    borderColor: "border.emphasized",
    borderRadius: "sm",
    color: colour,
    title: words,
    "aria-label": words,
  };
  return run === null
    ? h(Box, { ...box, role: "img" }, mark)
    : h(Link, { asChild: true, ...box }, h(Router.Link, { to: runTab(run) }, mark));
}
