// The lines of indicators, over the bars and in panes below. Plotly draws what is closed; the bars it has not
// drawn yet, at least the one being made, are drawn here with each tick.

import { html, say, set } from "../page/dom.js";
import { MOST_OURS } from "./bar_layer.js";
import { NAMES, TIME } from "./bars.js";
import { traceOf } from "./figure.js";
import { axisName } from "./panes.js";
import { priceRange } from "./price_ranges.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./bar_layer.js").Progress} Progress */
/** @typedef {import("./bars.js").Bars} Bars */
/** @typedef {import("./bars.js").Groups} Groups */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./panes.js").Panes} Panes */
/** @typedef {import("./plot_area.js").Axis} Axis */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {import("./price_ranges.js").Range} Range */
/** @typedef {import("../types").Line} Line */
/** @typedef {import("../types").PlotlyDiv} PlotlyDiv */
/**
 * A line, the column of the bars that has its values, and its paths: two of columns, one of any other.
 * @typedef {Line & { at: number, path: SVGPathElement, falling: SVGPathElement | null }} DrawnLine
 */
/** @typedef {{ axis: string, row: HTMLElement, values: { line: DrawnLine, node: HTMLElement }[] }} Label */

/**
 * Return points with a hole where a line is broken.
 * @param {Float64Array} at
 * @param {Float64Array} values
 * @param {Uint8Array} breaks
 */
export function broken(at, values, breaks) {
  /** @type {number[]} */
  const x = [];
  /** @type {(number | null)[]} */
  const y = [];
  at.forEach((one, i) => {
    if (breaks[i]) {
      x.push(one - 0.5);
      y.push(null);
    }
    x.push(one);
    y.push(values[i]);
  });
  return { x, y };
}

/**
 * Return before which groups a line that begins anew with each trading day is broken.
 * @param {number[]} resets when trading days begin
 * @param {Float64Array} times of the groups' last bars
 */
export function breaksBefore(resets, times) {
  const breaks = new Uint8Array(times.length);
  let next = 0;
  for (let i = 1; i < times.length; i += 1) {
    while (next < resets.length && resets[next] <= times[i - 1]) next += 1;
    if (next < resets.length && resets[next] <= times[i]) breaks[i] = 1;
  }
  return breaks;
}

/**
 * Return each column's colour, out of its trace's scale: of those that fell, and of those that rose. Not a number
 * for it, as in Python: plotly takes the nought of those that fell for none, and complains at length.
 * @param {any} trace
 * @param {Float64Array} values
 * @param {(i: number) => number} floor
 * @returns {string[]}
 */
export function bySide(trace, values, floor) {
  const scale = trace.marker.colorscale;
  const [down, up] = [scale[0][1], scale.at(-1)[1]];
  return Array.from(values, (value, i) => (value >= floor(i) ? up : down));
}

export class Indicators {
  /** @param {{ chart: Chart, gd: PlotlyDiv, area: PlotArea, appearance: Appearance }} given */
  constructor({ chart, gd, area, appearance }) {
    this.chart = chart;
    this.gd = gd;
    this.area = area;
    this.appearance = appearance;
    this.labels = document.createElement("div");
    /** @type {DrawnLine[]} */
    this.lines = [];
    /** @type {{ axis: string, at: number[], range: Range | null, path: SVGPathElement }[]} of panes */
    this.guides = [];
    /** @type {Label[]} */
    this.legends = [];
    /** @type {Map<string, Range>} of panes, held while the lines fit */
    this.ranges = new Map();
    /** @type {number[]} columns of the lines over the bars */
    this.over = [];
  }

  /** Names of the axes of panes below the prices. */
  get panes() {
    return this.chart.look.panes.map((pane) => axisName(pane.axis));
  }

  /**
   * Make the lines' paths and labels anew: another figure is shown.
   * @param {Panes} panes
   */
  rebuild(panes) {
    const { look } = this.chart;
    this.ranges.clear();
    this.guides = look.panes.map((pane) => {
      const axis = axisName(pane.axis);
      return { axis, at: pane.guides, range: pane.range, path: panes.path(axis, { "stroke-dasharray": "3 4" }) };
    });
    this.lines = look.series.map((line) => {
      const axis = axisName(line.axis);
      const path = panes.path(axis);
      const falling = line.style === "bars" ? panes.path(axis) : null;
      return { ...line, axis, at: NAMES.length + line.column, path, falling };
    });
    this.over = this.lines.filter((line) => line.axis === "yaxis").map((line) => line.at);
    this.rebuildLabels();
  }

  rebuildLabels() {
    this.labels.replaceChildren();
    /** @type {Map<string, Label>} */
    const rows = new Map();
    for (const line of this.lines) {
      const key = `${line.axis} ${line.label}`;
      let held = rows.get(key);
      if (!held) {
        const row = html(this.labels, "div", { class: line.axis === "yaxis" ? "mdnb-over-label" : "mdnb-pane-label" });
        html(row, "span", {}, line.label);
        held = { axis: line.axis, row, values: [] };
        rows.set(key, held);
      }
      held.values.push({ line, node: html(held.row, "span", { class: "value" }) });
    }
    this.legends = [...rows.values()];
  }

  // -- what plotly draws --------------------------------------------------------------------------------

  /**
   * Give plotly the lines' values of the groups it draws.
   * @param {Groups} groups
   */
  give(groups) {
    for (const line of this.lines) {
      const trace = traceOf(this.gd, line.uid);
      if (!trace) continue;
      const values = this.chart.modes.shown.pick(line.at, groups);
      if (line.breaks) Object.assign(trace, broken(groups.at, values, this.breaks(groups)));
      else Object.assign(trace, { x: groups.at, y: values });
      if (line.falling) trace.marker = { ...trace.marker, color: bySide(trace, values, () => 0) };
    }
  }

  /** @param {Groups} groups */
  breaks(groups) {
    return breaksBefore(this.chart.look.resets, this.chart.modes.shown.pick(TIME, groups));
  }

  /**
   * Fit the panes below to what is in view.
   * @param {number} a
   * @param {number} b
   */
  fitPanes(a, b) {
    for (const { axis: name, range } of this.guides) {
      const axis = this.gd.layout[name];
      if (!axis) continue;
      axis.range = [...(range ?? this.paneRange(name, a, b))];
      axis.autorange = false;
    }
  }

  /**
   * @param {string} name
   * @param {number} a
   * @param {number} b
   */
  paneRange(name, a, b) {
    const lines = this.lines.filter((line) => line.axis === name);
    const columns = lines.map((line) => line.at);
    let { low, high } = this.chart.modes.shown.extremes(Math.ceil(a), Math.floor(b) + 1, columns);
    if (!(high >= low)) [low, high] = [0, 1];
    if (lines.some((line) => line.falling)) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
    const made = priceRange(low, high, this.ranges.get(name));
    this.ranges.set(name, made);
    return made;
  }

  /**
   * Return whether a line has left its pane at a bar: plotly has to draw it anew. Over the bars it may be outside.
   * @param {number} ordinal
   */
  isOutside(ordinal) {
    const bars = this.chart.modes.shown;
    for (const line of this.lines) {
      const range = this.ranges.get(line.axis);
      const value = bars.at(ordinal, line.at);
      if (range && (value < range[0] || value > range[1])) return true;
    }
    return false;
  }

  // -- what we draw -------------------------------------------------------------------------------------

  /** @param {Progress} progress */
  draw({ size, drawnTo }) {
    const bars = this.chart.modes.shown;
    const from = Math.max(drawnTo, bars.end - MOST_OURS * size);
    // One group before those to draw: a line goes on from there.
    const groups = bars.merge(Math.max(from - size, bars.first), bars.end, size);
    const begins = from - size >= bars.first ? 1 : 0;
    for (const line of this.lines) {
      const axis = this.area.axis(line.axis);
      if (!axis.length) continue;
      const values = bars.pick(line.at, groups);
      if (line.falling) this.drawColumns(line, line.falling, groups, values, begins, size, axis);
      else this.drawLine(line, groups, values, axis);
    }
    this.drawGuides();
  }

  drawGuides() {
    const { left, right } = this.area;
    const stroke = this.appearance.colours.muted;
    for (const { axis: name, at, path } of this.guides) {
      const axis = this.area.axis(name);
      const d = axis.length ? at.map((value) => `M${left} ${axis.up(value).toFixed(1)}H${right}`).join("") : "";
      set(path, { d, stroke, "stroke-opacity": 0.5 });
    }
  }

  /**
   * @param {DrawnLine} line
   * @param {Groups} groups
   * @param {Float64Array} values
   * @param {Axis} axis
   */
  drawLine(line, groups, values, axis) {
    const { x } = this.area;
    let d = "";
    let pen = "M";
    const breaks = line.breaks ? this.breaks(groups) : null;
    groups.at.forEach((at, i) => {
      if (breaks?.[i]) pen = "M";
      if (Number.isFinite(values[i])) d += `${pen}${x.across(at).toFixed(2)} ${axis.up(values[i]).toFixed(2)}`;
      pen = Number.isFinite(values[i]) ? "L" : "M";
    });
    set(line.path, { d, stroke: this.appearance.accent(line.accent), "stroke-width": line.width });
  }

  /**
   * @param {DrawnLine} line
   * @param {SVGPathElement} fallingPath
   * @param {Groups} groups
   * @param {Float64Array} values
   * @param {number} begins
   * @param {number} size
   * @param {Axis} axis
   */
  drawColumns(line, fallingPath, groups, values, begins, size, axis) {
    const { x } = this.area;
    const { colours } = this.appearance;
    let [rising, falling] = ["", ""];
    const base = axis.up(0).toFixed(2);
    const wide = 0.375 * size;
    for (let i = begins; i < values.length; i += 1) {
      if (!Number.isFinite(values[i])) continue;
      const [a, b] = [x.across(groups.at[i] - wide).toFixed(2), x.across(groups.at[i] + wide).toFixed(2)];
      const d = `M${a} ${base}V${axis.up(values[i]).toFixed(2)}H${b}V${base}Z`;
      if (values[i] >= 0) rising += d;
      else falling += d;
    }
    set(line.path, { d: rising, fill: colours.volume_up });
    set(fallingPath, { d: falling, fill: colours.volume_down });
  }

  /**
   * Say the lines' values at a bar; return how many rows stand over the bars.
   * @param {number} ordinal
   */
  drawLabels(ordinal) {
    const { appearance, area } = this;
    const bars = this.chart.modes.shown;
    let row = 0;
    for (const { axis: name, row: node, values } of this.legends) {
      const axis = area.axis(name);
      if (!axis.length) continue;
      const top = name === "yaxis" ? axis.offset + 4 + 17 * row : axis.offset + 2;
      if (name === "yaxis") row += 1;
      set(node, { style: `top:${top}px` });
      for (const { line, node: value } of values) {
        const number = bars.at(ordinal, line.at);
        say(value, Number.isFinite(number) ? appearance.format(line.decimals).format(number) : "–");
        const side = number >= 0 ? "up" : "down";
        set(value, { style: `color:${line.falling ? appearance.colours[side] : appearance.accent(line.accent)}` });
      }
    }
    return row;
  }
}
