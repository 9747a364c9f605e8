// Marks, alerts and the position over the bars, cut at the area's edges.

import { set, svg } from "../page/dom.js";
import { AlertLayer } from "./alert_layer.js";
import { MarkLayer } from "./mark_layer.js";
import { PositionLayer } from "./position_layer.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {import("./price_labels.js").PriceLabels} PriceLabels */

export class AnnotationLayers {
  /**
   * @param {{
   *   chart: Chart, area: PlotArea, appearance: Appearance, labels: PriceLabels, group: SVGElement, id: string,
   * }} given
   */
  constructor({ chart, area, appearance, labels, group, id }) {
    this.chart = chart;
    this.area = area;
    this.group = group;
    const clip = `mdnb-${id}-signs`;
    this.frame = svg(svg(svg(group, "defs"), "clipPath", { id: clip }), "rect");
    const inside = svg(group, "g", { "clip-path": `url(#${clip})` });
    const lines = svg(inside, "g");
    this.marks = new MarkLayer({ chart, area, appearance, group: inside });
    this.alerts = new AlertLayer({ chart, area, appearance, labels, lines, chips: group });
    this.position = new PositionLayer({ chart, area, appearance, labels, lines, chips: group });
  }

  /**
   * Draw marks and alerts; before the last price, whose label lies above.
   * @param {number} size bars of a group
   */
  draw(size) {
    const { area, chart, frame, group } = this;
    // While a chart changes to another symbol, its bars come first.
    const theirs = chart.annotations.symbol === chart.look.symbol;
    set(group, { display: theirs ? "inline" : "none" });
    if (!theirs) return;
    const { left, right, top, bottom } = area;
    set(frame, { x: left, y: top, width: right - left, height: bottom - top });
    this.alerts.draw();
    this.position.draw();
    this.marks.draw(size);
  }
}
