// The note of a model: what people wrote about it, and a field for users with the right to change it.
import { formatDateTime, h, UI, useState } from "./airflow.js";
import { useMayDecide } from "./deciding.js";
import { Muted, Panel } from "./parts.js";
import { modelApi, RequestError, request } from "./server.js";

/** @typedef {import("../types/responses").Note} NoteResponse */
/** @typedef {import("../types/responses").ModelRow} ModelRow */
/** @typedef {{target: {value: string}}} ChangeEvent */

const { Box, Button, Flex, Text, Textarea } = UI;
const MAX_CHARACTERS = 2000;

/** @param {{row: ModelRow, reload: () => void}} props */
export function ModelNote({ row, reload }) {
  const mayWrite = useMayDecide();
  const [editing, setEditing] = useState(false);
  const { note } = row;
  if (editing) {
    const close = () => {
      setEditing(false);
      reload();
    };
    return h(Editor, { id: row.id, seen: note?.number ?? 0, before: note?.text ?? "", onClose: close, reload });
  }
  if (!note?.text && !mayWrite) return null;
  const edit = { size: "xs", variant: "outline", onClick: () => setEditing(true) };
  return h(
    Flex,
    { gap: 3, align: "start", wrap: "wrap", mb: 6, "data-testid": "note" },
    note?.text
      ? h(
          Box,
          { minW: 0 },
          h(Text, { fontSize: "sm", whiteSpace: "pre-wrap", overflowWrap: "anywhere" }, note.text),
          h(Muted, { fontSize: "xs" }, `Note by ${note.by}, ${formatDateTime(note.at)}`),
        )
      : null,
    mayWrite ? h(Button, edit, note?.text ? "Edit the note" : "Add a note") : null,
  );
}

/**
 * The field. A note that somebody else has changed meanwhile is loaded again, and what was typed stays.
 * @param {{id: string, seen: number, before: string, onClose: () => void, reload: () => void}} props
 */
function Editor({ id, seen, before, onClose, reload }) {
  const [text, setText] = useState(before);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const save = async () => {
    setBusy(true);
    setProblem("");
    try {
      await request(`${modelApi(id)}/note`, { method: "POST", body: { note: text, seen } });
      onClose();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setBusy(false);
      if (error instanceof RequestError && error.status === 409) reload();
    }
  };
  return h(
    Panel,
    { mb: 6, maxW: "640px", "data-testid": "note" },
    h(
      Box,
      { fontSize: "sm", mb: 3 },
      h(Box, { "aria-hidden": true }, "Note"),
      h(Textarea, {
        "aria-label": "Note",
        size: "sm",
        mt: 1,
        rows: 3,
        value: text,
        maxLength: MAX_CHARACTERS,
        placeholder: "Plain text, for everybody who can see the models. Empty to remove the note.",
        onChange: (/** @type {ChangeEvent} */ event) => setText(event.target.value),
      }),
    ),
    problem ? h(Text, { color: "fg.error", fontSize: "sm", mb: 3, role: "alert" }, problem) : null,
    h(
      Flex,
      { gap: 2 },
      h(Button, { size: "sm", loading: busy, disabled: text === before, onClick: save }, "Save"),
      h(Button, { size: "sm", variant: "outline", onClick: onClose }, "Cancel"),
    ),
  );
}
