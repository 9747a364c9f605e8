// The front end of `mdnb.widgets.heatmap.heat_map.HeatMap`: what anywidget calls, one closure a heat map.
// The page holds the newest columns; the kernel sends each once. Texts of a feed are `textContent` or drawn.

import { html, say } from "../page/dom.js";
import { onPageTheme, pageTheme } from "../page/page_theme.js";
import { HeatRing, imbalanceOf } from "./heat_data.js";
import { HeatDrawing } from "./heat_drawing.js";

/** @typedef {import("./heat_drawing.js").HeatSettings} HeatSettings */
/** @typedef {import("./heat_drawing.js").Place} Place */
/** @typedef {import("../types").Model} Model */

const SAY_AFTER_MS = 5000; // what is read aloud changes at most so often
const SILENCE_MS = 3000;

/** The model: one a heat map and page. */
class HeatModel {
  /** @param {Model} model */
  constructor(model) {
    this.model = model;
    this.page = crypto.randomUUID?.() ?? String(Math.random());
    /** @type {Set<HeatView>} */
    this.views = new Set();
    this.visible = false;
    this.closed = false;
    /** Whether columns are missing that the kernel was asked for. */
    this.lacks = false;
    this.heard = performance.now();
    /** @type {HeatSettings} */
    this.settings = model.get("_settings");
    this.badge = { text: this.settings.status, tone: this.settings.tone };
    this.generation = this.settings.generation;
    this.ring = new HeatRing(this.settings.columns);
    this.ring.take(model.get("_held"));
    /** @param {Event} [event] */
    this.onPage = (event) => this.tellVisible(event);
    document.addEventListener("visibilitychange", this.onPage);
    window.addEventListener("pagehide", this.onPage);
  }

  close() {
    this.closed = true;
    document.removeEventListener("visibilitychange", this.onPage);
    window.removeEventListener("pagehide", this.onPage);
  }

  configure() {
    this.settings = this.model.get("_settings");
    for (const view of this.views) view.paint();
  }

  /**
   * @param {any} message
   * @param {DataView<ArrayBuffer>[]} buffers
   */
  take(message, buffers) {
    if (message.kind !== "columns") return;
    this.heard = performance.now();
    this.badge = { text: message.status, tone: message.tone };
    if (message.generation !== this.generation) {
      this.ring = new HeatRing(this.settings.columns);
      this.generation = message.generation;
    }
    const lacks = !this.ring.take(buffers[0], message.first);
    // Asked once: a kernel that is busy hears of it late.
    if (lacks && !this.lacks) this.say({ kind: "need", end: this.ring.end });
    this.lacks = lacks;
    for (const view of this.views) view.moved();
  }

  /** What the badge says: the kernel's word, or that it has been silent. */
  get state() {
    const patience = Math.max(SILENCE_MS, 4000 * this.settings.interval);
    const silent = this.badge.tone !== "dead" && performance.now() - this.heard > patience;
    return silent ? { text: "no news from the kernel", tone: "warning" } : this.badge;
  }

  /** @param {unknown} message */
  say(message) {
    if (this.closed) return;
    try {
      this.model.send(message);
    } catch (error) {
      this.closed = true;
      console.debug(`the heat map was closed: ${error}`);
    }
  }

  /** @param {Event} [event] */
  tellVisible(event) {
    const seen = document.visibilityState !== "hidden" && event?.type !== "pagehide";
    const visible = seen && [...this.views].some((view) => view.visible);
    if (visible === this.visible) return;
    this.visible = visible;
    this.heard = performance.now();
    this.say({ kind: "looks", page: this.page, visible, end: this.ring.end });
  }
}

/** One place on the page that shows the heat map. */
class HeatView {
  /**
   * @param {HeatModel} heat
   * @param {HTMLElement} el
   */
  constructor(heat, el) {
    this.heat = heat;
    this.visible = true;
    this.closed = false;
    /** The frame that was asked for; 0 where none was. */
    this.frame = 0;
    /** When it was said last to those who do not see it. */
    this.spoken = -Infinity;
    this.theme = pageTheme();
    /** @type {Place | null} */
    this.pointer = null;
    /** What the crosshair says. */
    this.said = /** @type {ReturnType<HeatDrawing["cross"]>} */ (null);

    const root = (this.root = html(el, "div", { class: "mdnb-heat" }));
    Object.assign(root, { __mdnb: this });
    const head = html(root, "div", { class: "mdnb-heat-head" });
    this.title = html(head, "span", { class: "mdnb-heat-title" });
    /** @param {string} name */
    const fact = (name) => {
      const parts = html(head, "span");
      html(parts, "span", { class: "mdnb-heat-label" }, `${name} `);
      return html(parts, "span");
    };
    this.facts = { spread: fact("spread"), imbalance: fact("imbalance") };
    this.badge = html(head, "span", { class: "mdnb-heat-badge" });
    this.plot = html(root, "div", { class: "mdnb-heat-plot" });
    this.plot.setAttribute("role", "img");
    this.base = html(this.plot, "canvas");
    this.over = html(this.plot, "canvas");
    const foot = html(root, "div", { class: "mdnb-heat-foot" });
    for (const name of ["last", "bid", "ask"]) html(foot, "span", { class: `mdnb-heat-key mdnb-heat-${name}` }, name);
    const legend = html(foot, "div", { class: "mdnb-heat-legend" });
    html(legend, "span", { class: "mdnb-heat-label" }, "size");
    this.scale = html(legend, "div", { class: "mdnb-heat-scale" });
    this.marks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
      const mark = html(this.scale, "span");
      mark.style.left = `${100 * share}%`;
      return { share, mark };
    });
    this.drawing = new HeatDrawing(this.base, this.over, heat.settings, this.theme);
    this.clean = this.watch();
    heat.views.add(this);
    heat.tellVisible();
    this.paint();
  }

  /** Watch the page and the pointer; return what ends that. */
  watch() {
    const resized = new ResizeObserver(() => this.moved());
    resized.observe(this.plot);
    const seen = new IntersectionObserver((entries) => {
      this.visible = Boolean(entries.at(-1)?.isIntersecting);
      this.heat.tellVisible();
      this.moved();
    });
    seen.observe(this.plot);
    const endTheme = onPageTheme(() => this.paint());
    const waiting = setInterval(() => this.paintBadge(), 1000);
    this.plot.addEventListener("pointermove", (event) => {
      const box = this.plot.getBoundingClientRect();
      this.pointer = { x: event.clientX - box.left, y: event.clientY - box.top };
      this.moved();
    });
    this.plot.addEventListener("pointerleave", () => {
      this.pointer = null;
      this.moved();
    });
    return () => {
      clearInterval(waiting);
      resized.disconnect();
      seen.disconnect();
      endTheme();
    };
  }

  close() {
    this.closed = true;
    cancelAnimationFrame(this.frame);
    this.clean();
    this.heat.views.delete(this);
    this.heat.tellVisible();
  }

  /** Take the settings and the page's colours, and draw. */
  paint() {
    const { settings } = this.heat;
    this.theme = pageTheme();
    const colours = settings.themes[this.theme];
    this.drawing.configure(settings, this.theme);
    this.plot.style.height = `${settings.height}px`;
    for (const name of /** @type {const} */ (["up", "down", "background", "text", "muted"])) {
      this.root.style.setProperty(`--mdnb-${name}`, colours[name]);
    }
    this.scale.style.background = `linear-gradient(to right, ${colours.ramp.join(", ")})`;
    say(this.title, `${settings.symbol} · depth`);
    this.moved();
  }

  /** Something changed: draw with the next frame, if anybody sees it. */
  moved() {
    if (!this.visible || this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (this.closed) return;
      this.drawing.draw(this.heat.ring);
      this.said = this.drawing.cross(this.pointer);
      this.paintTexts();
    });
  }

  paintTexts() {
    const { ring, settings } = this.heat;
    const { words, grid } = this.drawing;
    const newest = ring.newest;
    /** @param {number} ticks */
    const price = (ticks) => words.price(ticks * settings.step);
    const [bid, ask] = [newest?.bid ?? NaN, newest?.ask ?? NaN];
    say(this.facts.spread, price(ask - bid));
    const share = newest ? Math.round(100 * imbalanceOf(newest, settings.levels)) : 0;
    const sign = share > 0 ? "▲ +" : share < 0 ? "▼ " : "";
    say(this.facts.imbalance, `${sign}${share} %`);
    this.facts.imbalance.className = share > 0 ? "mdnb-heat-up" : share < 0 ? "mdnb-heat-down" : "";
    for (const { share: at, mark } of this.marks) say(mark, grid.top ? words.size(Number(grid.sizeAt(at).toPrecision(2))) : "");
    this.paintBadge();
    if (performance.now() - this.spoken < SAY_AFTER_MS) return;
    this.spoken = performance.now();
    this.plot.setAttribute(
      "aria-label",
      `${settings.symbol} order book over time. Best bid ${price(bid)}, best ask ${price(ask)}, spread ${price(ask - bid)}.`,
    );
  }

  paintBadge() {
    const { text, tone } = this.heat.state;
    say(this.badge, text);
    this.badge.className = `mdnb-heat-badge mdnb-heat-${tone}`;
  }
}

export default () => {
  /** @type {HeatModel} */
  let heat;
  return {
    /** @param {{ model: Model }} given */
    initialize({ model }) {
      heat = new HeatModel(model);
      model.on("msg:custom", (message, buffers) => heat.take(message, buffers));
      model.on("change:_settings", () => heat.configure());
      return () => heat.close();
    },
    /** @param {{ el: HTMLElement }} given */
    render({ el }) {
      const view = new HeatView(heat, el);
      return () => view.close();
    },
  };
};
