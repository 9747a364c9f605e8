// What the user does to the figure, as plotly tells it, told to the kernel as a figure widget of plotly's does.

import { CANDLES, VOLUMES, traceIndex } from "./figure.js";

/** @typedef {import("./plotly_sync.js").PlotlySync} PlotlySync */
/** @typedef {import("./viewport.js").Viewport} Viewport */
/** @typedef {import("../types").PlotlyDiv} PlotlyDiv */
/**
 * @typedef {{
 *   gd: PlotlyDiv, viewport: Viewport, sync: PlotlySync,
 *   tell: (trait: string, value: unknown) => void, report: (trait: string, message: any) => void,
 *   moved: (fit?: boolean) => void, redrawn: () => void, released: () => void, goLatest: () => void,
 *   shareRange: (done: boolean) => void,
 * }} EventsGiven
 */

const SIZES = ["autosize", "width", "height"];

export class PlotlyEvents {
  /** @param {EventsGiven} given */
  constructor(given) {
    this.given = given;
    this.gd = given.gd;
    this.viewport = given.viewport;
    this.sync = given.sync;
    /** Whether a button is held down on the chart. */
    this.pressed = false;
    /** Whether the user is moving what is in view. */
    this.moving = false;
    /** @type {number | undefined} how many fits there were when something else was shown meanwhile */
    this.overtakenAt = undefined;
  }

  /** Listen to plotly; return what stops listening to the page. */
  listen() {
    const { gd, given, sync } = this;
    /** @type {(name: string, take: (event: any) => void) => void} */
    const on = (name, take) => gd.on(name, (event) => sync.isQuiet || take(event));
    gd.on("plotly_afterplot", given.redrawn);
    gd.on("plotly_relayouting", () => this.relaying());
    on("plotly_relayout", (event) => this.relaid(event));
    on("plotly_doubleclick", given.goLatest);
    on("plotly_restyle", ([style, traces]) =>
      given.report("_js2py_restyle", { style_data: style, style_traces: traces }));
    on("plotly_update", ({ data, layout }) =>
      given.report("_js2py_update", { style_data: data[0], style_traces: data[1], layout_data: layout }));
    for (const name of ["click", "hover", "unhover", "selected", "deselect"]) {
      on(`plotly_${name}`, (event) => this.pointed(`plotly_${name}`, event));
    }
    gd.addEventListener("pointerdown", () => (this.pressed = true));
    const release = () => {
      if (!this.pressed) return;
      this.pressed = false;
      setTimeout(given.released); // plotly has to see it first
    };
    for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, release, true);
    return () => {
      for (const name of ["pointerup", "pointercancel"]) window.removeEventListener(name, release, true);
    };
  }

  relaying() {
    this.given.moved();
    if (this.overtakenAt === this.sync.fits) return; // it still moves what was in view before
    this.overtakenAt = undefined;
    this.moving = true;
    this.sync.keepOff();
    this.given.shareRange(false);
  }

  /** Show something else than what the user is moving: plotly tells of a wheel's turn 50 ms later, of a drag at its
   * end, and both times of a place among the bars of before. */
  overtake() {
    if (!this.moving) return;
    this.moving = false;
    this.overtakenAt = this.sync.fits;
    this.sync.busyUntil = 0;
  }

  /** @param {Record<string, any>} event */
  relaid(event) {
    const names = Object.keys(event);
    if (names.every((name) => SIZES.includes(name))) return;
    const overtaken = this.overtakenAt !== undefined;
    [this.sync.busyUntil, this.moving, this.overtakenAt] = [0, false, undefined];
    /** @param {string} axis */
    const touched = (axis) => names.some((name) => name.startsWith(`${axis}.range`));
    if (touched("xaxis") || touched("yaxis")) {
      this.sync.nextFit = 0;
      this.given.moved(true);
      if (overtaken) return;
      const { xaxis, yaxis } = this.gd.layout;
      this.viewport.take(xaxis.range, touched("yaxis") ? yaxis.range : this.viewport.givenPrices());
      this.given.shareRange(true);
    }
    this.given.report("_js2py_relayout", { relayout_data: event });
  }

  /**
   * @param {string} name
   * @param {any} event
   */
  pointed(name, event) {
    if (!event && name !== "plotly_deselect") return;
    const { range, lassoPoints: lasso, event: mouse } = event ?? {};
    let selector = null;
    if (range) selector = { type: "box", selector_state: { xrange: range.x, yrange: range.y } };
    else if (lasso) selector = { type: "lasso", selector_state: { xs: lasso.x, ys: lasso.y } };
    const points = this.pointsOf(event?.points ?? []);
    this.given.tell("_js2py_pointsCallback", { event_type: name, points, device_state: stateOf(mouse), selector });
  }

  /**
   * Return points as Python's callbacks have them; of ours by the bars they stand for.
   * @param {any[]} points
   */
  pointsOf(points) {
    const { gd, sync } = this;
    const ours = [CANDLES, VOLUMES].map((uid) => traceIndex(gd, uid));
    /** @type {Record<"trace_indexes" | "point_indexes" | "xs" | "ys", any[]>} */
    const found = { trace_indexes: [], point_indexes: [], xs: [], ys: [] };
    for (const point of points) {
      for (const number of point.pointNumbers ?? [point.pointNumber]) {
        const bar = ours.includes(point.curveNumber) ? sync.groups?.last[number] : undefined;
        found.trace_indexes.push(point.curveNumber);
        found.point_indexes.push(number);
        found.xs.push(bar ?? point.x);
        found.ys.push(point.y ?? (bar === undefined ? point.close : sync.groups?.close[number]) ?? null);
      }
    }
    return found;
  }
}

/** @param {MouseEvent | undefined} mouse */
function stateOf(mouse) {
  if (!mouse) return null;
  return {
    alt: mouse.altKey,
    ctrl: mouse.ctrlKey,
    meta: mouse.metaKey,
    shift: mouse.shiftKey,
    button: mouse.button,
    buttons: mouse.buttons,
  };
}
