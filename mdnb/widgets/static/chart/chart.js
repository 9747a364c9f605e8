// The model: one a figure and page. It holds the bars, and tells every view of it what moved.

import { Annotations } from "./annotations.js";
import { Bars, NAMES, OPEN } from "./bars.js";
import { revive, typed, unpack } from "./decode.js";
import { showsOthers } from "./figure.js";
import { KernelWatch } from "./kernel_watch.js";
import { OPEN_CHARTS, leaveLink } from "./linking.js";
import { Modes } from "./modes.js";
import { save } from "./picture.js";
import { EDITS } from "./python_edits.js";
import { Zone } from "./time_axis.js";

/** @typedef {import("../types").Look} Look */
/** @typedef {import("../types").Model} Model */
/** @typedef {import("../types").PlotlyPromise} PlotlyPromise */
/** @typedef {import("./view.js").View} View */

// Numbers before the rows of a delta: first ordinal, forming, latency, bid, ask, generation, seconds left.
const HEADER = 7;

/** @typedef {{ text: string, tone: string, latency?: number }} Told the market's state */

/**
 * @param {Look} look
 * @param {DataView<ArrayBuffer>} packed
 */
const barsOf = (look, packed) => new Bars(look.first, unpack(look.columns, packed), look.forming, look.limit);

/** @param {Look} look @returns {Told} */
const toldBy = ({ status, tone, latency }) => ({ text: status, tone, latency });

/**
 * Return the instant in so many seconds by the page's own clock: the bar that is being made counts down without
 * ticks. Null where nobody knows.
 * @param {number} seconds
 */
const instantIn = (seconds) => (Number.isFinite(seconds) ? performance.now() + 1000 * seconds : null);

export class Chart {
  /**
   * @param {Model} model
   * @param {PlotlyPromise} plotly
   * @param {Model} runtime
   */
  constructor(model, plotly, runtime) {
    this.model = model;
    this.page = crypto.randomUUID?.() ?? String(Math.random());
    /** @type {Set<View>} */
    this.views = new Set();
    this.visible = true;
    this.closed = false;
    /** @type {{ bid: number, ask: number } | undefined} */
    this.quote = undefined;
    /** @type {string | undefined} the page's theme, where the kernel was told of it */
    this.toldTheme = undefined;
    /** @type {any[]} */
    this.data = revive(model.get("_widget_data"));
    /** @type {any} */
    this.layout = revive(model.get("_widget_layout"));
    /** @type {Look} */
    this.look = model.get("_look");
    this.bars = barsOf(this.look, model.get("_bars"));
    this.zone = new Zone(this.look.tz);
    /** The market's state, as the kernel told it. */
    this.told = toldBy(this.look);
    this.generation = this.look.generation;
    this.closes = instantIn(this.look.left);
    /** @type {number | null} */
    this.ahead = null;
    // What `data` and `layout` are coloured by, whatever theme or palette is chosen later.
    this.colouring = this.look.themes[this.look.theme];
    this.modes = new Modes(this, this.look.mode);
    this.annotations = new Annotations();
    this.takeAnnotations(model.get("_signs"));
    this.plotly = plotly;
    this.kernel = new KernelWatch(this, runtime);
    OPEN_CHARTS.add(this);
    /** @param {Event} [event] */
    this.onPage = (event) => this.tellVisible(event);
    // A figure that nobody displays: said late, so that the one about to be displayed is drawn at once.
    this.late = setTimeout(this.onPage, 10_000);
    document.addEventListener("visibilitychange", this.onPage);
    window.addEventListener("pagehide", this.onPage);
    this.say({ kind: "hello", page: this.page, generation: this.generation, end: this.bars.end });
    this.say({ kind: "signs", version: this.annotations.version });
  }

  /**
   * What the badge says: the market's state as the kernel told it, unless no kernel is there to tell.
   * @returns {Told}
   */
  get status() {
    return this.kernel?.status ?? this.told;
  }

  /** Let plotly.js run once what is drawn now has been seen. */
  hurry() {
    requestAnimationFrame(() => setTimeout(() => this.plotly.hurry?.()));
  }

  kernelChanged() {
    if (this.kernel.ended) this.closed = true; // nobody listens any more
    for (const view of this.views) view.moved();
  }

  close() {
    this.closed = true;
    this.kernel.close();
    this.modes.close();
    OPEN_CHARTS.delete(this);
    clearTimeout(this.late);
    document.removeEventListener("visibilitychange", this.onPage);
    window.removeEventListener("pagehide", this.onPage);
  }

  /**
   * @param {any} message
   * @param {DataView<ArrayBuffer>[]} buffers
   */
  take(message, buffers) {
    this.kernel.heard();
    if (message.kind === "delta") this.takeDelta(message, typed(Float64Array, buffers[0]));
    else if (message.kind === "bars") {
      this.takeBars(message.look, buffers[0]);
      if (!this.modes.frozen) for (const view of this.views) view.restart();
    } else if (message.kind === "mode") {
      this.modes.take(message);
    } else if (message.kind === "figure") {
      const before = this.look;
      this.takeFigure();
      const other = showsOthers(before, this.look);
      for (const view of this.views) view.remake(other);
    } else if (message.kind === "download") {
      const view = [...this.views].at(-1);
      if (view) save(view, message, buffers[0]);
    } else if (message.kind === "signs") this.takeAnnotations(message);
    else if (message.kind === "follow") {
      for (const view of this.views) {
        if (message.on) view.goLatest();
        else view.stay();
      }
    } else if (message.kind === "look") {
      this.look = message.look;
      for (const view of this.views) view.paint();
    } else if (message.kind === "link") {
      this.look.link = message.link;
      leaveLink(this);
    }
  }

  takeFigure() {
    this.data = revive(this.model.get("_widget_data"));
    this.layout = revive(this.model.get("_widget_layout"));
    this.takeBars(this.model.get("_look"), this.model.get("_bars"));
    this.colouring = this.look.themes[this.look.theme];
  }

  /** Column of the open that is drawn: Heikin-Ashi's prices stand behind the traded ones. */
  get base() {
    return this.look.kind === "heikin-ashi" ? NAMES.length : OPEN;
  }

  /**
   * @param {Look} look
   * @param {DataView<ArrayBuffer>} packed
   */
  takeBars(look, packed) {
    const before = { look: this.look, bars: this.bars };
    this.look = look;
    this.bars = barsOf(look, packed);
    this.zone = new Zone(look.tz);
    this.told = toldBy(look);
    this.generation = look.generation;
    this.closes = instantIn(look.left);
    this.modes.rebase(before);
  }

  /**
   * Take a tick, or several: rows of bars from an ordinal on.
   * @param {{ status?: string, tone?: string, ahead?: number }} message
   * @param {Float64Array} numbers
   */
  takeDelta(message, numbers) {
    const [first, forming, latency, bid, ask, generation, left] = numbers;
    const rows = numbers.subarray(HEADER);
    // The kernel names the market's state when it has changed.
    const { text, tone } = this.told;
    this.told = { text: message.status ?? text, tone: message.tone ?? tone, latency };
    this.quote = { bid, ask };
    // The newest price, while the bars wait for trades that an outage cost.
    this.ahead = message.ahead ?? null;
    this.closes = instantIn(left);
    if (rows.length) {
      if (first > this.bars.end || first < this.bars.first) {
        this.say({ kind: "need" });
        return;
      }
      // Whatever plotly has drawn of these bars is drawn anew.
      const amended = first < this.bars.end - (this.bars.forming ? 1 : 0);
      this.bars.write(first, rows, forming > 0);
      // Of bars older than the limit the kernel does not say how they changed.
      const stale = generation === this.generation ? 0 : Math.max(0, this.bars.count - this.bars.limit);
      this.bars.drop(stale);
      this.generation = generation;
      for (const view of this.views) {
        if (amended) view.amended(first);
        if (stale) view.moved(true);
      }
    }
    for (const view of this.views) view.ticked();
  }

  /**
   * Take marks and alerts, and say which alerts fired.
   * @param {import("../types").AnnotationsMessage} message
   */
  takeAnnotations(message) {
    const fired = this.annotations.take(message);
    if (!fired) {
      this.say({ kind: "signs", version: this.annotations.version });
      return;
    }
    for (const view of this.views) {
      view.tellFired(fired);
      view.moved();
    }
  }

  /**
   * Do what Python does to the figure.
   * @param {string} name
   * @param {any} given
   */
  edit(name, given) {
    const edit = revive(given);
    const { keep, show, ranges } = EDITS[name];
    keep(this, edit);
    const shown = show ? [...this.views].map((view) => view.edit(show, structuredClone(edit), ranges)) : [];
    if (edit.layout_edit_id === undefined && edit.trace_edit_id === undefined) return;
    const done = { kind: "applied", layout: edit.layout_edit_id ?? -1, trace: edit.trace_edit_id ?? -1 };
    Promise.allSettled(shown).then(() => this.say(done));
  }

  /**
   * Say something to the kernel; nobody listens to a figure that was closed.
   * @param {unknown} message
   */
  say(message) {
    if (this.closed) return;
    try {
      this.model.send(message);
    } catch (error) {
      this.closed = true;
      console.debug(`the figure was closed: ${error}`);
    }
  }

  /**
   * @param {string} trait
   * @param {unknown} value
   */
  tell(trait, value) {
    if (this.closed) return;
    this.model.set(trait, value);
    this.model.save_changes();
  }

  /**
   * Tell the page's theme where the kernel takes it for another: not every host runs the probe that tells it.
   * @param {string} theme
   */
  tellTheme(theme) {
    if (theme === (this.toldTheme ?? this.look.theme)) return;
    this.toldTheme = theme;
    this.say({ kind: "theme", theme });
  }

  /** @param {Event} [event] */
  tellVisible(event) {
    const seen = document.visibilityState !== "hidden" && event?.type !== "pagehide";
    const visible = seen && [...this.views].some((view) => view.visible);
    if (visible === this.visible) return;
    this.visible = visible;
    this.say({ kind: "visible", page: this.page, visible });
  }
}
