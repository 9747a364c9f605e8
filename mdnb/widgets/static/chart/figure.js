// The figure that a view shows: plotly's own data and layout, with traces of ours told by their uid.

/** @typedef {import("../types").PlotlyDiv} PlotlyDiv */

export const CANDLES = "mdnb-candles";
export const VOLUMES = "mdnb-volume";

/**
 * Return where a trace of ours is now; -1 where the user took it out.
 * @param {PlotlyDiv} gd
 * @param {string} uid
 * @returns {number}
 */
export function traceIndex(gd, uid) {
  return gd.data.findIndex((trace) => trace.uid === uid);
}

/**
 * Return a trace of ours; undefined where the user took it out.
 * @param {PlotlyDiv} gd
 * @param {string} uid
 * @returns {any}
 */
export function traceOf(gd, uid) {
  return gd.data.find((trace) => trace.uid === uid);
}

/**
 * Return whether a figure shows bars of another symbol or timeframe, of which a zoom says nothing.
 * @param {{ symbol: string, timeframe: string }} before
 * @param {{ symbol: string, timeframe: string }} now
 */
export function showsOthers(before, now) {
  return before.symbol !== now.symbol || before.timeframe !== now.timeframe;
}
