import assert from "node:assert/strict";
import { test } from "node:test";

import { logPriceRange, priceRange, toAxis, toPrice, withLines } from "../../../mdnb/widgets/static/chart/price_ranges.js";
import { dice } from "./made.js";

test("a range has the bars with headroom", () => {
  assert.deepEqual(priceRange(100, 200, null), [92, 208]);
  const [low, high] = priceRange(100, 100, null);
  assert.ok(low < 100 && high > 100);
});

test("a range is held while the bars fit and fill enough of it", () => {
  const held = [90, 210];
  assert.equal(priceRange(100, 200, held), held);
  assert.equal(priceRange(91, 209, held), held);
  assert.notEqual(priceRange(89, 200, held), held);
  assert.notEqual(priceRange(140, 150, held), held, "too little of it is filled");
});

test("a logarithmic range has as much headroom to see, and is above zero", () => {
  const [low, high] = logPriceRange(10, 1000, null);
  assert.ok(Math.abs(Math.log10(high / 1000) - Math.log10(10 / low)) < 1e-9);
  assert.ok(logPriceRange(0, 50, null)[0] > 0);
  const held = [5, 2000];
  assert.equal(logPriceRange(10, 1000, held), held);
});

test("prices and places on an axis are each other's reverse", () => {
  const random = dice(1);
  for (const axis of [{ type: "log" }, { type: "linear" }, {}, undefined]) {
    for (let i = 0; i < 100; i += 1) {
      const price = 1e-3 + 1e5 * random();
      assert.ok(Math.abs(toPrice(axis, toAxis(axis, price)) / price - 1) < 1e-12);
    }
  }
});

test("lines over the bars widen a range by as much as the bars are high, and no more", () => {
  const bars = { low: 100, high: 110 };
  assert.deepEqual(withLines(bars, { low: 98, high: 113 }), { low: 98, high: 113 });
  assert.deepEqual(withLines(bars, { low: 10, high: 900 }), { low: 95, high: 115 });
  assert.deepEqual(withLines(bars, { low: 104, high: 106 }), bars);
  assert.deepEqual(withLines(bars, { low: Infinity, high: -Infinity }), bars);
  assert.deepEqual(withLines({ low: 5, high: 5 }, { low: 1, high: 9 }), { low: 1, high: 9 });
});
