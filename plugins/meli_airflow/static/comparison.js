// Two models side by side: figures, learning curves over each other, categories won and lost, parameters.
import { h, moment, share, shown, signed, UI, useAnswer, useState } from "./base.js";
import { Categories } from "./categories.js";
import { Chart, COLOURS } from "./chart.js";
import { Failure, Loading, Muted, Note, Nothing, Page, Panel, Rows, Section, To } from "./parts.js";

const { Box, Flex, Heading, SimpleGrid, Switch } = UI;
const BACK = "/plugin/models";
const FIGURES = [
  ["balanced_accuracy", "Balanced accuracy", 4, true],
  ["accuracy", "Accuracy", 4, true],
  ["top5", "Top 5", 4, true],
  ["macro_f1", "Macro F1", 4, true],
  ["milliseconds_p95", "Milliseconds, p95", 2, false],
  ["megabytes", "Megabytes", 1, false],
];

export function Comparison({ left, right }) {
  const { data, error, again } = useAnswer(`comparison?${new URLSearchParams({ left, right })}`);
  const back = h(To, { to: BACK, fontSize: "sm" }, "← All models");
  const swap = h(To, { to: `${BACK}?${new URLSearchParams({ left: right, right: left })}`, fontSize: "sm" }, "Swap");
  const frame = (...children) =>
    h(Page, { title: "Two models side by side", beside: h(Flex, { gap: 4 }, swap, back) }, ...children);
  if (data === undefined) return frame(error ? h(Failure, { error, again }) : h(Loading, { lines: 8 }));
  return frame(
    h(
      SimpleGrid,
      { columns: { base: 1, md: 2 }, gap: 4, mb: 6 },
      h(Side, { row: data.left, colour: COLOURS[0] }),
      h(Side, { row: data.right, colour: COLOURS[1] }),
    ),
    data.same_titles
      ? null
      : h(
          Note,
          { status: "warning", title: "Measured on different test titles" },
          "The two runs did not measure on the same titles, so small differences mean nothing. A run that trains both sets measures both on the same.",
        ),
    h(Figures, { data }),
    h(Curves, { data }),
    h(Categories, { data }),
    h(Parameters, { data }),
  );
}

const Side = ({ row, colour }) =>
  h(
    Panel,
    { borderLeftWidth: 4, borderLeftColor: colour, py: 3 },
    h(Heading, { as: "h2", size: "md" }, row.set),
    h(Muted, { display: "block", wordBreak: "break-word" }, row.run_id),
    h(Muted, { display: "block" }, `planned ${moment(row.at)}${row.as_of ? `, data as of ${row.as_of}` : ""}`),
  );

function Figures({ data: { left, right } }) {
  const better = (gain, more) => (gain === 0 ? "fg.muted" : gain > 0 === more ? "fg.success" : "fg.error");
  return h(
    Section,
    { title: "Figures" },
    h(Rows, {
      label: "Figures",
      rows: FIGURES.filter(([key]) => left[key] !== null || right[key] !== null),
      rowKey: ([key]) => key,
      columns: [
        { key: "name", title: "Figure", cell: ([, title]) => title },
        { key: "left", title: left.set, numeric: true, cell: ([key, , digits]) => share(left[key], digits) || "–" },
        { key: "right", title: right.set, numeric: true, cell: ([key, , digits]) => share(right[key], digits) || "–" },
        {
          key: "difference",
          title: "Difference",
          numeric: true,
          cell: ([key, , digits, more]) =>
            left[key] === null || right[key] === null
              ? "–"
              : h(
                  Box,
                  { as: "span", color: better(right[key] - left[key], more) },
                  signed(right[key] - left[key], digits),
                ),
        },
      ],
    }),
  );
}

function Curves({ data: { left, right, curves } }) {
  const of = (side, key) =>
    curves[side]
      .filter((epoch) => epoch[key] !== null && epoch[key] !== undefined)
      .map((epoch) => [epoch.epoch, epoch[key]]);
  if (!curves.left.length && !curves.right.length) {
    return h(
      Section,
      { title: "Learning curves" },
      h(Nothing, { title: "No curves" }, "Neither training's history is in the store any more."),
    );
  }
  const label = left.set === right.set ? ["left", "right"] : [left.set, right.set];
  const series = (key, more = {}) => [
    { label: label[0] + (more.suffix ?? ""), colour: COLOURS[0], points: of("left", key), dashed: more.dashed },
    { label: label[1] + (more.suffix ?? ""), colour: COLOURS[1], points: of("right", key), dashed: more.dashed },
  ];
  return h(
    Section,
    { title: "Learning curves" },
    h(
      SimpleGrid,
      { columns: { base: 1, lg: 2 }, gap: 6 },
      h(Chart, {
        title: "Validation balanced accuracy",
        xTitle: "epoch",
        whole: true,
        series: series("validation_balanced_accuracy"),
      }),
      h(Chart, {
        title: "Loss",
        xTitle: "epoch",
        whole: true,
        series: [
          ...series("validation_loss", { suffix: ", validation" }),
          ...series("train_loss", { suffix: ", training", dashed: true }),
        ],
      }),
    ),
  );
}

function Parameters({ data: { left, right, parameters } }) {
  const [onlyDifferent, setOnlyDifferent] = useState(true);
  const different = parameters.filter((line) => line.differs);
  const value = (line, side) =>
    h(
      Box,
      {
        as: "span",
        fontFamily: "mono",
        fontSize: "xs",
        fontWeight: line.differs ? "bold" : "normal",
        wordBreak: "break-word",
      },
      shown(line[side]),
    );
  const toggle = h(
    Switch.Root,
    { size: "sm", checked: onlyDifferent, onCheckedChange: ({ checked }) => setOnlyDifferent(checked) },
    h(Switch.HiddenInput),
    h(Switch.Control, null, h(Switch.Thumb)),
    h(Switch.Label, null, "Only what differs"),
  );
  const rows = onlyDifferent ? different : parameters;
  return h(
    Section,
    {
      title: "Parameters",
      beside: h(
        Flex,
        { gap: 4, align: "center", wrap: "wrap" },
        h(Muted, null, `${different.length} of ${parameters.length} differ`),
        toggle,
      ),
    },
    rows.length === 0
      ? h(Nothing, { title: "Every parameter is the same" }, "What differs is the data or the chance.")
      : h(Rows, {
          label: "Parameters",
          rows,
          rowKey: (line) => line.name,
          rowProps: (line) => (line.differs && !onlyDifferent ? { "data-differs": true } : {}),
          columns: [
            {
              key: "name",
              title: "Parameter",
              cell: (line) =>
                h(
                  Flex,
                  { gap: 2, align: "center" },
                  line.name,
                  line.differs
                    ? h(Box, { as: "span", color: "fg.warning", "aria-label": "differs", title: "differs" }, "≠")
                    : null,
                ),
            },
            { key: "left", title: left.set, cell: (line) => value(line, "left") },
            { key: "right", title: right.set, cell: (line) => value(line, "right") },
          ],
        }),
  );
}
