// The page Models: the champion, the leaderboard by test titles, two models side by side, the promotion history.
import { formatDateTime, h, Router, runTab, UI, useAddress, useEffect, useState } from "./airflow.js";
import { Artifact } from "./artifact.js";
import { Part } from "./boundary.js";
import { Champion } from "./champion.js";
import { Comparison } from "./comparison.js";
import { canPromote, Deciding, Done, promotion, useMayDecide } from "./deciding.js";
import { Decisions } from "./decisions.js";
import { count, duration, formatNumber } from "./format.js";
import { ALL_COLUMNS, BEST_FIRST, Leaderboard } from "./leaderboard.js";
import { Model } from "./model.js";
import { Nights } from "./nights.js";
import { AppLink, EmptyState, LoadError, Loading, Muted, Page, Section, SkippedNote } from "./parts.js";
import { useServer } from "./server.js";
import { nextOrder, parseOrder } from "./sorting.js";
import { table } from "./table.js";
import { Try } from "./try.js";

/** @typedef {import("../types/responses").Models} ModelsResponse */
/** @typedef {import("../types/responses").RunCounts} RunCounts */
/** @typedef {import("../types/responses").NothingNew} NothingNewResponse */
/** @typedef {{target: {value: string}}} ChangeEvent */

const { Box, Button, Flex, Input, NativeSelect } = UI;
const SECONDS = 30;
const PAGE = 100;
const TYPING_MILLISECONDS = 300;
const FILTERS = ["text", "set", "since", "until"];

export function Models() {
  const [params] = useAddress();
  const [left, right, artifact] = [params.get("left"), params.get("right"), params.get("artifact")];
  if (artifact) return h(Artifact, { name: artifact });
  const model = params.get("model");
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
    { title: "Models", beside: h(AppLink, { to: "/plugin/models?try=1", fontSize: "sm" }, "Try a title") },
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
        data.rows.length ? h(Selectable, { data, linked, mayDecide, reload }) : h(NoRows, { data }),
      ),
      h(NothingNew, { nothingNew: data.nothing_new, linked }),
      h(ShowMore, { runs: data.runs, loading }),
    ),
    h(Part, { title: "Over nights" }, h(Nights)),
    h(Part, { title: "The promotion history" }, h(Decisions, { key: last })), // a new decision is displayed at once
  );
}

/**
 * How many runs there are, match the filters, and are displayed.
 * @param {RunCounts} runs
 */
function runsText({ all, matching, shown }) {
  const total = matching === all ? count(all, "run") : `${formatNumber(matching)} matching of ${count(all, "run")}`;
  return shown < matching ? `newest ${formatNumber(shown)} of ${total}` : total;
}

/**
 * The nights that had nothing to do, folded into one line.
 * @param {{nothingNew: NothingNewResponse, linked: Set<string>}} props
 */
function NothingNew({ nothingNew: { runs, saved_seconds: saved, newest }, linked }) {
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

/** @param {{sets: string[]}} props */
function Filters({ sets }) {
  const [params, set] = useAddress();
  const [text, setText] = useState(params.get("text") ?? "");
  // biome-ignore lint/correctness/useExhaustiveDependencies: only typing changes the address, not the other way round
  useEffect(() => {
    const timer = setTimeout(() => {
      if (text !== (params.get("text") ?? "")) set({ text }, true);
    }, TYPING_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [text]);
  /** @param {string} name @param {string} label */
  const dateField = (name, label) =>
    h(
      Flex,
      { as: "label", align: "center", gap: 2, fontSize: "sm", color: "fg.muted" },
      label,
      h(Input, {
        type: "date",
        size: "sm",
        w: "150px",
        value: params.get(name) ?? "",
        onChange: (/** @type {ChangeEvent} */ event) => set({ [name]: event.target.value }, true),
      }),
    );
  const clear = () => {
    setText("");
    set(Object.fromEntries(FILTERS.map((name) => [name, ""])), true);
  };
  return h(
    Flex,
    { as: "search", gap: 3, wrap: "wrap", mb: 3, align: "center" },
    h(Input, {
      size: "sm",
      w: { base: "100%", sm: "260px" },
      placeholder: "Run, source or set",
      "aria-label": "Filter by run, source or set",
      value: text,
      onChange: (/** @type {ChangeEvent} */ event) => setText(event.target.value),
    }),
    h(
      NativeSelect.Root,
      { size: "sm", w: "200px" },
      h(
        NativeSelect.Field,
        {
          "aria-label": "Set",
          value: params.get("set") ?? "",
          onChange: (/** @type {ChangeEvent} */ event) => set({ set: event.target.value }, true),
        },
        h("option", { value: "" }, "All sets"),
        sets.map((name) => h("option", { key: name, value: name }, name)),
      ),
      h(NativeSelect.Indicator),
    ),
    dateField("since", "Data from"),
    dateField("until", "to"),
    FILTERS.some((name) => params.get(name))
      ? h(Button, { size: "sm", variant: "ghost", onClick: clear }, "Clear")
      : null,
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

/**
 * What the selection is, and what to do next.
 * @param {string[]} selected ids of models: run, plan and set
 * @param {boolean} mayDecide
 */
function selectionText([first, second], mayDecide) {
  const name = (/** @type {string} */ id) => id.split("/").slice(2).join("/");
  if (!first) return mayDecide ? "Select two models to compare, or one to promote." : "Select two models to compare.";
  return second ? `${name(first)} with ${name(second)}` : `${name(first)} with … select one more`;
}

/**
 * The leaderboard, with a checkbox for each model: two of them can be compared, and one can be promoted.
 * @param {{data: ModelsResponse, linked: Set<string>, mayDecide: boolean, reload: () => void}} props
 */
function Selectable({ data, linked, mayDecide, reload }) {
  const [params, set] = useAddress();
  const navigate = Router.useNavigate();
  const order = parseOrder(params.get("sort"), BEST_FIRST);
  const [selected, setSelected] = useState(params.getAll("left").concat(params.getAll("right")));
  const onSort = (/** @type {string} */ key) => set({ sort: nextOrder(order, key).join(".") }, true);
  const onSelect = (/** @type {string} */ id) =>
    setSelected((before) => (before.includes(id) ? before.filter((one) => one !== id) : [...before, id].slice(-2)));
  const [left = "", right = ""] = selected;
  const complete = selected.length === 2;
  const [done, setDone] = useState("");
  const row = selected.length === 1 ? data.rows.find(({ id }) => id === left) : undefined;
  return h(
    Box,
    null,
    h(
      Flex,
      { align: "center", gap: 3, mb: 2, minH: "32px", wrap: "wrap" },
      h(
        Button,
        {
          size: "sm",
          disabled: !complete,
          onClick: () => navigate({ search: `?${new URLSearchParams({ left, right })}` }),
          variant: complete ? "solid" : "outline",
        },
        "Compare",
      ),
      row && mayDecide && canPromote(row, data.champion)
        ? h(Deciding, {
            key: row.id,
            label: "Promote",
            action: promotion(row, data.last_decision),
            onDone: setDone,
            reload,
          })
        : null,
      h(Muted, { "aria-live": "polite" }, selectionText(selected, mayDecide)),
    ),
    h(Done, null, done),
    data.test_sets.length > 1
      ? h(Muted, { display: "block", mb: 2 }, "Only models that were tested on the same titles are ranked together.")
      : null,
    h(Leaderboard, {
      rows: data.rows,
      testSets: data.test_sets,
      linked,
      order,
      onSort,
      selected,
      onSelect,
      columns: ALL_COLUMNS,
    }),
  );
}
