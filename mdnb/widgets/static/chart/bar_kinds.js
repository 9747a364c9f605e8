// How bars are drawn that plotly has not drawn yet, for each kind of chart; as plotly draws the others.

/** @typedef {import("./bars.js").Groups} Groups */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {Record<"up" | "down" | "close" | "area", string>} Outlines of paths, by what is drawn */
/**
 * `size` is how many bars a group has, `half` half a candle's width in bars; `joined` says that a line goes on from
 * the group before.
 * @typedef {{
 *   draw: (out: Outlines, groups: Groups, area: PlotArea, size: number, half: number) => void, joined?: boolean,
 * }} BarKind
 */

/** @type {BarKind["draw"]} */
function drawCandles(out, groups, { x, prices }, _size, half) {
  groups.at.forEach((at, i) => {
    const name = groups.close[i] >= groups.open[i] ? "up" : "down";
    const [open, close] = [prices.up(groups.open[i]), prices.up(groups.close[i])];
    const [top, bottom] = [Math.min(open, close), Math.max(open, close)];
    const middle = x.across(at).toFixed(2);
    const [left, right] = [x.across(at - half).toFixed(2), x.across(at + half).toFixed(2)];
    out[name] += `M${left} ${top.toFixed(2)}H${right}V${bottom.toFixed(2)}H${left}Z`;
    out[name] += `M${middle} ${top.toFixed(2)}V${prices.up(groups.high[i]).toFixed(2)}`;
    out[name] += `M${middle} ${bottom.toFixed(2)}V${prices.up(groups.low[i]).toFixed(2)}`;
  });
}

/** @type {BarKind["draw"]} */
function drawOhlc(out, groups, { x, prices }, size) {
  const half = 0.3 * size;
  groups.at.forEach((at, i) => {
    const name = groups.close[i] >= groups.open[i] ? "up" : "down";
    const middle = x.across(at).toFixed(2);
    out[name] += `M${x.across(at - half).toFixed(2)} ${prices.up(groups.open[i]).toFixed(2)}H${middle}`;
    out[name] += `M${middle} ${prices.up(groups.high[i]).toFixed(2)}V${prices.up(groups.low[i]).toFixed(2)}`;
    out[name] += `M${middle} ${prices.up(groups.close[i]).toFixed(2)}H${x.across(at + half).toFixed(2)}`;
  });
}

/** @type {BarKind["draw"]} */
function drawCloses(out, groups, { x, prices }) {
  out.close = Array.from(groups.at, (at, i) =>
    `${x.across(at).toFixed(2)} ${prices.up(groups.close[i]).toFixed(2)}`).join("L");
  if (out.close) out.close = `M${out.close}`;
}

/** @type {BarKind["draw"]} */
function drawFilled(out, groups, area, size, half) {
  drawCloses(out, groups, area, size, half);
  if (!out.close) return;
  out.area = `${out.close}V${area.bottom}H${area.x.across(groups.at[0]).toFixed(2)}Z`;
}

/** @type {Record<string, BarKind>} */
export const BAR_KINDS = {
  candles: { draw: drawCandles },
  hollow: { draw: drawCandles },
  "heikin-ashi": { draw: drawCandles },
  ohlc: { draw: drawOhlc },
  line: { draw: drawCloses, joined: true },
  area: { draw: drawFilled, joined: true },
};
