// The newest values of the lines over the bars, on the axis of prices.

import { set } from "../page/dom.js";
import { Chip } from "./chip.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./indicators.js").Indicators} Indicators */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {import("./price_labels.js").PriceLabels} PriceLabels */

export class LineLabels {
  /**
   * @param {{
   *   chart: Chart, area: PlotArea, appearance: Appearance, labels: PriceLabels, indicators: Indicators,
   *   chips: SVGElement,
   * }} given
   */
  constructor({ chart, area, appearance, labels, indicators, chips }) {
    this.chart = chart;
    this.area = area;
    this.appearance = appearance;
    this.labels = labels;
    this.indicators = indicators;
    this.chips = chips;
    /** @type {Chip[]} */
    this.made = [];
  }

  draw() {
    const { appearance, area } = this;
    const bars = this.chart.modes.shown;
    let count = 0;
    for (const line of this.indicators.lines) {
      if (line.axis !== "yaxis" || line.falling) continue;
      const chip = (this.made[count] ??= new Chip(this.chips, "mdnb-line-chip"));
      count += 1;
      const value = bars.at(bars.end - 1, line.at);
      const y = area.prices.up(value);
      if (!(y >= area.top && y <= area.bottom)) {
        chip.hide();
        continue;
      }
      const colour = appearance.accent(line.accent);
      const words = appearance.onAxis(value);
      this.labels.put({
        y, height: 17, weight: 0.5,
        place: (middle, x) => {
          const wide = area.margin - (x - area.right);
          chip.put(x, middle - 8, wide, 16, words, appearance.colours.background, colour);
          set(chip.box, { stroke: colour, "stroke-opacity": 0.6 });
        },
        hide: () => chip.hide(),
      });
    }
    while (this.made.length > count) this.made.pop()?.group.remove();
  }
}
