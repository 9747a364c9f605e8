// Alerts at their prices: a line, and a label with a bell on the axis.

import { Pool, set, svg } from "../page/dom.js";
import { Chip } from "./chip.js";
import { FIRED_SHOWN } from "./mark_layer.js";
import { bell } from "./mark_shapes.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {import("./price_labels.js").PriceLabels} PriceLabels */
/** @typedef {import("../types").Alert} Alert */

export class AlertLayer {
  /**
   * @param {{
   *   chart: Chart, area: PlotArea, appearance: Appearance, labels: PriceLabels,
   *   lines: SVGElement, chips: SVGElement,
   * }} given
   */
  constructor({ chart, area, appearance, labels, lines, chips }) {
    this.chart = chart;
    this.area = area;
    this.appearance = appearance;
    this.labels = labels;
    this.drawn = new Pool(() => {
      const line = svg(lines, "path", { class: "mdnb-alert", fill: "none", "stroke-dasharray": "6 4" });
      const chip = new Chip(chips, "mdnb-alert-chip");
      return { line, chip, frame: svg(chip.group, "rect", { rx: 2 }), bell: svg(chip.group, "path") };
    });
  }

  /** Return the alerts that have a price in view: all that can fire, and the newest that have. */
  shown() {
    const { alerts } = this.chart.annotations;
    const over = alerts.filter((alert) => !alert.active && alert.fired);
    const shown = [...alerts.filter((alert) => alert.active), ...over.slice(-FIRED_SHOWN).reverse()];
    return shown.filter(({ price }) => {
      const y = price === null ? NaN : this.area.prices.up(price);
      return y >= this.area.top && y <= this.area.bottom;
    });
  }

  draw() {
    const { alerts } = this.chart.annotations;
    if (!alerts.length && !this.drawn.made.length) return;
    for (const alert of this.shown()) this.drawAlert(alert);
    this.drawn.finish(({ line, chip }) => {
      set(line, { d: "" });
      chip.hide();
    });
  }

  /** @param {Alert} alert */
  drawAlert(alert) {
    const { appearance, area } = this;
    const { background, warning } = appearance.colours;
    const { line, chip, frame, bell: sign } = this.drawn.next();
    const y = area.prices.up(Number(alert.price));
    set(line, { d: `M${area.left} ${y.toFixed(1)}H${area.right}`, stroke: warning, opacity: alert.active ? 1 : 0.45 });
    if (!alert.active) {
      // One that has fired has left the axis; its mark stands at its bar.
      chip.hide();
      return;
    }
    const words = appearance.onAxis(Number(alert.price));
    const edge = { fill: background, stroke: warning };
    this.labels.put({
      y, height: 19, weight: 1,
      place: (middle, x) => {
        const at = Math.round(middle) + 0.5;
        chip.put(x, at - 9, area.margin - (x - area.right), 18, words, background, warning);
        set(chip.box, { stroke: warning });
        set(frame, { x: area.right - 18, y: (at - 9).toFixed(1), width: 18, height: 18, ...edge });
        set(sign, { d: bell(area.right - 9, at), fill: warning });
      },
      hide: () => chip.hide(),
    });
  }
}
