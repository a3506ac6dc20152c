// A plot in a box, drawn by uPlot in Airflow's colours and fonts: it follows the data, the box's width and the theme.
import { globals, useEffect, useRef, useState } from "./airflow.js";
import {
  axisLabel,
  columns,
  countRange,
  gapsBefore,
  logRange,
  logSplits,
  WHOLE_STEPS,
  withIntervals,
  xRange,
  yRange,
} from "./axis.js";
import { drawMarks } from "./marks.js";

/** @typedef {import("./axis.js").Series} Series */
/** @typedef {import("../types/airflow").Globals["uPlot"]} PlotClass */
/** @typedef {InstanceType<PlotClass>} UPlot */
/** @typedef {import("uplot").Options} Options */
/**
 * What is drawn. `xText` writes a value of x; `gaps`: lines end where a series has no value; `whole`: x counts things;
 * `sync`: charts with the same text move their cursors together.
 * @typedef {object} Drawing
 * @property {Series[]} series
 * @property {string} xTitle
 * @property {number} height pixels
 * @property {boolean} whole
 * @property {string | undefined} sync
 * @property {((x: number) => string) | undefined} [xText]
 * @property {boolean} [gaps]
 * @property {boolean} [log] a logarithmic y axis
 * @property {boolean} [counted] y counts things, from 0 up
 * @property {[number, number] | undefined} [ends] the range of x if it is more than that of the points
 */

/** Series colours by their CSS variables: Airflow defines them for light and dark. */
export const COLOURS = ["blue", "orange", "green", "purple", "cyan", "pink", "red", "yellow"].map(
  (name) => `--chakra-colors-${name}-focus-ring`,
);
/** Points are marked while a line has at most this many; more would run into each other. */
export const MARKED_POINTS = 40;
const DASHES = [5, 4];
/** Pixels between the bars of two series at one x, so that neither hides the other. */
const INTERVAL_DISTANCE = 4;

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
 * @param {Drawing} drawing
 * @param {{onCursor: (index: number | null) => void, onZoom: (zoomed: boolean) => void}} events
 * @returns {Options}
 */
function options(box, drawing, { onCursor, onZoom }) {
  const { series, xTitle, height, whole, sync, xText = axisLabel } = drawing;
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
    scales: { x: xScale(drawing), y: yScale(drawing) },
    axes: [
      {
        ...axis,
        values: (_, splits) => splits.map(xText),
        grid: { show: false },
        label: xTitle,
        labelFont: font,
        labelSize: 16,
        size: 26,
        ...(whole ? { incrs: WHOLE_STEPS } : {}),
      },
      { ...axis, size: 52, ...(drawing.log ? LOG_LABELS : drawing.counted ? { incrs: WHOLE_STEPS } : {}) },
    ],
    series: [{}, ...series.map((line) => plotted(line, !drawing.gaps, () => css(box, line.colour)))],
    hooks: {
      setCursor: [({ cursor }) => onCursor(cursor.idx ?? null)],
      setScale: [(plot, scale) => scale === "x" && onZoom(isZoomed(plot))],
      draw: [
        (plot) => drawIntervals(plot, series, (colour) => css(box, colour)),
        (plot) => drawMarks(plot, series, (colour) => css(box, colour), getComputedStyle(box).fontFamily),
      ],
    },
  };
}

/** @type {Partial<import("uplot").Axis>} */
const LOG_LABELS = { splits: (_, __, low, high) => logSplits(low, high), filter: (_, splits) => splits };

/**
 * uPlot's scale of the values.
 * @param {Drawing} drawing
 * @returns {import("uplot").Scale}
 */
const yScale = ({ log, counted, series }) => ({
  distr: log ? 3 : 1,
  range: (_, low, high) => {
    if (counted) return countRange(high);
    return log ? logRange(low, high) : yRange(...withIntervals(low, high, series));
  },
});

/**
 * uPlot's scale of x. A zoom covers less than all points, and so none of what lies beyond them.
 * @param {Drawing} drawing
 * @returns {import("uplot").Scale}
 */
const xScale = ({ ends }) => ({
  time: false,
  range: ({ data: [xs] }, low, high) =>
    ends && low === (xs[0] ?? null) && high === (xs.at(-1) ?? null) ? ends : xRange(low, high),
});

/**
 * uPlot's options of a line.
 * @param {Series} line
 * @param {boolean} spanGaps
 * @param {() => string} colour
 * @returns {import("uplot").Series}
 */
const plotted = ({ label, dashed, points, apart }, spanGaps, colour) => ({
  label,
  stroke: colour,
  width: 2,
  spanGaps,
  ...(apart ? { gaps: interruptions(apart) } : {}),
  ...(dashed ? { dash: DASHES } : {}),
  points: { show: points.length <= MARKED_POINTS, size: 6, fill: colour },
});

/**
 * uPlot's gaps of a line that is interrupted although both ends have values.
 * @param {readonly number[]} apart the x values that are not joined with what is before them
 * @returns {import("uplot").Series.GapsRefiner}
 */
const interruptions = (apart) => (plot, _, from, to, missing) => {
  const xs = Array.from(plot.data[0]).slice(from, to + 1);
  /** @param {number} x */
  const pixel = (x) => Math.round(plot.valToPos(x, "x", true));
  return [
    ...missing,
    ...gapsBefore(xs, apart).map(([left, right]) => /** @type {[number, number]} */ ([pixel(left), pixel(right)])),
  ];
};

/**
 * The interval of each point, as a bar behind it.
 * @param {UPlot} plot
 * @param {readonly Series[]} series
 * @param {(name: string) => string} colourOf
 */
function drawIntervals({ ctx, valToPos, scales: { x: axis }, bbox }, series, colourOf) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.lineWidth = 2 * devicePixelRatio;
  ctx.globalAlpha = 0.5;
  for (const [position, { colour, intervals = [] }] of series.entries()) {
    ctx.strokeStyle = colourOf(colour);
    const beside = (position - (series.length - 1) / 2) * INTERVAL_DISTANCE * devicePixelRatio;
    for (const [x, low, high] of intervals) {
      if (axis?.min === undefined || x < axis.min - 0.5 || x > (axis.max ?? x) + 0.5) continue;
      const left = valToPos(x, "x", true) + beside;
      ctx.beginPath();
      ctx.moveTo(left, valToPos(low, "y", true));
      ctx.lineTo(left, valToPos(high, "y", true));
      ctx.stroke();
    }
  }
  ctx.restore();
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
 * @param {Drawing} chart
 * @param {string} shape what of the chart needs a new plot; other changes only redraw
 */
export function usePlot(chart, shape) {
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
