// What a measured stretch says: how far in price, ticks and money, and how long in bars and time.

import { money } from "./position_layer.js";

const COUNTS = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const SECOND = 1000;
/** @type {[unit: string, ms: number][]} */
const UNITS = [["d", 86_400 * SECOND], ["h", 3600 * SECOND], ["m", 60 * SECOND], ["s", SECOND]];

/**
 * Return a span of time in its two largest units.
 * @param {number} ms
 */
export function spanWords(ms) {
  let left = Math.round(Math.abs(ms) / SECOND) * SECOND;
  const first = UNITS.findIndex(([, size]) => left >= size);
  if (first < 0) return "0s";
  const words = [];
  for (const [unit, size] of UNITS.slice(first, first + 2)) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count) words.push(`${count}${unit}`);
  }
  return `${ms < 0 ? "−" : ""}${words.join(" ")}`;
}

/**
 * Return a number with its sign, which nothing has none of.
 * @param {number} value
 * @param {(value: number) => string} format
 */
function signed(value, format) {
  const words = format(Math.abs(value));
  if (!/[1-9]/.test(words)) return words;
  return `${value < 0 ? "−" : "+"}${words}`;
}

/**
 * Return the two lines that a measured stretch says.
 * @param {{
 *   from: number, to: number, bars: number, ms: number, tick: number | null, worth: number | null,
 *   price: (value: number) => string,
 * }} stretch prices, and what a point is worth in money
 * @returns {[string, string]}
 */
export function measureWords({ from, to, bars, ms, tick, worth, price }) {
  const change = to - from;
  const up = [signed(change, price)];
  if (from > 0) up.push(signed((100 * change) / from, (value) => `${value.toFixed(2)}%`));
  if (tick) up.push(`${signed(Math.round(change / tick), (value) => COUNTS.format(value))} ticks`);
  if (worth) up.push(`${money(change * worth)} a lot`);
  return [up.join(" · "), `${signed(bars, (value) => COUNTS.format(value))} bars · ${spanWords(ms)}`];
}
