// The page Models: the champion, the leaderboard by test titles, two models side by side, the promotion history.
import { h, MODELS_PATH, UI, useAddress } from "./airflow.js";
import { Artifact } from "./artifact.js";
import { Board, displayedPins } from "./board.js";
import { Part } from "./boundary.js";
import { Champion } from "./champion.js";
import { Comparison } from "./comparison.js";
import { useMayDecide } from "./deciding.js";
import { Decisions } from "./decisions.js";
import { FILTERS, Filters } from "./filters.js";
import { count, formatNumber } from "./format.js";
import { Model } from "./model.js";
import { Monitoring } from "./monitoring.js";
import { Nights } from "./nights.js";
import { NothingNew } from "./nothing_new.js";
import { AppLink, EmptyState, LoadError, Loading, Muted, Page, Section, SkippedNote } from "./parts.js";
import { useServer } from "./server.js";
import { Try } from "./try.js";

/** @typedef {import("../types/responses").Models} ModelsResponse */
/** @typedef {import("../types/responses").RunCounts} RunCounts */

const { Button, Flex } = UI;
const SECONDS = 30;
const PAGE = 100;

export function Models() {
  const [params] = useAddress();
  const [left, right, artifact] = [params.get("left"), params.get("right"), params.get("artifact")];
  if (artifact) return h(Artifact, { name: artifact });
  const model = params.get("model");
  if (params.has("monitoring")) return h(Monitoring);
  if (params.has("try")) return h(Try, { key: model, id: model ?? "" });
  if (model) return h(Model, { id: model });
  const compare = params.getAll("compare");
  const ids = compare.length || !left || !right ? compare : [left, right];
  return ids.length ? h(Comparison, { ids, baseline: params.get("baseline") ?? left ?? "" }) : h(Overview);
}

function Overview() {
  const [params] = useAddress();
  const query = new URLSearchParams({ limit: params.get("limit") ?? String(PAGE) });
  for (const name of FILTERS) {
    const value = params.get(name);
    if (value) query.set(name, value);
  }
  if (params.get("rows")) query.set("rows", params.get("rows") ?? "");
  for (const id of params.getAll("open")) query.append("open", id);
  for (const id of displayedPins(params)) query.append("pin", id);
  /** @type {import("./server.js").Loaded<ModelsResponse>} */
  const { data, error, loading, reload } = useServer(`models?${query}`, () => SECONDS);
  const mayDecide = useMayDecide();
  if (data === undefined) {
    return h(Page, { title: "Models" }, error ? h(LoadError, { error, reload }) : h(Loading, { lines: 8 }));
  }
  const linked = new Set(data.in_airflow);
  const last = data.last_decision;
  return h(
    Page,
    { title: "Models", beside: h(Links) },
    error ? h(LoadError, { error, reload }) : null,
    h(SkippedNote, { skipped: data.skipped }),
    h(
      Part,
      { title: "The champion" },
      h(Champion, {
        champion: data.champion,
        unknown: data.champion_unknown,
        linked,
        runs: data.runs.all,
        last,
        mayDecide,
        reload,
      }),
    ),
    h(
      Section,
      { title: "Leaderboard", beside: h(Muted, { "aria-live": "polite" }, loading ? "Loading…" : runsText(data.runs)) },
      h(Filters, { sets: data.sets }),
      h(
        Part,
        { title: "The leaderboard" },
        data.rows.length ? h(Board, { data, linked, mayDecide, reload }) : h(NoRows, { data }),
      ),
      h(NothingNew, { nothingNew: data.nothing_new, linked }),
      h(ShowMore, { runs: data.runs, loading }),
    ),
    h(Part, { title: "Over nights" }, h(Nights)),
    h(Part, { title: "The promotion history" }, h(Decisions, { key: last })), // a new decision is displayed at once
  );
}

const Links = () =>
  h(
    Flex,
    { gap: 4, wrap: "wrap", fontSize: "sm" },
    h(AppLink, { to: `${MODELS_PATH}?monitoring=1` }, "Monitoring"),
    h(AppLink, { to: `${MODELS_PATH}?try=1` }, "Try a title"),
  );

/**
 * How many runs there are, match the filters, and are displayed.
 * @param {RunCounts} runs
 */
function runsText({ all, matching, shown }) {
  const total = matching === all ? count(all, "run") : `${formatNumber(matching)} matching of ${count(all, "run")}`;
  return shown < matching ? `newest ${formatNumber(shown)} of ${total}` : total;
}

/** @param {{runs: RunCounts, loading: boolean}} props */
function ShowMore({ runs, loading }) {
  const [, set] = useAddress();
  if (runs.matching <= runs.shown || runs.shown >= runs.most) return null;
  const onClick = () => set({ limit: Math.min(runs.most, runs.shown + PAGE) }, true);
  return h(
    Button,
    { mt: 3, size: "sm", variant: "outline", loading, onClick },
    `Show ${count(Math.min(PAGE, runs.matching - runs.shown), "older run")}`,
  );
}

/** @param {{data: ModelsResponse}} props */
const NoRows = ({ data: { runs, nothing_new: nothingNew } }) => {
  if (nothingNew.runs > 0 && nothingNew.runs === runs.shown) {
    return h(EmptyState, { title: "Nothing new" }, "Each of these runs had evaluated the same models before.");
  }
  return runs.all === 0
    ? h(
        EmptyState,
        { title: "No run yet" },
        "Trigger ",
        h(AppLink, { to: "/dags/meli_training" }, "meli_training"),
        ": its models appear here once the run has a plan.",
      )
    : h(EmptyState, { title: "No run matches" }, "Change or clear the filters above.");
};
