// What a model was made from and what became of it: data, parameters, artifacts, decisions, and how to load it.
import { formatDateTime, h, MODELS_PATH, runTab, UI, useState } from "./airflow.js";
import { CopyButton } from "./copying.js";
import { count, duration, formatDecimal, formatNumber, formatSigned, formatValue } from "./format.js";
import { AppLink, EmptyState, LabeledValue, Muted, Section, StateBadge } from "./parts.js";
import { OnPhone, table } from "./table.js";

/** @typedef {import("../types/responses").Decision} Decision */
/** @typedef {import("../types/responses").LineageRow} LineageRow */
/** @typedef {import("../types/responses").Model} ModelResponse */
/** @typedef {{data: ModelResponse}} Props */

const { Box, Flex, Input, SimpleGrid } = UI;
const MONO = { fontFamily: "mono", fontSize: "xs" };

/**
 * A run as a link to its tab if Airflow knows it.
 * @param {{run: string, linked: string[]}} props
 */
const RunLink = ({ run, linked }) =>
  linked.includes(run) ? h(AppLink, { to: runTab(run), wordBreak: "break-word" }, run) : h("span", null, run || "–");

/** @param {Props} props */
export const HowToLoad = ({ data: { load } }) =>
  load.length === 0
    ? null
    : h(
        Section,
        { title: "How to load it" },
        load.map(({ where, code }) =>
          h(
            Box,
            { key: where, mb: 3 },
            h(
              Flex,
              { justify: "space-between", align: "center", gap: 2, mb: 1 },
              h(Box, { fontSize: "sm", fontWeight: "semibold" }, where),
              h(CopyButton, { text: code, label: `Copy: ${where}` }),
            ),
            h(
              Box,
              {
                as: "pre",
                ...MONO,
                p: 3,
                borderRadius: "md",
                bg: "bg.muted",
                whiteSpace: "pre-wrap",
                wordBreak: "break-all",
              },
              code,
            ),
          ),
        ),
      );

/** @param {Record<string, number>} counts by name */
const countsText = (counts) =>
  Object.entries(counts)
    .map(([name, number]) => `${name} ${formatNumber(number)}`)
    .join(", ") || "–";

/** @param {Props} props */
export function Origin({ data }) {
  const { parameters, trained_on: listings, row } = data;
  const source = parameters["data.source"] ?? row.source;
  return h(
    Section,
    { title: "What it was made from" },
    h(
      SimpleGrid,
      { columns: { base: 1, sm: 2, lg: 4 }, gap: 4, mb: 6, "data-testid": "model-data" },
      h(
        LabeledValue,
        { label: "Source" },
        String(source),
        // The date of the run is not that of the data of a champion of an earlier run.
        row.as_of && !row.external ? h(Muted, { display: "block" }, `as of ${row.as_of}`) : null,
      ),
      h(
        LabeledValue,
        { label: "Listings" },
        listings
          ? `${count(listings.rows, "title")} of ${count(listings.categories, "category")}`
          : "no longer in the store",
        listings?.bad_rows ? h(Muted, { display: "block" }, `${count(listings.bad_rows, "row")} in quarantine`) : null,
      ),
      h(
        LabeledValue,
        { label: "Languages and label quality" },
        listings ? countsText(listings.languages) : "–",
        listings ? h(Muted, { display: "block" }, countsText(listings.label_qualities)) : null,
      ),
      h(
        LabeledValue,
        { label: "Fingerprint of the data" },
        h(Box, { ...MONO, wordBreak: "break-all" }, listings?.fingerprint || "–"),
      ),
    ),
    h(Lineage, { data }),
  );
}

/** @param {Props} props */
const Lineage = ({ data: { lineage, in_airflow: linked } }) =>
  lineage.length === 0
    ? h(
        EmptyState,
        { title: "No lineage" },
        "The model is no longer in the store, and it alone knew what it was made from.",
      )
    : table({
        label: "Lineage",
        rows: lineage,
        rowKey: (row) => row.key,
        columns: [
          {
            key: "stage",
            title: "Artifact",
            cell: (row) => [
              h(Box, { key: "stage", as: "span", fontWeight: "semibold" }, row.stage),
              row.name ? h(Muted, { key: "name" }, ` ${row.name}`) : null,
              h(OnPhone, { key: "run" }, row.run_id),
            ],
          },
          { key: "key", title: "Key", cell: artifactLink, props: { wordBreak: "break-all" } },
          {
            key: "at",
            title: "Computed",
            wide: true,
            cell: (row) => formatDateTime(row.at) || "no longer in the store",
          },
          {
            key: "seconds",
            title: "Took",
            wide: true,
            numeric: true,
            cell: (row) => (row.at ? duration(row.seconds) : "–"),
          },
          { key: "run", title: "By the run", wide: true, cell: (row) => h(RunLink, { run: row.run_id, linked }) },
        ],
      });

/** @param {LineageRow} row */
const artifactLink = ({ stage, key, at }) =>
  at
    ? h(
        AppLink,
        { to: `${MODELS_PATH}?${new URLSearchParams({ artifact: `${stage}/${key}` })}`, ...MONO, title: key },
        key.slice(0, 12),
      )
    : h(Box, { as: "span", ...MONO }, key.slice(0, 12));

/** @param {Props} props */
export function Parameters({ data: { parameters } }) {
  const [text, setText] = useState("");
  const all = Object.entries(parameters);
  const rows = all.filter(([name]) => name.toLowerCase().includes(text.trim().toLowerCase()));
  if (all.length === 0) return null;
  return h(
    Section,
    { title: "Parameters", beside: h(Muted, null, count(all.length, "parameter")) },
    h(
      Box,
      { as: "details" },
      h(Box, { as: "summary", cursor: "pointer", color: "fg.info", fontSize: "sm", mb: 2 }, "Show all parameters"),
      h(Input, {
        type: "search",
        size: "sm",
        mb: 2,
        w: { base: "100%", sm: "260px" },
        placeholder: "Parameter",
        "aria-label": "Find parameters",
        value: text,
        onChange: (/** @type {{target: {value: string}}} */ event) => setText(event.target.value),
      }),
      table({
        label: "Parameters",
        rows,
        rowKey: ([name]) => name,
        columns: [
          { key: "name", title: "Parameter", cell: ([name]) => name, props: { ...MONO, wordBreak: "break-word" } },
          { key: "value", title: "Value", cell: ([, value]) => formatValue(value), props: { wordBreak: "break-word" } },
        ],
      }),
    ),
  );
}

/** @param {Decision} decision */
const gain = ({ gain: value }) => (value === null || value === undefined ? "" : formatSigned(value, 4));

/** @param {Props} props */
export const TookPart = ({ data: { decisions, in_airflow: linked } }) =>
  h(
    Section,
    { title: "Decisions", beside: decisions.length ? h(Muted, null, count(decisions.length, "decision")) : null },
    decisions.length === 0
      ? h(EmptyState, { title: "No decision" }, "It was never compared with a champion, promoted or restored.")
      : table({
          label: "Decisions about this model",
          rows: decisions,
          rowKey: (one) => one.number,
          columns: [
            { key: "number", title: "No.", numeric: true, wide: true, cell: (one) => one.number },
            {
              key: "action",
              title: "Decision",
              cell: (one) => [
                h(StateBadge, { key: "action", of: one.action }),
                h(Muted, { key: "at", display: "block", fontSize: "xs" }, formatDateTime(one.at)),
              ],
            },
            {
              key: "set",
              title: "Champion afterwards",
              wide: true,
              cell: (one) => [
                h(Box, { key: "set" }, one.set || "none"),
                h(Muted, { key: "figure", display: "block", fontSize: "xs" }, formatDecimal(one.balanced_accuracy)),
              ],
            },
            { key: "gain", title: "Gain", numeric: true, wide: true, cell: gain },
            { key: "reason", title: "Reason", cell: (one) => one.reason, props: { wordBreak: "break-word" } },
            {
              key: "by",
              title: "By",
              wide: true,
              cell: (one) =>
                linked.includes(one.run_id) && one.by === one.run_id ? h(RunLink, { run: one.run_id, linked }) : one.by,
              props: { minW: "160px", wordBreak: "break-word" },
            },
          ],
        }),
  );
