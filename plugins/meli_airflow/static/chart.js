// Line charts drawn by uPlot, in Airflow's colours and fonts, with a legend and a cursor for the keyboard beside it.
import { globals, h, UI, useEffect, useRef, useState } from "./airflow.js";
import { axisLabel, columns, describe, moveCursor, valueAt, WHOLE_STEPS, xRange, yRange } from "./axis.js";

/** @typedef {import("./axis.js").Series} Series */
/** @typedef {import("../types/airflow").Globals["uPlot"]} PlotClass */
/** @typedef {InstanceType<PlotClass>} UPlot */
/** @typedef {import("uplot").Options} Options */

const { Box, Button, Flex, Text } = UI;
/** Series colours by their CSS variables: Airflow defines them for light and dark. */
export const COLOURS = ["blue", "orange", "green", "purple"].map((name) => `--chakra-colors-${name}-focus-ring`);
/** Points are marked while a line has at most this many; more would run into each other. */
const MARKED_POINTS = 40;
const DASHES = [5, 4];

/** @type {Promise<PlotClass> | undefined} */
let loading;

/** The uPlot library, loaded from our own server by the first chart of a page. */
function loadUPlot() {
  loading ??= new Promise((resolve, reject) => {
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = new URL("vendor/uplot/uPlot.min.css", import.meta.url).href;
    const script = document.createElement("script");
    script.src = new URL("vendor/uplot/uPlot.iife.min.js", import.meta.url).href;
    script.onload = () => resolve(globals.uPlot);
    script.onerror = () => {
      loading = undefined; // the next chart tries again
      reject(new Error("uPlot could not be loaded"));
    };
    document.head.append(style, script);
  });
  return loading;
}

/**
 * The value of a CSS variable at an element: a canvas takes colours, not variables.
 * @param {Element} element
 * @param {string} name
 */
const css = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();

/**
 * uPlot's options. Colours are functions: they are looked up at each drawing, so a change of theme only redraws.
 * @param {HTMLElement} box
 * @param {{series: Series[], xTitle: string, height: number, whole: boolean, sync: string | undefined}} chart
 * @param {{onCursor: (index: number | null) => void, onZoom: (zoomed: boolean) => void}} events
 * @returns {Options}
 */
function options(box, { series, xTitle, height, whole, sync }, { onCursor, onZoom }) {
  const muted = () => css(box, "--chakra-colors-fg-muted");
  const grid = { stroke: () => css(box, "--chakra-colors-border"), width: 1 };
  const font = `11px ${getComputedStyle(box).fontFamily}`;
  /** @type {import("uplot").Axis} */
  const axis = { stroke: muted, font, grid, ticks: { show: false }, values: (_, splits) => splits.map(axisLabel) };
  return {
    width: box.clientWidth,
    height,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: true, y: false, dist: 5 },
      points: { size: 9 },
      // Charts over the same x move their cursors together; each is zoomed by itself.
      ...(sync
        ? { sync: { key: sync, filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } } }
        : {}),
    },
    scales: {
      x: { time: false, range: (_, low, high) => xRange(low, high) },
      y: { range: (_, low, high) => yRange(low, high) },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        label: xTitle,
        labelFont: font,
        labelSize: 16,
        size: 26,
        ...(whole ? { incrs: WHOLE_STEPS } : {}),
      },
      { ...axis, size: 52 },
    ],
    series: [
      {},
      ...series.map(({ label, colour, dashed, points }) => ({
        label,
        stroke: () => css(box, colour),
        width: 2,
        spanGaps: true,
        ...(dashed ? { dash: DASHES } : {}),
        points: { show: points.length <= MARKED_POINTS, size: 6, fill: () => css(box, colour) },
      })),
    ],
    hooks: {
      setCursor: [({ cursor }) => onCursor(cursor.idx ?? null)],
      setScale: [(plot, scale) => scale === "x" && onZoom(isZoomed(plot))],
    },
  };
}

/**
 * Whether the x axis covers less than all points.
 * @param {UPlot} plot
 */
function isZoomed({ data: [xs], scales: { x } }) {
  const [first, last] = [xs[0], xs.at(-1)];
  if (first === undefined || last === undefined || typeof x?.min !== "number" || typeof x.max !== "number")
    return false;
  return x.min > first || x.max < last;
}

/**
 * Keep a plot in a box: it follows the data, the box's width and the theme.
 * @param {{series: Series[], xTitle: string, height: number, whole: boolean, sync: string | undefined}} chart
 * @param {string} shape what of the chart needs a new plot; other changes only redraw
 */
function usePlot(chart, shape) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const plot = useRef(/** @type {UPlot | null} */ (null));
  const latest = useRef(chart);
  latest.current = chart;
  const [cursor, setCursor] = useState(/** @type {number | null} */ (null));
  const [zoomed, setZoomed] = useState(false);
  const [failed, setFailed] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `shape` stands for the parts of `chart` used here
  useEffect(() => {
    const element = box.current;
    if (!element || !shape) return undefined;
    let removed = false;
    const observers = [
      new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: latest.current.height })),
      new MutationObserver(() => plot.current?.redraw(false)),
    ];
    loadUPlot().then(
      (Plot) => {
        if (removed) return;
        const events = { onCursor: setCursor, onZoom: setZoomed };
        plot.current = new Plot(options(element, latest.current, events), columns(latest.current.series), element);
        observers[0]?.observe(element);
        // Airflow's theme is a class of the document.
        observers[1]?.observe(document.documentElement, { attributes: true, attributeFilter: ["class", "data-theme"] });
      },
      () => setFailed(true),
    );
    return () => {
      removed = true;
      for (const observer of observers) observer.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only new points redraw
  useEffect(() => {
    if (!plot.current) return;
    plot.current.setData(columns(chart.series), !zoomed);
    if (zoomed) plot.current.redraw();
  }, [JSON.stringify(chart.series)]);
  return { box, plot, cursor, zoomed, failed };
}

/**
 * Lines over an axis. Hovering or the arrow keys show each line's exact value; dragging zooms.
 * @param {object} props
 * @param {string} props.title
 * @param {Series[]} props.series
 * @param {string} props.xTitle
 * @param {number} [props.height] pixels
 * @param {boolean} [props.whole] x counts things, e.g. epochs
 * @param {number} [props.digits] decimals of values
 * @param {string} [props.sync] charts with the same text move their cursors together
 */
export function Chart({ title, series, xTitle, height = 240, whole = false, digits = 4, sync }) {
  const drawn = series.filter(({ points }) => points.length > 0);
  const shape = JSON.stringify(
    drawn.map(({ label, colour, dashed, points }) => [label, colour, dashed, points.length <= MARKED_POINTS]),
  );
  const { box, plot, cursor, zoomed, failed } = usePlot(
    { series: drawn, xTitle, height, whole, sync },
    drawn.length ? shape : "",
  );
  const [xs] = columns(drawn);
  const x = cursor === null ? null : (xs[cursor] ?? null);

  /** @param {{key: string, preventDefault: () => void}} event */
  const onKeyDown = (event) => {
    const next = moveCursor(event.key, cursor, xs.length);
    if (next === undefined || !plot.current) return;
    event.preventDefault();
    const at = next === null ? undefined : xs[next];
    const left = at === undefined ? -10 : plot.current.valToPos(at, "x");
    plot.current.setCursor({ left, top: at === undefined ? -10 : 0 });
  };
  const onBlur = () => plot.current?.setCursor({ left: -10, top: -10 });
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
        Box,
        null,
        h(
          Text,
          { fontSize: "sm", fontWeight: "semibold", "aria-live": "polite" },
          title,
          x === null
            ? null
            : h(Text, { as: "span", color: "fg.muted", fontWeight: "normal" }, ` at ${xTitle} ${axisLabel(x)}`),
        ),
        h(Legend, { series: drawn, x, digits }),
      ),
      zoomed ? h(Button, { size: "2xs", variant: "outline", onClick: unzoom }, "Reset zoom") : null,
    ),
    drawn.length && !failed
      ? h(Box, {
          ref: box,
          role: "img",
          tabIndex: 0,
          "aria-label": describe(title, drawn, digits),
          title: "Drag to zoom in, double-click to zoom out",
          "data-series": drawn.length,
          "data-points": drawn.reduce((sum, { points }) => sum + points.length, 0),
          onKeyDown,
          onBlur,
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
 * The lines' names and their values at `x`, or the last ones.
 * @param {{series: Series[], x: number | null, digits: number}} props
 */
function Legend({ series, x, digits }) {
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
        h(
          Text,
          { as: "span", fontSize: "xs", color: "fg.muted", fontVariantNumeric: "tabular-nums" },
          valueAt(points, x).toFixed(digits),
        ),
      ),
    ),
  );
}
