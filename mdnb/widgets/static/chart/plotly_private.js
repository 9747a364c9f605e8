// The one place that knows names of plotly.js which its documentation does not promise: fields of the figure and of
// its axes, and the classes of the SVG it draws. `tests/browser/test_plotly_canary.py` says which of them is gone
// when a new plotly.js has none.

/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {import("../types").PlotlyDiv} PlotlyDiv */

/** Our style for what plotly draws. */
export const PLOTLY_STYLE = `
.mdnb-gone .main-svg, .mdnb-gone .mdnb-over { opacity: 0.45; }
.mdnb-chart .axistext { display: none; }
.mdnb-chart.mdnb-drawing .nsewdrag { cursor: crosshair !important; }
.mdnb-chart.mdnb-over-drawn .nsewdrag { cursor: var(--mdnb-cursor) !important; }
`;

/** Classes of the groups that hold the numbers beside an axis, and of each number's own. */
export const NUMBER_CLASSES = {
  prices: ["yaxislayer-above", "ytick"],
  times: ["xaxislayer-above", "xtick"],
};
const PRICE_NUMBERS = ".yaxislayer-above .ytick text";
const TIME_NUMBERS = ".xaxislayer-above .xtick text";

/**
 * Read where plotly has the axes; return whether it has any yet.
 * @param {PlotlyDiv} gd
 * @param {PlotArea} area
 */
export function readAxes(gd, area) {
  const full = gd._fullLayout;
  if (!full?.xaxis?._length) return false;
  area.width = full.width;
  for (const [name, axis] of area.axes) {
    const from = full[name];
    axis.length = from?._length || 0;
    if (!axis.length) continue;
    axis.offset = from._offset;
    axis.range = from.range;
    axis.type = from.type;
    axis.low = from.r2l(from.range[0]);
    axis.high = from.r2l(from.range[1]);
    axis.toLinear = from.d2l;
    axis.fromLinear = from.l2d;
  }
  area.measure();
  return true;
}

/**
 * Return width and height of a figure that plotly drew.
 * @param {PlotlyDiv} gd
 * @returns {{ width: number, height: number }}
 */
export const figureSize = (gd) => gd._fullLayout;

/**
 * Whether the user is dragging what plotly draws.
 * @param {PlotlyDiv} gd
 */
export const isDragging = (gd) => Boolean(gd._dragging);

/**
 * Return half a candle's width in bars, as plotly drew it; undefined where it drew none.
 * @param {PlotlyDiv} gd
 * @param {number} trace
 * @returns {number | undefined}
 */
export const candleHalfWidth = (gd, trace) => gd.calcdata?.[trace]?.[0]?.t?.bdPos;

/**
 * Return the colour in which plotly draws a trace; "" where it has none of its own.
 * @param {PlotlyDiv} gd
 * @param {number} trace
 * @returns {string}
 */
export function traceColour(gd, trace) {
  const full = gd._fullData?.[trace];
  const found = [full?.line?.color, full?.marker?.color, full?.increasing?.line?.color];
  return found.find((colour) => typeof colour === "string") ?? "";
}

/**
 * Return plotly's drawing of the n-th shape of the layout, with its text.
 * @param {PlotlyDiv} gd
 * @param {number} at
 * @returns {SVGElement | null}
 */
export const drawnShape = (gd, at) => gd.querySelector(`.shapelayer .shape-group[data-index="${at}"]`);

/**
 * Return the numbers beside the axis of prices.
 * @param {PlotlyDiv} gd
 * @returns {NodeListOf<SVGTextElement>}
 */
export const priceNumbers = (gd) => gd.querySelectorAll(PRICE_NUMBERS);

/**
 * Return the hours below the axis of times.
 * @param {PlotlyDiv} gd
 * @returns {NodeListOf<SVGTextElement>}
 */
export const timeNumbers = (gd) => gd.querySelectorAll(TIME_NUMBERS);

/**
 * Return where on its axis a number stands, as the axis counts: powers of ten on a logarithmic one.
 * @param {any} text
 * @returns {number}
 */
export const numberPlace = (text) => text.__data__?.x;

/**
 * Note on a number of our own where it stands, as plotly does on its.
 * @param {any} text
 * @param {number} at
 */
export function notePlace(text, at) {
  text.__data__ = { x: at };
}
