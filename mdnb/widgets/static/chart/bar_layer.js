// The bars that plotly has not drawn, at least the one being made, and their volume: drawn with each tick.

import { set } from "../page/dom.js";
import { BAR_KINDS } from "./bar_kinds.js";
import { CANDLES, traceIndex, traceOf } from "./figure.js";
import { candleHalfWidth } from "./plotly_private.js";
import { getAt } from "./python_edits.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./bars.js").Groups} Groups */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./panes.js").Panes} Panes */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {import("../types").PlotlyDiv} PlotlyDiv */
/**
 * How many bars a group is made of, and from which ordinal on plotly has drawn none.
 * @typedef {{ size: number, drawnTo: number }} Progress
 */
/** @typedef {"up" | "down" | "volumeUp" | "volumeDown" | "close" | "area"} PathName */

export const MOST_OURS = 400; // groups that we draw ourselves

export class BarLayer {
  /** @param {{ chart: Chart, gd: PlotlyDiv, area: PlotArea, appearance: Appearance }} given */
  constructor({ chart, gd, area, appearance }) {
    this.chart = chart;
    this.gd = gd;
    this.area = area;
    this.appearance = appearance;
    /** @type {Record<PathName, SVGPathElement>} */
    this.paths = Object.create(null);
  }

  /**
   * Make the paths anew: another figure is shown.
   * @param {Panes} panes
   */
  rebuild(panes) {
    this.paths = {
      volumeUp: panes.path("yaxis2"),
      volumeDown: panes.path("yaxis2"),
      up: panes.path("yaxis"),
      down: panes.path("yaxis"),
      area: panes.path("yaxis", { stroke: "none" }),
      close: panes.path("yaxis", { "stroke-width": 1.5 }),
    };
  }

  /** @param {Progress} progress */
  draw({ size, drawnTo }) {
    const { area, chart, paths } = this;
    const bars = chart.modes.shown;
    const from = Math.max(drawnTo, bars.end - MOST_OURS * size);
    const kind = BAR_KINDS[chart.look.kind];
    const out = { up: "", down: "", volumeUp: "", volumeDown: "", close: "", area: "" };
    // One group before those to draw: a line goes on from there.
    const begin = kind.joined ? Math.max(from - size, bars.first) : from;
    kind.draw(out, bars.merge(begin, bars.end, size, chart.base), area, size, this.halfWidth(size));
    if (area.volumes.length) this.outlineVolume(out, bars.merge(from, bars.end, size), size);
    set(paths.up, { d: out.up });
    set(paths.down, { d: out.down });
    set(paths.volumeUp, { d: out.volumeUp });
    set(paths.volumeDown, { d: out.volumeDown });
    set(paths.close, { d: out.close });
    set(paths.area, { d: out.area });
  }

  /**
   * @param {Record<PathName, string>} out
   * @param {Groups} groups
   * @param {number} size
   */
  outlineVolume(out, groups, size) {
    const { x, volumes } = this.area;
    const wide = 0.375 * size;
    const base = volumes.up(0).toFixed(2);
    groups.at.forEach((at, i) => {
      const name = groups.close[i] >= groups.open[i] ? "volumeUp" : "volumeDown";
      const [a, b] = [x.across(at - wide).toFixed(2), x.across(at + wide).toFixed(2)];
      out[name] += `M${a} ${base}V${volumes.up(groups.volume[i]).toFixed(2)}H${b}V${base}Z`;
    });
  }

  /**
   * Return half a candle's width in bars, as plotly draws it.
   * @param {number} size
   */
  halfWidth(size) {
    const drawn = candleHalfWidth(this.gd, traceIndex(this.gd, CANDLES)) ?? 0;
    return drawn > 0 && drawn < size ? drawn : 0.35 * size;
  }

  /** Take the colours of plotly's bars. */
  colour() {
    const { appearance, chart, paths } = this;
    const { colours } = appearance;
    const candles = traceOf(this.gd, CANDLES) ?? {};
    /** @type {(path: string, otherwise: string) => string} */
    const side = (path, otherwise) => getAt(candles, path) ?? otherwise;
    const hollow = chart.look.kind === "ohlc";
    const width = hollow ? 1.5 : 1;
    const rising = side("increasing.fillcolor", colours.up);
    const falling = side("decreasing.fillcolor", colours.down);
    const [risingLine, fallingLine] = [side("increasing.line.color", colours.up), side("decreasing.line.color", colours.down)];
    set(paths.up, { fill: hollow ? "none" : rising, stroke: risingLine, "stroke-width": width });
    set(paths.down, { fill: hollow ? "none" : falling, stroke: fallingLine, "stroke-width": width });
    set(paths.close, { stroke: side("line.color", appearance.accent(0)) });
    set(paths.area, { fill: side("fillcolor", "none") });
    set(paths.volumeUp, { fill: colours.volume_up });
    set(paths.volumeDown, { fill: colours.volume_down });
  }
}
