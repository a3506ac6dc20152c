// An artifact as the store has it: its files, what it was made from, and what came of it.
import { duration, h, moment, number, runTab, shown, UI, useAnswer } from "./base.js";
import { Failure, Figure, Loading, Muted, Page, Panel, Rows, Section, To } from "./parts.js";

const { Box, SimpleGrid } = UI;

/** Nested values by their dotted names. */
const flat = (values, prefix = "") =>
  Object.entries(values).flatMap(([name, value]) =>
    value && typeof value === "object" && !Array.isArray(value)
      ? flat(value, `${prefix}${name}.`)
      : [[prefix + name, value]],
  );

const Values = ({ values, label }) =>
  h(Rows, {
    label,
    rows: flat(values),
    rowKey: ([name]) => name,
    columns: [
      { key: "name", title: "Name", cell: ([name]) => name },
      {
        key: "value",
        title: "Value",
        cell: ([, value]) => h(Box, { fontFamily: "mono", fontSize: "xs", wordBreak: "break-word" }, shown(value)),
      },
    ],
  });

const size = (bytes) =>
  bytes < 1e6 ? `${number(Math.ceil(bytes / 1e3))} kB` : `${number(Math.round(bytes / 1e5) / 10)} MB`;

export function Artifact({ name }) {
  const [stage, key] = name.split("/");
  const { data, error, again } = useAnswer(`artifacts/${encodeURIComponent(stage)}/${encodeURIComponent(key ?? "")}`);
  const frame = (...children) =>
    h(
      Page,
      { title: `Artifact of ${stage}`, beside: h(To, { to: "/plugin/models", fontSize: "sm" }, "← All models") },
      ...children,
    );
  if (data === undefined) return frame(error ? h(Failure, { error, again }) : h(Loading, { lines: 8 }));
  const { about } = data;
  return frame(
    h(
      Panel,
      { mb: 6 },
      h(
        SimpleGrid,
        { columns: { base: 1, md: 4 }, gap: 4 },
        h(Figure, { label: "Key" }, h(Box, { fontFamily: "mono", fontSize: "xs" }, data.key)),
        h(
          Figure,
          { label: "Computed" },
          moment(about.at),
          h(Muted, { display: "block" }, `in ${duration(about.seconds)}`),
        ),
        h(Figure, { label: "By" }, about.run_id ? h(To, { to: runTab(about.run_id) }, about.run_id) : "–"),
        h(
          Figure,
          { label: "With" },
          `meli-tasks ${about.versions?.["meli-tasks"] ?? ""}`,
          h(Muted, { display: "block" }, about.git ? `commit ${about.git}` : ""),
        ),
      ),
    ),
    h(
      Section,
      { title: "Files" },
      h(Muted, { display: "block", mb: 2, fontFamily: "mono", fontSize: "xs", wordBreak: "break-all" }, data.url),
      h(Rows, {
        label: "Files",
        rows: Object.entries(data.outputs),
        rowKey: ([file]) => file,
        columns: [
          { key: "file", title: "File", cell: ([file]) => h("b", null, file) },
          { key: "size", title: "Size", numeric: true, cell: ([, output]) => size(output.bytes) },
          {
            key: "sha256",
            title: "SHA-256",
            cell: ([, output]) =>
              h(Muted, { fontFamily: "mono", fontSize: "xs", wordBreak: "break-all" }, output.sha256),
          },
        ],
      }),
    ),
    h(Section, { title: "What came of it" }, h(Values, { values: data.summary, label: "Summary" })),
    h(
      Section,
      { title: "Made from" },
      h(Values, { values: { inputs: data.inputs, params: data.params }, label: "Inputs and parameters" }),
    ),
  );
}
