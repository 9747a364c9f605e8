// What is drawn over the shapes that plotly draws: the one under the hand, the handles of the one picked, and what a
// shape of plotly's does not have: prices on the axis, a ray's way on, Fibonacci's lines, what a measure says.

import { Pool, say, set, svg } from "../page/dom.js";
import { Chip } from "./chip.js";
import {
  FIBONACCI, TEXT_SIZE, handlesOf, isDrawn, kindOf, levelsOf, outlineOf, rayTo, squaresOf, wordsOf,
} from "./drawn_shapes.js";
import { measureWords } from "./measure_words.js";
import { drawnShape } from "./plotly_private.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./drawn_shapes.js").Ends} Ends */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {import("./price_labels.js").PriceLabels} PriceLabels */
/** @typedef {import("../types").PlotlyDiv} PlotlyDiv */
/** @typedef {import("../types").Shape} Shape */
/** @typedef {{ group: SVGGElement, box: SVGRectElement, lines: SVGTextElement[] }} Told what a measure says */
/**
 * @typedef {{
 *   chart: Chart, gd: PlotlyDiv, area: PlotArea, appearance: Appearance, labels: PriceLabels,
 *   group: SVGElement, chips: SVGElement, id: string, timeAt: (bar: number) => number,
 * }} LayerGiven
 */
/** @typedef {{ moving: Shape | null, isNew: boolean, picked: string | null, cross: [number, number] | null }} InHand */

const LEVEL_ROOM = 100; // pixels for what is said at one of Fibonacci's lines
const SMALL_LETTER = 6.2; // pixels of a small text, on average

export class DrawingLayer {
  /** @param {LayerGiven} given */
  constructor({ chart, gd, area, appearance, labels, group, chips, id, timeAt }) {
    this.chart = chart;
    this.gd = gd;
    this.area = area;
    this.appearance = appearance;
    this.labels = labels;
    this.timeAt = timeAt;
    const prices = svg(group, "g", { "clip-path": `url(#mdnb-${id}-yaxis)` });
    this.preview = svg(prices, "path", { "stroke-width": 1.2 });
    this.words = svg(prices, "text", { "font-size": TEXT_SIZE, "dominant-baseline": "central" });
    const more = svg(prices, "g");
    /** @type {Pool<SVGPathElement>} */
    this.lines = new Pool(() => svg(more, "path", { fill: "none", class: "mdnb-drawn-line" }));
    /** @type {Pool<SVGTextElement>} */
    this.texts = new Pool(() => svg(more, "text", { "font-size": 11, class: "mdnb-drawn-level" }));
    /** @type {Pool<Told>} */
    this.told = new Pool(() => {
      const held = svg(prices, "g", { class: "mdnb-measured" });
      const box = svg(held, "rect", { rx: 3, height: 36 });
      return { group: held, box, lines: [0, 1].map(() => svg(held, "text", { "font-size": 11, "text-anchor": "middle" })) };
    });
    this.handles = svg(prices, "path", { "stroke-width": 1.2 });
    this.cross = svg(prices, "path", { fill: "none", "stroke-width": 1.5 });
    this.levels = svg(chips, "g");
    /** @type {string | null} the shape that is not shown where plotly has it */
    this.hidden = null;
    /** @type {Chip[]} of the lines in view */
    this.levelChips = [];
  }

  /**
   * Return where a shape begins and ends, in pixels.
   * @param {Shape} shape
   * @returns {Ends}
   */
  endsOf(shape) {
    const { x, prices, left, right, top, bottom } = this.area;
    const kind = kindOf(shape);
    const up = kind === "vertical" ? [bottom, top] : [prices.up(shape.y0), prices.up(shape.y1)];
    const across = kind === "line" ? [left, right] : [x.across(Number(shape.x0)), x.across(Number(shape.x1))];
    return [across[0], up[0], across[1], up[1]];
  }

  /** @returns {import("./drawn_shapes.js").Box} */
  get box() {
    const { left, right, top, bottom } = this.area;
    return [left, right, top, bottom];
  }

  /**
   * @param {Shape[]} shapes all of the figure's
   * @param {InHand} hand what is moved now or made, which is picked, and where the keyboard points
   */
  draw(shapes, { moving, isNew, picked, cross }) {
    const { colours } = this.appearance;
    let count = 0;
    /** @type {Shape | null} */
    let held = isNew ? null : moving;
    for (let i = 0; i < shapes.length; i += 1) {
      const shape = shapes[i];
      if (!isDrawn(shape)) continue;
      const isMoved = shape.name === moving?.name;
      // Plotly is asked for its drawing of no other: that takes longer than all the rest.
      if (isMoved || shape.name === this.hidden) this.hide(i, isMoved);
      if (isMoved) continue;
      if (shape.name === picked && !moving) held = shape;
      count += this.drawMore(shape, count);
    }
    this.hidden = moving?.name ?? null;
    if (moving) count += this.drawMore(moving, count);
    while (this.levelChips.length > count) this.levelChips.pop()?.group.remove();
    this.drawMoving(moving);
    const handles = held ? squaresOf(handlesOf(kindOf(held), this.endsOf(held))) : "";
    set(this.handles, { d: handles, stroke: colours.drawn, fill: colours.background });
    const [x, y] = cross ?? [0, 0];
    set(this.cross, { d: cross ? `M${x - 7} ${y}h14M${x} ${y - 7}v14` : "", stroke: colours.drawn });
    this.lines.finish((line) => set(line, { d: "" }));
    this.texts.finish((text) => say(text, ""));
    this.told.finish(({ group }) => set(group, { visibility: "hidden" }));
  }

  /**
   * Do not show a shape where it was while it is moved.
   * @param {number} at
   * @param {boolean} isMoved
   */
  hide(at, isMoved) {
    const drawn = drawnShape(this.gd, at);
    const visibility = isMoved ? "hidden" : "";
    if (drawn && drawn.style.visibility !== visibility) drawn.style.visibility = visibility;
  }

  /** @param {Shape | null} moving */
  drawMoving(moving) {
    const { colours } = this.appearance;
    const stroke = moving?.line?.color ?? colours.drawn;
    const kind = moving ? kindOf(moving) : "text";
    const ends = moving ? this.endsOf(moving) : null;
    set(this.preview, { d: ends ? outlineOf(kind, ends) : "", stroke, fill: moving?.fillcolor ?? "none" });
    say(this.words, moving && kind === "text" ? wordsOf(moving) : "");
    if (ends) set(this.words, { x: ends[0], y: ends[1], fill: stroke });
  }

  /**
   * Draw what a shape of plotly's does not have; return how many labels on the axis that took.
   * @param {Shape} shape
   * @param {number} count of the labels there are
   */
  drawMore(shape, count) {
    const kind = kindOf(shape);
    if (kind === "line") return this.drawLevel(count, shape.y0);
    if (kind === "ray") this.drawRay(shape);
    else if (kind === "fibonacci") this.drawFibonacci(shape);
    else if (kind === "measure") this.drawMeasure(shape);
    return 0;
  }

  /**
   * Label a line, with the n-th label; return how many that took.
   * @param {number} at
   * @param {number} price
   */
  drawLevel(at, price) {
    const { appearance, area } = this;
    const y = area.prices.up(price);
    if (!(y >= area.top && y <= area.bottom)) return 0;
    const chip = (this.levelChips[at] ??= new Chip(this.levels));
    const { drawn, drawn_text: text } = appearance.colours;
    const words = appearance.onAxis(price);
    this.labels.put({
      y, height: 18, weight: 2,
      place: (middle, x) => chip.put(x, middle - 9, area.margin - (x - area.right), 18, words, drawn, text),
      hide: () => chip.hide(),
    });
    return 1;
  }

  /** @param {Shape} shape */
  drawRay(shape) {
    const ends = this.endsOf(shape);
    const [, , x1, y1] = ends;
    const [, , x, y] = rayTo(ends, this.box);
    const { color = "", width = 1.5 } = shape.line ?? {};
    const d = `M${x1.toFixed(1)} ${y1.toFixed(1)}L${x.toFixed(1)} ${y.toFixed(1)}`;
    set(this.lines.next(), { d, stroke: color, "stroke-width": width });
  }

  /** @param {Shape} shape */
  drawFibonacci(shape) {
    const { appearance, area } = this;
    const [x0, , x1] = this.endsOf(shape);
    const [left, right] = [Math.min(x0, x1), Math.max(x0, x1)];
    const { color = "" } = shape.line ?? {};
    // Where there is no room right of the lines their words stand left of them.
    const fits = right + LEVEL_ROOM <= area.right;
    const place = { x: (fits ? right + 5 : left - 5).toFixed(1), "text-anchor": fits ? "start" : "end", fill: color };
    let d = "";
    levelsOf(shape).forEach((price, i) => {
      const y = area.prices.up(price);
      d += `M${left.toFixed(1)} ${y.toFixed(1)}H${right.toFixed(1)}`;
      const text = this.texts.next();
      set(text, { ...place, y: (y + 4).toFixed(1) });
      say(text, `${FIBONACCI[i]}  ${appearance.onAxis(price)}`);
    });
    set(this.lines.next(), { d, stroke: color, "stroke-width": 1 });
  }

  /** @param {Shape} shape */
  drawMeasure(shape) {
    const { appearance, area, chart } = this;
    const [x0, y0, x1, y1] = this.endsOf(shape);
    const { color = "" } = shape.line ?? {};
    // Arrows through the middle: which way it was measured.
    const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
    const [across, down] = [4 * Math.sign(x1 - x0), 4 * Math.sign(y1 - y0)];
    const d = `M${x} ${y0}V${y1}m-4 ${-down}l4 ${down}l4 ${-down}M${x0} ${y}H${x1}m${-across} -4l${across} 4l${-across} 4`;
    set(this.lines.next(), { d, stroke: color, "stroke-width": 1 });
    const { tick, worth } = chart.look;
    const words = measureWords({
      from: shape.y0,
      to: shape.y1,
      bars: shape.x1 - shape.x0,
      ms: this.timeAt(shape.x1) - this.timeAt(shape.x0),
      tick, worth,
      price: (value) => appearance.prices.format(value),
    });
    const wide = SMALL_LETTER * Math.max(...words.map((line) => line.length)) + 12;
    const top = y1 <= y0 ? y1 - 42 : y1 + 6;
    const head = Math.min(Math.max(top, area.top + 2), area.bottom - 38);
    const middle = Math.min(Math.max(x, area.left + wide / 2 + 2), area.right - wide / 2 - 2);
    const { group, box, lines } = this.told.next();
    const { drawn, drawn_text: fill } = appearance.colours;
    set(group, { visibility: "visible" });
    set(box, { x: (middle - wide / 2).toFixed(1), y: head.toFixed(1), width: wide.toFixed(1), fill: drawn });
    lines.forEach((line, i) => {
      set(line, { x: middle.toFixed(1), y: (head + 14 + 15 * i).toFixed(1), fill });
      say(line, words[i]);
    });
  }
}
