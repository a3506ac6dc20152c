// What a person can do on the pages, such as promote a model or stop a training run. Only for users with the right.
import { h, UI, useState } from "./airflow.js";
import { formatDecimal } from "./format.js";
import { Muted } from "./parts.js";
import { AIRFLOW, RequestError, request, useServer } from "./server.js";

/** @typedef {import("../types/responses").Rights} Rights */
/** @typedef {import("../types/responses").Changed} Changed */
/** @typedef {import("../types/responses").Champion} Champion */
/** @typedef {import("../types/responses").ModelRow} ModelRow */
/** @typedef {{target: {value: string}}} ChangeEvent */
/**
 * What is decided: the request, what it means, and its words.
 * @typedef {object} Action
 * @property {string} path
 * @property {Record<string, unknown>} body without the reason
 * @property {string} title
 * @property {string} explanation
 * @property {string} confirm the label of the button that does it
 * @property {string} [palette] colours of that button
 * @property {string} [stored] where the reason ends up
 * @property {{did: string, conflict: string}} [airflow] for a request to Airflow's own REST API, which takes the reason
 *   as a note: what it did, and what a conflict means, both of which it does not say
 */

const { Box, Button, Flex, Input, Text } = UI;
const MAX_REASON = 1000;

/**
 * Whether the signed-in user may do something; false until it is known.
 * @param {Exclude<keyof Rights, "user">} what
 */
export function useMay(what) {
  /** @type {import("./server.js").Loaded<Rights>} */
  const { data } = useServer("rights");
  return data?.[what] ?? false;
}

/** Whether the signed-in user may promote and roll back; false until it is known. */
export const useMayDecide = () => useMay("decide");

/**
 * What happened, as text: a decision on the champion, or what the server says it did.
 * @param {Changed | {done: string}} changed
 */
export const doneText = (changed) =>
  "done" in changed
    ? changed.done
    : `Decision ${changed.decision.number}: the champion is now ${changed.decision.set}.${changed.warning ? ` ${changed.warning}` : ""}`;

/**
 * @param {Action} action
 * @param {string} reason
 */
async function carryOut({ path, body, airflow }, reason) {
  if (airflow) {
    await request(path, { base: AIRFLOW, method: "POST", body: { ...body, note: reason } }).catch((error) => {
      throw error instanceof RequestError && error.status === 409 ? new RequestError(409, airflow.conflict) : error;
    });
    return airflow.did;
  }
  /** @type {Changed | {done: string}} */
  const changed = await request(path, { method: "POST", body: { ...body, reason } });
  return doneText(changed);
}

/**
 * The question, the reason, and the two answers. `onDone` gets what happened; after it the page has to be loaded again,
 * and so after a conflict, as somebody else has decided.
 * @param {{action: Action, onDone: (text: string) => void, onCancel: () => void, reload: () => void}} props
 */
export function Confirm({ action, onDone, onCancel, reload }) {
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const onConfirm = async () => {
    setBusy(true);
    setProblem("");
    try {
      onDone(await carryOut(action, reason));
      reload();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setBusy(false);
      if (error instanceof RequestError && error.status === 409) reload();
    }
  };
  return h(
    Box,
    {
      role: "alertdialog",
      "aria-label": action.title,
      borderWidth: 1,
      borderColor: "border.emphasized",
      borderRadius: "md",
      p: 3,
      my: 3,
      maxW: "640px",
      textAlign: "start",
    },
    h(Text, { fontSize: "sm", fontWeight: "bold", mb: 1, overflowWrap: "anywhere" }, action.title),
    h(Muted, { display: "block", mb: 3, overflowWrap: "anywhere" }, action.explanation),
    h(
      Box,
      { as: "label", display: "block", fontSize: "sm", mb: 3 },
      "Reason",
      h(Input, {
        size: "sm",
        mt: 1,
        value: reason,
        maxLength: MAX_REASON,
        autoFocus: true,
        placeholder: action.stored ?? "Stored with the decision",
        onChange: (/** @type {ChangeEvent} */ event) => setReason(event.target.value),
      }),
    ),
    problem
      ? h(Text, { color: "fg.error", fontSize: "sm", mb: 3, role: "alert", overflowWrap: "anywhere" }, problem)
      : null,
    h(
      Flex,
      { gap: 2, wrap: "wrap" },
      h(
        Button,
        {
          size: "sm",
          ...(action.palette ? { colorPalette: action.palette } : {}),
          loading: busy,
          disabled: !reason.trim(),
          onClick: onConfirm,
        },
        action.confirm,
      ),
      h(Button, { size: "sm", variant: "outline", onClick: onCancel }, "Cancel"),
    ),
  );
}

/**
 * A button that asks first. The caller displays what it did: this may be gone then, with what could be decided.
 * @param {{label: string, action: Action, onDone: (text: string) => void, reload: () => void, disabled?: boolean}} props
 */
export function Deciding({ label, action, onDone, reload, disabled = false }) {
  const [asking, setAsking] = useState(false);
  const onClick = () => {
    onDone("");
    setAsking(true);
  };
  if (!asking) return h(Button, { size: "sm", variant: "outline", disabled, onClick }, label);
  const onEnd = (/** @type {string} */ text) => {
    setAsking(false);
    onDone(text);
  };
  return h(Confirm, { action, onDone: onEnd, onCancel: () => setAsking(false), reload });
}

/**
 * What was done, also for screen readers.
 * @param {{children: string}} props
 */
export const Done = ({ children }) =>
  h(Muted, { "aria-live": "polite", display: "block", overflowWrap: "anywhere" }, children);

/**
 * To the champion that the page names, or to the previous one. `expected` is the last decision that the page displays.
 * @param {Champion} champion
 * @param {number} expected
 * @param {import("../types/responses").WayBack | null} [back]
 * @returns {Action}
 */
export const rollback = (champion, expected, back) => ({
  path: "rollback",
  body: { to: back?.to ?? null, expected },
  title: back ? `Roll back from ${champion.set} to ${back.set}?` : `Roll back from ${champion.set}?`,
  explanation:
    `${back ? `${back.set}, champion of decision ${back.to},` : "The previous champion"} becomes the current one again, ` +
    "here and in MLflow. Nothing is deleted, and a run may promote another model later.",
  confirm: "Roll back",
  palette: "danger",
});

/**
 * @param {ModelRow} row
 * @param {number} expected
 * @returns {Action}
 */
export const promotion = (row, expected) => ({
  path: "promote",
  body: { model: row.id, expected },
  title: `Promote ${row.set} of ${row.run_id}?`,
  explanation:
    `Its balanced accuracy in that run was ${formatDecimal(row.balanced_accuracy)}. No gate is applied: you decide. ` +
    "The next run compares its models with the new champion.",
  confirm: "Promote",
});

/**
 * Whether a row can be promoted: it is evaluated, and it is not the champion.
 * @param {ModelRow} row
 * @param {Pick<Champion, "train" | "sha256"> | null} [champion]
 */
export const canPromote = (row, champion) =>
  row.interval !== null &&
  !row.champion &&
  !(champion && row.train === champion.train && (!row.sha256 || !champion.sha256 || row.sha256 === champion.sha256));
