// Points of a plot that stand out, drawn over it: the epoch that was kept.

/** @typedef {import("./axis.js").Series} Series */

const RADIUS = 8;
const LETTERS = 10;

/**
 * A ring around the marked point of each series, with its text inside. Where two would overlap, the later one is
 * above, or below where there is no room.
 * @param {import("./plot.js").UPlot} plot
 * @param {readonly Series[]} series
 * @param {(name: string) => string} colourOf a CSS variable's value
 * @param {string} fontFamily
 */
export function drawMarks(plot, series, colourOf, fontFamily) {
  const { ctx } = plot;
  ctx.save();
  ctx.lineWidth = 2 * devicePixelRatio;
  ctx.font = `bold ${LETTERS * devicePixelRatio}px ${fontFamily}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  /** @type {[number, number][]} */
  const drawn = [];
  for (const { mark, points, colour } of series) {
    const point = mark && points.find(([x]) => x === mark.x);
    if (!mark || !point || isOutside(plot, point[0])) continue;
    const x = plot.valToPos(point[0], "x", true);
    const y = free(drawn, x, plot.valToPos(point[1], "y", true));
    drawn.push([x, y]);
    ctx.beginPath();
    ctx.arc(x, y, RADIUS * devicePixelRatio, 0, 2 * Math.PI);
    ctx.fillStyle = colourOf("--chakra-colors-bg");
    ctx.fill();
    ctx.strokeStyle = colourOf(colour);
    ctx.stroke();
    ctx.fillStyle = colourOf("--chakra-colors-fg");
    ctx.fillText(mark.text, x, y);
  }
  ctx.restore();
}

/**
 * The place of a ring: its point's, or the nearest at which it hides no other, rather above than below.
 * @param {readonly [number, number][]} drawn
 * @param {number} x
 * @param {number} y
 */
function free(drawn, x, y) {
  const apart = 2 * (RADIUS + 1) * devicePixelRatio;
  const taken = drawn.filter(([left]) => Math.abs(left - x) < apart).map(([, top]) => top);
  const places = [y, ...taken.flatMap((top) => [top - apart, top + apart])].filter(
    (place) => place > RADIUS * devicePixelRatio && taken.every((top) => Math.abs(place - top) >= apart),
  );
  return places.sort((one, other) => Math.abs(one - y) - Math.abs(other - y))[0] ?? y;
}

/**
 * Whether the zoomed x axis does not reach a value.
 * @param {import("./plot.js").UPlot} plot
 * @param {number} value
 */
function isOutside({ scales: { x } }, value) {
  return typeof x?.min !== "number" || typeof x.max !== "number" || value < x.min || value > x.max;
}
