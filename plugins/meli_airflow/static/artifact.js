// An artifact in the store: its files, what it was made from, and its summary.
import { formatDateTime, h, runTab, UI } from "./airflow.js";
import { duration, flatten, formatBytes, formatValue } from "./format.js";
import { AppLink, LabeledValue, LoadError, Loading, Muted, Note, Page, Panel, Section } from "./parts.js";
import { useServer } from "./server.js";
import { table } from "./table.js";

/** @typedef {import("../types/responses").Artifact} ArtifactResponse */
/** @typedef {ArtifactResponse["outputs"][string]} Output */

const { Box, SimpleGrid } = UI;
const MONO = { fontFamily: "mono", fontSize: "xs" };

/** @param {{values: Record<string, unknown>, label: string}} props */
const Values = ({ values, label }) =>
  table({
    label,
    rows: flatten(values),
    rowKey: ([name]) => name,
    columns: [
      { key: "name", title: "Name", cell: ([name]) => name },
      {
        key: "value",
        title: "Value",
        cell: ([, value]) => h(Box, { ...MONO, wordBreak: "break-word" }, formatValue(value)),
      },
    ],
  });

/** @param {{data: ArtifactResponse}} props */
const About = ({ data: { key, about } }) =>
  h(
    Panel,
    { mb: 6 },
    h(
      SimpleGrid,
      { columns: { base: 1, md: 4 }, gap: 4 },
      h(LabeledValue, { label: "Key" }, h(Box, MONO, key)),
      h(
        LabeledValue,
        { label: "Computed" },
        formatDateTime(about.at),
        h(Muted, { display: "block" }, `in ${duration(about.seconds)}`),
      ),
      h(LabeledValue, { label: "By" }, about.run_id ? h(AppLink, { to: runTab(about.run_id) }, about.run_id) : "–"),
      h(
        LabeledValue,
        { label: "With" },
        `meli-tasks ${about.versions?.["meli-tasks"] ?? ""}`,
        h(Muted, { display: "block" }, about.git ? `commit ${about.git}` : ""),
      ),
    ),
  );

/** @param {{data: ArtifactResponse}} props */
const Files = ({ data: { url, outputs } }) =>
  h(
    Section,
    { title: "Files" },
    h(Muted, { display: "block", mb: 2, ...MONO, wordBreak: "break-all" }, url),
    table({
      label: "Files",
      rows: Object.entries(outputs),
      rowKey: ([file]) => file,
      columns: [
        { key: "file", title: "File", cell: ([file]) => h("b", null, file) },
        { key: "size", title: "Size", numeric: true, cell: ([, output]) => formatBytes(output.bytes) },
        {
          key: "sha256",
          title: "SHA-256",
          cell: ([, output]) => h(Muted, { ...MONO, wordBreak: "break-all" }, output.sha256),
        },
      ],
    }),
  );

/** @param {{name: string}} props `name` is "stage/key" */
export function Artifact({ name }) {
  const [stage = "", key = ""] = name.split("/");
  const path = `artifacts/${encodeURIComponent(stage)}/${encodeURIComponent(key)}`;
  /** @type {import("./server.js").Loaded<ArtifactResponse>} */
  const { data, error, reload } = useServer(path);
  const frame = (/** @type {import("react").ReactNode[]} */ ...children) =>
    h(
      Page,
      { title: `Artifact of ${stage}`, beside: h(AppLink, { to: "/plugin/models", fontSize: "sm" }, "← All models") },
      ...children,
    );
  if (data === undefined) return frame(error ? h(LoadError, { error, reload }) : h(Loading, { lines: 8 }));
  return frame(
    data.pruned
      ? h(Note, { title: `Pruned on ${data.pruned}` }, "Its files were deleted to save space. A run computes it again.")
      : null,
    h(About, { data }),
    h(Files, { data }),
    h(Section, { title: "Summary" }, h(Values, { values: data.summary, label: "Summary" })),
    h(
      Section,
      { title: "Made from" },
      h(Values, { values: { inputs: data.inputs, params: data.params }, label: "Inputs and parameters" }),
    ),
  );
}
