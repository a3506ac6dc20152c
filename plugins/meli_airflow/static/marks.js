// Points of a plot that stand out, drawn over it: the epoch that was kept.

/** @typedef {import("./axis.js").Series} Series */

const RADIUS = 8;
const LETTERS = 10;

/**
 * A ring around the marked point of each series, with its text inside.
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
  for (const { mark, points, colour } of series) {
    const point = mark && points.find(([x]) => x === mark.x);
    if (!mark || !point || isOutside(plot, point[0])) continue;
    const [x, y] = [plot.valToPos(point[0], "x", true), plot.valToPos(point[1], "y", true)];
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
 * Whether the zoomed x axis does not reach a value.
 * @param {import("./plot.js").UPlot} plot
 * @param {number} value
 */
function isOutside({ scales: { x } }, value) {
  return typeof x?.min !== "number" || typeof x.max !== "number" || value < x.min || value > x.max;
}
