// The bundle of all pages. Airflow loads it and looks for each component under the name of its page.
import { guarded } from "./boundary.js";
import { Models } from "./models.js";
import { RunTab } from "./run.js";
import { TaskTab } from "./training.js";

// Airflow draws its own icons white on the selected entry of the navigation. An image needs a rule for that.
const style = document.createElement("style");
style.textContent = 'a[aria-current="page"] img[src*="meli/static/"] { filter: brightness(0) invert(1); }';
document.head.append(style);

Object.assign(globalThis, { Models: guarded(Models), Leaderboard: guarded(RunTab), Curves: guarded(TaskTab) });
