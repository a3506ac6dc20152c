// The leaderboard over all runs: a ranking for each set of test titles, pins, and a selection to compare or promote.
import { h, Router, UI, useAddress, useState } from "./airflow.js";
import { canPromote, Deciding, Done, promotion } from "./deciding.js";
import { count, formatDecimal, formatInterval, formatNumber, formatTestSet } from "./format.js";
import { ALL_COLUMNS, BEST_FIRST, choiceColumn, Leaderboard } from "./leaderboard.js";
import { Muted } from "./parts.js";
import { keepPins, MOST_PINS, pinsOf, toggled } from "./pins.js";
import { nextOrder, parseOrder } from "./sorting.js";

/** @typedef {import("../types/responses").Models} ModelsResponse */
/** @typedef {import("../types/responses").ModelRow} ModelRow */
/** @typedef {import("../types/responses").RankedTestSet} RankedTestSet */
/** @typedef {import("./table.js").Group<ModelRow>} Group */

const { Box, Button, Flex } = UI;
/** The most models that are compared at once. */
const MOST = 8;
const ROWS = 50;
const MOST_ROWS = 1000;

/** @param {URLSearchParams} params */
export const displayedPins = (params) => pinsOf(params);

/**
 * What the selection is, and what to do next.
 * @param {string[]} selected ids of models: run, plan and set
 * @param {boolean} mayDecide
 */
function selectionText(selected, mayDecide) {
  if (!selected.length) {
    return mayDecide ? "Select two to eight models to compare, or one to promote." : "Select two to eight to compare.";
  }
  const names = selected.map((id) => id.split("/").slice(2).join("/")).join(", ");
  return selected.length === 1 ? `${names} with … select one more` : names;
}

/**
 * The rankings, with a checkbox for each model.
 * @param {{data: ModelsResponse, linked: Set<string>, mayDecide: boolean, reload: () => void}} props
 */
export function Board({ data, linked, mayDecide, reload }) {
  const [params, set] = useAddress();
  const navigate = Router.useNavigate();
  const order = parseOrder(params.get("sort"), BEST_FIRST);
  const [selected, setSelected] = useState(/** @type {string[]} */ ([]));
  const onSort = (/** @type {string} */ key) => set({ sort: nextOrder(order, key).join(".") }, true);
  const onSelect = (/** @type {string} */ id) =>
    setSelected((before) => (before.includes(id) ? before.filter((one) => one !== id) : [...before, id]));
  const compare = new URLSearchParams(selected.map((id) => ["compare", id]));
  const complete = selected.length > 1;
  const [done, setDone] = useState("");
  const row = selected.length === 1 ? [...data.rows, ...data.pinned].find(({ id }) => id === selected[0]) : undefined;
  const pins = pinsOf(params);
  const onPin = (/** @type {string} */ id) => {
    const next = toggled(pins, id);
    keepPins(next);
    set({ pin: next }, true);
  };
  return h(
    Box,
    null,
    h(
      Flex,
      { align: "center", gap: 3, mb: 2, minH: "32px", wrap: "wrap" },
      h(
        Button,
        {
          size: "sm",
          disabled: !complete,
          onClick: () => navigate({ search: `?${compare}` }),
          variant: complete ? "solid" : "outline",
        },
        "Compare",
      ),
      row && mayDecide && canPromote(row, data.champion)
        ? h(Deciding, {
            key: row.id,
            label: "Promote",
            action: promotion(row, data.last_decision),
            onDone: setDone,
            reload,
          })
        : null,
      h(Muted, { "aria-live": "polite" }, selectionText(selected, mayDecide)),
    ),
    h(Done, null, done),
    data.rows.some((row) => row.reaches_best && row.rank !== 1)
      ? h(Muted, { display: "block", mb: 2 }, "≈ may be as good as the best model on the same titles.")
      : null,
    h(Leaderboard, {
      groups: useGroups(data),
      scales: new Map(data.test_sets.map(({ id, scale }) => [id, scale])),
      linked,
      order,
      onSort,
      columns: [choiceColumn(selected, onSelect, MOST), pinColumn(pins, onPin), ...ALL_COLUMNS],
    }),
  );
}

/**
 * A column with a button for each model that pins it to the top.
 * @param {string[]} pins
 * @param {(id: string) => void} onPin
 * @returns {import("./leaderboard.js").ModelColumn}
 */
const pinColumn = (pins, onPin) => ({
  key: "pin",
  title: "",
  wide: true,
  cell: (row) =>
    row.interval === null
      ? null
      : h(
          Button,
          {
            size: "2xs",
            variant: pins.includes(row.id) ? "subtle" : "ghost",
            "aria-pressed": pins.includes(row.id),
            "aria-label": `Pin ${row.set} of ${row.run_id}`,
            title: pins.includes(row.id) ? "Unpin" : `Pin to the top (up to ${MOST_PINS})`,
            onClick: () => onPin(row.id),
          },
          h(Pin, { filled: pins.includes(row.id) }),
        ),
});

/** @param {{filled: boolean}} props */
const Pin = ({ filled }) =>
  h(
    "svg",
    { width: 12, height: 12, viewBox: "0 0 12 12", "aria-hidden": true, stroke: "currentColor" },
    h("path", { d: "M4 1h4v4l2 2H2l2-2zM6 7v4", fill: filled ? "currentColor" : "none" }),
  );

/**
 * The parts of the table: pinned models, a part for each set of test titles, the newest first, and what has no score.
 * @param {ModelsResponse} data
 * @returns {Group[]}
 */
function useGroups({ rows, pinned, test_sets: testSets, without_score: withoutScore }) {
  const [folded, setFolded] = useState(/** @type {string[]} */ ([]));
  const [params, set] = useAddress();
  const opened = params.getAll("open");
  /** @param {RankedTestSet} titles */
  const toggle = ({ id, open }) => {
    if (!open) set({ open: [...opened, id] }, true);
    else if (opened.includes(id)) set({ open: opened.filter((one) => one !== id) }, true);
    else setFolded((before) => (before.includes(id) ? before.filter((one) => one !== id) : [...before, id]));
  };
  const limit = Number(params.get("rows") ?? ROWS);
  const more = () => set({ rows: Math.min(MOST_ROWS, limit * 4) }, true);
  const groups = testSets.map((titles) => {
    const open = titles.open && !folded.includes(titles.id);
    return {
      key: titles.id,
      heading: h(TitlesHeading, { titles, open, onToggle: () => toggle(titles) }),
      rows: open ? rows.filter((row) => row.test_set === titles.id) : [],
      foot: open ? rest({ shown: titles.shown, all: titles.matching, limit, onMore: more }) : null,
    };
  });
  const ids = new Set(testSets.map(({ id }) => id));
  const others = rows.filter((row) => !ids.has(row.test_set) || row.interval === null);
  const all = [
    ...groups.map((group) => ({ ...group, rows: group.rows.filter((row) => row.interval !== null) })),
    {
      key: "none",
      heading: "Without a score: failed, or not evaluated yet",
      rows: others,
      foot: rest({ shown: others.length, all: withoutScore, limit, onMore: more }),
    },
  ];
  const pins = { key: "pins", heading: "Pinned, each ranked on its own test titles", rows: pinned, foot: null };
  return [pins, ...all].filter((group) => group.rows.length > 0 || ids.has(group.key));
}

/**
 * Which titles, how many models, and a button that folds them.
 * @param {{titles: RankedTestSet, open: boolean, onToggle: () => void}} props
 */
const TitlesHeading = ({ titles, open, onToggle }) =>
  h(
    Flex,
    { align: "center", columnGap: 3, wrap: "wrap" },
    h(
      Button,
      {
        size: "xs",
        variant: "plain",
        px: 0,
        h: "auto",
        minW: 0,
        maxW: "100%",
        whiteSpace: "normal",
        textAlign: "start",
        fontWeight: "semibold",
        "aria-expanded": open,
        onClick: onToggle,
      },
      h(Box, { as: "span", "aria-hidden": true, w: "1em" }, open ? "▾" : "▸"),
      h(Box, { as: "span", minW: 0, overflowWrap: "anywhere" }, `On ${formatTestSet(titles)}`),
    ),
    h(
      Muted,
      { fontWeight: "normal" },
      open
        ? `${count(titles.models, "model")}, bars from ${formatInterval(titles.scale, 3)}`
        : `${count(titles.models, "model")}, the best is ${titles.best_set} with ${formatDecimal(titles.best)}`,
    ),
  );

/**
 * How many models the part does not display, and a button that displays more of them; null if it displays all.
 * @param {{shown: number, all: number, limit: number, onMore: () => void}} props
 */
function rest({ shown, all, limit, onMore }) {
  if (all === 0) return h(Muted, null, "No model matches the filters.");
  if (shown >= all) return null;
  return h(
    Flex,
    { align: "center", gap: 3 },
    h(Muted, null, `The first ${formatNumber(shown)} of ${count(all, "model")}.`),
    limit < MOST_ROWS ? h(Button, { size: "xs", variant: "outline", onClick: onMore }, "Show more") : null,
  );
}
