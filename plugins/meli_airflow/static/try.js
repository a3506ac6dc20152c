// Try a title: what a model makes of it, which of its words it knows, and how much each of them matters.
import { h, MODELS_PATH, modelPath, UI, useAddress, useEffect, useState } from "./airflow.js";
import { formatDecimal, formatSigned } from "./format.js";
import { AppLink, ExternalLink, LabeledValue, Muted, Note, Page, Panel } from "./parts.js";
import { RequestError, request, useServer } from "./server.js";
import { table } from "./table.js";
import { TryFile } from "./try_file.js";

/** @typedef {import("../types/responses").Explanation} Explanation */
/** @typedef {import("../types/responses").Known} Known */
/** @typedef {import("../types/responses").Predictions} PredictionsResponse */
/** @typedef {import("../types/responses").MlflowChampion} MlflowChampion */
/** @typedef {{data: PredictionsResponse | undefined, error: RequestError | undefined, loading: boolean}} Tried */
/** @typedef {{title: string, model: string}} Question */

const { Box, Button, Flex, Heading, Input, Text } = UI;
const TYPING_MILLISECONDS = 250;
const LONGEST_TITLE = 500;
/** @type {Tried} */
const NOTHING = { data: undefined, error: undefined, loading: false };

/** @type {Record<Known, string>} */
const KNOWN = {
  word: "known",
  parts: "known by its parts",
  nothing: "unknown",
  ignored: "not a word for this model",
};

/** @param {{id: string}} props the id of a model, empty for the champion */
export function Try({ id }) {
  const [params, set] = useAddress();
  const [text, setText] = useState(params.get("title") ?? "");
  const [title, setTitle] = useState(text.trim());
  // biome-ignore lint/correctness/useExhaustiveDependencies: a setter never changes
  useEffect(() => {
    const timer = setTimeout(() => setTitle(text.trim()), TYPING_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [text]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only a new title changes the address
  useEffect(() => {
    if (title !== (params.get("title") ?? "")) set({ title }, true);
  }, [title]);
  const tried = usePrediction({ title, model: id });
  const name = id ? id.split("/").slice(2).join("/") : "the champion";
  return h(
    Page,
    { title: "Try a title", beside: h(Links, { id }) },
    h(
      Box,
      {
        as: "form",
        mb: 6,
        onSubmit: (/** @type {{preventDefault: () => void}} */ event) => {
          event.preventDefault();
          setTitle(text.trim());
        },
      },
      h(
        Box,
        { as: "label", display: "block", fontSize: "sm", fontWeight: "semibold", mb: 1, htmlFor: "meli-title" },
        `A listing title in Spanish or Portuguese, classified by ${name}`,
      ),
      h(
        Flex,
        { gap: 2, wrap: { base: "wrap", sm: "nowrap" } },
        h(Input, {
          id: "meli-title",
          autoFocus: true,
          autoComplete: "off",
          maxLength: LONGEST_TITLE,
          placeholder: "Funda Silicona Iphone 11",
          value: text,
          onChange: (/** @type {{target: {value: string}}} */ event) => setText(event.target.value),
        }),
        h(Button, { type: "submit", loading: tried.loading, disabled: !text.trim() }, "Classify"),
      ),
    ),
    h(Box, { "aria-live": "polite", mb: 8 }, h(Answer, { tried, isChampion: !id })),
    h(TryFile, { model: id, name }),
  );
}

/** @param {{id: string}} props */
const Links = ({ id }) =>
  h(
    Flex,
    { gap: 4, wrap: "wrap", align: "center", fontSize: "sm" },
    id ? h(AppLink, { to: modelPath(id) }, "The model's page") : null,
    id ? h(AppLink, { to: `${MODELS_PATH}?try=1` }, "Try the champion instead") : null,
    h(AppLink, { to: MODELS_PATH }, "← All models"),
  );

/**
 * The prediction for a title. A request that a newer one has replaced is aborted, so its answer never overtakes.
 * @param {Question} question
 * @returns {Tried}
 */
function usePrediction({ title, model }) {
  const [tried, setTried] = useState(NOTHING);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a setter never changes
  useEffect(() => {
    if (!title) {
      setTried(NOTHING);
      return undefined;
    }
    const control = new AbortController();
    setTried((before) => ({ ...before, loading: true }));
    /** @type {Promise<PredictionsResponse>} */
    const asked = request("predict", { method: "POST", body: { titles: [title], model }, signal: control.signal });
    asked
      .then(
        (data) => ({ data, error: undefined, loading: false }),
        (error) => ({
          data: undefined,
          error: error instanceof RequestError ? error : new RequestError(0, String(error)),
          loading: false,
        }),
      )
      .then((next) => {
        if (!control.signal.aborted) setTried(next);
      });
    return () => control.abort();
  }, [title, model]);
  return tried;
}

/** @param {{tried: Tried, isChampion: boolean}} props */
function Answer({ tried: { data, error }, isChampion }) {
  if (error) return h(Note, { status: "error", title: "This title could not be classified" }, error.message);
  const [found] = data?.titles ?? [];
  if (!data || !found) return null;
  return h(
    Panel,
    { "data-testid": "meli-answer" },
    data.warning ? h(Note, { status: "warning" }, data.warning) : null,
    h(Text, { fontWeight: "semibold", mb: 3, wordBreak: "break-word" }, found.title),
    found.known ? h(Ranking, { found }) : h(NoKnownWord),
    h(Words, { found }),
    h(By, { data, isChampion }),
  );
}

const NoKnownWord = () =>
  h(
    Note,
    { status: "warning", title: "No known word" },
    "The model has seen none of these words, nor words that look like them, so any category would be a guess.",
  );

/** @param {{found: Explanation}} props */
const Ranking = ({ found: { categories } }) =>
  h(
    Box,
    { as: "ol", listStyleType: "none", mb: 4, "aria-label": "The most probable categories" },
    categories.map(({ category, probability }, place) =>
      h(
        Box,
        { as: "li", key: category, mb: 2, fontWeight: place === 0 ? "semibold" : "normal" },
        h(
          Flex,
          { justify: "space-between", gap: 3, fontSize: "sm" },
          h(Box, { as: "span", wordBreak: "break-word" }, category),
          h(Box, { as: "span", fontVariantNumeric: "tabular-nums" }, formatDecimal(probability)),
        ),
        h(Bar, { width: probability, color: place === 0 ? "success.solid" : "border.emphasized" }),
      ),
    ),
  );

/** @param {{width: number, color: string}} props between 0 and 1 */
const Bar = ({ width, color }) =>
  h(
    Box,
    { h: "8px", bg: "bg.muted", borderRadius: "sm", overflow: "hidden", "aria-hidden": true },
    h(Box, { h: "100%", w: `${Math.min(1, Math.max(0, width)) * 100}%`, bg: color }),
  );

/** @param {{found: Explanation}} props */
function Words({ found: { words, categories } }) {
  if (words.length === 0) return null;
  const best = categories[0]?.category;
  return h(
    Box,
    { mb: 4 },
    h(Heading, { as: "h3", size: "sm", mb: 2 }, "Words"),
    table({
      label: "Words of the title",
      rows: words.map((word, place) => ({ ...word, place })),
      rowKey: ({ place }) => place,
      columns: [
        { key: "word", title: "Word", cell: ({ text }) => text, props: { overflowWrap: "anywhere", minW: "110px" } },
        { key: "known", title: "To the model", cell: ({ known }) => KNOWN[known] },
        ...(best
          ? [
              {
                key: "effect",
                title: "Effect",
                numeric: true,
                cell: (/** @type {{effect: number | null}} */ { effect }) =>
                  effect === null ? "–" : formatSigned(effect, 3),
              },
            ]
          : []),
      ],
    }),
    best
      ? h(
          Muted,
          { display: "block", mt: 2 },
          `Effect: by how much the probability of ${best} would fall without the word. ` +
            "Below zero, the word speaks against it.",
        )
      : null,
  );
}

/** @param {{data: PredictionsResponse, isChampion: boolean}} props */
const By = ({ data, isChampion }) =>
  h(
    Flex,
    { gap: 8, wrap: "wrap" },
    h(LabeledValue, { label: "Model" }, data.model),
    h(
      LabeledValue,
      { label: "Key" },
      h(Text, { as: "span", fontFamily: "mono", fontSize: "xs" }, `${data.train}@${data.sha256.slice(0, 12)}`),
    ),
    isChampion ? h(Version) : null,
  );

/** The version that the champion has in MLflow. */
function Version() {
  /** @type {import("./server.js").Loaded<MlflowChampion>} */
  const { data } = useServer("mlflow");
  if (!data?.version || !data.url) return null;
  return h(LabeledValue, { label: "MLflow" }, h(ExternalLink, { href: data.url }, `version ${data.version}`));
}
