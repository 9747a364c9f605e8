// The user's own traces in the legend: the name of each, and its value at the bar that the legend tells of.

import { html, say, set } from "../page/dom.js";
import { traceColour } from "./plotly_private.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {import("../types").PlotlyDiv} PlotlyDiv */
/** @typedef {{ node: HTMLElement, name: HTMLElement, value: HTMLElement }} Row */

const OURS = "mdnb-";
/** More than these would cover the bars. */
const MOST_ROWS = 8;
const HALF_A_BAR = 0.5;

/** @type {WeakMap<object, boolean>} whether places rise, by their array */
const rising = new WeakMap();

/** @param {ArrayLike<number>} x */
function rises(x) {
  let known = rising.get(x);
  if (known === undefined) {
    known = true;
    for (let i = 1; i < x.length && known; i += 1) known = Number(x[i]) >= Number(x[i - 1]);
    rising.set(x, known);
  }
  return known;
}

/**
 * Return the index of the point nearest to a bar, and within half a bar of it; -1 where there is none.
 * @param {ArrayLike<number>} x
 * @param {number} ordinal
 */
export function pointAt(x, ordinal) {
  let [nearest, least] = [-1, HALF_A_BAR];
  /** @param {number} i */
  const look = (i) => {
    const off = Math.abs(Number(x[i]) - ordinal);
    // Of points at one place the last one is drawn on top.
    if (off <= least) [nearest, least] = [i, off];
  };
  if (!rises(x)) {
    for (let i = 0; i < x.length; i += 1) look(i);
    return nearest;
  }
  let [low, high] = [0, x.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Number(x[middle]) < ordinal - HALF_A_BAR) low = middle + 1;
    else high = middle;
  }
  for (let i = low; i < x.length && Number(x[i]) <= ordinal + HALF_A_BAR; i += 1) look(i);
  return nearest;
}

/**
 * Return a trace's value at a bar; not a number where it has none there.
 * @param {any} trace
 * @param {number} ordinal
 * @returns {number}
 */
export function valueAt(trace, ordinal) {
  const values = trace.y ?? trace.close;
  if (!trace.x || !values) return NaN;
  const value = values[pointAt(trace.x, ordinal)];
  return typeof value === "number" ? value : NaN;
}

/**
 * Return whether the legend names a trace: one of the user's, seen, and on the axis of bars.
 * @param {any} trace
 */
export const isNamed = (trace) =>
  !String(trace.uid ?? "").startsWith(OURS) &&
  Boolean(trace.name) &&
  (trace.visible ?? true) === true &&
  trace.showlegend !== false &&
  (trace.xaxis ?? "x") === "x" &&
  Boolean(trace.x && (trace.y ?? trace.close));

export class OwnTraces {
  /** @param {{ gd: PlotlyDiv, area: PlotArea, appearance: Appearance, labels: HTMLElement }} given */
  constructor({ gd, area, appearance, labels }) {
    this.gd = gd;
    this.area = area;
    this.appearance = appearance;
    this.labels = labels;
    /** @type {Row[]} */
    this.rows = [];
  }

  /**
   * Say the traces' values at a bar.
   * @param {number} ordinal
   * @param {number} above how many rows there are above
   */
  draw(ordinal, above) {
    const { appearance, area, gd } = this;
    let used = 0;
    for (const [at, trace] of gd.data.entries()) {
      if (used >= MOST_ROWS) break;
      if (!isNamed(trace)) continue;
      const { node, name, value } = (this.rows[used] ??= this.row());
      if (node.parentNode !== this.labels) this.labels.append(node);
      const top = area.prices.offset + 4 + 17 * (above + used);
      set(node, { style: `top:${top}px` });
      say(name, String(trace.name));
      const number = valueAt(trace, ordinal);
      const format = (trace.yaxis ?? "y") === "y" ? appearance.prices : appearance.free;
      say(value, Number.isFinite(number) ? format.format(number) : "–");
      set(value, { style: `color:${traceColour(gd, at)}` });
      used += 1;
    }
    for (const { node } of this.rows.slice(used)) node.remove();
  }

  /** @returns {Row} */
  row() {
    const node = html(this.labels, "div", { class: "mdnb-over-label" });
    return { node, name: html(node, "span"), value: html(node, "span", { class: "value" }) };
  }
}
