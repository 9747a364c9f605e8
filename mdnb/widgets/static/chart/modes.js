// Pause and replay. The page goes on keeping every bar; what it shows is a copy that stands still, or the same
// bars up to a cursor. All of it runs here: it needs no kernel, which may be busy.

import { NAMES, TIME } from "./bars.js";
import { ordinalAt } from "./bar_times.js";

/** @typedef {import("./bars.js").Bars} Bars */
/** @typedef {import("../types").Look} Look */
/** @typedef {import("../types").Mode} Mode */
/** @typedef {{ bid: number, ask: number }} Quote */
/**
 * What a mode changes in a view.
 * @typedef {{
 *   firstOrdinal: number | undefined, goNewest: () => void, moved: () => void, modeChanged: () => void,
 * }} ModeView
 */
/**
 * The chart whose mode it is.
 * @typedef {{
 *   bars: Bars, look: Look, page: string, quote?: Quote, status: { text: string, tone: string, latency?: number },
 *   views: Iterable<ModeView>, say: (message: unknown) => void,
 * }} ModeChart
 */

const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 125, 250, 500, 1000]; // bars a second

export class Modes {
  /**
   * @param {ModeChart} chart
   * @param {Mode} [told]
   */
  constructor(chart, told) {
    this.chart = chart;
    this.name = "live";
    this.speed = 4;
    this.cursor = NaN;
    /** @type {Bars | null} the bars as they were when it was paused */
    this.frozen = null;
    /** @type {Bars | null} the bars up to the cursor */
    this.cut = null;
    /** @type {Quote | null | undefined} */
    this.frozenQuote = null;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.timer = undefined;
    this.onHide = () => {
      if (this.name !== "live") this.tell(false);
    };
    window.addEventListener("pagehide", this.onHide);
    this.become(told ?? { mode: "live", speed: 4 });
  }

  close() {
    clearInterval(this.timer);
    window.removeEventListener("pagehide", this.onHide);
  }

  // -- what is shown ----------------------------------------------------------------------------------

  get shown() {
    return this.frozen ?? this.cut ?? this.chart.bars;
  }

  get quote() {
    return this.name === "live" ? this.chart.quote : this.frozenQuote;
  }

  /**
   * What the badge says.
   * @returns {{ text: string, tone: string, latency?: number }}
   */
  get status() {
    const { status } = this.chart;
    if (this.name === "live") return status;
    const words = this.name === "replay" ? [`replay ×${this.speed}`] : ["paused"];
    if (this.name === "paused" && this.cut) words.push(`replay ×${this.speed}`);
    if (status.tone !== "live") words.push(status.text);
    return { text: words.join(" · "), tone: "muted" };
  }

  // -- what the user does, in the page or in Python -----------------------------------------------------

  /**
   * Do what Python says; it knows already, so other pages need not be told.
   * @param {{ act: string, at?: number, speed?: number, count?: number, page?: string, state?: Mode }} message
   */
  take({ act, at, speed, count, page, state }) {
    if (act === "pause") this.pause(false);
    else if (act === "resume") this.resume(false);
    else if (act === "replay") this.replay(at, speed, false);
    else if (act === "step") this.step(count, false);
    else if (act === "become" && state && page !== this.chart.page) {
      this.become(state);
      this.changed();
    }
  }

  pause(own = true) {
    if (this.name === "paused") return;
    if (this.name === "live") this.freeze();
    this.set("paused", own);
  }

  /** Show the present. */
  resume(own = true) {
    this.frozen = this.cut = this.frozenQuote = null;
    this.set("live", own);
  }

  /** Stop and go on: a replay that was paused goes on where it stands. */
  toggle() {
    if (this.name !== "paused") this.pause();
    else if (this.cut) this.set("replay");
    else this.resume();
  }

  /**
   * Play bars again, from an instant, or else from where a replay stands or the first bar in view.
   * @param {number} [at]
   * @param {number} [speed]
   * @param {boolean} [own]
   */
  replay(at, speed = this.speed, own = true) {
    this.speed = speed;
    if (at !== undefined && Number.isFinite(at)) this.cutAt(ordinalAt(this.chart.bars, at));
    else if (!this.cut) this.cutAt(this.firstInView());
    if (this.cursor >= this.chart.bars.end - 1) {
      this.resume(own);
      return;
    }
    for (const view of this.chart.views) view.goNewest();
    this.set("replay", own);
  }

  step(count = 1, own = true) {
    if (this.name === "live") return;
    const { frozen } = this;
    if (frozen) this.cutAt(frozen.end - 1 - (frozen.forming ? 1 : 0));
    this.moveTo(this.cursor + count, own);
    if (this.name !== "live") this.set(this.name, own);
  }

  /**
   * Take the next speed, faster or slower.
   * @param {boolean} faster
   */
  hurry(faster) {
    const next = faster ? SPEEDS.find((speed) => speed > this.speed) : SPEEDS.findLast((speed) => speed < this.speed);
    if (next === undefined) return;
    this.speed = next;
    this.set(this.name);
  }

  // -- how it is done -----------------------------------------------------------------------------------

  freeze() {
    this.cut = null;
    this.frozen = this.chart.bars.copy();
    this.frozenQuote = this.chart.quote;
  }

  /** @param {number} ordinal */
  cutAt(ordinal) {
    this.frozen = this.frozenQuote = null;
    this.cursor = Math.max(ordinal, this.chart.bars.first);
    this.cut = this.chart.bars.upTo(() => this.cursor);
  }

  firstInView() {
    const { chart } = this;
    const [view] = chart.views;
    const left = view?.firstOrdinal ?? this.shown.end - chart.look.visible;
    return Math.max(left, this.shown.first);
  }

  /**
   * Show bars up to another one; at the present a replay is over, and what was paused stands there.
   * @param {number} ordinal
   * @param {boolean} [own]
   */
  moveTo(ordinal, own = false) {
    const { bars } = this.chart;
    if (ordinal >= bars.end - 1) {
      if (this.name === "replay") this.resume(own);
      else this.freeze();
      return;
    }
    if (ordinal === this.cursor) return;
    this.cursor = Math.max(ordinal, bars.first);
    for (const view of this.chart.views) view.moved();
  }

  /**
   * @param {string} name
   * @param {boolean} [own]
   */
  set(name, own = true) {
    this.name = name;
    this.run();
    this.changed();
    this.tell(own);
  }

  run() {
    clearInterval(this.timer);
    if (this.name !== "replay") return;
    const [from, began] = [this.cursor, performance.now()];
    const pause = Math.min(Math.max(250 / this.speed, 16), 250);
    this.timer = setInterval(() => {
      this.moveTo(from + Math.floor(((performance.now() - began) * this.speed) / 1000));
    }, pause);
  }

  changed() {
    for (const view of this.chart.views) view.modeChanged();
  }

  /**
   * Tell the kernel: it keeps the mode for pages that open later, and tells others what the user did here.
   * @param {boolean} own
   */
  tell(own) {
    this.chart.say({ kind: "mode", page: this.chart.page, own, state: this.state });
  }

  /** @returns {Mode} */
  get state() {
    const { cut, frozen, name: mode, shown, speed } = this;
    if (mode === "live") return { mode, speed };
    const last = shown.count - 1;
    const row = frozen && last >= 0 ? frozen.columns.map((column) => column[last]) : null;
    return { mode, speed, cut: Boolean(cut), at: shown.at(shown.end - 1, TIME), row, forming: shown.forming };
  }

  /**
   * Take a state that this page or another one told the kernel.
   * @param {Mode} state
   */
  become({ mode, speed, cut, at, row, forming }) {
    const { bars } = this.chart;
    const known = at !== undefined && Number.isFinite(at) ? ordinalAt(bars, at) : null;
    this.frozen = this.cut = this.frozenQuote = null;
    this.speed = speed;
    this.name = mode;
    if (mode === "replay" || cut) this.cutAt(known ?? this.firstInView());
    else if (mode === "paused") {
      this.freeze();
      if (known !== null && known >= bars.first) this.restore(known, row, forming);
    }
    this.run();
  }

  /**
   * Make the frozen bars end as they did: the last one may have been in the making.
   * @param {number} last
   * @param {(number | null)[] | null} [row]
   * @param {boolean} [forming]
   */
  restore(last, row, forming) {
    const { frozen } = this;
    if (!frozen) return;
    frozen.forming = row ? Boolean(forming) : frozen.forming && last === frozen.end - 1;
    frozen.count = last - frozen.first + 1;
    // JSON has no NaN: it came as null.
    row?.forEach((value, i) => {
      if (frozen.columns[i]) frozen.columns[i][frozen.count - 1] = value ?? NaN;
    });
  }

  /**
   * Other bars came in place of those held: the same ones anew, or another timeframe's, or with other lines.
   * @param {{ look: Look, bars: Bars }} before
   */
  rebase({ look, bars }) {
    const { bars: now, look: shows } = this.chart;
    if (this.frozen) {
      if (look.timeframe !== shows.timeframe || look.symbol !== shows.symbol) {
        this.freeze();
        this.tell(false);
      } else if (JSON.stringify([look.kind, look.series]) !== JSON.stringify([shows.kind, shows.series])) {
        const { at, row, forming } = this.state;
        this.freeze();
        // The lines' columns are others now; the bar's own are the first in any case.
        this.restore(Math.max(ordinalAt(now, at ?? NaN), now.first), row?.slice(0, NAMES.length), forming);
      }
    } else if (this.cut) {
      // The bars that were complete when the one at the cursor was, and no others: none tells the future.
      const complete = bars.at(Math.max(Math.min(this.cursor + 1, bars.end - 1), bars.first), TIME);
      this.cutAt(ordinalAt(now, complete) - 1);
      this.run();
    }
  }
}
