// Times and ordinals: a bar stands at its ordinal, half a bar's room to both sides, and holds the time from its
// start to that of the next one.

import { TIME } from "./bars.js";

/** @typedef {import("./bars.js").Bars} Bars */

/** @type {Record<string, number>} */
const SPANS = { s: 1e3, m: 6e4, h: 36e5, D: 864e5, W: 6048e5, M: 26784e5 }; // ms

/**
 * Return how long a bar of a timeframe lasts at the most; activity bars last until the next one.
 * @param {string} timeframe
 */
export function spanOf(timeframe) {
  const [, count, unit] = /^(\d+)([smhDWM])$/.exec(timeframe) ?? [];
  return unit ? Number(count) * SPANS[unit] : Infinity;
}

/**
 * Return how many values of a sorted column lie below a value, or up to it.
 * @param {(i: number) => number} values
 * @param {number} count
 * @param {number} wanted
 * @param {boolean} [orEqual]
 */
export function countBelow(values, count, wanted, orEqual = false) {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values(middle) < wanted || (orEqual && values(middle) === wanted)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Return the ordinal of the last bar that begins at or before an instant; the one before the first if none.
 * @param {Bars} bars
 * @param {number} ms
 */
export function ordinalAt(bars, ms) {
  const time = bars.columns[TIME];
  return bars.first + countBelow((i) => time[i], bars.count, ms, true) - 1;
}

/**
 * Return the ordinal of the bar that holds an instant; those before the first are held by none: -1.
 * @param {Bars} bars
 * @param {number} ms
 */
export function barHolding(bars, ms) {
  const ordinal = ordinalAt(bars, ms);
  return ordinal < bars.first ? -1 : ordinal;
}

/**
 * Return the usual time between two bars, in milliseconds.
 * @param {Bars} bars
 */
export function stepOf(bars) {
  let step = Infinity;
  for (let at = Math.max(bars.end - 20, bars.first + 1); at < bars.end; at += 1) {
    step = Math.min(step, bars.at(at, TIME) - bars.at(at - 1, TIME) || Infinity);
  }
  return Number.isFinite(step) ? step : 60_000;
}

/**
 * Return the instant at a place of the x axis; beyond the bars as if they went on.
 * @param {Bars} bars
 * @param {number} x
 */
export function timeAt(bars, x) {
  const at = x + 0.5;
  const newest = bars.end - 1;
  if (at < bars.first) return bars.at(bars.first, TIME) - (bars.first - at) * stepOf(bars);
  if (at >= newest) return bars.at(newest, TIME) + (at - newest) * stepOf(bars);
  const before = Math.floor(at);
  const start = bars.at(before, TIME);
  return start + (at - before) * (bars.at(before + 1, TIME) - start);
}

/**
 * Return the place of an instant on the x axis.
 * @param {Bars} bars
 * @param {number} ms
 */
export function placeOfTime(bars, ms) {
  const bar = barHolding(bars, ms);
  if (bar < 0) return bars.first - (bars.at(bars.first, TIME) - ms) / stepOf(bars) - 0.5;
  const start = bars.at(bar, TIME);
  const wide = bar < bars.end - 1 ? bars.at(bar + 1, TIME) - start : stepOf(bars);
  return bar + (ms - start) / wide - 0.5;
}
