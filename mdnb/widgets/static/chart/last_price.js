// The last price: its line and its label, below it the time left of the bar being made; and bid and ask.

import { set } from "../page/dom.js";
import { CLOSE, OPEN } from "./bars.js";
import { Chip } from "./chip.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./axis_numbers.js").AxisNumbers} AxisNumbers */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./panes.js").Panes} Panes */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */

/** @param {number} number */
const two = (number) => String(number).padStart(2, "0");

/**
 * Return a time that is left as a clock has it.
 * @param {number} seconds
 */
export function countdown(seconds) {
  const hours = Math.floor(seconds / 3600);
  return `${hours ? `${hours}:` : ""}${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

export class LastPrice {
  /**
   * @param {{ chart: Chart, area: PlotArea, appearance: Appearance, numbers: AxisNumbers, chips: SVGElement }} given
   */
  constructor({ chart, area, appearance, numbers, chips }) {
    this.chart = chart;
    this.area = area;
    this.appearance = appearance;
    this.numbers = numbers;
    this.label = new Chip(chips, "mdnb-last");
    this.left = new Chip(chips, "mdnb-left");
    /** @type {Record<"bid" | "ask" | "last", SVGPathElement>} */
    this.paths = Object.create(null);
  }

  /**
   * Make the lines anew: another figure is shown.
   * @param {Panes} panes
   */
  rebuild(panes) {
    this.paths = {
      bid: panes.path("yaxis"),
      ask: panes.path("yaxis"),
      last: panes.path("yaxis", { "stroke-dasharray": "2 3" }),
    };
  }

  draw() {
    const { appearance, area, label } = this;
    const { colours } = appearance;
    const bars = this.chart.modes.shown;
    const price = this.chart.ahead ?? bars.at(bars.end - 1, CLOSE);
    const rising = price >= bars.at(bars.end - 1, OPEN);
    const y = area.prices.up(price);
    if (!Number.isFinite(y)) {
      // Of zero and below there is no place on a logarithmic axis; the legend says so.
      set(this.paths.last, { d: "" });
      label.hide();
      this.left.hide();
      this.drawQuote();
      return;
    }
    const inside = y >= area.top - 1 && y <= area.bottom + 1;
    const colour = rising ? colours.up : colours.down;
    set(this.paths.last, { d: this.level(y), stroke: colour });
    const at = Math.min(Math.max(y, area.top), area.bottom);
    const words = appearance.prices.format(price);
    label.put(area.right, at - 9, area.margin, 18, words, colour, rising ? colours.up_text : colours.down_text);
    set(label.box, { opacity: inside ? 1 : 0.7 });
    this.numbers.cover(at);
    this.drawLeft(at);
    this.drawQuote();
  }

  /** @param {number} y */
  level(y) {
    return `M${this.area.left} ${y.toFixed(1)}H${this.area.right}`;
  }

  /**
   * Count down to the end of the bar that is being made, below the last price.
   * @param {number} at
   */
  drawLeft(at) {
    const { area, chart, left } = this;
    if (chart.closes === null || chart.modes.status.tone !== "live") {
      left.hide();
      return;
    }
    const words = countdown(Math.max(0, Math.round((chart.closes - performance.now()) / 1000)));
    const { chip, text } = this.appearance.colours;
    left.put(area.right, at + 10, area.margin, 16, words, chip, text);
    this.numbers.cover(at + 18);
  }

  drawQuote() {
    const { colours } = this.appearance;
    const quote = this.chart.look.quotes ? this.chart.modes.quote : null;
    this.drawSide(this.paths.bid, quote?.bid ?? NaN, colours.up);
    this.drawSide(this.paths.ask, quote?.ask ?? NaN, colours.down);
  }

  /**
   * @param {SVGPathElement} path
   * @param {number} price
   * @param {string} stroke
   */
  drawSide(path, price, stroke) {
    const y = this.area.prices.up(price);
    const d = Number.isFinite(y) ? this.level(y) : "";
    set(path, { d, stroke, "stroke-opacity": 0.6, "stroke-width": 1 });
  }
}
