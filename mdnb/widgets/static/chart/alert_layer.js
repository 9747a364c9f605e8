// Alerts at their prices: a line, and a label with a bell on the axis.

import { Pool, set, svg } from "../page/dom.js";
import { CLOSE } from "./bars.js";
import { Chip } from "./chip.js";
import { hasRoom } from "./label_placement.js";
import { FIRED_SHOWN } from "./mark_layer.js";
import { bell } from "./mark_shapes.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./axis_numbers.js").AxisNumbers} AxisNumbers */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {import("../types").Alert} Alert */

export class AlertLayer {
  /**
   * @param {{
   *   chart: Chart, area: PlotArea, appearance: Appearance, numbers: AxisNumbers,
   *   lines: SVGElement, chips: SVGElement,
   * }} given
   */
  constructor({ chart, area, appearance, numbers, lines, chips }) {
    this.chart = chart;
    this.area = area;
    this.appearance = appearance;
    this.numbers = numbers;
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
    const { area } = this;
    const bars = this.chart.modes.shown;
    // No label half covers another, nor the last price with the time left below it.
    const last = Math.min(Math.max(area.prices.up(bars.at(bars.end - 1, CLOSE)), area.top), area.bottom);
    /** @type {number[]} */
    const taken = [];
    for (const alert of this.shown()) this.drawAlert(alert, last, taken);
    this.drawn.finish(({ line, chip }) => {
      set(line, { d: "" });
      chip.hide();
    });
  }

  /**
   * @param {Alert} alert
   * @param {number} last
   * @param {number[]} taken
   */
  drawAlert(alert, last, taken) {
    const { appearance, area } = this;
    const { background, warning } = appearance.colours;
    const { line, chip, frame, bell: sign } = this.drawn.next();
    const y = area.prices.up(Number(alert.price));
    const opacity = alert.active ? 1 : 0.45;
    const at = Math.round(y) + 0.5;
    set(line, { d: `M${area.left} ${y.toFixed(1)}H${area.right}`, stroke: warning, opacity });
    const words = appearance.prices.format(Number(alert.price));
    chip.put(area.right, at - 9, area.margin, 18, words, background, warning);
    const free = hasRoom(y, last, taken);
    if (free) {
      taken.push(y);
      this.numbers.cover(y);
    }
    const visibility = free ? "visible" : "hidden";
    set(chip.box, { visibility, stroke: warning });
    set(chip.text, { visibility });
    set(chip.group, { opacity });
    const edge = { fill: background, stroke: warning };
    set(frame, { x: area.right - 18, y: (at - 9).toFixed(1), width: 18, height: 18, ...edge });
    set(sign, { d: bell(area.right - 9, at), fill: warning });
  }
}
