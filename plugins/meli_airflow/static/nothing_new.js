// The nights that had nothing to do, on the page Models.
import { formatDateTime, h, runTab, UI, useState } from "./airflow.js";
import { count, duration } from "./format.js";
import { AppLink, Muted } from "./parts.js";
import { table } from "./table.js";

/** @typedef {import("../types/responses").NothingNew} NothingNewResponse */

const { Box, Button, Flex } = UI;

/**
 * The nights that had nothing to do, folded into one line.
 * @param {{nothingNew: NothingNewResponse, linked: Set<string>}} props
 */
export function NothingNew({ nothingNew: { runs, saved_seconds: saved, newest }, linked }) {
  const [open, setOpen] = useState(false);
  if (runs === 0) return null;
  const summary = `${count(runs, "run")} found nothing new, saved ${duration(saved)}`;
  const toggle = { size: "xs", variant: "outline", "aria-expanded": open, onClick: () => setOpen(!open) };
  return h(
    Box,
    { mt: 3, "data-testid": "nothing-new" },
    h(
      Flex,
      { align: "center", gap: 3, wrap: "wrap", mb: open ? 2 : 0 },
      h(Muted, null, summary),
      h(Button, toggle, open ? "Hide" : "Show"),
    ),
    open
      ? table({
          label: "Runs that found nothing new",
          rows: newest,
          rowKey: (night) => night.run_id,
          columns: [
            {
              key: "run",
              title: "Run",
              cell: (night) =>
                linked.has(night.run_id) ? h(AppLink, { to: runTab(night.run_id) }, night.run_id) : night.run_id,
              props: { wordBreak: "break-word" },
            },
            { key: "at", title: "Date", wide: true, cell: (night) => formatDateTime(night.at) },
            { key: "saved", title: "Saved", cell: (night) => duration(night.saved_seconds) },
            { key: "reason", title: "Reason", wide: true, cell: (night) => h(Muted, null, night.reason) },
          ],
        })
      : null,
    open && newest.length < runs ? h(Muted, null, `The newest ${newest.length} of ${count(runs, "run")}.`) : null,
  );
}
