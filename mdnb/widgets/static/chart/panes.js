// The layers of our own drawing, one a pane, each cut at its pane's edges.

import { set, svg } from "../page/dom.js";

/** @typedef {import("./plot_area.js").PlotArea} PlotArea */

/** Return plotly's name for an axis, out of a trace's for it: "yaxis3" of "y3". @param {string} short */
export const axisName = (short) => `yaxis${short.slice(1)}`;

export class Panes {
  /** @param {{ area: PlotArea, defs: SVGElement, layers: SVGElement, id: string }} place */
  constructor({ area, defs, layers, id }) {
    this.area = area;
    this.defs = defs;
    this.layers = layers;
    this.id = id;
    /** @type {Map<string, { clip: SVGRectElement, layer: SVGGElement }>} by the axis' name, the lowest layer first */
    this.held = new Map();
  }

  /**
   * Make the layers anew: another figure is shown.
   * @param {string[]} lower names of the axes of panes below the prices
   */
  rebuild(lower) {
    this.layers.replaceChildren();
    for (const { clip } of this.held.values()) clip.parentElement?.remove();
    this.held = new Map();
    this.area.setPanes(lower);
    for (const axis of ["yaxis2", "yaxis", ...lower]) {
      const clip = svg(svg(this.defs, "clipPath", { id: this.clipId(axis) }), "rect");
      const layer = svg(this.layers, "g", { "clip-path": `url(#${this.clipId(axis)})` });
      this.held.set(axis, { clip, layer });
    }
  }

  /** @param {string} axis */
  clipId(axis) {
    return `mdnb-${this.id}-${axis}`;
  }

  /**
   * Return a new path in a pane's layer.
   * @param {string} axis
   * @param {import("../page/dom.js").Attributes} [more]
   */
  path(axis, more = {}) {
    const held = this.held.get(axis);
    if (!held) throw new RangeError(`there is no pane ${axis}, only ${[...this.held.keys()].join(", ")}`);
    return svg(held.layer, "path", { fill: "none", ...more });
  }

  /** Cut the layers where the axes are now. */
  cut() {
    const { x } = this.area;
    for (const [name, { clip }] of this.held) {
      const axis = this.area.axis(name);
      if (axis.length) set(clip, { x: x.offset, y: axis.offset, width: x.length, height: axis.length });
    }
  }
}
