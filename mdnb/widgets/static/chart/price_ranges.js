// Ranges of prices: with headroom, held while they fit, on linear and on logarithmic axes.

/** @typedef {[number, number]} Range */
/** @typedef {{ type?: string } | undefined} AxisLayout */

/**
 * Return a price range with headroom: the one held while the bars fit and fill enough of it.
 * @param {number} low
 * @param {number} high
 * @param {Range | null} [held]
 * @returns {Range}
 */
export function priceRange(low, high, held) {
  const height = Math.max(high - low, Math.abs(high) * 1e-6, 1e-9);
  if (held && held[0] <= low && high <= held[1] && held[1] - held[0] < 2.5 * height) return held;
  return [low - 0.08 * height, high + 0.08 * height];
}

/**
 * As `priceRange`, on a logarithmic axis: as much headroom to see, and above zero.
 * @param {number} low
 * @param {number} high
 * @param {Range | null} [held]
 * @returns {Range}
 */
export function logPriceRange(low, high, held) {
  const top = Math.max(high, 1e-12);
  /** @type {Range | null} */
  const logs = held ? [Math.log10(held[0]), Math.log10(held[1])] : null;
  const made = priceRange(Math.log10(Math.max(low, top / 1000)), Math.log10(top), logs);
  return held && made === logs ? held : [10 ** made[0], 10 ** made[1]];
}

const ROOM_OF_LINES = 0.5; // of the bars' height, above and below them

/**
 * Return lowest and highest of what is to be seen: all of the bars, and of lines over them so much that the bars
 * keep half of the height.
 * @param {{ low: number, high: number }} bars
 * @param {{ low: number, high: number }} lines
 */
export function withLines(bars, lines) {
  const room = ROOM_OF_LINES * (bars.high - bars.low) || Infinity;
  return {
    low: Math.min(bars.low, Math.max(lines.low, bars.low - room)),
    high: Math.max(bars.high, Math.min(lines.high, bars.high + room)),
  };
}

/** @param {AxisLayout} axis */
export const isLog = (axis) => axis?.type === "log";

/**
 * What plotly calls the range of a logarithmic axis are powers of ten; ours are prices.
 * @param {AxisLayout} axis
 * @param {number} price
 */
export const toAxis = (axis, price) => (isLog(axis) ? Math.log10(price) : price);

/**
 * @param {AxisLayout} axis
 * @param {number} at
 */
export const toPrice = (axis, at) => (isLog(axis) ? 10 ** at : at);
