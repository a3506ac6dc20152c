// The page of one model: what it scores and how sure that is, what it gets wrong, what it was made from, how to use it.
import { h, MODELS_PATH, UI } from "./airflow.js";
import { Calibration } from "./model_calibration.js";
import { ModelCard } from "./model_card.js";
import { CategoryRecalls } from "./model_categories.js";
import { Confusions } from "./model_confusions.js";
import { Head } from "./model_head.js";
import { ModelNote } from "./model_note.js";
import { HowToLoad, Origin, Parameters, TookPart } from "./model_origin.js";
import { Slices } from "./model_slices.js";
import { AppLink, ExternalLink, LoadError, Loading, Note, Page } from "./parts.js";
import { modelApi, reportUrl, useServer } from "./server.js";

/** @typedef {import("../types/responses").Model} ModelResponse */

const { Flex } = UI;

/** @param {{id: string}} props the id of a row of the leaderboard */
export function Model({ id }) {
  /** @type {import("./server.js").Loaded<ModelResponse>} */
  const { data: loaded, error, reload } = useServer(modelApi(id));
  const data = loaded?.row.id === id ? loaded : undefined; // of the model before it until this one is loaded
  const name = data ? data.row.set.replace(/ \(champion\)$/, "") : "Model"; // the label of an earlier run's champion
  const title = data ? `${name} of ${data.row.run_id}` : name;
  const frame = (/** @type {import("react").ReactNode[]} */ ...children) =>
    h(Page, { title: name, windowTitle: title, beside: h(Links, { data }) }, ...children);
  if (data === undefined) return frame(error ? h(LoadError, { error, reload }) : h(Loading, { lines: 8 }));
  return frame(
    h(Missing, { data }),
    h(Head, { data }),
    h(ModelNote, { row: data.row, reload }),
    h(CategoryRecalls, { data }),
    h(Confusions, { data }),
    h(Slices, { data }),
    h(Calibration, { data }),
    h(HowToLoad, { data }),
    h(Origin, { data }),
    h(Parameters, { data }),
    h(TookPart, { data }),
    h(ModelCard, { card: data.card, model: data.row.train }),
  );
}

/** @param {{data: ModelResponse | undefined}} props */
const Links = ({ data }) =>
  h(
    Flex,
    { gap: 4, wrap: "wrap", align: "center", fontSize: "sm" },
    data
      ? h(AppLink, { to: `${MODELS_PATH}?${new URLSearchParams({ try: "1", model: data.row.id })}` }, "Try a title")
      : null,
    data?.compare_with
      ? h(
          AppLink,
          { to: `${MODELS_PATH}?${new URLSearchParams({ left: data.compare_with, right: data.row.id })}` },
          "Compare with the champion",
        )
      : null,
    data?.has_report ? h(ExternalLink, { href: reportUrl(data.row.run_id) }, "Report") : null,
    h(AppLink, { to: MODELS_PATH }, "← All models"),
  );

/**
 * What the page cannot display, and why.
 * @param {{data: ModelResponse}} props
 */
const Missing = ({ data: { missing } }) =>
  missing.length ? h(Note, { status: "warning", title: "Not everything is there" }, missing.join("\n")) : null;
