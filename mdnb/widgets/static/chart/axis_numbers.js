// The numbers beside the axes, which plotly writes: one that a label of ours would half cover is not shown.

import { numberPlace, priceNumbers, timeNumbers } from "./plotly_private.js";

/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {import("../types").PlotlyDiv} PlotlyDiv */

const NEAR_PRICE = 15; // pixels between the middles of a label and of a number

export class AxisNumbers {
  /** @param {{ gd: PlotlyDiv, area: PlotArea }} given */
  constructor({ gd, area }) {
    this.gd = gd;
    this.area = area;
    /** @type {number[]} middles of the labels on the axis of prices */
    this.covered = [];
    /** Edges of the label on the axis of times; NaN where there is none. */
    this.from = NaN;
    this.to = NaN;
    /** Whether an hour may be hidden now. */
    this.crossed = false;
  }

  /** Begin a drawing: no label stands yet. */
  begin() {
    this.covered.length = 0;
    this.from = this.to = NaN;
  }

  /** A label stands on the axis of prices. @param {number} y */
  cover(y) {
    this.covered.push(y);
  }

  /**
   * A label stands on the axis of times.
   * @param {number} from
   * @param {number} to
   */
  coverTimes(from, to) {
    this.from = from;
    this.to = to;
  }

  /** All labels stand: hide the numbers that one of them half covers, and show the others. */
  draw() {
    const { x, prices } = this.area;
    for (const text of priceNumbers(this.gd)) {
      const place = numberPlace(text);
      show(text, !(Number.isFinite(place) && this.isCovered(prices.up(prices.fromLinear(place)))));
    }
    // Without a crosshair, now and before, no hour is covered.
    const crossed = !Number.isNaN(this.from);
    if (!crossed && !this.crossed) return;
    this.crossed = crossed;
    for (const text of timeNumbers(this.gd)) {
      const place = numberPlace(text);
      const [at, half] = [x.across(place), 3.6 * (text.textContent?.length ?? 0)];
      show(text, !(Number.isFinite(place) && at + half > this.from && at - half < this.to));
    }
  }

  /** @param {number} y */
  isCovered(y) {
    return this.covered.some((at) => Math.abs(y - at) < NEAR_PRICE);
  }
}

/**
 * @param {SVGTextElement} text
 * @param {boolean} shown
 */
function show(text, shown) {
  if (shown === (text.style.visibility === "hidden")) text.style.visibility = shown ? "" : "hidden";
}
