// What several tests are made of: dice that fall the same each time, and bars.

import { Bars } from "../../../mdnb/widgets/static/chart/bars.js";

/** Mulberry32: numbers from 0 to 1, the same for the same seed. */
export function dice(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export const BEGIN = Date.UTC(2026, 2, 2, 9, 0);
export const MINUTE = 60_000;

/** Rows of bars a minute apart: time, open, high, low, close, volume. */
export function rowsOf(random, count, from = 0, step = MINUTE) {
  return Array.from({ length: count }, (_, i) => {
    const [open, close] = [100 + 10 * random(), 100 + 10 * random()];
    const [high, low] = [Math.max(open, close) + random(), Math.min(open, close) - random()];
    return [BEGIN + (from + i) * step, open, high, low, close, Math.ceil(50 * random())];
  });
}

/** A store with these rows. */
export function storeOf(rows, first = 0, limit = 1000, forming = false) {
  const columns = rows[0].map((_, column) => Float64Array.from(rows, (row) => row[column]));
  return new Bars(first, columns, forming, limit);
}
