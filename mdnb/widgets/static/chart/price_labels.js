// The labels on the axis of prices: each at its price, shifted where it would lie on another, with a leader then.

import { set, svg } from "../page/dom.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./axis_numbers.js").AxisNumbers} AxisNumbers */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/**
 * @typedef {{ y: number, height: number, weight: number, price?: number }} Wanted its middle, and how much that it
 *   stays there; the pixel of its price, where that is not its middle
 */
/**
 * @typedef {Wanted & { place: (y: number, x: number) => void, hide: () => void }} PriceLabel `place` draws it, its
 *   middle and its left edge there; `hide` where there is no room for it
 */

const LEADER = 6; // pixels across
const SHIFTED = 1.5; // pixels from which on a leader shows to which price a label belongs

/**
 * Return the middles of labels so that none lies on another and each is as near to its own place as that allows: the
 * least sum of squares of the shifts, by weight. Not a number for one without room; the lightest go first.
 *
 * With the room that labels take subtracted, that is the isotonic regression of their places, which pooling adjacent
 * violators finds (Barlow et al., Statistical Inference under Order Restrictions, 1972), cut at the bounds.
 * @param {Wanted[]} labels
 * @param {number} top
 * @param {number} bottom
 * @returns {number[]}
 */
export function spreadApart(labels, top, bottom) {
  const out = labels.map(() => NaN);
  const order = labels.map((_, i) => i).sort((i, j) => labels[j].weight - labels[i].weight || i - j);
  /** @type {number[]} */
  const kept = [];
  let room = bottom - top;
  for (const i of order) {
    if (labels[i].height > room) continue;
    room -= labels[i].height;
    kept.push(i);
  }
  const prices = labels.map(({ y, price = y }) => price);
  kept.sort((i, j) => prices[i] - prices[j] || i - j);
  let above = 0;
  const offsets = kept.map((i) => {
    const middle = above + labels[i].height / 2;
    above += labels[i].height;
    return middle;
  });
  /** @type {{ sum: number, weight: number, count: number }[]} of neighbours that touch */
  const pools = [];
  kept.forEach((i, n) => {
    const { y, weight } = labels[i];
    pools.push({ sum: weight * (y - offsets[n]), weight, count: 1 });
    while (pools.length > 1) {
      const [before, last] = [pools[pools.length - 2], pools[pools.length - 1]];
      if (before.sum / before.weight <= last.sum / last.weight) break;
      pools.pop();
      before.sum += last.sum;
      before.weight += last.weight;
      before.count += last.count;
    }
  });
  let n = 0;
  for (const { sum, weight, count } of pools) {
    const shift = Math.min(Math.max(sum / weight, top), bottom - above);
    for (let i = 0; i < count; i += 1, n += 1) out[kept[n]] = shift + offsets[n];
  }
  return out;
}

export class PriceLabels {
  /** @param {{ area: PlotArea, appearance: Appearance, numbers: AxisNumbers, group: SVGElement }} given */
  constructor({ area, appearance, numbers, group }) {
    this.area = area;
    this.appearance = appearance;
    this.numbers = numbers;
    this.leaders = svg(group, "path", { fill: "none" });
    /** @type {PriceLabel[]} */
    this.labels = [];
  }

  /** Begin a drawing: no label is wanted yet. */
  begin() {
    this.labels.length = 0;
  }

  /** @param {PriceLabel} label */
  put(label) {
    this.labels.push(label);
  }

  /** All labels are wanted: draw them. */
  draw() {
    const { area, labels } = this;
    // The lowest may reach over the gap below the prices.
    const places = spreadApart(labels, area.top - 9, area.bottom + 18);
    let d = "";
    places.forEach((at, i) => {
      const { y, height, place, hide, price = y } = labels[i];
      if (Number.isNaN(at)) {
        hide();
        return;
      }
      const shifted = Math.abs(at - y) > SHIFTED;
      if (shifted) d += `M${area.right} ${price.toFixed(1)}L${area.right + LEADER} ${at.toFixed(1)}`;
      place(at, area.right + (shifted ? LEADER : 0));
      for (let below = 9; below <= height; below += 18) this.numbers.cover(at - height / 2 + below);
    });
    set(this.leaders, { d, stroke: this.appearance.colours.muted });
  }
}
