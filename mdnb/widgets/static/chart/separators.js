// Lines where days and trading sessions begin.

import { set, svg } from "../page/dom.js";
import { beginnings } from "./time_axis.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */

const MOST_SEPARATORS = 40;

export class Separators {
  /** @param {{ chart: Chart, area: PlotArea, appearance: Appearance, group: SVGElement }} given */
  constructor({ chart, area, appearance, group }) {
    this.chart = chart;
    this.area = area;
    this.appearance = appearance;
    /** @type {number[]} ordinals of the first bars */
    this.days = [];
    /** @type {number[]} */
    this.sessions = [];
    this.paths = {
      days: svg(group, "path", { fill: "none", "stroke-dasharray": "1 4", "stroke-opacity": 0.5 }),
      sessions: svg(group, "path", { fill: "none", "stroke-dasharray": "5 4", "stroke-opacity": 0.55 }),
    };
  }

  /**
   * Find where days and sessions begin among the bars around what is in view.
   * @param {number} from
   * @param {number} to
   */
  fit(from, to) {
    const { modes, zone, look } = this.chart;
    const { days, sessions } = beginnings(modes.shown, zone, look.sessions, from, to);
    this.days = days.length > MOST_SEPARATORS ? [] : days;
    this.sessions = sessions.length > MOST_SEPARATORS ? [] : sessions;
  }

  draw() {
    const stroke = this.appearance.colours.muted;
    set(this.paths.days, { d: this.outline(this.days), stroke });
    set(this.paths.sessions, { d: this.outline(this.sessions), stroke });
  }

  /** @param {number[]} ordinals */
  outline(ordinals) {
    const { left, right, top, end, x } = this.area;
    let d = "";
    for (const ordinal of ordinals) {
      const at = x.across(ordinal - 0.5);
      if (at > left && at < right) d += `M${at.toFixed(1)} ${top}V${end}`;
    }
    return d;
  }
}
