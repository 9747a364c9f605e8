// Drawing: horizontal lines and rectangles. They are ordinary shapes of the figure's layout, told from others by
// their names. Plotly draws them; here they are made, picked, moved and taken away. Plotly's own drawing modes do
// not fit: they take the place of panning, and a shape being edited does not outlive the redraw of a bar's close.

import { set, svg } from "../page/dom.js";
import { CLOSE } from "./bars.js";
import { Chip } from "./chip.js";
import { drawnTo, handlesOf, hitShape, isDrawn, makeShape, movedTo, outlineOf } from "./drawn_shapes.js";
import { drawnShape } from "./plotly_private.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./drawn_shapes.js").Box} Box */
/** @typedef {import("./drawn_shapes.js").Hit} Hit */
/** @typedef {import("./drawn_shapes.js").Sides} Sides */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {import("./price_labels.js").PriceLabels} PriceLabels */
/** @typedef {import("../types").PlotlyDiv} PlotlyDiv */
/** @typedef {import("../types").Pointer} Pointer */
/** @typedef {import("../types").Shape} Shape */
/** @typedef {"line" | "rectangle"} Tool */
/**
 * A button is held down: from where, with a tool or on a shape, and what that has made of it by now.
 * @typedef {{
 *   x: number, y: number, clientX: number, clientY: number, stop: AbortController, far: boolean,
 *   tool: Tool | null, from: [number, number], hit: Hit | null, now: Sides | null,
 * }} Gesture
 */
/**
 * What the tools need of the view.
 * @typedef {{
 *   chart: Chart, gd: PlotlyDiv, area: PlotArea, appearance: Appearance, labels: PriceLabels,
 *   shapes: SVGElement, chips: SVGElement, id: string,
 *   measured: () => PlotArea, moved: () => void, isReady: () => boolean, keepOff: () => void,
 *   commit: (shapes: Shape[]) => void, showTool: (tool: Tool | null) => void, focus: () => void,
 *   pointer: () => Pointer | null,
 * }} ToolsGiven
 */

/** A click moves the pointer less. @param {{ clientX: number, clientY: number }} a @param {MouseEvent} b */
const isFar = (a, b) => Math.hypot(b.clientX - a.clientX, b.clientY - a.clientY) > 3;

export class DrawingTools {
  /** @param {ToolsGiven} given */
  constructor(given) {
    this.given = given;
    this.chart = given.chart;
    this.gd = given.gd;
    this.area = given.area;
    this.appearance = given.appearance;
    this.labels = given.labels;
    /** @type {Tool | null} */
    this.tool = null;
    /** @type {string | null} a shape's name */
    this.picked = null;
    /** @type {Gesture | null} */
    this.gesture = null;
    const prices = svg(given.shapes, "g", { "clip-path": `url(#mdnb-${given.id}-yaxis)` });
    this.preview = svg(prices, "path", { "stroke-width": 1.2 });
    this.handles = svg(prices, "path", { "stroke-width": 1.2 });
    this.levels = svg(given.chips, "g");
    /** @type {Chip[]} of the lines in view */
    this.levelChips = [];
    this.scales = {
      barAt: (/** @type {number} */ x) => this.barAt(x),
      priceAt: (/** @type {number} */ y) => this.priceAt(y),
      boxOf: (/** @type {Shape} */ shape) => this.boxOf(shape),
    };
  }

  listen() {
    const { gd } = this;
    // Before plotly, which would begin to pan.
    gd.addEventListener("pointerdown", (event) => this.beginAt(event), true);
    gd.addEventListener("pointermove", (event) => this.showCursor(event));
    for (const name of ["mousedown", "touchstart"]) {
      gd.addEventListener(name, (event) => {
        if (this.gesture) event.stopPropagation();
      }, true);
    }
  }

  /**
   * Take a tool in hand, or put it away.
   * @param {Tool} name
   * @param {boolean} byKeyboard the next keys are for the chart
   */
  take(name, byKeyboard) {
    this.picked = null;
    this.hold(this.tool === name ? null : name);
    if (this.tool && byKeyboard) this.gd.focus({ preventScroll: true });
  }

  /** @param {Tool | null} tool */
  hold(tool) {
    this.tool = tool;
    this.given.showTool(tool);
    this.gd.classList.toggle("mdnb-drawing", tool !== null);
    this.given.moved();
  }

  // -- the shapes ---------------------------------------------------------------------------------------

  /** @returns {Shape[]} */
  get shapes() {
    return this.gd.layout?.shapes ?? [];
  }

  drawnShapes() {
    return this.shapes.filter(isDrawn);
  }

  /** @param {Shape[]} shapes */
  commit(shapes) {
    this.given.commit(shapes);
    this.given.moved();
  }

  clear() {
    this.picked = null;
    if (this.shapes.some(isDrawn)) this.commit(this.shapes.filter((shape) => !isDrawn(shape)));
  }

  // -- places -------------------------------------------------------------------------------------------

  /**
   * Return where in the pane of prices an event is; null outside.
   * @param {MouseEvent} event
   * @returns {[number, number] | null}
   */
  inPane({ clientX, clientY }) {
    const box = this.gd.getBoundingClientRect();
    const [x, y] = [clientX - box.left, clientY - box.top];
    return this.area.holds(x, y) ? [x, y] : null;
  }

  /** The least step between prices. */
  get step() {
    const { decimals, tick } = this.chart.look;
    return tick || 10 ** -decimals;
  }

  /**
   * Return a price on the axis, a whole number of ticks.
   * @param {number} y
   */
  priceAt(y) {
    const { step } = this;
    const price = Math.round(this.given.measured().prices.valueUp(y) / step) * step;
    return Number(price.toFixed(this.chart.look.decimals));
  }

  /** @param {number} x */
  barAt(x) {
    return this.given.measured().barAt(x);
  }

  /**
   * Return a shape's sides in pixels.
   * @param {Sides} shape
   * @returns {Box}
   */
  boxOf({ type, x0, x1, y0, y1 }) {
    const { x, prices, left, right } = this.given.measured();
    const across = type === "rect" ? [x.across(Number(x0)), x.across(Number(x1))] : [left, right];
    const down = [prices.up(y0), prices.up(y1)];
    return [Math.min(...across), Math.max(...across), Math.min(...down), Math.max(...down)];
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  hit(x, y) {
    return hitShape(this.drawnShapes(), this.picked, x, y, this.scales.boxOf);
  }

  /** @param {Hit} hit */
  isGrabbed(hit) {
    return hit.part !== "inside" || hit.shape.name === this.picked;
  }

  /** @param {PointerEvent} event */
  showCursor(event) {
    if (this.gesture || this.tool) return;
    const place = this.inPane(event);
    const found = place && this.drawnShapes().length ? this.hit(...place) : null;
    let cursor = "";
    if (found) cursor = found.part === "corner" ? "nwse-resize" : this.isGrabbed(found) ? "move" : "pointer";
    if (cursor !== this.gd.style.getPropertyValue("--mdnb-cursor")) {
      this.gd.style.setProperty("--mdnb-cursor", cursor);
      this.gd.classList.toggle("mdnb-over-drawn", Boolean(cursor));
    }
  }

  // -- the pointer --------------------------------------------------------------------------------------

  /**
   * Begin to draw, move or pick; everything else is plotly's.
   * @param {PointerEvent} event
   */
  beginAt(event) {
    const on = event.target instanceof Element && event.target.closest(".mdnb-buttons, .mdnb-latest");
    if (event.button !== 0 || on) return;
    this.given.focus();
    const place = this.given.isReady() && this.inPane(event);
    if (!place) return;
    const [x, y] = place;
    if (this.tool) {
      this.begin(event, x, y, this.tool, null);
      return;
    }
    const found = this.hit(x, y);
    if (found && this.isGrabbed(found)) {
      this.picked = found.shape.name;
      this.begin(event, x, y, null, { ...found, shape: structuredClone(found.shape) });
      return;
    }
    if (this.picked) this.given.moved();
    this.picked = null;
    if (!found) return;
    // A click inside picks; a drag pans.
    window.addEventListener("pointerup", (end) => {
      if (isFar(event, end)) return;
      this.picked = found.shape.name;
      this.given.moved();
    }, { once: true });
  }

  /**
   * @param {PointerEvent} event
   * @param {number} x
   * @param {number} y
   * @param {Tool | null} tool
   * @param {Hit | null} hit
   */
  begin({ clientX, clientY }, x, y, tool, hit) {
    const stop = new AbortController();
    const from = /** @type {[number, number]} */ (tool ? [this.barAt(x), this.priceAt(y)] : [NaN, NaN]);
    this.gesture = { x, y, clientX, clientY, stop, far: false, tool, from, hit, now: null };
    this.gd.classList.add("mdnb-held");
    const { signal } = stop;
    window.addEventListener("pointermove", (event) => this.drag(event), { signal });
    window.addEventListener("pointerup", (event) => this.drop(event), { signal });
    window.addEventListener("pointercancel", () => this.letGo(), { signal });
    this.given.moved();
  }

  /** @param {PointerEvent} event */
  drag(event) {
    const { gesture, area } = this;
    if (!gesture) return;
    const box = this.gd.getBoundingClientRect();
    const x = Math.min(Math.max(event.clientX - box.left, area.left), area.right);
    const y = Math.min(Math.max(event.clientY - box.top, area.top), area.bottom);
    gesture.far ||= isFar(gesture, event);
    if (gesture.far || gesture.tool === "line") gesture.now = this.dragged(gesture, x, y);
    this.given.keepOff();
    this.given.moved();
  }

  /**
   * Return what a gesture makes of its shape.
   * @param {Gesture} gesture
   * @param {number} x
   * @param {number} y
   * @returns {Sides | null}
   */
  dragged({ tool, from, hit, x: fromX, y: fromY }, x, y) {
    if (tool) return drawnTo(tool, from, x, y, this.scales);
    return hit && movedTo(hit, fromX, fromY, x, y, this.scales);
  }

  /** @param {PointerEvent} event */
  drop(event) {
    if (this.gesture?.tool === "line") this.drag(event);
    const { gesture } = this;
    this.letGo();
    if (!gesture?.now || !(gesture.far || gesture.tool === "line")) return;
    const { hit, now, tool } = gesture;
    const shapes = structuredClone(this.shapes);
    if (tool) {
      this.hold(null);
      if (now.type === "rect" && (now.x0 === now.x1 || now.y0 === now.y1)) return;
      const made = makeShape(now, this.appearance.colours);
      this.picked = made.name;
      shapes.push(made);
    } else {
      const held = shapes.find((shape) => shape.name === hit?.shape.name);
      if (!held) return; // taken away meanwhile
      Object.assign(held, { x0: now.x0, x1: now.x1, y0: now.y0, y1: now.y1 });
    }
    this.commit(shapes);
  }

  letGo() {
    this.gesture?.stop.abort();
    this.gesture = null;
    this.gd.classList.remove("mdnb-held");
    this.given.moved();
  }

  // -- the keyboard -------------------------------------------------------------------------------------

  /**
   * Do what a key is for while something is drawn or picked; return whether it is for that.
   * @param {string} key
   * @param {boolean} shift
   */
  press(key, shift) {
    if (key === "Escape" && (this.gesture || this.tool || this.picked)) {
      if (this.gesture) this.letGo();
      this.picked = null;
      this.hold(null);
      return true;
    }
    const shapes = structuredClone(this.shapes);
    if (this.tool === "line" && key === "Enter") {
      const bars = this.chart.modes.shown;
      const pointer = this.given.pointer();
      const price = pointer ? this.priceAt(pointer.y) : bars.at(bars.end - 1, CLOSE);
      const made = makeShape({ type: "line", y0: price, y1: price }, this.appearance.colours);
      this.picked = made.name;
      this.hold(null);
      this.commit([...shapes, made]);
      return true;
    }
    const held = this.picked && shapes.find((shape) => shape.name === this.picked);
    if (!held) return false;
    if (key === "Delete" || key === "Backspace") {
      this.picked = null;
      this.commit(shapes.filter((shape) => shape !== held));
      return true;
    }
    if (key !== "ArrowUp" && key !== "ArrowDown") return false;
    const by = this.step * (shift ? 10 : 1) * (key === "ArrowUp" ? 1 : -1);
    held.y0 = Number((held.y0 + by).toFixed(this.chart.look.decimals));
    held.y1 = Number((held.y1 + by).toFixed(this.chart.look.decimals));
    this.commit(shapes);
    return true;
  }

  // -- drawing ------------------------------------------------------------------------------------------

  /** Draw what is over the shapes: the one under the hand, handles of the one picked, prices on the axis. */
  draw() {
    const { colours } = this.appearance;
    const { shapes } = this;
    const moving = this.gesture?.now ?? null;
    for (let i = 0; i < shapes.length; i += 1) {
      if (isDrawn(shapes[i])) this.hideMoving(shapes[i], i, moving);
    }
    const line = moving?.line?.color ?? colours.drawn;
    const fill = moving?.type === "rect" ? moving.fillcolor ?? colours.drawn_fill : "none";
    set(this.preview, { d: moving ? outlineOf(moving.type, this.boxOf(moving)) : "", stroke: line, fill });
    const picked = this.gesture?.tool ? null : moving ?? shapes.find((shape) => shape.name === this.picked);
    const handles = picked ? handlesOf(picked.type, this.boxOf(picked)) : "";
    set(this.handles, { d: handles, stroke: colours.drawn, fill: colours.background });
    this.drawLevels(shapes, moving);
  }

  /**
   * Do not show a shape where it was while it is moved.
   * @param {Shape} shape
   * @param {number} at
   * @param {Sides | null} moving
   */
  hideMoving(shape, at, moving) {
    const path = drawnShape(this.gd, at);
    const hidden = moving && shape.name === moving.name ? "hidden" : "";
    if (path && path.style.visibility !== hidden) path.style.visibility = hidden;
  }

  /**
   * Label the lines on the price axis.
   * @param {Shape[]} shapes
   * @param {Sides | null} moving
   */
  drawLevels(shapes, moving) {
    let count = 0;
    for (const shape of shapes) {
      if (isDrawn(shape) && shape.type !== "rect" && shape.name !== moving?.name) count += this.drawLevel(count, shape.y0);
    }
    if (moving && moving.type !== "rect") count += this.drawLevel(count, moving.y0);
    while (this.levelChips.length > count) this.levelChips.pop()?.group.remove();
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

  /** Give what was drawn the theme's colours, except where the user chose others. */
  colour() {
    const { drawn, drawn_fill: fill } = this.appearance.colours;
    const ours = Object.values(this.chart.look.themes).map(({ colours }) => colours);
    for (const shape of this.drawnShapes()) {
      if (shape.line && ours.some((colours) => colours.drawn === shape.line?.color)) shape.line.color = drawn;
      if (ours.some((colours) => colours.drawn_fill === shape.fillcolor)) shape.fillcolor = fill;
    }
  }
}
