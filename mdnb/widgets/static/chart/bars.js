// Bars as the page holds them.

export const NAMES = ["time", "open", "high", "low", "close", "volume"]; // time: UTC epoch milliseconds
export const [TIME, OPEN, HIGH, LOW, CLOSE, VOLUME] = NAMES.keys();

/**
 * Bars merged in groups: the place of each group's middle, its last ordinal, its prices and volume.
 * @typedef {Record<"at" | "last" | "open" | "high" | "low" | "close" | "volume", Float64Array<ArrayBuffer>>} Groups
 */

/** Bars by ordinal, the newest last; one Float64Array a column, with room to grow. */
export class Bars {
  /**
   * @param {number} first ordinal of the oldest
   * @param {Float64Array[]} columns time, prices, volume; Heikin-Ashi's prices and the lines' values behind them
   * @param {boolean} forming whether the newest is being made
   * @param {number} limit how many are kept at the least
   */
  constructor(first, columns, forming, limit) {
    this.first = first;
    this.count = columns[0].length;
    this.forming = forming;
    this.limit = limit;
    this.columns = columns;
  }

  /** Ordinal behind the newest bar. */
  get end() {
    return this.first + this.count;
  }

  /**
   * @param {number} ordinal
   * @param {number} column
   */
  at(ordinal, column) {
    return this.columns[column][ordinal - this.first];
  }

  /**
   * Write rows from an ordinal on; whatever stood there or behind is gone.
   * @param {number} ordinal
   * @param {Float64Array} rows
   * @param {boolean} forming
   */
  write(ordinal, rows, forming) {
    const width = this.columns.length;
    const start = ordinal - this.first;
    this.count = start + rows.length / width;
    if (this.count > this.columns[0].length) this.grow();
    for (let i = start, from = 0; from < rows.length; i += 1, from += width) {
      for (let column = 0; column < width; column += 1) this.columns[column][i] = rows[from + column];
    }
    this.forming = forming;
    if (this.count > this.limit * 1.25 + 64) this.drop(this.count - this.limit);
  }

  grow() {
    const room = Math.ceil(this.count * 1.3) + 64;
    this.columns = this.columns.map((old) => {
      const grown = new Float64Array(room);
      grown.set(old);
      return grown;
    });
  }

  /** @param {number} gone */
  drop(gone) {
    for (const column of this.columns) column.copyWithin(0, gone, this.count);
    this.first += gone;
    this.count -= gone;
  }

  /** Return bars that stay as these are now. */
  copy() {
    const made = new Bars(this.first, this.columns.map((column) => column.slice()), this.forming, this.limit);
    made.count = this.count;
    return made;
  }

  /**
   * Return these bars up to a cursor that moves, while these grow.
   * @param {() => number} cursor
   * @returns {Bars}
   */
  upTo(cursor) {
    return Object.create(this, {
      count: { get: () => Math.min(Math.max(cursor() - this.first + 1, 1), this.count) },
      forming: { value: false },
    });
  }

  /**
   * Merge the bars `[from, to)` in groups of `size`, which begin at multiples of it. `base` is the column of the
   * open that is taken, with high, low and close behind it: the traded ones, or those of Heikin-Ashi.
   * @param {number} from
   * @param {number} to
   * @param {number} size
   * @param {number} [base]
   * @returns {Groups}
   */
  merge(from, to, size, base = OPEN) {
    const a = Math.max(from, this.first);
    const b = Math.min(to, this.end);
    const count = b > a ? Math.ceil(b / size) - Math.floor(a / size) : 0;
    const out = {
      at: new Float64Array(count),
      last: new Float64Array(count),
      open: new Float64Array(count),
      high: new Float64Array(count),
      low: new Float64Array(count),
      close: new Float64Array(count),
      volume: new Float64Array(count),
    };
    const [open, high, low, close] = this.columns.slice(base, base + 4);
    const volume = this.columns[VOLUME];
    let group = -1;
    let key = NaN;
    for (let ordinal = a; ordinal < b; ordinal += 1) {
      const i = ordinal - this.first;
      const now = Math.floor(ordinal / size);
      if (now !== key) {
        key = now;
        group += 1;
        out.at[group] = now * size + (size - 1) / 2;
        out.open[group] = open[i];
        out.high[group] = high[i];
        out.low[group] = low[i];
      } else {
        if (high[i] > out.high[group]) out.high[group] = high[i];
        if (low[i] < out.low[group]) out.low[group] = low[i];
      }
      out.close[group] = close[i];
      out.volume[group] += volume[i];
      out.last[group] = ordinal;
    }
    return out;
  }

  /**
   * Return a column's values at the last bar of each group.
   * @param {number} column
   * @param {Groups} groups
   */
  pick(column, groups) {
    return groups.last.map((ordinal) => this.columns[column][ordinal - this.first]);
  }

  /**
   * Return the lowest and the highest value of some columns among the bars `[from, to)`.
   * @param {number} from
   * @param {number} to
   * @param {number[]} columns
   */
  extremes(from, to, columns) {
    let [low, high] = [Infinity, -Infinity];
    const a = Math.max(from - this.first, 0);
    const b = Math.min(to - this.first, this.count);
    for (const column of columns) {
      const values = this.columns[column];
      for (let i = a; i < b; i += 1) {
        if (values[i] < low) low = values[i];
        if (values[i] > high) high = values[i];
      }
    }
    return { low, high };
  }
}
