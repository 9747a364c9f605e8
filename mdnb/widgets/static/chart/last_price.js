// The last price: its line and its label, below it the time left of the bar being made; and bid and ask.

import { set } from "../page/dom.js";
import { CLOSE, OPEN } from "./bars.js";
import { Chip } from "./chip.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./panes.js").Panes} Panes */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {import("./price_labels.js").PriceLabels} PriceLabels */

/** So much heavier than any other label that it is the others that are shifted. */
const STAYS = 1e6;
const LEFT = 17; // pixels that the time left takes below the price

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
   * @param {{ chart: Chart, area: PlotArea, appearance: Appearance, labels: PriceLabels, chips: SVGElement }} given
   */
  constructor({ chart, area, appearance, labels, chips }) {
    this.chart = chart;
    this.area = area;
    this.appearance = appearance;
    this.labels = labels;
    /** @type {Record<"bid" | "ask", Chip>} */
    this.sides = { bid: new Chip(chips, "mdnb-bid"), ask: new Chip(chips, "mdnb-ask") };
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
    const words = appearance.onAxis(price);
    const text = rising ? colours.up_text : colours.down_text;
    set(label.box, { opacity: inside ? 1 : 0.7 });
    const time = this.timeLeft();
    if (!time) this.left.hide();
    // Nothing comes between the price and the time that is left below it.
    const height = time ? 18 + LEFT : 18;
    this.labels.put({
      y: at + (height - 18) / 2, height, weight: STAYS, price: at,
      place: (middle, x) => {
        const top = middle - height / 2;
        const wide = area.margin - (x - area.right);
        label.put(x, top, wide, 18, words, colour, text);
        if (time) this.left.put(x, top + 19, wide, LEFT - 1, time, colours.chip, colours.text);
      },
      hide: () => [label, this.left].forEach((chip) => chip.hide()),
    });
    this.drawQuote();
  }

  /** @param {number} y */
  level(y) {
    return `M${this.area.left} ${y.toFixed(1)}H${this.area.right}`;
  }

  /** Return the time left of the bar that is being made; "" where nobody knows it. */
  timeLeft() {
    const { chart } = this;
    if (chart.closes === null || chart.modes.status.tone !== "live") return "";
    return countdown(Math.max(0, Math.round((chart.closes - performance.now()) / 1000)));
  }

  drawQuote() {
    const { colours } = this.appearance;
    const quote = this.chart.look.quotes ? this.chart.modes.quote : null;
    this.drawSide("bid", quote?.bid ?? NaN, colours.up, colours.up_text);
    this.drawSide("ask", quote?.ask ?? NaN, colours.down, colours.down_text);
  }

  /**
   * @param {"bid" | "ask"} side
   * @param {number} price
   * @param {string} stroke
   * @param {string} text
   */
  drawSide(side, price, stroke, text) {
    const { appearance, area } = this;
    const chip = this.sides[side];
    const y = area.prices.up(price);
    const d = Number.isFinite(y) ? this.level(y) : "";
    set(this.paths[side], { d, stroke, "stroke-opacity": 0.6, "stroke-width": 1 });
    if (!(y >= area.top && y <= area.bottom)) {
      chip.hide();
      return;
    }
    const words = appearance.onAxis(price);
    this.labels.put({
      y, height: 18, weight: 4,
      place: (middle, x) => {
        chip.put(x, middle - 9, area.margin - (x - area.right), 18, words, stroke, text);
        set(chip.box, { opacity: 0.75 });
      },
      hide: () => chip.hide(),
    });
  }
}
