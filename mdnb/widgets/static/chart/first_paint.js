// What a view shows until plotly.js is there: all of its bars in our own layer, on axes of our own that stand where
// plotly will put its axes. A chart is seen half a second sooner, and moves meanwhile.

import { set, svg } from "../page/dom.js";
import { NUMBER_CLASSES, notePlace } from "./plotly_private.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {import("../types").PlotlyDiv} PlotlyDiv */

const MARGIN = { l: 80, r: 80, t: 100, b: 80 }; // plotly's, where a layout has none
const HEIGHT = 450; // plotly's
const STEPS_OF_TEN = [2, 5, 10];

/**
 * Return the round numbers in a range that plotly would write beside an axis so long.
 * @param {number[]} range
 * @param {number} length
 */
export function roundNumbers([low, high], length) {
  const rough = (high - low) / (Math.min(Math.max(length / 40, 4), 9) + 1);
  const base = 10 ** Math.floor(Math.log10(rough));
  const step = base * (STEPS_OF_TEN.find((many) => rough / base <= many) ?? 10);
  const out = [];
  for (let n = Math.ceil(low / step); n * step <= high; n += 1) out.push(n * step);
  return out;
}

export class FirstPaint {
  /**
   * @param {{
   *   gd: PlotlyDiv, el: HTMLElement, area: PlotArea, appearance: Appearance, group: SVGElement,
   * }} given
   */
  constructor({ gd, el, area, appearance, group }) {
    this.gd = gd;
    this.el = el;
    this.area = area;
    this.appearance = appearance;
    this.group = group;
    /** Whether ours are the axes that are shown. */
    this.shows = false;
  }

  /** Whether all axes are of a kind that we can draw. */
  get canShow() {
    const axes = Object.entries(this.gd.layout).filter(([name]) => /^[xy]axis/.test(name));
    return axes.every(([, axis]) => ["linear", "-", undefined].includes(axis?.type));
  }

  begin() {
    this.shows = true;
  }

  /** Plotly drew: its axes take the place of ours. */
  end() {
    if (!this.shows) return;
    this.shows = false;
    this.group.replaceChildren();
    Object.assign(this.gd.style, { height: "", background: "" });
  }

  /** Lay out our axes for the figure as it is. */
  layOut() {
    const { area, gd } = this;
    const { layout, style } = gd;
    const { l, r, t, b } = { ...MARGIN, ...layout.margin };
    const [width, height] = [layout.width ?? this.el.clientWidth, layout.height ?? HEIGHT];
    Object.assign(style, { height: `${height}px`, background: layout.paper_bgcolor });
    area.width = width;
    for (const [name, axis] of area.axes) {
      if (!layout[name]) {
        axis.length = 0;
        continue;
      }
      const { domain = [0, 1], range = [0, 1] } = layout[name];
      const flat = name.startsWith("x");
      const [from, length] = flat ? [l, width - l - r] : [t, height - t - b];
      const [start, end] = flat ? domain : [1 - domain[1], 1 - domain[0]];
      axis.layOut(from + start * length, (end - start) * length, range);
    }
    area.measure();
  }

  /** Draw the axes' lines and labels; a chip hides these as it does plotly's, by its names for them. */
  draw() {
    const { group } = this;
    group.replaceChildren();
    const lines = svg(group, "path", { stroke: this.appearance.colours.grid, fill: "none" });
    set(lines, { d: this.drawPrices() + this.drawTimes() });
  }

  drawPrices() {
    const { left, right, prices } = this.area;
    let d = "";
    for (const price of roundNumbers(prices.range, prices.length)) {
      const y = prices.up(price);
      d += `M${left} ${y.toFixed(1)}H${right}`;
      const place = { x: right + 1, y, "dominant-baseline": "central" };
      this.label(NUMBER_CLASSES.prices, price, this.appearance.prices.format(price), place);
    }
    return d;
  }

  drawTimes() {
    const { area } = this;
    const { tickvals = [], ticktext = [] } = this.gd.layout.xaxis;
    const panes = [...area.axes.values()].filter((axis) => axis !== area.x && axis.length);
    let d = "";
    tickvals.forEach((/** @type {number} */ at, /** @type {number} */ i) => {
      const x = area.x.across(at);
      if (!(x >= area.left && x <= area.right)) return;
      d += panes.map(({ offset, length }) => `M${x.toFixed(1)} ${offset}v${length}`).join("");
      const words = ticktext[i].replace(/<\/?b>/g, "");
      if (x < 3.2 * words.length) return; // cut by the figure's edge: plotly leaves it out
      const weight = words === ticktext[i] ? 400 : 700;
      const place = { x, y: area.end + 12, "text-anchor": "middle", "font-weight": weight };
      this.label(NUMBER_CLASSES.times, at, words, place);
    });
    return d;
  }

  /**
   * @param {string[]} names the classes of its groups
   * @param {number} at
   * @param {string} words
   * @param {import("../page/dom.js").Attributes} attributes
   */
  label([layer, number], at, words, attributes) {
    const group = svg(svg(this.group, "g", { class: layer }), "g", { class: number });
    const text = svg(group, "text", { fill: this.appearance.colours.muted, ...attributes }, words);
    notePlace(text, at);
  }
}
