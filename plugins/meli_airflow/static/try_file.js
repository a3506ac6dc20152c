// A CSV file scored on the page: chosen here, classified by the server, the first rows as a table, all as a download.
import { h, UI, useEffect, useRef, useState } from "./airflow.js";
import { count, formatBytes, formatDecimal, formatNumber } from "./format.js";
import { Muted, Note, ProgressBar, Section } from "./parts.js";
import { requestLines } from "./server.js";
import { table } from "./table.js";

/** @typedef {import("../types/responses").ScoredFile} ScoredFile */
/** @typedef {import("../types/responses").ScoringEvent} ScoringEvent */
/** @typedef {{name: string, size: number, arrayBuffer: () => Promise<ArrayBuffer>}} ChosenFile */
/** @typedef {{name: string, event?: ScoringEvent, error?: string}} State */

const { Box, Button, Flex, Input } = UI;
export const MAX_BYTES = 1_000_000;
const BYTES_AT_A_TIME = 0x8000; // as many arguments as every browser lets a function have

/**
 * Bytes in base64.
 * @param {Uint8Array} bytes
 */
export function base64(bytes) {
  let text = "";
  for (let start = 0; start < bytes.length; start += BYTES_AT_A_TIME) {
    text += String.fromCharCode(...bytes.subarray(start, start + BYTES_AT_A_TIME));
  }
  return btoa(text);
}

/**
 * What is wrong with a file before it is read; empty if nothing.
 * @param {{name: string, size: number}} file
 */
export function refusal({ name, size }) {
  if (size > MAX_BYTES) {
    return `${name} has ${formatBytes(size)}, but a file scored here can have at most ${formatBytes(MAX_BYTES)}. The command "meli predict --input FILE --output FILE" scores files of any size.`;
  }
  return size === 0 ? `${name} is empty.` : "";
}

/** @param {{model: string, name: string}} props the model's id, empty for the champion, and its name */
export function TryFile({ model, name }) {
  const [state, setState] = useState(/** @type {State | undefined} */ (undefined));
  const running = useRef(/** @type {AbortController | undefined} */ (undefined));
  // biome-ignore lint/correctness/useExhaustiveDependencies: whatever runs when the page is left ends
  useEffect(() => () => running.current?.abort(), []);
  const stop = () => {
    running.current?.abort();
    setState(undefined);
  };
  const onFile = async (/** @type {ChosenFile} */ file) => {
    running.current?.abort();
    const error = refusal(file);
    if (error) return setState({ name: file.name, error });
    const control = new AbortController();
    running.current = control;
    const show = (/** @type {State} */ next) => {
      if (!control.signal.aborted) setState(next);
    };
    show({ name: file.name });
    try {
      const content = base64(new Uint8Array(await file.arrayBuffer()));
      const body = { name: file.name, content, model };
      await requestLines("predict/file", body, control.signal, (/** @type {ScoringEvent} */ event) =>
        show({ name: file.name, event, error: event.error }),
      );
    } catch (failure) {
      show({ name: file.name, error: failure instanceof Error ? failure.message : String(failure) });
    }
    return undefined;
  };
  return h(
    Section,
    { title: "Score a file" },
    h(
      Box,
      { as: "label", display: "block", fontSize: "sm", mb: 2, htmlFor: "meli-file" },
      `A CSV file of at most 1 MB and 50,000 lines, with a column "title" or only one column; other columns are kept. It is classified by ${name}, and nothing of it is stored.`,
    ),
    h(Input, {
      id: "meli-file",
      type: "file",
      accept: ".csv,text/csv",
      maxW: "420px",
      p: 1,
      onChange: (/** @type {{target: {files: ChosenFile[], value: string}}} */ event) => {
        const [file] = event.target.files;
        if (file) onFile(file);
      },
      onClick: (/** @type {{target: {value: string}}} */ event) => {
        event.target.value = ""; // so that the same file can be chosen again once it is corrected
      },
    }),
    h(Box, { "aria-live": "polite", mt: 3 }, state ? h(Scoring, { state, stop }) : null),
  );
}

/** @param {{state: State, stop: () => void}} props */
function Scoring({ state: { name, event, error }, stop }) {
  if (error) return h(Note, { status: "error", title: "This file was not scored" }, error);
  if (event?.result) return h(Result, { name, result: event.result });
  return h(
    Flex,
    { align: "center", gap: 3, maxW: "600px" },
    h(Box, { flex: 1 }, h(ProgressBar, { label: `Scoring ${name}`, done: event?.fraction ?? 0 })),
    h(Muted, null, event?.rows ? `${formatNumber(event.rows)} rows` : "Loading the model…"),
    h(Button, { size: "xs", variant: "outline", onClick: stop }, "Stop"),
  );
}

/** @param {{name: string, result: ScoredFile}} props */
function Result({ name, result }) {
  const classified = result.rows - result.unknown_rows - result.bad_rows;
  return h(
    Box,
    { "data-testid": "meli-scored" },
    h(
      Flex,
      { align: "center", gap: 3, wrap: "wrap", mb: 3 },
      h(
        Box,
        { as: "span" },
        `${name}: ${count(result.rows, "row")}, ${formatNumber(classified)} classified by ${result.model}`,
      ),
      h(Button, { size: "sm", onClick: () => download(name, result.csv) }, "Download the result"),
    ),
    result.warning ? h(Note, { status: "warning" }, result.warning) : null,
    result.notes.length ? h(Note, { status: "info" }, result.notes.join("\n")) : null,
    result.first.length
      ? table({
          label: "First rows of the result",
          rows: result.first.map((row, place) => ({ ...row, place })),
          rowKey: ({ place }) => place,
          columns: [
            { key: "title", title: "Title", cell: ({ title }) => title, props: { wordBreak: "break-word" } },
            {
              key: "category",
              title: "Category",
              cell: ({ category, known }) => category || h(Muted, null, known === false ? "no known word" : "no title"),
              props: { wordBreak: "break-word" },
            },
            {
              key: "probability",
              title: "Probability",
              numeric: true,
              cell: ({ probability }) => (probability === null ? "–" : formatDecimal(probability)),
            },
          ],
        })
      : null,
    result.rows > result.first.length
      ? h(
          Muted,
          { display: "block", mt: 2 },
          `The first ${formatNumber(result.first.length)} of ${count(result.rows, "row")}.`,
        )
      : null,
  );
}

/**
 * Save text as a file.
 * @param {string} name of the file that was scored
 * @param {string} text
 */
function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `${name.replace(/\.csv$/i, "")}_categories.csv`;
  document.body.append(link);
  link.click();
  link.remove();
  URL.revokeObjectURL(url);
}
