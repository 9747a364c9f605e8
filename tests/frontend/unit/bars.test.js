// The store of bars, against bars kept as plain rows.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Bars, CLOSE, HIGH, LOW, OPEN, TIME, VOLUME } from "../../../mdnb/widgets/static/chart/bars.js";
import { dice, rowsOf, storeOf } from "./made.js";

/** Merge rows by hand: `[at, last, open, high, low, close, volume]`. */
function mergedByHand(rows, from, to, size, first) {
  const groups = new Map();
  rows.forEach((row, i) => {
    const ordinal = first + i;
    if (ordinal < from || ordinal >= to) return;
    const key = Math.floor(ordinal / size);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push([ordinal, ...row]);
  });
  return [...groups].map(([key, held]) => [
    key * size + (size - 1) / 2,
    held.at(-1)[0],
    held[0][2],
    Math.max(...held.map((row) => row[3])),
    Math.min(...held.map((row) => row[4])),
    held.at(-1)[5],
    held.reduce((sum, row) => sum + row[6], 0),
  ]);
}

const asRows = ({ at, last, open, high, low, close, volume }) =>
  Array.from(at, (place, i) => [place, last[i], open[i], high[i], low[i], close[i], volume[i]]);

test("rows that are written replace what stood there and behind", () => {
  const random = dice(1);
  let rows = rowsOf(random, 40);
  const bars = storeOf(rows, 100, 1000);
  for (let round = 0; round < 200; round += 1) {
    const start = Math.max(0, rows.length - Math.floor(3 * random()));
    const more = rowsOf(random, 1 + Math.floor(4 * random()), start);
    rows = [...rows.slice(0, start), ...more];
    bars.write(100 + start, Float64Array.from(more.flat()), round % 2 === 0);
    assert.equal(bars.end, 100 + rows.length);
    assert.equal(bars.forming, round % 2 === 0);
  }
  for (const [i, row] of rows.entries()) {
    assert.deepEqual([TIME, OPEN, HIGH, LOW, CLOSE, VOLUME].map((column) => bars.at(100 + i, column)), row);
  }
});

test("no more are kept than the limit and a quarter, and ordinals stay", () => {
  const random = dice(2);
  const bars = storeOf(rowsOf(random, 50), 0, 50);
  const written = rowsOf(random, 500, 50);
  written.forEach((row, i) => {
    bars.write(50 + i, Float64Array.from(row), true);
    assert.ok(bars.count <= 50 * 1.25 + 64 && bars.count >= 50);
    assert.equal(bars.end, 51 + i);
    assert.equal(bars.at(50 + i, CLOSE), row[CLOSE]);
  });
  assert.ok(bars.first > 400 - 50);
  assert.equal(bars.at(bars.first, CLOSE), written[bars.first - 50][CLOSE]);
});

test("groups begin at multiples of their size, whatever part is merged", () => {
  const random = dice(3);
  const rows = rowsOf(random, 300);
  for (const first of [0, 7, 1001]) {
    const bars = storeOf(rows, first, 1000);
    const all = [first, bars.end];
    const parts = [all, [first - 50, bars.end + 50], [first + 13, first + 200], [first + 5, first + 5]];
    for (const size of [1, 2, 3, 10, 299]) {
      for (const [from, to] of parts) {
        assert.deepEqual(asRows(bars.merge(from, to, size)), mergedByHand(rows, from, to, size, first));
      }
    }
  }
});

test("extremes are of the bars asked for, and of none they are endless", () => {
  const rows = rowsOf(dice(4), 100);
  const bars = storeOf(rows, 10, 1000);
  const some = rows.slice(20, 30);
  assert.deepEqual(bars.extremes(30, 40, [HIGH, LOW]), {
    low: Math.min(...some.map((row) => row[LOW])),
    high: Math.max(...some.map((row) => row[HIGH])),
  });
  assert.deepEqual(bars.extremes(500, 600, [HIGH, LOW]), { low: Infinity, high: -Infinity });
});

test("NaN is no extreme", () => {
  const bars = new Bars(0, [Float64Array.of(NaN, 3, NaN, 1)], false, 10);
  assert.deepEqual(bars.extremes(0, 4, [0]), { low: 1, high: 3 });
});

test("a copy stands still, and what is cut at a cursor goes on with it", () => {
  const rows = rowsOf(dice(5), 20);
  const bars = storeOf(rows, 0, 100);
  const copy = bars.copy();
  let cursor = 4;
  const cut = bars.upTo(() => cursor);
  bars.write(19, Float64Array.from([...rows[19].slice(0, 4), -1, 0, ...rowsOf(dice(6), 1, 20)[0]]), true);
  assert.equal(copy.end, 20);
  assert.equal(copy.at(19, CLOSE), rows[19][CLOSE]);
  assert.equal(bars.at(19, CLOSE), -1);
  assert.equal(cut.end, 5);
  assert.equal(cut.forming, false);
  cursor = 12;
  assert.equal(cut.end, 13);
  cursor = 1000;
  assert.equal(cut.end, bars.end);
});
