// What is said for a while when an alert fires.

import { html, set } from "../page/dom.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("../types").Alert} Alert */

export const TOAST_STYLE = `
.mdnb-toasts { position: absolute; top: 34px; left: 8px; right: 86px; pointer-events: none; display: flex;
  flex-direction: column; align-items: center; gap: 6px; }
.mdnb-toast { max-width: min(420px, 90%); padding: 6px 12px; border-radius: 4px; color: var(--mdnb-text);
  background: var(--mdnb-background); border: 1px solid var(--mdnb-warning); border-left-width: 4px;
  box-shadow: 0 2px 8px rgba(0, 0, 0, 0.25); overflow-wrap: anywhere; }
.mdnb-toast span { display: block; font-size: 11px; color: var(--mdnb-muted); }
`;
const TOAST_MS = 8000;
const MOST_TOLD = 1000; // firings that a page remembers
const MOST_TOASTS = 3;

export class Toasts {
  /** @param {{ chart: Chart, appearance: Appearance }} given */
  constructor({ chart, appearance }) {
    this.chart = chart;
    this.appearance = appearance;
    this.node = document.createElement("div");
    set(this.node, { class: "mdnb-toasts", role: "status" });
  }

  /**
   * Say that alerts fired: the last ones, where there are many, and none that another chart of the page has said.
   * @param {Alert[]} alerts
   */
  tell(alerts) {
    for (const alert of alerts.filter((one) => this.isNew(one)).slice(-MOST_TOASTS)) this.add(alert);
  }

  /** @param {Alert} alert */
  isNew({ id, fired, at }) {
    const told = (window.__mdnbTold ??= new Set());
    const key = [this.chart.look.symbol, id, fired, at].join(" ");
    if (told.has(key)) return false;
    told.add(key);
    for (const oldest of told) {
      if (told.size <= MOST_TOLD) break;
      told.delete(oldest);
    }
    return true;
  }

  /** @param {Alert} alert */
  add(alert) {
    while (this.node.childElementCount >= MOST_TOASTS) this.node.firstChild?.remove();
    const toast = html(this.node, "div", { class: "mdnb-toast" }, alert.message);
    const at = alert.at === null ? "" : this.chart.zone.full(alert.at, true);
    const words = alert.trade === null ? at : `${this.appearance.prices.format(alert.trade)}   ${at}`;
    html(toast, "span", {}, words);
    setTimeout(() => toast.remove(), TOAST_MS);
  }

  colour() {
    this.node.style.setProperty("--mdnb-warning", this.appearance.colours.warning);
  }

  clear() {
    this.node.replaceChildren();
  }
}
