// A switch with its label.
import { h, UI } from "./airflow.js";

const { Switch } = UI;

/** @param {{label: string, on: boolean, onChange: (on: boolean) => void}} props */
export const Toggle = ({ label, on, onChange }) =>
  h(
    Switch.Root,
    {
      size: "sm",
      checked: on,
      onCheckedChange: (/** @type {{checked: boolean}} */ { checked }) => onChange(checked),
    },
    h(Switch.HiddenInput),
    h(Switch.Control, null, h(Switch.Thumb)),
    h(Switch.Label, null, label),
  );
