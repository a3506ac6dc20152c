// Lines over an axis, as SVG in Airflow's colours; a number's exact value on hovering, and by the arrow keys.
import { h, UI, useEffect, useRef, useState } from "./base.js";

const { Box, Flex, Text } = UI;
const EDGE = { top: 12, right: 12, bottom: 36, left: 46 };
export const COLOURS = ["blue", "orange", "green", "purple"].map((name) => `var(--chakra-colors-${name}-focus-ring)`);

/** Round steps between two numbers: at most `most` of them. */
export function steps(low, high, most = 5) {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step)
    found.push(Number(at.toPrecision(12)));
  return found;
}

function useWidth() {
  const box = useRef(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (!box.current) return undefined;
    const watch = new ResizeObserver(([entry]) => setWidth(entry.contentRect.width));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  return [box, width];
}

const near = (points, x) =>
  points.reduce((best, point) => (Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best));

function tick(value) {
  if (value === 0) return "0";
  return Math.abs(value) >= 1000 ? value.toLocaleString("en-US") : String(Number(value.toPrecision(4)));
}

/** `series`: [{label, colour, dashed, points: [[x, y], ...]}]; `whole`: x counts things, e.g. epochs. */
export function Chart({ title, series, xTitle, height = 240, whole = false, digits = 4 }) {
  const [box, width] = useWidth();
  const [at, setAt] = useState(null);
  const drawn = series.filter(({ points }) => points.length > 0);
  const all = drawn.flatMap(({ points }) => points);
  const xs = [...new Set(all.map(([x]) => x))].sort((a, b) => a - b);
  let plot = null;
  if (all.length > 0 && width > 0) {
    const ys = all.map(([, y]) => y);
    let [left, right] = [xs[0], xs.at(-1)];
    if (left === right) [left, right] = [left - 1, right + 1];
    const margin = (Math.max(...ys) - Math.min(...ys) || Math.abs(ys[0]) || 1) * 0.06;
    const [low, high] = [Math.min(...ys) - margin, Math.max(...ys) + margin];
    const inner = { w: Math.max(40, width - EDGE.left - EDGE.right), h: height - EDGE.top - EDGE.bottom };
    const px = (x) => EDGE.left + ((x - left) / (right - left)) * inner.w;
    const py = (y) => EDGE.top + (1 - (y - low) / (high - low)) * inner.h;
    const move = (event) => {
      const { left: edge } = event.currentTarget.getBoundingClientRect();
      const x = left + ((event.clientX - edge - EDGE.left) / inner.w) * (right - left);
      setAt(
        near(
          xs.map((one) => [one]),
          x,
        )[0],
      );
    };
    const key = (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const place = at === null ? (step > 0 ? -1 : xs.length) : xs.indexOf(at);
      setAt(xs[Math.min(xs.length - 1, Math.max(0, place + step))]);
    };
    const text = { fill: "var(--chakra-colors-fg-muted)", style: { fontSize: "11px" } };
    const across = steps(left, right, Math.max(2, Math.floor(inner.w / 80))).filter(
      (x) => !whole || Number.isInteger(x),
    );
    plot = h(
      "svg",
      {
        width,
        height,
        role: "img",
        tabIndex: 0,
        onPointerMove: move,
        onPointerLeave: () => setAt(null),
        onKeyDown: key,
        onBlur: () => setAt(null),
        "aria-label": `${title}: ${drawn.map(({ label, points }) => `${label} ends at ${points.at(-1)[1].toFixed(digits)}`).join(", ")}`,
      },
      steps(low, high).map((y) =>
        h(
          "g",
          { key: `y${y}` },
          h("line", {
            x1: EDGE.left,
            x2: width - EDGE.right,
            y1: py(y),
            y2: py(y),
            stroke: "var(--chakra-colors-border)",
            strokeWidth: 1,
          }),
          h("text", { x: EDGE.left - 8, y: py(y) + 4, textAnchor: "end", ...text }, tick(y)),
        ),
      ),
      across.map((x) =>
        h("text", { key: `x${x}`, x: px(x), y: height - EDGE.bottom + 16, textAnchor: "middle", ...text }, tick(x)),
      ),
      h("text", { x: EDGE.left + inner.w / 2, y: height - 4, textAnchor: "middle", ...text }, xTitle),
      at === null
        ? null
        : h("line", {
            x1: px(at),
            x2: px(at),
            y1: EDGE.top,
            y2: EDGE.top + inner.h,
            stroke: "var(--chakra-colors-fg-muted)",
            strokeDasharray: "2 3",
          }),
      drawn.map(({ label, colour, dashed, points }) =>
        h(
          "g",
          { key: label },
          h("polyline", {
            points: points.map(([x, y]) => `${px(x)},${py(y)}`).join(" "),
            fill: "none",
            stroke: colour,
            strokeWidth: 2,
            strokeLinejoin: "round",
            strokeDasharray: dashed ? "5 4" : undefined,
          }),
          (points.length <= 40 ? points : []).map(([x, y]) =>
            h("circle", { key: x, cx: px(x), cy: py(y), r: 2.5, fill: colour }),
          ),
          at === null
            ? null
            : h("circle", { cx: px(near(points, at)[0]), cy: py(near(points, at)[1]), r: 4.5, fill: colour }),
        ),
      ),
    );
  }
  const legend = drawn.map(({ label, colour, dashed, points }) =>
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
          stroke: colour,
          strokeWidth: 3,
          strokeDasharray: dashed ? "5 3" : undefined,
        }),
      ),
      h(Text, { as: "span", fontSize: "xs" }, label),
      h(
        Text,
        { as: "span", fontSize: "xs", color: "fg.muted", fontVariantNumeric: "tabular-nums" },
        (at === null ? points.at(-1) : near(points, at))[1].toFixed(digits),
      ),
    ),
  );
  return h(
    Box,
    { minW: 0 },
    h(
      Box,
      { mb: 1 },
      h(
        Text,
        { fontSize: "sm", fontWeight: "semibold" },
        title,
        at === null
          ? null
          : h(Text, { as: "span", color: "fg.muted", fontWeight: "normal" }, ` at ${xTitle} ${tick(at)}`),
      ),
      h(Flex, { wrap: "wrap", columnGap: 4 }, legend),
    ),
    h(
      Box,
      {
        ref: box,
        minH: `${height}px`,
        css: { "& svg:focus-visible": { outline: "2px solid var(--chakra-colors-border-info)" } },
      },
      plot ??
        h(
          Flex,
          { h: `${height}px`, align: "center", justify: "center", color: "fg.muted", fontSize: "sm" },
          all.length ? "" : "No points yet",
        ),
    ),
  );
}
