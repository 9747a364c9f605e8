import assert from "node:assert/strict";
import { test } from "node:test";

import { showsOthers } from "../../../mdnb/widgets/static/chart/figure.js";
import { Viewport } from "../../../mdnb/widgets/static/chart/viewport.js";
import { dice, rowsOf, storeOf } from "./made.js";

function shown(count, first = 0, yaxis = {}) {
  const told = [];
  const bars = storeOf(rowsOf(dice(1), count), first);
  const chart = { modes: { shown: bars }, look: { visible: 180 }, layout: {}, say: (message) => told.push(message) };
  const viewport = new Viewport({ chart, gd: { layout: { yaxis } } });
  viewport.take(null, null);
  viewport.fit();
  return { viewport, chart, bars, told };
}

test("at first the newest bars are in view, with room right of them", () => {
  const { viewport, told } = shown(1000);
  assert.deepEqual(viewport.range, [819, 1005]);
  assert.ok(viewport.follow && viewport.hasNewest && !viewport.isChosen);
  assert.deepEqual(told, [], "that it follows the kernel takes for granted");
});

test("few bars do not fill the view", () => {
  assert.deepEqual(shown(5).viewport.range, [-26, 10]);
});

test("a zoom with the newest bar in it goes along, and any other stands", () => {
  const { viewport, bars, told } = shown(1000);
  viewport.take([900, 1003], null);
  bars.write(1000, Float64Array.from(rowsOf(dice(2), 10, 1000).flat()), true);
  viewport.fit();
  assert.deepEqual(viewport.range, [910, 1013]);
  viewport.take([100, 200], null);
  viewport.fit();
  assert.deepEqual([viewport.range, viewport.follow, viewport.isChosen], [[100, 200], false, true]);
  assert.deepEqual(told.at(-1), { kind: "follows", follows: false, view: [100, 200] });
  viewport.followOn();
  viewport.fit();
  assert.deepEqual([viewport.range, viewport.follow], [[915, 1015], true]);
});

test("bars that are gone are left for the oldest that are held", () => {
  const { viewport, bars } = shown(1000);
  viewport.take([10, 30], null);
  viewport.fit();
  bars.drop(100);
  assert.ok(viewport.isGone);
  viewport.fit();
  assert.deepEqual(viewport.range, [99, 119]);
});

test("a range of prices is chosen by both ends, or one", () => {
  const { viewport } = shown(100);
  viewport.take(null, [10, 20]);
  assert.deepEqual([viewport.fixedPrices, viewport.prices, viewport.givenPrices()], [true, [10, 20], [10, 20]]);
  viewport.take(null, [null, 20]);
  assert.deepEqual([viewport.fixedPrices, viewport.prices, viewport.givenPrices()], [false, null, [null, 20]]);
  viewport.take(null, null);
  assert.equal(viewport.givenPrices(), null);
});

test("on a logarithmic axis the range is told in powers, and held in prices", () => {
  const { viewport } = shown(100, 0, { type: "log" });
  viewport.take(null, [2, 3]);
  assert.deepEqual([viewport.prices, viewport.givenPrices()], [[100, 1000], [2, 3]]);
});

test("a zoom outlives that lines come and go, and what nobody chose is made anew", () => {
  const { viewport, bars } = shown(1000);
  viewport.take([100, 200], null);
  viewport.retake();
  viewport.fit();
  assert.deepEqual([viewport.range, viewport.follow, viewport.isChosen], [[100, 200], false, true]);
  // With the newest bar in it, too: as wide as it was chosen, and along with that bar.
  viewport.take([900, 1003], [10, null]);
  viewport.retake();
  viewport.fit();
  assert.deepEqual([viewport.range, viewport.givenPrices()], [[900, 1003], [10, null]]);
  viewport.take(null, [10, 20]);
  viewport.retake();
  assert.deepEqual([viewport.fixedPrices, viewport.givenPrices()], [true, [10, 20]]);
  viewport.take(null, [null, 20]);
  viewport.span = 17;
  viewport.retake();
  viewport.fit();
  assert.deepEqual([viewport.range, viewport.givenPrices()], [[819, 1005], [null, 20]]);
  bars.write(1000, Float64Array.from(rowsOf(dice(2), 10, 1000).flat()), true);
  viewport.retake();
  viewport.fit();
  assert.deepEqual(viewport.range, [829, 1015]);
});

test("a figure of another symbol or timeframe shows other bars, and no other figure does", () => {
  const before = { symbol: "MNQ", timeframe: "1min", visible: 180, panes: [], series: [] };
  assert.equal(showsOthers(before, { ...before, visible: 90, panes: [{}], series: [{}] }), false);
  assert.equal(showsOthers(before, { ...before, timeframe: "5min" }), true);
  assert.equal(showsOthers(before, { ...before, symbol: "MES" }), true);
});
