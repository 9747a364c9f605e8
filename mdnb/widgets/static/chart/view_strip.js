// The buttons that choose what is in view: how far back, which date, a logarithmic axis, the whole screen.

import { html, set, svg } from "../page/dom.js";

/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/**
 * @typedef {{
 *   back: (days: number) => void, goTo: (local: number) => void, log: (on: boolean) => void,
 *   percent: (on: boolean) => void, full: (on: boolean) => void, leave: () => void,
 * }} ViewActions `back` shows so many trading days, all bars where they are endless; `goTo` what a clock of the
 *   chart's zone showed then; `leave` gives the keyboard back to the chart
 */

export const VIEW_STRIP_STYLE = `
.mdnb-view-strip button { width: auto; min-width: 24px; padding: 0 5px; font: inherit; font-size: 11px; }
.mdnb-view-strip input { height: 20px; margin: 0 3px; padding: 0 3px; font: inherit; font-size: 11px;
  color: var(--mdnb-text); background: var(--mdnb-background); border: 1px solid var(--mdnb-grid);
  border-radius: 4px; color-scheme: inherit; }
.mdnb-view-strip input:focus-visible { outline: 2px solid var(--mdnb-drawn); outline-offset: -2px; }
`;

/** @type {[label: string, words: string, days: number][]} */
const PRESETS = [
  ["1D", "Show one trading day", 1],
  ["5D", "Show five trading days", 5],
  ["1M", "Show a month", 21],
  ["All", "Show all bars", Infinity],
];
const CALENDAR_ICON = "M3 4.5H13V13H3ZM3 7H13M6 2.5V5M10 2.5V5";
const CORNERS_ICON = "M3 6V3H6M10 3H13V6M13 10V13H10M6 13H3V10";
const WIDE_ENOUGH = 560; // pixels of the bars' width, below which it stands above the other strip

/**
 * Return what a text of a date field says, as the milliseconds that a clock shows; not a number where it is none.
 * @param {string} text such as 2026-11-05T14:30
 */
export const localOf = (text) => (/^\d{4,}-\d\d-\d\dT\d\d:\d\d/.test(text) ? Date.parse(`${text}Z`) : NaN);

export class ViewStrip {
  /** @param {{ area: PlotArea, actions: ViewActions, entered: () => void, isPercent: () => boolean }} given */
  constructor({ area, actions, entered, isPercent }) {
    this.isPercent = isPercent;
    this.area = area;
    this.actions = actions;
    this.node = document.createElement("div");
    set(this.node, { class: "mdnb-buttons mdnb-view-strip", role: "group", "aria-label": "What is in view" });
    for (const [label, words, days] of PRESETS) {
      this.button(words, () => actions.back(days)).append(label);
    }
    html(this.node, "span", { class: "rule" });
    this.date = html(this.node, "input", { type: "datetime-local", "aria-label": "Go to this time" });
    this.date.hidden = true;
    const dated = this.button("Go to a date", () => this.askDate());
    set(dated, { "aria-expanded": false });
    this.dated = dated;
    this.icon(dated, CALENDAR_ICON);
    this.node.insertBefore(dated, this.date);
    this.log = this.button("Logarithmic axis of prices", () =>
      actions.log(this.log.getAttribute("aria-pressed") !== "true"));
    this.log.append("log");
    this.percent = this.button("Per cent of the first bar in view", () =>
      actions.percent(this.percent.getAttribute("aria-pressed") !== "true"));
    this.percent.append("%");
    this.full = this.button("Whole screen", () => actions.full(this.full.getAttribute("aria-pressed") !== "true"));
    this.icon(this.full, CORNERS_ICON);
    this.listen(entered);
    this.show({ log: false, percent: false, full: false });
  }

  /** @param {() => void} entered */
  listen(entered) {
    this.node.addEventListener("mousemove", (event) => {
      event.stopPropagation();
      entered();
    });
    for (const name of ["mousedown", "dblclick", "touchstart"]) {
      this.node.addEventListener(name, (event) => event.stopPropagation());
    }
    this.date.addEventListener("keydown", (event) => {
      // The field's own: neither the chart's nor the notebook's.
      event.stopPropagation();
      if (event.key === "Enter") this.take();
      else if (event.key === "Escape") this.hideDate();
    });
    this.date.addEventListener("change", () => this.take());
  }

  /**
   * @param {string} words
   * @param {() => void} act
   */
  button(words, act) {
    const made = html(this.node, "button", { type: "button", title: words, "aria-label": words });
    made.addEventListener("click", act);
    return made;
  }

  /**
   * @param {HTMLElement} button
   * @param {string} d
   */
  icon(button, d) {
    svg(svg(button, "svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }), "path", { d });
  }

  askDate() {
    if (!this.date.hidden) {
      this.hideDate();
      return;
    }
    this.date.hidden = false;
    set(this.dated, { "aria-expanded": true });
    this.date.focus();
  }

  hideDate() {
    this.date.hidden = true;
    set(this.dated, { "aria-expanded": false });
    this.actions.leave();
  }

  take() {
    const local = localOf(this.date.value);
    if (Number.isFinite(local)) this.actions.goTo(local);
  }

  /**
   * Show what is so now.
   * @param {{ log: boolean, percent: boolean, full: boolean }} now
   */
  show({ log, percent, full }) {
    set(this.log, { "aria-pressed": log });
    set(this.percent, { "aria-pressed": percent });
    set(this.full, { "aria-pressed": full });
  }

  draw() {
    const { left, right, bottom, width } = this.area;
    const high = right - left < WIDE_ENOUGH;
    set(this.node, { style: `right:${width - right + (high ? 8 : 44)}px;top:${bottom - (high ? 72 : 38)}px` });
    const percent = this.isPercent();
    this.show({ log: this.area.prices.type === "log", percent, full: document.fullscreenElement === this.node.parentNode });
  }
}
