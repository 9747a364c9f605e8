// What plotly draws of a view: bars that are closed, lines, ranges and labels. That is slow, so it is seldom done:
// some time after a bar was closed, when prices leave the range, when the user moved; and for one chart a frame.

import { OPEN, VOLUME } from "./bars.js";
import { CANDLES, VOLUMES, traceOf } from "./figure.js";
import { bySide } from "./indicators.js";
import { isDragging } from "./plotly_private.js";
import { isLog, logPriceRange, priceRange, toAxis, withLines } from "./price_ranges.js";
import { timeTicks } from "./time_axis.js";

/** @typedef {import("./bars.js").Groups} Groups */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./indicators.js").Indicators} Indicators */
/** @typedef {import("./percent_axis.js").PercentAxis} PercentAxis */
/** @typedef {import("./separators.js").Separators} Separators */
/** @typedef {import("./viewport.js").Viewport} Viewport */
/** @typedef {import("../types").Plotly} Plotly */
/** @typedef {import("../types").PlotlyDiv} PlotlyDiv */
/**
 * @typedef {{
 *   chart: Chart, gd: PlotlyDiv, el: HTMLElement, viewport: Viewport, indicators: Indicators, separators: Separators,
 *   percent: PercentAxis, isPointed: () => boolean, fitted: () => void, redrawn: () => void,
 * }} SyncGiven `fitted` before plotly draws, `redrawn` after it
 */

const PIXELS_A_CANDLE = 2.6;
const REST_MS = 1000;
const HAND_MS = 450; // that the user is taken to go on moving something
const MOST_UNDRAWN = 30; // candles
const TOP_MARGIN = 30; // as in Python

/** Lets plotly draw one view of the page after each frame: ten at once would hold up the page. */
class Turns {
  constructor() {
    /** @type {Set<PlotlySync>} */
    this.due = new Set();
    this.turning = false;
    this.afterFrame = () => {
      // What we draw of a tick is seen before plotly begins: a task that a frame's callback sets comes after it.
      setTimeout(() => this.next());
    };
  }

  /** @param {PlotlySync} sync */
  take(sync) {
    this.due.add(sync);
    if (this.turning) return;
    this.turning = true;
    requestAnimationFrame(this.afterFrame);
  }

  next() {
    const [sync] = this.due;
    this.due.delete(sync);
    this.turning = this.due.size > 0;
    if (this.turning) requestAnimationFrame(this.afterFrame);
    sync.fitInTurn();
  }
}

const TURNS = new Turns();

export class PlotlySync {
  /** @param {SyncGiven} given */
  constructor({ chart, gd, el, viewport, indicators, separators, percent, isPointed, fitted, redrawn }) {
    this.chart = chart;
    this.gd = gd;
    this.el = el;
    this.viewport = viewport;
    this.indicators = indicators;
    this.separators = separators;
    this.percent = percent;
    this.isPointed = isPointed;
    this.fitted = fitted;
    this.redrawn = redrawn;
    /** @type {Plotly | null} */
    this.plotly = null;
    /** Whether plotly has drawn the figure. */
    this.ready = false;
    this.closed = false;
    /** How often plotly drew. */
    this.fits = 0;
    this.fitMs = 0;
    this.fittedAt = -Infinity;
    /** When plotly may draw next. */
    this.nextFit = 0;
    /** Until when the user has something in hand. */
    this.busyUntil = 0;
    this.restMs = REST_MS;
    /** How many of our own changes plotly is at: what it tells meanwhile is not the user's. */
    this.quiet = 0;
    /** Bars of a group. */
    this.size = 1;
    /** The ordinal from which on plotly has drawn no bar. */
    this.drawnTo = 0;
    /** The top of the axis of volume; 0 where there is none, or none yet. */
    this.topVolume = 0;
    /** @type {Groups | null} what plotly was given last */
    this.groups = null;
    /** @type {ReturnType<typeof setTimeout> | 0} until plotly draws */
    this.fitTimer = 0;
    /** @type {ReturnType<typeof setTimeout> | 0} until plotly draws the bars that were closed */
    this.later = 0;
    /** The end of the bars that it waits for. */
    this.laterFor = 0;
  }

  /**
   * Let plotly draw for the first time.
   * @param {Plotly} plotly
   */
  async begin(plotly) {
    this.plotly = plotly;
    this.fit();
    await plotly.newPlot(this.gd, this.gd.data, this.gd.layout, this.config);
  }

  /** Let plotly draw another figure. */
  async replace() {
    this.fit();
    await this.hush(this.plotly?.react(this.gd, this.gd.data, this.gd.layout, this.config));
  }

  get config() {
    return { ...this.chart.model.get("_config"), doubleClick: false };
  }

  close() {
    this.closed = true;
    clearTimeout(this.fitTimer);
    clearTimeout(this.later);
    if (this.ready) this.plotly?.purge(this.gd);
  }

  get isQuiet() {
    return this.quiet > 0;
  }

  /**
   * Let plotly change something that the kernel need not be told of.
   * @template T
   * @param {Promise<T> | undefined} drawing
   */
  async hush(drawing) {
    this.quiet += 1;
    try {
      return await drawing;
    } finally {
      this.quiet -= 1;
    }
  }

  /** The user has something in hand: nothing is drawn under it. */
  keepOff() {
    this.busyUntil = performance.now() + HAND_MS;
  }

  /** Other bars than before are shown: of none is it known how plotly drew it. */
  restart() {
    this.drawnTo = 0;
    this.topVolume = 0;
  }

  /**
   * Bars from an ordinal on are no longer what plotly drew.
   * @param {number} first
   */
  amended(first) {
    this.drawnTo = Math.min(this.drawnTo, Math.floor(first / this.size) * this.size);
  }

  // -- what plotly is given -------------------------------------------------------------------------------

  /** Give plotly the bars, the ranges and the labels of what is in view. */
  fit() {
    const { gd, viewport } = this;
    const bars = this.chart.modes.shown;
    const { layout } = gd;
    layout.xaxis ??= {};
    layout.yaxis ??= {};
    this.fitTitle(layout);
    viewport.fit();
    const [a, b] = viewport.range;
    const width = (this.el.clientWidth || 900) - 90;
    this.size = Math.max(1, Math.ceil(((b - a) * PIXELS_A_CANDLE) / width));
    // Plotly gets whole groups of closed bars; the group in the making is ours.
    const closed = bars.end - (bars.forming ? 1 : 0);
    this.drawnTo = Math.floor(closed / this.size) * this.size;
    const more = (b - a) / 2;
    const from = Math.floor((a - more) / this.size) * this.size;
    this.giveBars(from, Math.min(Math.ceil(b + more), this.drawnTo));
    this.separators.fit(a - more, b + more);
    layout.xaxis.range = [a, b];
    layout.xaxis.autorange = false;
    const wanted = 2 * Math.max(3, Math.round(width / 110));
    const ticks = timeTicks(bars, this.chart.zone, a - more, b + more, wanted, [a, b]);
    Object.assign(layout.xaxis, { tickmode: "array" }, ticks);
    this.fitHeights(a, b);
  }

  /**
   * A title moves the plot down, and our legend line is between them: not where the user says how far.
   * @param {any} layout
   */
  fitTitle(layout) {
    if (this.chart.layout.margin?.t !== TOP_MARGIN) return;
    const { text, font } = layout.title ?? {};
    const own = this.chart.layout.title;
    const size = font?.size ?? 1.4 * (layout.font?.size ?? 12); // plotly's
    const lines = text ? String(text).split(/<br *\/?>/).length : 0;
    // Plotly places several lines by the first one's foot, a single one by its head.
    const pad = { l: 10, t: lines > 1 ? 8 + 0.7 * size : 8 };
    if (lines) layout.title = { x: 0, y: 1, yanchor: "top", ...own, pad: { ...pad, ...own?.pad } };
    layout.margin = { ...layout.margin, t: lines ? TOP_MARGIN + 8 + 1.3 * size * lines : TOP_MARGIN };
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  giveBars(from, to) {
    const { chart, gd, size } = this;
    const bars = chart.modes.shown;
    const groups = (this.groups = bars.merge(from, to, size));
    const drawn = chart.base === OPEN ? groups : bars.merge(from, to, size, chart.base);
    const candles = traceOf(gd, CANDLES);
    const { at, open, high, low, close } = drawn;
    // Plotly colours a bar without a body by the close before it; ours rise, as their volume does.
    const rising = close.map((value, i) => (value === open[i] ? value + (Math.abs(value) || 1) * 1e-12 : value));
    const prices = candles?.type === "scatter" ? { y: close } : { open, high, low, close: rising };
    if (candles) Object.assign(candles, { x: at, ...prices });
    this.indicators.give(groups);
    const volumes = traceOf(gd, VOLUMES);
    if (!volumes) return;
    Object.assign(volumes, { x: at, y: groups.volume });
    volumes.marker = { ...volumes.marker, color: bySide(volumes, groups.close, (i) => groups.open[i]) };
  }

  /**
   * Fit the axes of prices, of volume and of the panes to what is in view.
   * @param {number} a
   * @param {number} b
   */
  fitHeights(a, b) {
    const { chart, indicators, viewport } = this;
    const { layout } = this.gd;
    const bars = chart.modes.shown;
    const [from, to] = [Math.ceil(a), Math.floor(b) + 1];
    const seen = bars.extremes(from, to, [chart.base + 1, chart.base + 2]);
    const { low, high } = withLines(seen, bars.extremes(from, to, indicators.over));
    indicators.fitPanes(a, b);
    if (!(high >= low)) return;
    const made = isLog(layout.yaxis) ? logPriceRange : priceRange;
    const held = viewport.prices;
    const prices = viewport.fixedPrices && held ? held : made(low, high, held);
    viewport.prices = prices;
    const ends = prices.map((price, i) => toAxis(layout.yaxis, viewport.priceEnds?.[i] ?? price));
    const reversed = !viewport.fixedPrices && String(chart.layout.yaxis?.autorange).includes("reversed");
    layout.yaxis.range = reversed ? ends.reverse() : ends;
    layout.yaxis.autorange = false;
    this.percent.fit(layout.yaxis, a, prices, this.el.clientHeight || 500);
    if (!layout.yaxis2) return;
    const most = Math.max(bars.extremes(from, to, [VOLUME]).high, 0);
    const tall = most * (this.size > 1 ? this.groupPeak(a, b, most) : 1);
    if (!(tall <= this.topVolume && this.topVolume < 2.5 * tall)) this.topVolume = tall * 1.12 || 1;
    layout.yaxis2.range = [0, this.topVolume];
    layout.yaxis2.autorange = false;
  }

  /**
   * Return how many times the tallest bar the tallest group in view is.
   * @param {number} a
   * @param {number} b
   * @param {number} most
   */
  groupPeak(a, b, most) {
    let peak = most;
    const { groups } = this;
    groups?.at.forEach((at, i) => {
      if (at >= a && at <= b) peak = Math.max(peak, groups.volume[i]);
    });
    return peak / (most || 1);
  }

  // -- when it draws --------------------------------------------------------------------------------------

  /**
   * Something moved: let plotly draw, now or later, where it has to.
   * @param {boolean} fit whether it has to in any case
   */
  moved(fit) {
    const { chart, viewport } = this;
    const bars = chart.modes.shown;
    const last = bars.end - 1;
    const shown = viewport.hasNewest;
    const { prices } = viewport;
    const { base } = chart;
    const beyond = prices && (bars.at(last, base + 1) > prices[1] || bars.at(last, base + 2) < prices[0]);
    const outside = shown && !viewport.fixedPrices && (beyond || this.indicators.isOutside(last));
    const behind = shown ? this.undrawn() : 0;
    const tall = shown && this.size === 1 && this.topVolume > 0 && bars.at(last, VOLUME) > this.topVolume;
    const full = behind > 0 && last + 1 >= viewport.range[1]; // no room for one more
    if (fit || outside || full || tall || viewport.isGone || behind > MOST_UNDRAWN) this.fitSoon();
    else if (behind > 0) this.fitLater();
  }

  /** Return how many groups of closed bars plotly has not drawn. */
  undrawn() {
    const bars = this.chart.modes.shown;
    return Math.floor((bars.end - (bars.forming ? 1 : 0) - this.drawnTo) / this.size);
  }

  /** Let plotly draw anew, seldom enough that a slow page keeps up, and never under the user's hand. */
  fitSoon() {
    if (this.fitTimer || this.closed) return;
    const now = performance.now();
    const pause = Math.max(0, this.nextFit - now, this.busyUntil - now);
    this.fitTimer = setTimeout(() => TURNS.take(this), pause);
  }

  /** Let plotly draw the bars that were closed once none was for a second, and until then we draw them. Where
   * somebody points, it is asked what bar that is: it rests for a second and no more. */
  fitLater() {
    const { end } = this.chart.modes.shown;
    const pointed = this.isPointed();
    if (this.later && (pointed || this.laterFor === end)) return;
    clearTimeout(this.later);
    this.laterFor = end;
    const now = performance.now();
    this.later = setTimeout(() => {
      this.later = 0;
      if (this.undrawn() > 0) this.fitSoon();
    }, Math.max(0, (pointed ? this.fittedAt : now) + this.restMs - now));
  }

  fitInTurn() {
    this.fitTimer = 0;
    if (isDragging(this.gd) || performance.now() < this.busyUntil) this.fitSoon();
    else this.fitNow();
  }

  async fitNow() {
    if (!this.ready || this.closed || !this.plotly) return;
    const began = performance.now();
    this.fit();
    this.fitted();
    await this.hush(this.plotly.redraw(this.gd));
    if (this.closed) return;
    this.redrawn();
    const ended = performance.now();
    this.fitMs = ended - began;
    this.fits += 1;
    this.fittedAt = ended;
    this.nextFit = ended + Math.max(120, 3 * this.fitMs);
  }
}
