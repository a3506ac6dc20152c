// The bundle of all pages. Airflow loads it and looks for each component under the name of its page.
// Each page's modules are loaded when it is displayed, so that a fault in one page's leaves the others.
import { guarded, loaded } from "./boundary.js";
import { framed } from "./frame.js";

const Models = loaded(async () => (await import("./models.js")).Models);
const RunTab = loaded(async () => (await import("./run.js")).RunTab);
const TaskTab = loaded(async () => (await import("./training.js")).TaskTab);

/** @type {(props: import("./frame.js").PageProps) => string} */
const runTitle = ({ dagId, runId }) => `${dagId === "meli_backfill" ? "Backfill" : "Result"} of ${runId}`;
/** @type {(props: import("./frame.js").PageProps) => string} */
const taskTitle = ({ taskId }) => `Learning curves of ${taskId}`;

Object.assign(globalThis, {
  Models: framed(guarded(Models), () => ""), // its pages have titles of their own
  Result: framed(guarded(RunTab), runTitle),
  "Learning curves": framed(guarded(TaskTab), taskTitle),
});
