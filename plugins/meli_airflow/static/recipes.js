// What the compared models are made of: the members of ensembles, and the parameters.
import { h, UI, useState } from "./airflow.js";
import { formatDecimal, formatValue } from "./format.js";
import { EmptyState, Muted, Section } from "./parts.js";
import { OnPhone, table } from "./table.js";
import { Toggle } from "./toggle.js";

/** @typedef {import("../types/responses").Comparison} Comparison */
/** @typedef {import("../types/responses").MemberRow} MemberRow */
/** @typedef {import("../types/responses").Parameter} Parameter */
/** @typedef {import("../types/responses").ParameterTable} ParameterTable */
/** @typedef {{data: Comparison, names: readonly string[]}} Props `names` are the models', in their order */

const { Box, Flex } = UI;

/**
 * A value for each model: as columns, and on a phone as lines under the name.
 * @template Row
 * @param {readonly string[]} names
 * @param {(row: Row, position: number) => string} value
 * @returns {import("./table.js").Column<Row>[]}
 */
const valueColumns = (names, value) =>
  names.map((name, position) => ({
    key: `model ${position}`,
    title: name,
    wide: true,
    cell: (row) => h(Box, { fontFamily: "mono", fontSize: "xs", wordBreak: "break-word" }, value(row, position)),
  }));

/**
 * @param {readonly string[]} names
 * @param {(position: number) => string} value
 */
const onPhone = (names, value) =>
  h(
    OnPhone,
    { key: "values" },
    names.map((name, position) => h(Box, { key: name, wordBreak: "break-word" }, `${name}: ${value(position)}`)),
  );

/**
 * The members and weights of ensembles, which have no hyperparameters of their own.
 * @param {Props} props
 */
export function Members({ data: { members }, names }) {
  if (members.length === 0) return null;
  const sets = members.map(({ set }) => set);
  const weight = (/** @type {MemberRow} */ { weights }, /** @type {number} */ position) =>
    formatDecimal(weights[position], 3) || "–";
  return h(
    Section,
    { title: "Members" },
    h(
      Muted,
      { display: "block", mb: 2 },
      "An ensemble is the weighted mean of its members' probabilities; a single model is its own only member.",
    ),
    table({
      label: "Members",
      rows: members,
      rowKey: ({ set, train }) => `${set} ${train}`,
      columns: [
        {
          key: "set",
          title: "Member",
          cell: (row) => [
            row.set,
            sets.indexOf(row.set) === sets.lastIndexOf(row.set)
              ? null
              : h(
                  Muted,
                  { key: "key", display: "block", fontFamily: "mono", fontSize: "xs" },
                  `key ${row.train.slice(0, 12)}`,
                ),
            onPhone(names, (position) => weight(row, position)),
          ],
        },
        ...valueColumns(names, weight),
      ],
    }),
  );
}

/** @param {Props} props */
export function Parameters({ data: { parameters }, names }) {
  const [onlyDifferent, setOnlyDifferent] = useState(true);
  const all = parameters.flatMap(({ rows }) => rows);
  const different = all.filter(({ differs }) => differs);
  const shown = parameters
    .map((part) => ({ ...part, rows: onlyDifferent ? part.rows.filter(({ differs }) => differs) : part.rows }))
    .filter(({ rows }) => rows.length > 0);
  return h(
    Section,
    {
      title: "Parameters",
      beside: h(
        Flex,
        { gap: 4, align: "center", wrap: "wrap" },
        h(Muted, null, `${different.length} of ${all.length} differ`),
        h(Toggle, { label: "Only differences", on: onlyDifferent, onChange: setOnlyDifferent }),
      ),
    },
    shown.length === 0
      ? h(EmptyState, { title: "All parameters are the same" }, "The models differ by their data or by chance.")
      : shown.map((part) => h(PartOfParameters, { key: part.title, part, names })),
  );
}

/** @param {{part: ParameterTable, names: readonly string[]}} props */
function PartOfParameters({ part: { title, models, rows }, names }) {
  const own = models.map((position) => names[position] ?? "");
  const value = (/** @type {Parameter} */ { values }, /** @type {number} */ position) => formatValue(values[position]);
  return h(
    Box,
    { mb: 4 },
    title === "Parameters" ? null : h(Muted, { display: "block", mb: 1 }, title),
    table({
      label: title,
      rows,
      rowKey: ({ name }) => name,
      columns: [
        {
          key: "name",
          title: "Parameter",
          cell: (row) => [h(Name, { key: "name", row }), onPhone(own, (position) => value(row, position))],
        },
        ...valueColumns(own, value),
      ],
    }),
  );
}

/** @param {{row: Parameter}} props */
const Name = ({ row: { name, differs } }) =>
  h(
    Flex,
    { gap: 2, align: "center", wordBreak: "break-word" },
    name,
    differs ? h(Box, { as: "span", color: "fg.warning", "aria-label": "differs", title: "differs" }, "≠") : null,
  );
