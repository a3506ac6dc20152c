// A button that copies a text. Browsers allow that on HTTPS and on localhost only; elsewhere it says what to do.
import { h, UI, useState } from "./airflow.js";

const { Button } = UI;

/** @param {{text: string, label: string}} props `label` names the button for screen readers */
export function CopyButton({ text, label }) {
  const [state, setState] = useState("Copy");
  const onClick = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setState("Copied");
    } catch {
      setState("Select the text and copy it");
    }
  };
  return h(
    Button,
    { size: "xs", variant: "outline", "aria-label": state === "Copy" ? label : state, onClick },
    h("span", { "aria-live": "polite" }, state),
  );
}
