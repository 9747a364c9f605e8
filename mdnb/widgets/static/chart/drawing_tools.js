// Drawing: lines, rectangles, measures and texts. They are ordinary shapes of the figure's layout, told from others by
// their names. Plotly draws them; here they are made, picked, moved and taken away. Plotly's own drawing modes do
// not fit: they take the place of panning, and a shape being edited does not outlive the redraw of a bar's close.
//
// With one press from place to place or with two clicks; by the keyboard with Enter where it begins, arrows, and Enter.

import { placeOfTime, timeAt } from "./bar_times.js";
import { CLOSE } from "./bars.js";
import { DrawingHistory } from "./drawing_history.js";
import { DrawingLayer } from "./drawing_layer.js";
import {
  drawnTo, hasTimes, hitShape, isDrawn, isEmpty, isOnePlace, kindOf, makeShape, movedTo, shiftedBy, snapTo, withWords,
  wordsOf,
} from "./drawn_shapes.js";
import { askText } from "./text_entry.js";

/** @typedef {import("./appearance.js").Appearance} Appearance */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./drawing_history.js").Held} Held */
/** @typedef {import("./drawing_strip.js").Tool} Tool */
/** @typedef {import("./drawn_shapes.js").Hit} Hit */
/** @typedef {import("./drawn_shapes.js").Place} Place */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {import("./price_labels.js").PriceLabels} PriceLabels */
/** @typedef {import("../types").PlotlyDiv} PlotlyDiv */
/** @typedef {import("../types").Pointer} Pointer */
/** @typedef {import("../types").Shape} Shape */
/**
 * A shape is being made, or one that was hit is moved: from where, and what that has made of it by now. One that is
 * `pinned` goes on without a button held down, until the next click or Enter.
 * @typedef {{
 *   x: number, y: number, clientX: number, clientY: number, stop: AbortController, far: boolean, pinned: boolean,
 *   pressed: boolean, made: Shape | null, from: Place, hit: Hit | null, wasPicked: boolean, now: Shape | null,
 * }} Gesture
 */
/**
 * What the tools need of the view.
 * @typedef {{
 *   chart: Chart, gd: PlotlyDiv, area: PlotArea, appearance: Appearance, labels: PriceLabels,
 *   shapes: SVGElement, chips: SVGElement, id: string,
 *   measured: () => PlotArea, moved: () => void, isReady: () => boolean, keepOff: () => void,
 *   commit: (shapes: Shape[]) => void, showTool: (tool: Tool | null) => void, showMagnet: (on: boolean) => void,
 *   showSteps: (canUndo: boolean, isPicked: boolean) => void, focus: () => void, pointer: () => Pointer | null,
 * }} ToolsGiven
 */

const OWN_PRESSES = ".mdnb-buttons, .mdnb-latest, .mdnb-text-entry"; // what has presses of its own
const SNAP = 18; // pixels
const STEPS_UP = 100; // of the keyboard's cross, over the height of the prices
/** @type {Record<string, Place>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** A click moves the pointer less. @param {{ clientX: number, clientY: number }} a @param {MouseEvent} b */
const isFar = (a, b) => Math.hypot(b.clientX - a.clientX, b.clientY - a.clientY) > 3;

/** @param {Tool} tool */
const kindFor = (tool) => (tool === "rectangle" ? "rect" : tool);

export class DrawingTools {
  /** @param {ToolsGiven} given */
  constructor(given) {
    this.given = given;
    this.chart = given.chart;
    this.gd = given.gd;
    this.area = given.area;
    this.appearance = given.appearance;
    /** @type {Tool | null} */
    this.tool = null;
    /** @type {string | null} a shape's name */
    this.picked = null;
    /** @type {Gesture | null} */
    this.gesture = null;
    /** Whether places snap to prices of the bar. */
    this.magnet = false;
    /** Whether a key that is held turns that round. */
    this.turned = false;
    /** @type {Place | null} where the keyboard points with a tool in hand */
    this.cursor = null;
    /** @type {(() => void) | null} ends the writing of a text */
    this.endText = null;
    /** Whether there was nothing to draw at last. */
    this.wasBlank = false;
    this.history = new DrawingHistory();
    const { chart, gd, area, appearance, labels, shapes: group, chips, id } = given;
    const timeOf = (/** @type {number} */ bar) => this.timeOf(bar);
    this.layer = new DrawingLayer({ chart, gd, area, appearance, labels, group, chips, id, timeAt: timeOf });
    this.scales = {
      barAt: (/** @type {number} */ x) => this.barAt(x),
      priceAt: (/** @type {number} */ y) => this.priceAt(y),
      pointAt: (/** @type {number} */ x, /** @type {number} */ y) => this.pointAt(x, y),
      ends: (/** @type {Shape} */ shape) => this.layer.endsOf(shape),
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
    if (this.gesture) this.letGo();
    this.picked = null;
    this.hold(this.tool === name ? null : name);
    if (this.tool && byKeyboard) this.gd.focus({ preventScroll: true });
  }

  /** @param {Tool | null} tool */
  hold(tool) {
    this.tool = tool;
    this.cursor = null;
    this.given.showTool(tool);
    this.gd.classList.toggle("mdnb-drawing", tool !== null);
    this.given.moved();
  }

  /** Have places snap to open, high, low and close of the bar, or no more. */
  toggleMagnet() {
    this.magnet = !this.magnet;
    this.given.showMagnet(this.magnet);
  }

  // -- the shapes ---------------------------------------------------------------------------------------

  /** @returns {Shape[]} */
  get shapes() {
    return this.gd.layout?.shapes ?? [];
  }

  drawnShapes() {
    return this.shapes.filter(isDrawn);
  }

  /**
   * Put other shapes in place; a step that can be undone.
   * @param {Shape[]} shapes
   * @param {string} [merge] what goes on with the step before where that was the same
   */
  commit(shapes, merge = "") {
    const { symbol } = this.chart.look;
    const times = (/** @type {Shape} */ shape) => this.timesOf(shape);
    this.history.note(symbol, this.drawnShapes(), shapes.filter(isDrawn), times, merge);
    this.given.commit(shapes);
    this.given.moved();
  }

  /** @param {Shape} shape */
  add(shape) {
    this.picked = shape.name;
    this.commit([...structuredClone(this.shapes), shape]);
  }

  /** @param {Shape} shape what takes the place of the one of its name @param {string} [merge] */
  replace(shape, merge) {
    const shapes = structuredClone(this.shapes);
    const at = shapes.findIndex(({ name }) => name === shape.name);
    if (at < 0) return; // taken away meanwhile
    shapes[at] = shape;
    this.commit(shapes, merge);
  }

  remove() {
    const { picked } = this;
    this.picked = null;
    if (this.shapes.some(({ name }) => name === picked)) {
      this.commit(structuredClone(this.shapes).filter(({ name }) => name !== picked));
    }
  }

  clear() {
    this.picked = null;
    if (this.shapes.some(isDrawn)) this.commit(this.shapes.filter((shape) => !isDrawn(shape)));
  }

  /**
   * Undo the last step, or do the last undone one again.
   * @param {boolean} again
   */
  undo(again) {
    if (this.gesture) this.letGo();
    this.picked = null;
    const place = (/** @type {Held} */ held) => this.placed(held);
    const drawn = this.history.go(this.chart.look.symbol, this.drawnShapes(), place, again);
    if (!drawn) return;
    this.given.commit([...this.shapes.filter((shape) => !isDrawn(shape)), ...structuredClone(drawn)]);
    this.given.moved();
  }

  // -- places -------------------------------------------------------------------------------------------

  /** The instant at which a bar begins, as if bars went on beyond them. @param {number} bar */
  timeOf(bar) {
    return timeAt(this.chart.bars, bar - 0.5);
  }

  /** @param {Shape} shape @returns {[number, number] | null} */
  timesOf(shape) {
    return hasTimes(shape) && this.chart.bars.count ? [this.timeOf(shape.x0), this.timeOf(shape.x1)] : null;
  }

  /**
   * Return a drawing of before where its times are now, in the colours of now.
   * @param {Held} held
   */
  placed({ shape, times }) {
    const made = structuredClone(shape);
    if (times) {
      [made.x0, made.x1] = times.map((ms) => Number((placeOfTime(this.chart.bars, ms) + 0.5).toFixed(6)));
    }
    this.colourOne(made);
    return made;
  }

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
   * Return the place where a hand points, at a price of the bar where that is near and wanted.
   * @param {number} x
   * @param {number} y
   * @returns {Place}
   */
  pointAt(x, y) {
    const bar = this.barAt(x);
    return [bar, this.snapped(bar, y, SNAP) ?? this.priceAt(y)];
  }

  /**
   * Return the bar's price that is nearest; null where none is near, or none is wanted.
   * @param {number} bar
   * @param {number} y
   * @param {number} reach
   */
  snapped(bar, y, reach) {
    const bars = this.chart.modes.shown;
    if (this.magnet === this.turned || bar < bars.first || bar >= bars.end) return null;
    const { base, look } = this.chart;
    const only = look.kind === "line" || look.kind === "area";
    const columns = only ? [CLOSE] : [0, 1, 2, 3].map((i) => base + i);
    const { prices } = this.area;
    const found = snapTo(columns.map((column) => bars.at(bar, column)), y, (price) => prices.up(price), reach);
    return found === null ? null : Number(found.toFixed(look.decimals));
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  hit(x, y) {
    this.given.measured();
    return hitShape(this.drawnShapes(), this.picked, x, y, this.scales.ends, this.layer.box);
  }

  /** @param {Hit} hit */
  isGrabbed(hit) {
    return hit.part !== "inside" || hit.shape.name === this.picked;
  }

  /** @param {PointerEvent} event */
  showCursor(event) {
    if (this.gesture || this.tool) return;
    const place = this.inPane(event);
    const found = place && this.shapes.some(isDrawn) ? this.hit(...place) : null;
    let cursor = "";
    if (found) cursor = found.part === "handle" ? "nwse-resize" : this.isGrabbed(found) ? "move" : "pointer";
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
    const on = event.target instanceof Element && event.target.closest(OWN_PRESSES);
    if (event.button !== 0 || on) return;
    this.endText?.();
    this.given.focus();
    const place = this.given.isReady() && this.inPane(event);
    if (this.gesture) this.gesture.pressed = Boolean(place);
    if (this.gesture || !place) return;
    const [x, y] = place;
    this.turned = event.ctrlKey || event.metaKey;
    if (this.tool) {
      this.begin(event, x, y, this.pointAt(x, y), null, false);
      return;
    }
    const found = this.hit(x, y);
    if (found && this.isGrabbed(found)) {
      const wasPicked = this.picked === found.shape.name;
      this.picked = found.shape.name;
      this.begin(event, x, y, [NaN, NaN], { ...found, shape: structuredClone(found.shape) }, wasPicked);
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
   * @param {{ clientX: number, clientY: number }} event
   * @param {number} x
   * @param {number} y
   * @param {Place} from
   * @param {Hit | null} hit
   * @param {boolean} wasPicked
   */
  begin({ clientX, clientY }, x, y, from, hit, wasPicked) {
    const stop = new AbortController();
    const made = hit || !this.tool ? null : makeShape(kindFor(this.tool), from, this.appearance.colours);
    const state = { far: false, pinned: false, pressed: true };
    this.gesture = { x, y, clientX, clientY, stop, ...state, made, from, hit, wasPicked, now: null };
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
    this.turned = event.ctrlKey || event.metaKey;
    gesture.far ||= isFar(gesture, event);
    const { made, hit, from } = gesture;
    if (made && (gesture.far || gesture.pinned || isOnePlace(kindOf(made)))) {
      this.cursor = this.pointAt(x, y);
      gesture.now = drawnTo(made, from, this.cursor);
    } else if (hit && gesture.far) gesture.now = movedTo(hit, gesture.x, gesture.y, x, y, this.scales);
    this.given.keepOff();
    this.given.moved();
  }

  /** @param {PointerEvent} event */
  drop(event) {
    const { gesture } = this;
    if (!gesture?.pressed) return;
    if (gesture.made && !isOnePlace(kindOf(gesture.made)) && !gesture.far && !gesture.pinned) {
      Object.assign(gesture, { pinned: true, pressed: false });
      return;
    }
    if (gesture.made) this.drag(event);
    this.finish();
  }

  /** What is in hand is done. */
  finish() {
    const { gesture } = this;
    this.letGo();
    if (!gesture) return;
    const { hit, now } = gesture;
    if (hit) {
      if (now) this.replace({ ...now });
      else if (gesture.wasPicked) this.write(hit.shape);
      return;
    }
    this.hold(null);
    if (!now || isEmpty(now)) return;
    if (kindOf(now) === "text") this.write(now);
    else this.add(now);
  }

  letGo() {
    this.gesture?.stop.abort();
    this.gesture = null;
    this.turned = false;
    this.gd.classList.remove("mdnb-held");
    this.given.moved();
  }

  /**
   * Have the words of a text written, where it stands.
   * @param {Shape} shape
   */
  write(shape) {
    if (kindOf(shape) !== "text") return;
    const [x, y] = this.layer.endsOf(shape);
    this.endText = askText(this.gd, {
      x, y,
      words: wordsOf(shape),
      done: (words, byKey) => {
        this.endText = null;
        if (byKey) this.given.focus();
        if (!words || words === wordsOf(shape)) return;
        const made = withWords(shape, words);
        if (this.shapes.some(({ name }) => name === shape.name)) this.replace(made);
        else this.add(made);
      },
    });
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
    if (key === "d" || key === "D") {
      this.pickNext(shift ? -1 : 1);
      return true; // without drawings, too: pressed twice it takes away the notebook's cell
    }
    return this.tool ? this.pressWithTool(this.tool, key, shift) : this.pressPicked(key, shift);
  }

  /**
   * @param {Tool} tool
   * @param {string} key
   * @param {boolean} shift
   */
  pressWithTool(tool, key, shift) {
    const kind = kindFor(tool);
    if (key in ARROWS) {
      this.cursor = this.stepped(this.pointed(tool), ARROWS[key], shift);
      const { gesture } = this;
      if (gesture?.made) gesture.now = drawnTo(gesture.made, gesture.from, this.cursor);
      this.given.moved();
      return true;
    }
    if (key !== "Enter") return false;
    const at = this.pointed(tool);
    if (isOnePlace(kind) || this.gesture?.pinned) {
      if (!this.gesture) this.beginByKey(at);
      const { gesture } = this;
      if (gesture?.made) gesture.now = drawnTo(gesture.made, gesture.from, at);
      this.finish();
    } else if (!this.gesture) {
      this.beginByKey(at);
      this.cursor = at;
    }
    return true;
  }

  /** @param {Place} at */
  beginByKey(at) {
    this.begin({ clientX: NaN, clientY: NaN }, NaN, NaN, at, null, false);
    if (this.gesture) Object.assign(this.gesture, { pinned: true, pressed: false });
  }

  /**
   * Return where the keyboard points with a tool: at the pointer, or at a bar's close.
   * @param {Tool} tool
   * @returns {Place}
   */
  pointed(tool) {
    if (this.cursor) return this.cursor;
    const area = this.given.measured();
    const pointer = this.given.pointer();
    const x = pointer ? pointer.x ?? area.x.across(pointer.ordinal) : NaN;
    if (pointer && area.holds(x, pointer.y)) return this.pointAt(x, pointer.y);
    const bars = this.chart.modes.shown;
    const newest = bars.end - 1;
    const bar = Math.max(Math.min(newest, Math.floor(area.x.range[1])), bars.first);
    return [bar, bars.at(tool === "line" ? newest : bar, CLOSE)];
  }

  /**
   * Return a place a step of the keyboard on, within what is in view.
   * @param {Place} at
   * @param {Place} way
   * @param {boolean} shift steps ten times as large
   * @returns {Place}
   */
  stepped([bar, price], [across, up], shift) {
    const area = this.given.measured();
    const many = shift ? 10 : 1;
    const [low, high] = [area.prices.valueUp(area.bottom), area.prices.valueUp(area.top)];
    const step = Math.max(Math.round(Math.abs(high - low) / STEPS_UP / this.step), 1) * this.step;
    const [first, last] = [Math.ceil(area.x.range[0]), Math.floor(area.x.range[1])];
    const nextBar = Math.min(Math.max(bar + across * many, first), last);
    const raw = Math.min(Math.max(price + up * many * step, Math.min(low, high)), Math.max(low, high));
    const next = Number(raw.toFixed(this.chart.look.decimals));
    const near = across ? this.snapped(nextBar, area.prices.up(next), Infinity) : null;
    return [nextBar, near ?? next];
  }

  /**
   * @param {string} key
   * @param {boolean} shift
   */
  pressPicked(key, shift) {
    const held = this.picked && this.shapes.find((shape) => shape.name === this.picked);
    if (!held) return false;
    if (key === "Delete" || key === "Backspace") {
      this.remove();
      return true;
    }
    if (key === "Enter" && kindOf(held) === "text") {
      this.write(held);
      return true;
    }
    const kind = kindOf(held);
    const upright = key === "ArrowUp" || key === "ArrowDown";
    if (!(key in ARROWS) || (kind === "line" && !upright) || (kind === "vertical" && upright)) return false;
    const [across, up] = ARROWS[key];
    const many = shift ? 10 : 1;
    const moved = shiftedBy(held, across * many, up * many * this.step, this.chart.look.decimals);
    this.replace(moved, `arrows ${held.name}`);
    return true;
  }

  /**
   * Pick the next drawing, or the one before.
   * @param {1 | -1} way
   */
  pickNext(way) {
    const names = this.drawnShapes().map(({ name }) => name);
    if (!names.length || this.gesture) return;
    const at = this.picked ? names.indexOf(this.picked) : way > 0 ? -1 : 0;
    this.picked = names[(at + way + names.length) % names.length];
    this.given.moved();
  }

  // -- drawing ------------------------------------------------------------------------------------------

  /** Draw what is over the shapes. */
  draw() {
    const { area, cursor, gesture, picked, shapes } = this;
    // With each tick: a chart on which nothing is drawn takes no time.
    const isBlank = !gesture && !cursor && !shapes.some(isDrawn);
    if (isBlank && this.wasBlank) return;
    this.wasBlank = isBlank;
    const moving = gesture?.now ?? null;
    /** @type {[number, number] | null} */
    let cross = this.tool && cursor ? [area.x.across(cursor[0]), area.prices.up(cursor[1])] : null;
    if (gesture?.made && !moving) cross = [area.x.across(gesture.from[0]), area.prices.up(gesture.from[1])];
    this.layer.draw(shapes, { moving, isNew: Boolean(gesture?.made), picked, cross });
    const isPicked = picked !== null && shapes.some(({ name }) => name === picked);
    this.given.showSteps(this.history.canUndo(this.chart.look.symbol), isPicked);
  }

  /** Give what was drawn the theme's colours, except where the user chose others. */
  colour() {
    for (const shape of this.drawnShapes()) this.colourOne(shape);
  }

  /** @param {Shape} shape */
  colourOne(shape) {
    const { drawn, drawn_fill: fill } = this.appearance.colours;
    const ours = Object.values(this.chart.look.themes).map(({ colours }) => colours);
    const isOurs = (/** @type {string | undefined} */ colour) => ours.some((colours) => colours.drawn === colour);
    if (shape.line && isOurs(shape.line.color)) shape.line.color = drawn;
    if (shape.label?.font && isOurs(shape.label.font.color)) shape.label.font.color = drawn;
    if (ours.some((colours) => colours.drawn_fill === shape.fillcolor)) shape.fillcolor = fill;
  }
}
