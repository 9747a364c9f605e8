// What a heat map shows, apart from any drawing: the columns, sizes in cells, and which prices are in view.

const HEAD_BYTES = 24;
const NEAR = 25; // levels a side that are in view

/**
 * What waited at one time: the first `bids` of the levels are bids, the best first, the others asks; prices in ticks.
 * @typedef {{
 *   index: number, last: number, bids: number, ticks: Int32Array, sizes: Float32Array, bid: number, ask: number,
 * }} Column
 */

/** The newest columns, one an interval. */
export class HeatRing {
  /** @param {number} limit */
  constructor(limit) {
    this.limit = limit;
    /** @type {Column[]} */
    this.columns = [];
  }

  get end() {
    return this.columns.at(-1)?.index ?? -1;
  }

  get newest() {
    return this.columns.at(-1);
  }

  /** @param {number} index */
  at(index) {
    return this.columns[index - (this.columns[0]?.index ?? 0)];
  }

  /**
   * Take packed columns; return false where some are missing that the kernel has, from `first` on.
   * @param {ArrayBufferView<ArrayBuffer>} view
   * @param {number} [first]
   */
  take(view, first = 0) {
    // Copied: what the columns keep must not hold on to a message, and their numbers lie at even places.
    const bytes = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
    const head = new DataView(bytes);
    for (let at = 0; at < bytes.byteLength; ) {
      const [index, last] = [head.getFloat64(at, true), head.getFloat64(at + 8, true)];
      const [bids, asks] = [head.getUint32(at + 16, true), head.getUint32(at + 20, true)];
      const count = bids + asks;
      const ticks = new Int32Array(bytes, at + HEAD_BYTES, count);
      const sizes = new Float32Array(bytes, at + HEAD_BYTES + 4 * count, count);
      at += HEAD_BYTES + 8 * count;
      if (index <= this.end) continue;
      if (this.columns.length && index !== this.end + 1) {
        if (this.end + 1 >= first) return false;
        this.columns = [];
      }
      const [bid, ask] = [bids ? ticks[0] : NaN, asks ? ticks[bids] : NaN];
      this.columns.push({ index, last, bids, ticks, sizes, bid, ask });
      if (this.columns.length > this.limit) this.columns.shift();
    }
    return true;
  }
}

/**
 * How much more is bid than asked for in the best levels, -1 to 1.
 * @param {Column} column
 * @param {number} levels
 */
export function imbalanceOf(column, levels) {
  /** @type {(from: number, to: number) => number} */
  const sum = (from, to) => column.sizes.subarray(from, Math.min(from + levels, to)).reduce((a, b) => a + b, 0);
  const [bid, ask] = [sum(0, column.bids), sum(column.bids, column.sizes.length)];
  return bid + ask > 0 ? (bid - ask) / (bid + ask) : 0;
}

/**
 * How many ticks lie between levels, mostly: where orders gather at round prices these are many.
 * @param {Column} [column]
 */
function spacingOf(column) {
  /** @type {number[]} */
  const gaps = [];
  column?.ticks.forEach((tick, i) => {
    if (i && i !== column.bids) gaps.push(Math.abs(tick - column.ticks[i - 1]));
  });
  return gaps.sort((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? 1;
}

/** The prices in view. It moves in steps: only when the market nears its edge, or fills too little of it. */
export class PriceWindow {
  constructor() {
    this.low = this.high = NaN;
  }

  /**
   * Fit to the columns; return whether it moved.
   * @param {Column[]} columns
   */
  fit(columns) {
    let [low, high, reaches, count, last] = [Infinity, -Infinity, 0, 0, NaN];
    for (const { bid, ask, bids, ticks } of columns) {
      const middle = (bid + ask) / 2;
      if (!Number.isFinite(middle)) continue;
      [low, high, last] = [Math.min(low, middle), Math.max(high, middle), middle];
      const [deepBid, deepAsk] = [ticks[Math.min(bids, NEAR) - 1], ticks[Math.min(ticks.length, bids + NEAR) - 1]];
      [reaches, count] = [reaches + deepAsk - deepBid, count + 2];
    }
    if (!count) return false;
    const reach = Math.max(reaches / count, 4);
    // A market that ran far is shown around where it is now, so that levels stay tall enough to be seen.
    const most = 12 * reach;
    if (high - low > most) [low, high] = [Math.max(low, last - most / 2), Math.min(high, last + most / 2)];
    const [lowest, highest] = [low - reach, high + reach];
    const span = highest - lowest;
    const fits = this.low <= lowest + reach / 2 && this.high >= highest - reach / 2;
    if (fits && this.high - this.low < 2 * span) return false;
    this.low = Math.floor(lowest - span * 0.12);
    this.high = Math.ceil(highest + span * 0.12);
    return true;
  }
}

/** Sizes in cells: a column of the picture is an interval, a row one tick or several. */
export class HeatGrid {
  /** @param {number} columns */
  constructor(columns) {
    this.columns = columns;
    this.cells = new Float32Array(0);
    /** Sizes that decide the colours. */
    this.middle = this.top = 0;
    this.fills = 0;
    /** Ticks between levels, and ticks a row. */
    this.spacing = this.perRow = NaN;
    /** The first row's tick, and how many rows there are. */
    this.low = this.rows = 0;
    /** Index of the first column. */
    this.first = 0;
  }

  /**
   * Add up what waits in each cell, for rows of at least `least` pixels, and as tall as levels are apart.
   * @param {HeatRing} ring
   * @param {PriceWindow} window
   * @param {number} height
   * @param {number} least
   */
  fill(ring, window, height, least) {
    const span = window.high - window.low + 1;
    const spacing = Math.min(spacingOf(ring.newest), Math.ceil(span / 20));
    // Rows keep their height unless the levels have moved apart, or together, for good.
    if (!(spacing <= 2 * this.spacing && spacing >= this.spacing / 2)) this.spacing = spacing;
    // Whole levels a row: else some rows would be twice as bright only for having one level more.
    this.perRow = this.spacing * Math.max(1, Math.ceil((span * least) / height / this.spacing - 0.25));
    this.low = Math.floor(window.low / this.perRow) * this.perRow;
    this.rows = Math.ceil((window.high - this.low + 1) / this.perRow);
    const length = this.columns * this.rows;
    if (this.cells.length !== length) this.cells = new Float32Array(length);
    else this.cells.fill(0);
    this.first = ring.end - this.columns + 1;
    for (const { index, ticks, sizes } of ring.columns) {
      const at = index - this.first;
      for (let i = 0; i < ticks.length; i++) {
        const row = Math.floor((ticks[i] - this.low) / this.perRow);
        if (row >= 0 && row < this.rows && at >= 0) this.cells[row * this.columns + at] += sizes[i];
      }
    }
    this.rescale();
  }

  /**
   * @param {number} index
   * @param {number} tick
   */
  size(index, tick) {
    const row = Math.floor((tick - this.low) / this.perRow);
    return this.cells[row * this.columns + index - this.first] || 0;
  }

  /** Choose the sizes that decide the scale: seldom, so that colours keep their meaning. */
  rescale() {
    this.fills += 1;
    if (this.top && this.fills % 8) return;
    const some = this.cells.filter((size) => size > 0).sort();
    if (!some.length) return;
    const [middle, top] = [some[Math.floor((some.length - 1) * 0.75)], some[Math.floor((some.length - 1) * 0.995)]];
    /** @type {(now: number, was: number) => boolean} */
    const far = (now, was) => !(now < 1.35 * was && now > was / 1.35);
    if (far(middle, this.middle) || far(top, this.top)) [this.middle, this.top] = [middle, top];
  }

  /**
   * Where a size is in the colour scale, 0 to 1, as `mdnb.widgets.heatmap.scale.shade` has it.
   * @param {number} size
   */
  shade(size) {
    return Math.min(1, Math.log1p(size / this.middle) / Math.log1p(this.top / this.middle));
  }

  /**
   * The size at a place of the colour scale.
   * @param {number} share
   */
  sizeAt(share) {
    return this.middle * Math.expm1(share * Math.log1p(this.top / this.middle));
  }
}
