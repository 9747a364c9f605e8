// The position of the symbol: a line at its entry, what is held and what that has gained, and a label on the axis.

import { say, set, svg } from "../page/dom.js";
import { CLOSE } from "./bars.js";
import { Chip } from "./chip.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {import("./price_labels.js").PriceLabels} PriceLabels */

const CENTS = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const HELD = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 12, useGrouping: false });

/**
 * Return an amount with its sign; what rounds to nothing has none.
 * @param {number} amount
 */
export function money(amount) {
  const words = CENTS.format(Math.abs(amount));
  return words === "0.00" ? words : `${amount > 0 ? "+" : "−"}${words}`;
}

/** @param {number} size */
export const quantity = (size) => `${size > 0 ? "+" : "−"}${HELD.format(Math.abs(size))}`;

export class PositionLayer {
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
    this.line = svg(lines, "path", { class: "mdnb-position", fill: "none" });
    this.words = svg(lines, "text", { class: "mdnb-position-words", "font-size": 11 });
    this.chip = new Chip(chips, "mdnb-position-chip");
  }

  draw() {
    const { appearance, area, chart } = this;
    const { position } = chart.annotations;
    const y = position ? area.prices.up(position.entry) : NaN;
    if (!position || !(y >= area.top && y <= area.bottom)) {
      set(this.line, { d: "" });
      say(this.words, "");
      this.chip.hide();
      return;
    }
    const bars = chart.modes.shown;
    const price = chart.ahead ?? bars.at(bars.end - 1, CLOSE);
    const gained = (price - position.entry) * position.size * position.worth;
    const { background, down, up } = appearance.colours;
    const colour = gained >= 0 ? up : down;
    set(this.line, { d: `M${area.left} ${y.toFixed(1)}H${area.right}`, stroke: colour });
    set(this.words, { x: area.left + 8, y: (y - 5).toFixed(1), fill: colour });
    say(this.words, `${quantity(position.size)} · ${money(gained)}`);
    this.labels.put({
      y, height: 19, weight: 2,
      place: (middle, x) => {
        const wide = area.margin - (x - area.right);
        this.chip.put(x, middle - 9, wide, 18, appearance.onAxis(position.entry), background, colour);
        set(this.chip.box, { stroke: colour });
      },
      hide: () => this.chip.hide(),
    });
  }
}
