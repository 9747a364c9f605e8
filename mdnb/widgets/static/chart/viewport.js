// What part of the axes a view shows: which bars, whether along with the newest one, and which prices.

import { toAxis, toPrice } from "./price_ranges.js";

/** @typedef {import("./bars.js").Bars} Bars */
/** @typedef {import("./price_ranges.js").Range} Range */
/** @typedef {(number | null)[]} Ends one or both ends of a range; null where it is open */
/**
 * What a viewport is told of: the chart, and the layout that has the axis of prices.
 * @typedef {{
 *   chart: { modes: { shown: Bars }, look: { visible: number }, layout: any, say: (message: unknown) => void },
 *   gd: { layout: any },
 * }} Shown
 */

export const PADDING = 6; // bars of room right of the newest one
export const LEAST_SPAN = 30;

export class Viewport {
  /** @param {Shown} shown */
  constructor({ chart, gd }) {
    this.chart = chart;
    this.gd = gd;
    this.follow = true;
    /** Bars in view, with the room right of the newest one. */
    this.span = NaN;
    /** Room right of the newest bar. */
    this.pad = PADDING;
    /** @type {Range} ordinals at the edges, since the last fit */
    this.range = [NaN, NaN];
    /** Whether somebody chose the range of bars. */
    this.zoomed = false;
    /** Whether bars were in view. */
    this.hadBars = false;
    /** Whether somebody chose both ends of the range of prices. */
    this.fixedPrices = false;
    /** @type {Ends | null} the one end that somebody chose */
    this.priceEnds = null;
    /** @type {Range | null} held while the bars fit */
    this.prices = null;
    /** @type {string | undefined} what the kernel was told last */
    this.told = undefined;
  }

  /** Whether the bars that were in view are held no longer. */
  get isGone() {
    return !this.follow && this.hadBars && this.range[1] < this.chart.modes.shown.first;
  }

  /** Whether somebody chose what part of the axes is in view here, or in views that open later. */
  get isChosen() {
    const { xaxis, yaxis } = this.chart.layout;
    const here = !this.follow || this.zoomed || this.fixedPrices || this.priceEnds !== null;
    return here || Boolean(xaxis?.range ?? yaxis?.range);
  }

  /** Whether the newest bar is in view. */
  get hasNewest() {
    const last = this.chart.modes.shown.end - 1;
    return this.follow || (last >= this.range[0] && last <= this.range[1]);
  }

  /**
   * Take ranges as plotly has them; without one of the bars, go along with the newest.
   * @param {number[] | null | undefined} x
   * @param {Ends | null | undefined} y
   */
  take(x, y) {
    const bars = this.chart.modes.shown;
    this.zoomed = x?.length === 2;
    if (x && this.zoomed) {
      this.span = Math.max(x[1] - x[0], 2);
      this.pad = x[1] - (bars.end - 1);
      // A zoom that has the newest bar in it moves on with it; any other stands.
      this.follow = this.pad >= 0 && this.pad < this.span;
      this.range = [x[0], x[1]];
    } else {
      const shown = Math.min(this.chart.look.visible, Math.max(bars.count, LEAST_SPAN));
      this.follow = true;
      this.pad = PADDING;
      this.span = shown + PADDING;
    }
    this.hadBars = false;
    this.takePrices(y);
    this.tell();
  }

  /** Other bars or lines are shown: a zoom stands; what was made for those of before is made for these. */
  retake() {
    if (!this.zoomed && !this.fixedPrices) this.take(null, this.givenPrices());
  }

  /**
   * Take a range of prices, or one end of it: the other is where the bars end.
   * @param {Ends | null | undefined} y
   */
  takePrices(y) {
    const prices = Array.from(y ?? [], (end) => {
      const price = end === null ? NaN : toPrice(this.gd.layout.yaxis, Number(end));
      return Number.isFinite(price) ? price : null;
    });
    const given = prices.filter((price) => price !== null).length;
    this.fixedPrices = given === 2;
    this.prices = given === 2 ? [Number(prices[0]), Number(prices[1])] : null;
    this.priceEnds = given === 1 ? prices : null;
  }

  /** Let the range of prices be found anew, unless somebody chose it. */
  forgetPrices() {
    if (!this.fixedPrices) this.prices = null;
  }

  /**
   * Return the range of prices that somebody chose, as the axis has it; null where none was.
   * @returns {Ends | null}
   */
  givenPrices() {
    const ends = this.fixedPrices ? this.prices : this.priceEnds;
    return ends && ends.map((price) => (price === null ? null : toAxis(this.gd.layout.yaxis, price)));
  }

  /**
   * Return the prices in view from the lowest up, as the axis counts; null before there are any.
   * @returns {Range | null}
   */
  shownPrices() {
    if (!this.prices) return null;
    const ends = this.prices.map((price, i) => toAxis(this.gd.layout.yaxis, this.priceEnds?.[i] ?? price));
    return [Math.min(...ends), Math.max(...ends)];
  }

  /**
   * Return a range of prices in the direction that the axis has now.
   * @param {Range} range from the lowest up
   * @returns {Range}
   */
  wayUp([low, high]) {
    const [from, to] = this.gd.layout.yaxis?.range ?? [0, 1];
    return from > to ? [high, low] : [low, high];
  }

  /**
   * Take a range of prices, as the axis counts, and leave the bars; null lets the bars in view decide.
   * @param {Range | null} range from the lowest up
   */
  choosePrices(range) {
    this.takePrices(range && this.wayUp(range));
    this.tell();
  }

  /**
   * Show bars that another chart chose.
   * @param {Range} range
   * @param {boolean} follow
   */
  show(range, follow) {
    this.follow = follow;
    this.range = range;
    this.span = range[1] - range[0];
    this.pad = range[1] - (this.chart.modes.shown.end - 1);
  }

  /** Go along with the newest bar, as far zoomed as it is. */
  followOn() {
    this.follow = true;
    this.pad = PADDING;
    this.takePrices(null);
    this.tell();
  }

  /** Find the bars in view now. */
  fit() {
    const bars = this.chart.modes.shown;
    if (this.follow) {
      const right = bars.end - 1 + this.pad;
      this.range = [right - this.span, right];
    } else if (this.isGone) {
      // A chart left at its oldest bars goes on at those that are the oldest now.
      const left = bars.first - 1;
      this.range = [left, left + this.range[1] - this.range[0]];
      this.tell();
    }
    const [a, b] = this.range;
    this.hadBars ||= b >= bars.first && a < bars.end;
  }

  /** Tell the kernel what is in view, and whether that goes along with the newest bar. */
  tell() {
    const follows = this.follow && !this.fixedPrices;
    const told = { follows, view: this.follow ? [this.span, this.pad] : [...this.range] };
    const text = JSON.stringify(told);
    if (text === this.told) return;
    if (this.told !== undefined || !follows) this.chart.say({ kind: "follows", ...told });
    this.told = text;
  }
}
