// Columns of a heat map, packed here by hand.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  HeatGrid, HeatRing, PriceWindow, imbalanceOf,
} from "../../../mdnb/widgets/static/heatmap/heat_data.js";
import { clockTicks, lookUp, priceTicks, textOn } from "../../../mdnb/widgets/static/heatmap/heat_axes.js";

function pack(...columns) {
  const parts = columns.map(({ index, last, bids, asks }) => {
    const levels = [...bids, ...asks];
    const bytes = new DataView(new ArrayBuffer(24 + 8 * levels.length));
    bytes.setFloat64(0, index, true);
    bytes.setFloat64(8, last, true);
    bytes.setUint32(16, bids.length, true);
    bytes.setUint32(20, asks.length, true);
    levels.forEach(([tick], i) => bytes.setInt32(24 + 4 * i, tick, true));
    levels.forEach(([, size], i) => bytes.setFloat32(24 + 4 * (levels.length + i), size, true));
    return new Uint8Array(bytes.buffer);
  });
  const all = Uint8Array.from(parts.flatMap((part) => [...part]));
  return new DataView(all.buffer);
}

const book = (index, middle = 100) => ({
  index,
  last: middle,
  bids: [[middle - 1, 5], [middle - 2, 3]],
  asks: [[middle + 1, 2], [middle + 2, 8]],
});

test("columns come in order, once each, and no more than the limit", () => {
  const ring = new HeatRing(3);
  assert.ok(ring.take(pack(book(10), book(11))));
  assert.ok(ring.take(pack(book(11), book(12), book(13))), "one of them is known");
  assert.deepEqual(ring.columns.map(({ index }) => index), [11, 12, 13]);
  assert.equal(ring.end, 13);
  const { bid, ask, bids, ticks, sizes } = ring.at(12);
  assert.deepEqual([bid, ask, bids, [...ticks], [...sizes]], [99, 101, 2, [99, 98, 101, 102], [5, 3, 2, 8]]);
});

test("columns that are missing are told, unless the kernel has them no longer", () => {
  const ring = new HeatRing(10);
  ring.take(pack(book(1)));
  assert.equal(ring.take(pack(book(5)), 0), false);
  assert.equal(ring.end, 1);
  assert.equal(ring.take(pack(book(5)), 4), true);
  assert.deepEqual(ring.columns.map(({ index }) => index), [5]);
});

test("how much more is bid is a share of the best levels", () => {
  const ring = new HeatRing(10);
  ring.take(pack(book(1), { index: 2, last: 1, bids: [], asks: [] }));
  assert.ok(Math.abs(imbalanceOf(ring.at(1), 1) - 3 / 7) < 1e-6);
  assert.ok(Math.abs(imbalanceOf(ring.at(1), 5) - -2 / 18) < 1e-6);
  assert.equal(imbalanceOf(ring.at(2), 5), 0);
});

test("the prices in view move only when the market nears their edge", () => {
  const ring = new HeatRing(100);
  ring.take(pack(book(1)));
  const window = new PriceWindow();
  assert.ok(window.fit(ring.columns));
  const { low, high } = window;
  assert.ok(low < 98 && high > 102);
  ring.take(pack(book(2, 101)));
  assert.equal(window.fit(ring.columns), false);
  ring.take(pack(book(3, high)));
  assert.ok(window.fit(ring.columns));
  assert.equal(new PriceWindow().fit([]), false);
});

test("each cell has what waited at its prices then", () => {
  const ring = new HeatRing(4);
  ring.take(pack(book(1), book(2, 101), book(3)));
  const window = new PriceWindow();
  window.fit(ring.columns);
  const grid = new HeatGrid(4);
  grid.fill(ring, window, 1000, 1.8);
  assert.equal(grid.perRow, 1);
  for (const { index, ticks, sizes } of ring.columns) {
    ticks.forEach((tick, i) => assert.equal(grid.size(index, tick), sizes[i]));
  }
  assert.equal(grid.size(1, 100), 0);
  for (const size of [1, 3, 8]) {
    assert.ok(Math.abs(grid.sizeAt(grid.shade(size)) / Math.min(size, grid.top) - 1) < 1e-6);
  }
});

test("labels are at round prices and round times, far enough apart", () => {
  const ticks = priceTicks(8001, 8099, 0.25, 500, 34);
  const each = ticks[1] - ticks[0];
  assert.ok(ticks.every((tick) => tick % each === 0 && tick >= 8001 && tick <= 8099));
  assert.ok((each / 98) * 500 >= 34 * 0.9);
  const times = clockTicks(1000, 1300, 1, 900, 96);
  assert.ok(times.every((at) => at % 60 === 0));
});

test("a text is black on light colours and white on dark ones", () => {
  assert.equal(textOn("#ffffff"), "#000000");
  assert.equal(textOn("#101010"), "#ffffff");
});

test("the ramp's ends are the first and the last colour", () => {
  const colours = lookUp(["#000000", "#ff0000", "#ffffff"]);
  assert.equal(colours.length, 256);
  assert.deepEqual([colours[0], colours[255]], [0xff000000, 0xffffffff]);
});
