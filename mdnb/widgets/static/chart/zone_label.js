// The time zone that the axis of times counts in, in the corner beside it.

import { say, set, svg } from "../page/dom.js";
import { TIME } from "./bars.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */

export class ZoneLabel {
  /** @param {{ chart: Chart, area: PlotArea, appearance: Appearance, group: SVGElement }} given */
  constructor({ chart, area, appearance, group }) {
    this.chart = chart;
    this.area = area;
    this.appearance = appearance;
    this.text = svg(group, "text", { class: "mdnb-zone", "font-size": 11, "text-anchor": "middle" });
  }

  /** @param {number} last the ordinal at the right edge: in winter and in summer a zone has two names */
  draw(last) {
    const { area, chart } = this;
    const bars = chart.modes.shown;
    const at = Math.min(Math.max(Math.floor(last), bars.first), bars.end - 1);
    say(this.text, chart.zone.name(bars.at(at, TIME)));
    const x = (area.right + area.margin / 2).toFixed(1);
    set(this.text, { x, y: area.end + 16, fill: this.appearance.colours.muted });
  }
}
