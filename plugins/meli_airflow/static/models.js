// Models: the champion, the leaderboard over runs and sets, two models side by side, the promotion history.
import { h, number, Router, UI, useAddress, useAnswer, useEffect, useState } from "./base.js";
import { Artifact } from "./artifact.js";
import { Champion } from "./champion.js";
import { Comparison } from "./comparison.js";
import { Decisions } from "./decisions.js";
import { COLUMNS, Leaderboard } from "./leaderboard.js";
import { Failure, Loading, Muted, Nothing, Page, Section, To } from "./parts.js";

const { Box, Button, Flex, Input, NativeSelect } = UI;
const SECONDS = 30;
const PAGE = 100;

export function Models() {
  const [params] = useAddress();
  const [left, right] = [params.get("left"), params.get("right")];
  if (params.get("artifact")) return h(Artifact, { name: params.get("artifact") });
  return left && right ? h(Comparison, { left, right }) : h(Overview);
}

function Overview() {
  const [params, set] = useAddress();
  const wanted = new URLSearchParams({ limit: params.get("limit") ?? PAGE });
  for (const name of ["text", "set", "since", "until"]) if (params.get(name)) wanted.set(name, params.get(name));
  const { data, error, loading, again } = useAnswer(`models?${wanted}`, () => SECONDS);
  if (data === undefined)
    return h(Page, { title: "Models" }, error ? h(Failure, { error, again }) : h(Loading, { lines: 8 }));
  const linked = new Set(data.in_airflow);
  return h(
    Page,
    { title: "Models" },
    error ? h(Failure, { error, again }) : null,
    h(Champion, { champion: data.champion, linked, runs: data.runs.all }),
    h(
      Section,
      { title: "Leaderboard", beside: h(Muted, { "aria-live": "polite" }, loading ? "Loading…" : counted(data.runs)) },
      h(Filters, { sets: data.sets }),
      h(Measured, { data, linked }),
      data.runs.matching > data.runs.shown && data.runs.shown < data.runs.most
        ? h(
            Button,
            {
              mt: 3,
              size: "sm",
              variant: "outline",
              loading,
              onClick: () => set({ limit: Math.min(data.runs.most, data.runs.shown + PAGE) }, true),
            },
            `Show ${Math.min(PAGE, data.runs.matching - data.runs.shown)} older runs`,
          )
        : null,
    ),
    h(Decisions),
  );
}

function counted({ all, matching, shown }) {
  const runs = `${number(all)} run${all === 1 ? "" : "s"}`;
  const of = matching === all ? runs : `${number(matching)} matching of ${runs}`;
  return shown < matching ? `newest ${number(shown)} of ${of}` : of;
}

function Filters({ sets }) {
  const [params, set] = useAddress();
  const [text, setText] = useState(params.get("text") ?? "");
  useEffect(() => {
    const timer = setTimeout(() => {
      if (text !== (params.get("text") ?? "")) set({ text }, true);
    }, 300);
    return () => clearTimeout(timer);
  }, [text]);
  const day = (name, label) =>
    h(
      Flex,
      { as: "label", align: "center", gap: 2, fontSize: "sm", color: "fg.muted" },
      label,
      h(Input, {
        type: "date",
        size: "sm",
        w: "150px",
        value: params.get(name) ?? "",
        onChange: (event) => set({ [name]: event.target.value }, true),
      }),
    );
  const chosen = ["text", "set", "since", "until"].some((name) => params.get(name));
  return h(
    Flex,
    { as: "search", gap: 3, wrap: "wrap", mb: 3, align: "center" },
    h(Input, {
      size: "sm",
      w: { base: "100%", sm: "260px" },
      placeholder: "Run, source or set",
      "aria-label": "Filter by run, source or set",
      value: text,
      onChange: (event) => setText(event.target.value),
    }),
    h(
      NativeSelect.Root,
      { size: "sm", w: "200px" },
      h(
        NativeSelect.Field,
        {
          "aria-label": "Set",
          value: params.get("set") ?? "",
          onChange: (event) => set({ set: event.target.value }, true),
        },
        h("option", { value: "" }, "All sets"),
        sets.map((name) => h("option", { key: name, value: name }, name)),
      ),
      h(NativeSelect.Indicator),
    ),
    day("since", "Data from"),
    day("until", "to"),
    chosen
      ? h(
          Button,
          {
            size: "sm",
            variant: "ghost",
            onClick: () => {
              setText("");
              set({ text: "", set: "", since: "", until: "" }, true);
            },
          },
          "Clear",
        )
      : null,
  );
}

function Measured({ data, linked }) {
  const [params, set] = useAddress();
  const navigate = Router.useNavigate();
  const sorted = (params.get("sort") ?? "at.down").split(".");
  const chosen = params.getAll("left").concat(params.getAll("right"));
  const [picked, setPicked] = useState(chosen);
  if (data.rows.length === 0) {
    return data.runs.all === 0
      ? h(
          Nothing,
          { title: "No run yet" },
          "Trigger ",
          h(To, { to: "/dags/meli_training" }, "meli_training"),
          ": its models appear here as soon as they are planned.",
        )
      : h(Nothing, { title: "No run matches" }, "Change or clear the filters above.");
  }
  const sort = (key) => set({ sort: `${key}.${sorted[0] === key && sorted[1] === "down" ? "up" : "down"}` }, true);
  const pick = (id) =>
    setPicked((before) => (before.includes(id) ? before.filter((one) => one !== id) : [...before, id].slice(-2)));
  const compare = () => navigate({ search: `?${new URLSearchParams({ left: picked[0], right: picked[1] })}` });
  const named = (id) => id.split("/").slice(2).join("/");
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
          disabled: picked.length !== 2,
          onClick: compare,
          variant: picked.length === 2 ? "solid" : "outline",
        },
        "Compare",
      ),
      h(
        Muted,
        { "aria-live": "polite" },
        picked.length === 2
          ? `${named(picked[0])} with ${named(picked[1])}`
          : picked.length === 1
            ? `${named(picked[0])} with … choose one more`
            : "Choose two models to compare.",
      ),
    ),
    h(Leaderboard, { rows: data.rows, linked, sorted, onSort: sort, picked, pick, columns: COLUMNS }),
  );
}
