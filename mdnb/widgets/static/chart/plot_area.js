// Where the axes are in the figure, and what stands where on them. Plotly says it (`plotly_private.js`); until it is
// there, axes of our own do (`first_paint.js`).

/** @param {number} at */
const same = (at) => at;

/** One axis: pixels from `offset` over `length`, for a range of values. */
export class Axis {
  constructor() {
    this.offset = 0;
    this.length = 0; // 0: the figure has no such axis
    /** @type {number[]} as plotly has it: of a logarithmic axis the powers of ten */
    this.range = [0, 1];
    this.type = "linear";
    this.low = 0;
    this.high = 1;
    /** @type {(value: any) => number} */
    this.toLinear = same;
    /** @type {(linear: number) => any} */
    this.fromLinear = same;
  }

  /**
   * Lay out an axis with a linear scale.
   * @param {number} offset
   * @param {number} length
   * @param {number[]} range
   */
  layOut(offset, length, range) {
    this.offset = offset;
    this.length = length;
    this.range = range;
    this.low = range[0];
    this.high = range[1];
  }

  /**
   * @param {number} value
   * @returns {number} its share of the axis' length
   */
  share(value) {
    return (this.toLinear(value) - this.low) / (this.high - this.low);
  }

  /** The pixel of a value on an axis that runs to the right. @param {number} value */
  across(value) {
    return this.offset + this.share(value) * this.length;
  }

  /** The pixel of a value on an axis that runs up. @param {number} value */
  up(value) {
    return this.offset + this.length - this.share(value) * this.length;
  }

  /** The value at a pixel of an axis that runs to the right. @param {number} pixel @returns {number} */
  valueAcross(pixel) {
    return this.fromLinear(this.low + ((pixel - this.offset) / this.length) * (this.high - this.low));
  }

  /** The value at a pixel of an axis that runs up. @param {number} pixel @returns {number} */
  valueUp(pixel) {
    return this.valueAcross(2 * this.offset + this.length - pixel);
  }
}

/** The part of a figure that has the bars: its edges in pixels and its axes. NaN until it was measured. */
export class PlotArea {
  constructor() {
    this.left = NaN;
    this.right = NaN;
    this.top = NaN;
    /** The foot of the prices. */
    this.bottom = NaN;
    /** The foot of the lowest pane. */
    this.end = NaN;
    /** The figure's. */
    this.width = NaN;
    this.x = new Axis();
    this.prices = new Axis();
    this.volumes = new Axis();
    /** @type {Map<string, Axis>} by plotly's names */
    this.axes = new Map();
    this.setPanes([]);
  }

  /**
   * Have axes for panes below the prices too.
   * @param {string[]} names of their axes
   */
  setPanes(names) {
    this.axes = new Map([["xaxis", this.x], ["yaxis", this.prices], ["yaxis2", this.volumes]]);
    for (const name of names) if (!this.axes.has(name)) this.axes.set(name, new Axis());
  }

  /**
   * Return an axis; one of length 0 where the figure has none of that name.
   * @param {string} name
   * @returns {Axis}
   */
  axis(name) {
    const held = this.axes.get(name);
    if (!held) throw new RangeError(`the chart has no axis ${name}, only ${[...this.axes.keys()].join(", ")}`);
    return held;
  }

  /** Take the edges from the axes, which were laid out. */
  measure() {
    const { x, prices } = this;
    this.left = x.offset;
    this.right = x.offset + x.length;
    this.top = prices.offset;
    this.bottom = prices.offset + prices.length;
    this.end = -Infinity;
    for (const axis of this.axes.values()) {
      if (axis !== x && axis.length) this.end = Math.max(this.end, axis.offset + axis.length);
    }
  }

  /** The pixels between the area and the figure's right edge that a label may take. */
  get margin() {
    return this.width - this.right - 8;
  }

  /**
   * Whether a place is between the edges of the prices.
   * @param {number} x
   * @param {number} y
   */
  holds(x, y) {
    return x >= this.left && x <= this.right && y >= this.top && y <= this.bottom;
  }

  /** The bar at a pixel. @param {number} x */
  barAt(x) {
    return Math.round(this.x.valueAcross(x));
  }
}
