// The line above the bars: symbol, timeframe, the bar's prices; and the badge with the market's state.

import { html, say, set } from "../page/dom.js";
import { CLOSE, HIGH, LOW, OPEN, VOLUME } from "./bars.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */

/** What is left out where there is no room: the volume, then all prices but the close. */
const SHORTENED = /** @type {const} */ ([["volume"], ["open", "high", "low"]]);
const MOST_LENGTHS = 100;
/** Room for the badge in pixels, and for each letter of a venue's name before it. */
const BADGE_WIDTH = 120;
const LETTER_WIDTH = 7;

/**
 * Return what is to be said of a bar that an axis has no place for: on a logarithmic one there is no zero.
 * @param {string} type the axis'
 * @param {number} low the bar's
 */
export const unplaced = (type, low) => (type === "log" && low <= 0 ? " (log axis: not drawn at zero and below)" : "");

/**
 * Return a change as the legend has it; what rounds to nothing has no sign.
 * @param {number} change
 * @param {number} before the price it is measured by
 * @param {(amount: number) => string} format of prices
 */
export function changeWords(change, before, format) {
  const share = before ? (100 * Math.abs(change)) / Math.abs(before) : 0;
  const [amount, percent] = [format(Math.abs(change)), share.toFixed(2)].map((words) =>
    /[1-9]/.test(words) ? `${change > 0 ? "+" : "−"}${words}` : words);
  return `${change >= 0 ? "▲" : "▼"} ${amount} (${percent}%)`;
}

export class Legend {
  /** @param {{ chart: Chart, area: PlotArea, appearance: Appearance }} given */
  constructor({ chart, area, appearance }) {
    this.chart = chart;
    this.area = area;
    this.appearance = appearance;
    this.line = document.createElement("div");
    this.line.className = "mdnb-legend";
    this.badge = document.createElement("div");
    this.badge.className = "mdnb-badge";
    const symbol = html(this.line, "b");
    const timeframe = html(this.line, "span", { class: "name" });
    /** @param {string} label */
    const value = (label) => {
      const name = html(this.line, "span", {}, label);
      return { name, node: html(this.line, "span", { class: "value" }) };
    };
    /** Of each value its name and its number. */
    this.values = {
      open: value("   O "),
      high: value("  H "),
      low: value("  L "),
      close: value("  C "),
      change: value("   "),
      volume: value("   Vol "),
    };
    const { open, high, low, close, change, volume } = this.values;
    this.texts = {
      symbol,
      timeframe,
      open: open.node,
      high: high.node,
      low: low.node,
      close: close.node,
      change: change.node,
      volume: volume.node,
      dot: html(this.badge, "span", {}, "● "),
      venue: html(this.badge, "span"),
      status: html(this.badge, "span"),
    };
    /** What the length was fitted to last: the room, and how many letters. */
    this.fittedTo = "";
    /** @type {Map<string, number>} how many steps are left out, by room and letters */
    this.leftOut = new Map();
  }

  /**
   * Say a bar's values.
   * @param {number} at
   */
  draw(at) {
    const { appearance, area, chart, texts } = this;
    const { colours, prices } = appearance;
    const bars = chart.modes.shown;
    const [open, close] = [bars.at(at, OPEN), bars.at(at, CLOSE)];
    const before = at > bars.first ? bars.at(at - 1, CLOSE) : open;
    const change = close - before;
    say(texts.symbol, chart.look.symbol);
    say(texts.timeframe, ` · ${chart.look.timeframe}${unplaced(area.prices.type, bars.at(at, LOW))}`);
    say(texts.open, prices.format(open));
    say(texts.high, prices.format(bars.at(at, HIGH)));
    say(texts.low, prices.format(bars.at(at, LOW)));
    say(texts.close, prices.format(close));
    say(texts.change, changeWords(change, before, (amount) => prices.format(amount)));
    set(texts.change, { style: `color:${change >= 0 ? colours.up : colours.down}` });
    say(texts.volume, appearance.volumes.format(bars.at(at, VOLUME)));
    this.drawBadge();
    const top = Math.max(area.top - 23, 7);
    const width = area.right - area.left;
    set(this.badge, { style: `right:${area.width - area.right + 2}px;top:${top + 1}px` });
    const badge = BADGE_WIDTH + LETTER_WIDTH * (texts.venue.textContent?.length ?? 0);
    const room = `top:${top}px;max-width:${Math.max(60, width - badge)}px`;
    set(this.line, { style: `${room};--mdnb-value:${close >= open ? colours.up : colours.down}` });
    this.shorten(width);
  }

  drawBadge() {
    const { texts } = this;
    const { text, tone, latency } = this.chart.modes.status;
    const known = tone === "live" && latency !== undefined && Number.isFinite(latency);
    const delay = known ? ` · ${Math.max(latency, 0).toFixed(0)} ms` : "";
    const { venue } = this.chart.look;
    say(texts.venue, venue ? `${venue} · ` : "");
    say(texts.status, `${tone === "live" ? "live" : text}${delay}`);
    set(texts.dot, { style: `color:${this.appearance.colours[tone]}` });
  }

  /**
   * Leave out what there is no room for.
   * @param {number} width
   */
  shorten(width) {
    const { line } = this;
    const known = `${width} ${line.textContent?.length}`;
    if (known === this.fittedTo) return;
    this.fittedTo = known;
    // Measured once for each length: to measure is to lay out the page.
    let left = this.leftOut.get(known);
    if (left === undefined) {
      SHORTENED.forEach((_, step) => this.showStep(step, true));
      left = 0;
      while (left < SHORTENED.length && line.scrollWidth > line.clientWidth) this.showStep(left++, false);
      if (this.leftOut.size > MOST_LENGTHS) this.leftOut.clear();
      this.leftOut.set(known, left);
    }
    for (let step = 0; step < SHORTENED.length; step += 1) this.showStep(step, step >= left);
  }

  /**
   * @param {number} step
   * @param {boolean} shown
   */
  showStep(step, shown) {
    for (const value of SHORTENED[step]) {
      const { name, node } = this.values[value];
      name.hidden = node.hidden = !shown;
    }
  }
}
