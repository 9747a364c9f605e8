// Colours and number formats of a view. The colours are the page's, except where the user chose others.

import { pageTheme } from "../page/page_theme.js";
import { traceOf } from "./figure.js";
import { percentWords } from "./percent_axis.js";
import { getAt, setAt } from "./python_edits.js";

/** @typedef {import("../types").Colouring} Colouring */
/** @typedef {import("../types").Colours} Colours */
/** @typedef {import("../types").Look} Look */
/** @typedef {import("../types").PlotlyDiv} PlotlyDiv */

/** @param {number} decimals */
const numberFormat = (decimals) =>
  new Intl.NumberFormat("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });

export class Appearance {
  /** @param {{ chart: { look: Look, colouring: Colouring, tellTheme(theme: string): void }, gd: PlotlyDiv }} shown */
  constructor({ chart, gd }) {
    this.chart = chart;
    this.gd = gd;
    /** By what the figure is coloured now. */
    this.colouring = chart.colouring;
    this.theme = chart.look.theme;
    this.colours = this.colouring.colours;
    /** @type {Map<number, Intl.NumberFormat>} by decimals */
    this.formats = new Map();
    this.prices = this.format(chart.look.decimals);
    this.volumes = this.format(chart.look.volume_decimals);
    /** Of which price the axis counts in per cent; not a number where it counts prices. */
    this.percentBase = NaN;
    /** Of numbers of which nothing is known. */
    this.free = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 6 });
  }

  /** A figure came anew, in the colours it was made in. */
  restart() {
    this.colouring = this.chart.colouring;
  }

  /** Take the colours of the page's theme into the figure. */
  apply() {
    const { chart, gd } = this;
    const { look } = chart;
    const name = look.follows_page ? pageTheme() : look.theme;
    const [old, now] = [this.colouring, look.themes[name]];
    this.theme = name;
    this.colouring = now;
    if (look.follows_page) chart.tellTheme(name);
    this.colours = now.colours;
    this.prices = this.format(look.decimals);
    this.volumes = this.format(look.volume_decimals);
    recolour(gd.layout, old.layout, now.layout);
    for (const uid of Object.keys(now.traces)) {
      const trace = traceOf(gd, uid);
      if (trace) recolour(trace, old.traces[uid], now.traces[uid]);
    }
    for (const part of ["text", "muted", "grid", "background", "drawn"]) {
      gd.style.setProperty(`--mdnb-${part}`, now.colours[part]);
    }
  }

  /**
   * Return the colour of a line; after the last one they begin anew.
   * @param {number} number
   */
  accent(number) {
    const { accents } = this.colours;
    return accents[number % accents.length];
  }

  /**
   * Return a price as the axis of prices counts.
   * @param {number} price
   */
  onAxis(price) {
    return this.percentBase > 0 ? percentWords(price, this.percentBase) : this.prices.format(price);
  }

  /**
   * Return how numbers with so many decimals are written.
   * @param {number} decimals
   */
  format(decimals) {
    let made = this.formats.get(decimals);
    if (!made) {
      made = numberFormat(decimals);
      this.formats.set(decimals, made);
    }
    return made;
  }
}

/**
 * Change what has the old colours to the new ones.
 * @param {any} target
 * @param {Record<string, any>} old by path
 * @param {Record<string, any>} now
 */
function recolour(target, old, now) {
  for (const [path, value] of Object.entries(now)) {
    if (JSON.stringify(getAt(target, path)) === JSON.stringify(old[path])) setAt(target, path, value);
  }
}
