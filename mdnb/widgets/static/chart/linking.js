// Linked charts: those of one group share crosshair and range, by time. All of it happens in the page, so it
// works while the kernel is busy. A view that is moved by another one moves no third one.

import { TIME } from "./bars.js";
import { barHolding, placeOfTime, timeAt } from "./bar_times.js";
import { PADDING } from "./viewport.js";

/** @typedef {import("./bars.js").Bars} Bars */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./view.js").View} View */
/** @typedef {import("../types").Pointer} Pointer */

/** @type {Set<Chart>} those of this page */
export const OPEN_CHARTS = new Set();
const LEAST_LINKED = 30; // bars that a coarse chart shows at least

/**
 * Return the other views that share a thing with a view.
 * @param {View} view
 * @param {"zoom" | "crosshair"} what
 */
function linked(view, what) {
  const { link } = view.chart.look;
  if (!link?.[what]) return [];
  const kernel = view.chart.model.get("_runtime");
  const charts = [...OPEN_CHARTS].filter(({ look, model }) =>
    look.link?.[what] && look.link.group === link.group && model.get("_runtime") === kernel);
  const views = charts.flatMap((chart) => [...chart.views]);
  return views.filter((other) => other !== view && other.ready && !other.closed && other.bars.count);
}

/**
 * Forget what the others of a group that was left have shown here.
 * @param {Chart} chart
 */
export function leaveLink(chart) {
  for (const view of chart.views) {
    if (view.crosshair.pointer?.guest) view.crosshair.pointer = null;
    view.moved();
  }
}

// -- the crosshair -------------------------------------------------------------------------------------------

/**
 * Show where a view's pointer is on the others: on the bar that holds its time, at its price.
 * @param {View} view
 */
export function shareCross(view) {
  const others = linked(view, "crosshair");
  if (!others.length) return;
  const { bars } = view;
  const { pointer } = view.crosshair;
  const held = pointer && pointer.ordinal >= bars.first && pointer.ordinal < bars.end;
  const ms = held ? bars.at(pointer.ordinal, TIME) : null;
  const price = held && pointer.y <= view.area.bottom ? view.measured().prices.valueUp(pointer.y) : NaN;
  for (const other of others) {
    const has = ms !== null && barHolding(other.bars, ms) >= 0;
    if (!has && !other.crosshair.pointer?.guest) continue;
    const alike = other.chart.look.symbol === view.chart.look.symbol;
    other.crosshair.pointer = has ? guest(other, ms, alike ? price : NaN) : null;
    other.moved();
  }
}

/**
 * Return a pointer that stands at a time and a price, wherever those are when it is drawn.
 * @param {View} view
 * @param {number} ms
 * @param {number} price
 * @returns {Pointer}
 */
function guest(view, ms, price) {
  return {
    guest: true,
    get ordinal() {
      return barHolding(view.bars, ms);
    },
    get y() {
      const at = view.measured().prices.up(price);
      return at >= view.area.top && at <= view.area.bottom ? at : NaN;
    },
  };
}

// -- the range -----------------------------------------------------------------------------------------------

/**
 * Let the others show the time that a view shows; `done` when the user let go.
 * @param {View} view
 * @param {boolean} done
 */
export function shareRange(view, done) {
  const others = linked(view, "zoom");
  if (!others.length || !view.bars.count) return;
  const [from, to] = view.measured().x.range.map(Number);
  const newest = view.bars.end - 1;
  const follow = to >= newest && from < newest;
  const [start, end] = [timeAt(view.bars, from), timeAt(view.bars, to)];
  for (const other of others) {
    const range = linkedRange(other.bars, start, end, follow);
    other.viewport.show(range, follow);
    if (done) {
      other.sync.nextFit = 0;
      other.viewport.tell();
      other.report("_js2py_relayout", { relayout_data: { "xaxis.range[0]": range[0], "xaxis.range[1]": range[1] } });
    }
    other.moved(true);
  }
}

/**
 * Return the range that shows a stretch of time: never too few bars, and never nothing but emptiness.
 * @param {Bars} bars
 * @param {number} start
 * @param {number} end
 * @param {boolean} follow
 * @returns {[number, number]}
 */
export function linkedRange(bars, start, end, follow) {
  const newest = bars.end - 1;
  const least = Math.min(LEAST_LINKED, Math.max(bars.count, 2));
  const edge = bars.first - 1;
  let a = Math.max(placeOfTime(bars, start), edge);
  if (follow) {
    const right = newest + Math.min(PADDING, 0.2 * Math.max(newest - a, least));
    return [Math.min(a, right - least), right];
  }
  let b = Math.min(placeOfTime(bars, end), newest + PADDING);
  if (b - a < least) {
    const middle = Math.min(Math.max((a + b) / 2, edge + least / 2), newest + PADDING - least / 2);
    [a, b] = [middle - least / 2, middle + least / 2];
  }
  return [a, b];
}

/**
 * Let the others go to the newest bar too.
 * @param {View} view
 */
export function shareLatest(view) {
  for (const other of linked(view, "zoom")) other.goLatest(false);
}
