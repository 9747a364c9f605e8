// Marks of trades and signals. They are bound to times, so they stand at the bar that holds theirs in any timeframe.
// A tick that moves nothing of them draws none of them anew.

import { Pool, say, set, svg } from "../page/dom.js";
import { BAR_KINDS } from "./bar_kinds.js";
import { CLOSE, HIGH, LOW, TIME } from "./bars.js";
import { countBelow, spanOf } from "./bar_times.js";
import { placeTexts } from "./label_placement.js";
import { markShape } from "./mark_shapes.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./bars.js").Bars} Bars */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./label_placement.js").Wanted} Wanted */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {import("../types").Alert} Alert */
/** @typedef {import("../types").Mark} Mark */
/** @typedef {"tick" | "note" | "buy" | "sell" | "alert"} Outline */

export const FIRED_SHOWN = 10; // of the alerts that are over
const MOST_STACKED = 4;
const ROOM = 14; // pixels that a bar's marks take from side to side

/**
 * Return the marks among the bars `[from, to)`, and the alerts that fired there, by the group of bars they stand at,
 * in order of time.
 * @param {Bars} bars
 * @param {number} from
 * @param {number} to
 * @param {number} size of a group
 * @param {{ marks: Mark[], alerts: Alert[] }} annotations
 * @param {string} timeframe
 */
export function stackMarks(bars, from, to, size, { marks, alerts }, timeframe) {
  /** @type {Map<number, Mark[]>} */
  const found = new Map();
  if (to <= from) return found;
  const begins = bars.at(from, TIME);
  const ends = to < bars.end ? bars.at(to, TIME) : bars.at(to - 1, TIME) + spanOf(timeframe);
  /** @param {number} i */
  const at = (i) => marks[i].time;
  const shown = marks.slice(countBelow(at, marks.length, begins), countBelow(at, marks.length, ends));
  for (const alert of alerts.filter((one) => one.at !== null).slice(-FIRED_SHOWN)) {
    const time = Number(alert.at);
    if (time >= begins && time < ends) shown.push({ time, side: "alert", price: Number(alert.price), text: "" });
  }
  /** @param {number} i */
  const started = (i) => bars.columns[TIME][i];
  for (const mark of shown) {
    const bar = bars.first + countBelow(started, bars.count, mark.time, true) - 1;
    const group = Math.floor(bar / size);
    const held = found.get(group);
    if (held) held.push(mark);
    else found.set(group, [mark]);
  }
  return found;
}

export class MarkLayer {
  /** @param {{ chart: Chart, area: PlotArea, appearance: Appearance, group: SVGElement }} given */
  constructor({ chart, area, appearance, group }) {
    this.chart = chart;
    this.area = area;
    this.appearance = appearance;
    /** @param {Outline} name */
    const path = (name) => svg(group, "path", { class: `mdnb-mark-${name}`, fill: "none" });
    /** @type {Record<Outline, SVGPathElement>} */
    this.paths = {
      tick: path("tick"),
      note: path("note"),
      buy: path("buy"),
      sell: path("sell"),
      alert: path("alert"),
    };
    const look = { "font-size": 11, "dominant-baseline": "central", "paint-order": "stroke", "stroke-width": 3 };
    this.texts = new Pool(() => svg(group, "text", { class: "mdnb-mark-text", ...look }));
    /** What the marks were drawn for last. */
    this.drawnFor = "";
  }

  /**
   * Draw the marks, if anything of them moved.
   * @param {number} size bars of a group
   */
  draw(size) {
    const { appearance, area, chart } = this;
    const { modes, look, annotations } = chart;
    const bars = modes.shown;
    const newest = bars.end - 1;
    const { x, prices } = area;
    const places = [x.range, prices.range, prices.type, area.left, area.right, area.top, area.bottom, area.end];
    const moving = [newest, bars.at(newest, LOW), bars.at(newest, HIGH), size, chart.generation];
    const shown = [annotations.version, appearance.theme, appearance.colours.up, look.timeframe, look.kind];
    const key = [places, moving, shown].join();
    if (key === this.drawnFor) return;
    this.drawnFor = key;
    this.drawAll(size);
  }

  /** @param {number} size */
  drawAll(size) {
    const { area, chart } = this;
    const { x, prices } = area;
    const bars = chart.modes.shown;
    const { base, look } = chart;
    const out = { tick: "", note: "", buy: "", sell: "", alert: "" };
    const half = Math.min(5, Math.max(3, 0.8 * Math.abs(x.across(size) - x.across(0))));
    const columns = BAR_KINDS[look.kind].joined ? [CLOSE] : [base + 1, base + 2];
    /** @type {Wanted[]} */
    const words = [];
    const [a, b] = x.range;
    const from = Math.max(Math.floor(a / size) * size, bars.first);
    const to = Math.min(Math.ceil(b / size) * size + size, bars.end);
    const stacks = stackMarks(bars, from, to, size, chart.annotations, look.timeframe);
    // Where they stand side by side there is no room for more than one on each side of a bar.
    const crowded = stacks.size * ROOM > area.right - area.left;
    const most = crowded ? 1 : MOST_STACKED;
    for (const [group, marks] of stacks) {
      const at = x.across(group * size + (size - 1) / 2);
      const { low, high } = bars.extremes(group * size, (group + 1) * size, columns);
      const below = { way: 1, level: prices.up(low) + 5, count: 0 }; // down the page
      const above = { way: -1, level: prices.up(high) - 5, count: 0 };
      for (const mark of marks) {
        if (Number.isFinite(mark.price) && mark.side !== "alert" && !crowded) {
          out.tick += `M${(at - half - 2).toFixed(1)} ${prices.up(mark.price).toFixed(1)}h${(2 * half + 4).toFixed(1)}`;
        }
        const side = mark.side === "buy" ? below : above;
        side.count += 1;
        if (side.count > most) continue;
        const tip = side.level;
        side.level += 13 * side.way;
        out[/** @type {Outline} */ (mark.side)] += markShape(mark.side, at, tip, half);
        if (mark.text && !crowded) words.push({ x: at, y: tip + 5 * side.way, text: mark.text });
      }
      for (const { way, level, count } of [below, above]) {
        if (count > most && !crowded) words.push({ x: at - 14, y: level + 2 * way, text: `+${count - most}` });
      }
    }
    this.paint(out);
    this.write(words);
  }

  /** @param {Record<Outline, string>} out */
  paint(out) {
    const { colours } = this.appearance;
    const edge = { stroke: colours.background, "stroke-width": 1, "paint-order": "stroke" };
    set(this.paths.buy, { d: out.buy, fill: colours.up, ...edge });
    set(this.paths.sell, { d: out.sell, fill: colours.down, ...edge });
    set(this.paths.note, { d: out.note, fill: colours.text, ...edge });
    set(this.paths.alert, { d: out.alert, fill: colours.warning, ...edge });
    set(this.paths.tick, { d: out.tick, stroke: colours.text, "stroke-width": 1.5 });
  }

  /**
   * Write the texts beside the marks, the newest first.
   * @param {Wanted[]} words
   */
  write(words) {
    const { colours } = this.appearance;
    for (const { x, y, text, anchor } of placeTexts(words, this.area.right)) {
      const node = this.texts.next();
      set(node, { x: x.toFixed(1), y: y.toFixed(1), "text-anchor": anchor, fill: colours.text, stroke: colours.background });
      say(node, text);
    }
    this.texts.finish((node) => say(node, ""));
  }
}
