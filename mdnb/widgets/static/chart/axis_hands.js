// What hands do on the axes: a drag or the wheel on that of prices stretches prices, a drag on that of times
// stretches time. A double click lets the chart choose again.

import { html, set } from "../page/dom.js";

/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {import("./price_ranges.js").Range} Range */
/**
 * @typedef {{
 *   area: PlotArea, measured: () => PlotArea, bars: () => Range, prices: () => Range | null,
 *   zoom: (bars: Range | null, prices: Range | null, done: boolean) => void,
 *   forget: (axis: "bars" | "prices") => void, entered: () => void,
 * }} AxisHandsGiven `bars` are the ordinals at the edges, `prices` the ends as their axis counts; `zoom` shows others
 */

const WHEEL = 0.0015; // of a turn's pixels, in powers of e
const WHEEL_LINES = 20; // pixels of a line, where a wheel counts lines
const WHEEL_DONE_MS = 120;
const LEAST_BARS = 5;
/** By how much one drag may stretch: more is a slip of the hand. */
const MOST = 50;

/**
 * Return a range stretched about its middle.
 * @param {Range} range
 * @param {number} times
 * @returns {Range}
 */
export function stretched([low, high], times) {
  const half = ((high - low) / 2) * Math.min(Math.max(times, 1 / MOST), MOST);
  const middle = (low + high) / 2;
  return [middle - half, middle + half];
}

/**
 * Return by how much a drag along the axis of prices stretches their range: downwards more prices are seen.
 * @param {number} down pixels
 * @param {number} length the axis'
 */
export const dragStretch = (down, length) => Math.exp((2 * down) / length);

/**
 * Return the bars that are in view once what was under the hand is where the hand is now; the newest edge stands.
 * @param {Range} range as the drag began
 * @param {number} from share of the axis' length where the drag began
 * @param {number} to share where the hand is now
 * @param {number} most bars at most
 * @returns {Range}
 */
export function draggedBars([a, b], from, to, most) {
  const held = a + from * (b - a);
  const span = (b - held) / Math.max(1 - to, 0.01);
  return [b - Math.min(Math.max(span, LEAST_BARS), most), b];
}

export class AxisHands {
  /** @param {AxisHandsGiven} given */
  constructor(given) {
    this.given = given;
    this.area = given.area;
    this.node = document.createElement("div");
    set(this.node, { class: "mdnb-axis-hands" });
    this.prices = html(this.node, "div", { class: "mdnb-axis-prices" });
    this.times = html(this.node, "div", { class: "mdnb-axis-times" });
    /** @type {ReturnType<typeof setTimeout> | undefined} until a wheel's turn is taken for done */
    this.turning = undefined;
    this.listen(this.prices, (event) => this.dragPrices(event), "prices");
    this.listen(this.times, (event) => this.dragTimes(event), "bars");
    this.prices.addEventListener("wheel", (event) => this.turn(event), { passive: false });
  }

  /**
   * @param {HTMLElement} node
   * @param {(event: PointerEvent) => (event: PointerEvent) => [Range | null, Range | null]} begin
   * @param {"bars" | "prices"} axis
   */
  listen(node, begin, axis) {
    node.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      const follow = begin(event);
      let moved = false;
      node.setPointerCapture(event.pointerId);
      /** @param {PointerEvent} next */
      const move = (next) => {
        moved = true;
        this.given.zoom(...follow(next), false);
      };
      /** @param {PointerEvent} last */
      const end = (last) => {
        node.removeEventListener("pointermove", move);
        for (const name of ["pointerup", "pointercancel"]) node.removeEventListener(name, /** @type {any} */ (end));
        if (moved) this.given.zoom(...follow(last), true);
      };
      node.addEventListener("pointermove", move);
      for (const name of ["pointerup", "pointercancel"]) node.addEventListener(name, /** @type {any} */ (end));
      event.preventDefault();
    });
    node.addEventListener("dblclick", () => this.given.forget(axis));
    node.addEventListener("mousemove", (event) => {
      // The crosshair is for the bars, plotly's own hands for what is not under ours.
      event.stopPropagation();
      this.given.entered();
    });
    for (const name of ["mousedown", "touchstart", "dblclick"]) {
      node.addEventListener(name, (event) => event.stopPropagation());
    }
  }

  /** @param {PointerEvent} event */
  dragPrices(event) {
    const [from, range, { length }] = [event.clientY, this.given.prices(), this.area.prices];
    return (/** @type {PointerEvent} */ next) =>
      /** @type {[null, Range | null]} */ ([null, range && stretched(range, dragStretch(next.clientY - from, length))]);
  }

  /** @param {PointerEvent} event */
  dragTimes(event) {
    const range = this.given.bars();
    const { offset, length } = this.given.measured().x;
    const left = this.node.parentElement?.getBoundingClientRect().left ?? 0;
    const share = (/** @type {PointerEvent} */ at) => (at.clientX - left - offset) / length;
    const from = share(event);
    const most = MOST * (range[1] - range[0]);
    return (/** @type {PointerEvent} */ next) =>
      /** @type {[Range, null]} */ ([draggedBars(range, from, share(next), most), null]);
  }

  /** @param {WheelEvent} event */
  turn(event) {
    const pixels = event.deltaY * (event.deltaMode ? WHEEL_LINES : 1);
    event.preventDefault();
    event.stopPropagation();
    const shown = this.given.prices();
    if (!shown) return;
    const prices = stretched(shown, Math.exp(WHEEL * pixels));
    this.given.zoom(null, prices, false);
    clearTimeout(this.turning);
    this.turning = setTimeout(() => this.given.zoom(null, prices, true), WHEEL_DONE_MS);
  }

  /** Lie over the axes where they are now. */
  draw() {
    const { left, right, top, bottom, end, width } = this.area;
    set(this.prices, { style: `left:${right + 1}px;top:${top}px;width:${width - right - 1}px;height:${bottom - top}px` });
    set(this.times, { style: `left:${left}px;top:${end + 1}px;width:${right - left}px;height:22px` });
  }

  /** The view is closed. */
  close() {
    clearTimeout(this.turning);
  }
}
