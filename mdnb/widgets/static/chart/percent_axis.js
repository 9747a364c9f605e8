// The axis of prices in per cent of the first bar in view: the same axis with other numbers beside it.

import { CLOSE } from "./bars.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./chart.js").Chart} Chart */

const NICE = [1, 2, 2.5, 5, 10];
const TICK_KEYS = ["tickmode", "tickvals", "ticktext"];

/**
 * Return how many per cent a price is above a base, as it is written.
 * @param {number} price
 * @param {number} base
 * @param {number} [decimals]
 */
export function percentWords(price, base, decimals = 2) {
  const words = (100 * (price / base - 1)).toFixed(decimals);
  if (!Number(words)) return `${words.replace("-", "")}%`;
  return words.startsWith("-") ? `−${words.slice(1)}%` : `+${words}%`;
}

/**
 * Return the prices at round percentages, and what is written beside them.
 * @param {number} low
 * @param {number} high
 * @param {number} base above zero
 * @param {number} wanted how many at the most
 * @returns {{ tickvals: number[], ticktext: string[] }}
 */
export function percentTicks(low, high, base, wanted) {
  const [from, to] = [100 * (low / base - 1), 100 * (high / base - 1)];
  const rough = (to - from) / Math.max(wanted, 1);
  /** @type {{ tickvals: number[], ticktext: string[] }} */
  const out = { tickvals: [], ticktext: [] };
  if (!(rough > 0 && Number.isFinite(rough))) return out;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * (NICE.find((nice) => nice * power >= rough) ?? 10);
  const decimals = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9) + (Math.abs(step / power - 2.5) < 1e-9 ? 1 : 0));
  for (let n = Math.ceil(from / step); n * step <= to; n += 1) {
    const price = base * (1 + (n * step) / 100);
    out.tickvals.push(price);
    out.ticktext.push(percentWords(price, base, Math.min(decimals, 8)));
  }
  return out;
}

export class PercentAxis {
  /** @param {{ chart: Chart, appearance: Appearance }} given */
  constructor({ chart, appearance }) {
    this.chart = chart;
    this.appearance = appearance;
    this.on = false;
  }

  /**
   * Number the axis: in per cent where that is chosen and has a meaning, else as Python's figure says.
   * @param {any} axis plotly's
   * @param {number} from the ordinal at the left edge
   * @param {[number, number]} prices at the ends
   * @param {number} height pixels
   */
  fit(axis, from, prices, height) {
    const { appearance, chart } = this;
    const bars = chart.modes.shown;
    const first = Math.min(Math.max(Math.ceil(from), bars.first), bars.end - 1);
    const base = this.on && bars.count ? bars.at(first, CLOSE) : NaN;
    // Of a price of zero or below there is no percentage.
    const was = appearance.percentBase;
    appearance.percentBase = base > 0 ? base : NaN;
    if (base > 0) {
      const ticks = percentTicks(Math.min(...prices), Math.max(...prices), base, Math.max(2, Math.floor(height / 48)));
      Object.assign(axis, { tickmode: "array" }, ticks);
    } else if (was > 0) {
      const own = chart.layout.yaxis ?? {};
      for (const key of TICK_KEYS) {
        if (key in own) axis[key] = own[key];
        else delete axis[key];
      }
    }
  }
}
