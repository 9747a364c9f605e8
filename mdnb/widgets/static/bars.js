// Bars as the page holds them.

const NAMES = ["time", "open", "high", "low", "close", "volume"]; // time: UTC epoch milliseconds
const [TIME, OPEN, HIGH, LOW, CLOSE, VOLUME] = NAMES.keys();

/** Bars by ordinal, the newest last; one Float64Array a column, with room to grow. */
class Bars {
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

  at(ordinal, column) {
    return this.columns[column][ordinal - this.first];
  }

  /** Write rows from an ordinal on; whatever stood there or behind is gone. */
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

  drop(gone) {
    for (const column of this.columns) column.copyWithin(0, gone, this.count);
    this.first += gone;
    this.count -= gone;
  }

  /**
   * Merge the bars `[from, to)` in groups of `size`, which begin at multiples of it. `base` is the column of the
   * open that is taken, with high, low and close behind it: the traded ones, or those of Heikin-Ashi.
   */
  merge(from, to, size, base = OPEN) {
    const a = Math.max(from, this.first);
    const b = Math.min(to, this.end);
    const count = b > a ? Math.ceil(b / size) - Math.floor(a / size) : 0;
    const out = { at: new Float64Array(count), last: new Float64Array(count) };
    for (const name of NAMES.slice(1)) out[name] = new Float64Array(count);
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

  /** Return a column's values at the last bar of each group. */
  pick(column, groups) {
    return groups.last.map((ordinal) => this.columns[column][ordinal - this.first]);
  }

  /** Return the lowest and the highest value of some columns among the bars `[from, to)`. */
  extremes(from, to, columns) {
    let [low, high] = [Infinity, -Infinity];
    const a = Math.max(from - this.first, 0);
    const b = Math.min(to - this.first, this.count);
    for (const values of columns.map((column) => this.columns[column])) {
      for (let i = a; i < b; i += 1) {
        if (values[i] < low) low = values[i];
        if (values[i] > high) high = values[i];
      }
    }
    return { low, high };
  }
}

/** Return a price range with headroom: the one held while the bars fit and fill enough of it. */
function priceRange(low, high, held) {
  const height = Math.max(high - low, Math.abs(high) * 1e-6, 1e-9);
  if (held && held[0] <= low && high <= held[1] && held[1] - held[0] < 2.5 * height) return held;
  return [low - 0.08 * height, high + 0.08 * height];
}

const isLog = (axis) => axis?.type === "log";
// What plotly calls the range of a logarithmic axis are powers of ten; ours are prices.
const toAxis = (axis, price) => (isLog(axis) ? Math.log10(price) : price);
const toPrice = (axis, at) => (isLog(axis) ? 10 ** at : at);

/** As `priceRange`, on a logarithmic axis: as much headroom to see, and above zero. */
function logPriceRange(low, high, held) {
  const top = Math.max(high, 1e-12);
  const logs = held?.map(Math.log10);
  const made = priceRange(Math.log10(Math.max(low, top / 1000)), Math.log10(top), logs);
  return made === logs ? held : made.map((power) => 10 ** power);
}
