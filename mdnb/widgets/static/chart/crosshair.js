// The crosshair: where the pointer is, or that of a linked chart, and what stands there on the axes.

import { set, svg } from "../page/dom.js";
import { TIME } from "./bars.js";
import { Chip } from "./chip.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./axis_numbers.js").AxisNumbers} AxisNumbers */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {import("../types").PlotlyDiv} PlotlyDiv */
/** @typedef {import("../types").Pointer} Pointer */

export class Crosshair {
  /**
   * @param {{
   *   chart: Chart, gd: PlotlyDiv, area: PlotArea, appearance: Appearance, numbers: AxisNumbers,
   *   cross: SVGElement, chips: SVGElement, measured: () => PlotArea, moved: () => void, share: () => void,
   * }} given `measured` returns the area as it is now, `share` shows the pointer on linked charts
   */
  constructor({ chart, gd, area, appearance, numbers, cross, chips, measured, moved, share }) {
    this.chart = chart;
    this.gd = gd;
    this.area = area;
    this.appearance = appearance;
    this.numbers = numbers;
    this.measured = measured;
    this.moved = moved;
    this.share = share;
    /** @type {Pointer | null} */
    this.pointer = null;
    this.path = svg(cross, "path", { fill: "none", "stroke-dasharray": "4 4" });
    this.price = new Chip(chips, "mdnb-price");
    this.time = new Chip(chips, "mdnb-time");
  }

  /** Listen to the mouse. */
  listen() {
    /** @param {MouseEvent} event */
    const point = (event) => this.point(event);
    this.gd.addEventListener("mousemove", point);
    this.gd.addEventListener("mouseleave", point);
  }

  /** @param {MouseEvent} event */
  point(event) {
    const box = this.gd.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const { area } = this;
    const inside = event.type === "mousemove" && x >= area.left && x <= area.right && y <= area.end;
    this.pointer = inside ? { ordinal: this.measured().barAt(x), x, y } : null;
    this.moved();
    this.share();
  }

  /** Bars and prices moved under a pointer that stands still: it is on another bar, at another price. */
  pointAnew() {
    const { pointer } = this;
    if (!pointer || pointer.guest || pointer.x === undefined) return;
    pointer.ordinal = this.measured().barAt(pointer.x);
    this.share();
  }

  /** The pointer has left the bars. */
  leave() {
    if (!this.pointer) return;
    this.pointer = null;
    this.moved();
  }

  /** The bar that the legend tells of: the one pointed at, else the newest. */
  get bar() {
    const bars = this.chart.modes.shown;
    const newest = bars.end - 1;
    return this.pointer ? Math.min(Math.max(this.pointer.ordinal, bars.first), newest) : newest;
  }

  draw() {
    const { area, pointer } = this;
    this.price.hide();
    this.time.hide();
    const at = pointer ? area.x.across(pointer.ordinal) : NaN;
    // A linked chart's pointer may have no height here, and may stand on a bar that is not in view.
    const level = pointer ? pointer.y : NaN;
    if (!(at >= area.left && at <= area.right) || level < area.top || level > area.end) {
      set(this.path, { d: "" });
      return;
    }
    const [x, y] = [Math.round(at) + 0.5, Math.round(level) + 0.5];
    const flat = Number.isFinite(y) ? `M${area.left} ${y}H${area.right}` : "";
    set(this.path, { d: `M${x} ${area.top}V${area.end}${flat}`, stroke: this.appearance.colours.muted });
    if (level <= area.bottom) this.drawPrice(level, y);
    this.drawTime(x);
  }

  /**
   * @param {number} level
   * @param {number} y
   */
  drawPrice(level, y) {
    const { area, appearance } = this;
    const { tick } = this.chart.look;
    const exact = area.prices.valueUp(level);
    // A price that can be traded, as an order would have it.
    const price = tick > 0 ? Math.round(exact / tick) * tick : exact;
    const { chip, text } = appearance.colours;
    this.numbers.cover(y);
    this.price.put(area.right, y - 9, area.margin, 18, appearance.onAxis(price), chip, text);
  }

  /** @param {number} x */
  drawTime(x) {
    const { area, chart } = this;
    const ms = chart.modes.shown.at(this.bar, TIME);
    const words = chart.zone.full(ms, ms % 60_000 !== 0);
    const wide = 6.2 * words.length + 8;
    const left = Math.min(Math.max(x - wide / 2, area.left), area.right - wide);
    const { chip, text } = this.appearance.colours;
    this.numbers.coverTimes(left, left + wide);
    this.time.put(left, area.end + 3, wide, 18, words, chip, text);
  }
}
