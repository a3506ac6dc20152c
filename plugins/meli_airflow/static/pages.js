// The bundle of all pages. Airflow loads it and looks for each component under the name of its page.
import { guarded } from "./boundary.js";
import { framed } from "./frame.js";
import { Models } from "./models.js";
import { RunTab } from "./run.js";
import { TaskTab } from "./training.js";

/** @type {(props: import("./frame.js").PageProps) => string} */
const runTitle = ({ dagId, runId }) => `${dagId === "meli_backfill" ? "Backfill" : "Result"} of ${runId}`;
/** @type {(props: import("./frame.js").PageProps) => string} */
const taskTitle = ({ taskId }) => `Learning curves of ${taskId}`;

Object.assign(globalThis, {
  Models: framed(guarded(Models), () => ""), // its pages have titles of their own
  Result: framed(guarded(RunTab), runTitle),
  "Learning curves": framed(guarded(TaskTab), taskTitle),
});
