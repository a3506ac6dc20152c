// Line charts with a legend and a cursor for the keyboard beside them; plot.js draws them.
import { h, UI, useRef } from "./airflow.js";
import { axisLabel, columns, describe, moveCursor, valueAt } from "./axis.js";
import { MARKED_POINTS, usePlot } from "./plot.js";

/** @typedef {import("./axis.js").Series} Series */

export { COLOURS } from "./plot.js";

const { Box, Button, Flex, Text } = UI;
/** A press that moves further is a zoom, no click. */
const DRAG_PIXELS = 5;

/**
 * Lines over an axis. Hovering or the arrow keys show each line's exact value; dragging zooms. With `onOpen`, a click or
 * Enter opens what the cursor is at.
 * @param {object} props
 * @param {string} props.title
 * @param {Series[]} props.series
 * @param {string} props.xTitle
 * @param {number} [props.height] pixels
 * @param {boolean} [props.whole] x counts things, e.g. epochs
 * @param {number} [props.digits] decimals of values
 * @param {string} [props.sync] charts with the same text move their cursors together
 * @param {(x: number) => string} [props.xText] a value of x as text
 * @param {boolean} [props.gaps] lines end where a series has no value
 * @param {boolean} [props.counted] y counts things, from 0 up
 * @param {[number, number]} [props.ends] the range of x if it is more than that of the points
 * @param {(x: number) => void} [props.onOpen]
 * @param {boolean} [props.log] a logarithmic y axis, which has no place for values that are not positive
 */
export function Chart({
  title,
  series,
  xTitle,
  height = 240,
  whole = false,
  digits = 4,
  sync,
  xText = axisLabel,
  gaps = false,
  counted = false,
  ends,
  onOpen,
  log = false,
}) {
  const drawn = placeable(series, log);
  const { box, plot, cursor, zoomed, failed } = usePlot(
    { series: drawn, xTitle, height, whole, sync, xText, gaps, log, counted, ends },
    drawn.length ? `${shapeOf(drawn, xText, log)}${ends ?? ""}` : "",
  );
  const [xs] = columns(drawn);
  const x = cursor === null ? null : (xs[cursor] ?? null);
  const handlers = useHandlers(plot, xs, cursor, onOpen);
  const unzoom = () => {
    if (plot.current) plot.current.setData(plot.current.data, true);
  };
  return h(
    Box,
    { minW: 0 },
    h(
      Flex,
      { mb: 1, justify: "space-between", align: "start", gap: 2, minH: "24px" },
      h(
        Head,
        { title, at: x === null ? "" : ` at ${xTitle} ${xText(x)}` },
        h(Legend, { series: drawn, x, digits, gaps }),
      ),
      zoomed ? h(Button, { size: "2xs", variant: "outline", onClick: unzoom }, "Reset zoom") : null,
    ),
    drawn.length && !failed
      ? h(Box, {
          ref: box,
          role: "img",
          tabIndex: 0,
          "aria-label": describe(title, drawn, digits),
          title: onOpen
            ? "Click a point to open its run, drag to zoom in"
            : "Drag to zoom in, double-click to zoom out",
          "data-series": drawn.length,
          "data-scale": log ? "log" : "linear",
          "data-marks": drawn.filter(({ mark }) => mark).length,
          "data-points": drawn.reduce((sum, { points }) => sum + points.length, 0),
          ...handlers,
          minH: `${height}px`,
          overflow: "hidden",
          css: { "&:focus-visible": { outline: "2px solid var(--chakra-colors-border-info)" } },
        })
      : h(
          Flex,
          { h: `${height}px`, align: "center", justify: "center", color: "fg.muted", fontSize: "sm" },
          failed ? "The chart could not be loaded. Reload the page to try again." : "No points yet",
        ),
  );
}

/**
 * The lines that have points, without those that the axis has no place for.
 * @param {readonly Series[]} series
 * @param {boolean} log
 */
const placeable = (series, log) =>
  series
    .map((line) => (log ? { ...line, points: line.points.filter(([, y]) => y > 0) } : line))
    .filter(({ points }) => points.length > 0);

/**
 * What of a chart needs a new plot when it changes, as a text.
 * @param {readonly Series[]} series
 * @param {(x: number) => string} xText
 * @param {boolean} log
 */
function shapeOf(series, xText, log) {
  const lines = series.map(({ label, colour, dashed, points, apart, intervals, mark }) => [
    [label, colour, dashed, points.length <= MARKED_POINTS, mark],
    [apart, intervals, xText === axisLabel ? 0 : points.map(([at]) => xText(at))],
  ]);
  return JSON.stringify([log, lines]);
}

/**
 * The chart's title with the place of the cursor, over its legend.
 * @param {{title: string, at: string, children?: import("react").ReactNode}} props
 */
const Head = ({ title, at, children }) =>
  h(
    Box,
    null,
    h(
      Text,
      { fontSize: "sm", fontWeight: "semibold", "aria-live": "polite" },
      title,
      at ? h(Text, { as: "span", color: "fg.muted", fontWeight: "normal" }, at) : null,
    ),
    children,
  );

/**
 * What keys and clicks do to a plot: they move the cursor, and open what it is at.
 * @param {{current: import("./plot.js").UPlot | null}} plot
 * @param {readonly number[]} xs
 * @param {number | null} cursor its index
 * @param {((x: number) => void) | undefined} onOpen
 */
function useHandlers(plot, xs, cursor, onOpen) {
  const x = cursor === null ? null : (xs[cursor] ?? null);
  /** @param {{key: string, preventDefault: () => void}} event */
  const onKeyDown = (event) => {
    if (event.key === "Enter" && onOpen && x !== null) {
      event.preventDefault();
      onOpen(x);
      return;
    }
    const next = moveCursor(event.key, cursor, xs.length);
    if (next === undefined || !plot.current) return;
    event.preventDefault();
    const at = next === null ? undefined : xs[next];
    const left = at === undefined ? -10 : plot.current.valToPos(at, "x");
    plot.current.setCursor({ left, top: at === undefined ? -10 : 0 });
  };
  const pressed = useRef(0);
  const onMouseDown = (/** @type {{clientX: number}} */ { clientX }) => {
    pressed.current = clientX;
  };
  const onClick = (/** @type {{clientX: number}} */ { clientX }) => {
    if (onOpen && x !== null && Math.abs(clientX - pressed.current) < DRAG_PIXELS) onOpen(x);
  };
  const onBlur = () => plot.current?.setCursor({ left: -10, top: -10 });
  return { onKeyDown, onBlur, ...(onOpen ? { onMouseDown, onClick, cursor: "pointer" } : {}) };
}

/**
 * The lines' names and their values at `x`, or the last ones. With `gaps` a line may have none at `x`.
 * @param {{series: Series[], x: number | null, digits: number, gaps: boolean}} props
 */
function Legend({ series, x, digits, gaps }) {
  /** @param {import("./axis.js").Point[]} points */
  const value = (points) =>
    gaps && x !== null && !points.some(([at]) => at === x) ? "–" : valueAt(points, x).toFixed(digits);
  return h(
    Flex,
    { wrap: "wrap", columnGap: 4 },
    series.map(({ label, colour, dashed, points }) =>
      h(
        Flex,
        { key: label, align: "center", gap: 2 },
        h(
          "svg",
          { width: 20, height: 8, "aria-hidden": true },
          h("line", {
            x1: 0,
            x2: 20,
            y1: 4,
            y2: 4,
            stroke: `var(${colour})`,
            strokeWidth: 3,
            strokeDasharray: dashed ? "5 3" : undefined,
          }),
        ),
        h(Text, { as: "span", fontSize: "xs" }, label),
        h(Text, { as: "span", fontSize: "xs", color: "fg.muted", fontVariantNumeric: "tabular-nums" }, value(points)),
      ),
    ),
  );
}
