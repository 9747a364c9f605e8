// When plotly draws: seldom, and only where it has to.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { PlotlySync } from "../../../mdnb/widgets/static/chart/plotly_sync.js";
import { Viewport } from "../../../mdnb/widgets/static/chart/viewport.js";
import { Zone } from "../../../mdnb/widgets/static/chart/time_axis.js";
import { dice, rowsOf, storeOf } from "./made.js";

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  globalThis.requestAnimationFrame = (callback) => setTimeout(callback, 16); // the page's
});

afterEach(() => {
  mock.timers.reset();
  delete globalThis.requestAnimationFrame;
});

/** A chart of 500 bars that plotly was given once. */
function drawn(layout = {}) {
  const bars = storeOf(rowsOf(dice(1), 500), 0, 10_000, true);
  const chart = {
    modes: { shown: bars }, look: { visible: 180 }, layout: {}, base: 1, zone: new Zone("UTC"), say() {},
  };
  const gd = { data: [], layout };
  const viewport = new Viewport({ chart, gd });
  const pointed = { now: false };
  const sync = new PlotlySync({
    chart, gd, viewport,
    el: { clientWidth: 900 },
    indicators: { over: [], give() {}, fitPanes() {}, isOutside: () => false },
    separators: { fit() {} },
    percent: { fit() {} },
    isPointed: () => pointed.now,
    fitted() {},
    redrawn() {},
  });
  viewport.take(null, null);
  sync.fit();
  return { bars, gd, pointed, sync, viewport };
}

/** Change the bar in the making: its close within its prices, or what is given. */
function tick(bars, change = (row) => row) {
  const row = bars.columns.map((column) => column[bars.count - 1]);
  bars.write(bars.end - 1, Float64Array.from(change(row)), true);
}

const close = (bars) => bars.write(bars.end, Float64Array.from(rowsOf(dice(7), 1, bars.end)[0]), true);

test("it is given closed bars only, ranges and labels", () => {
  const { gd, sync } = drawn({ yaxis2: {} });
  assert.deepEqual([sync.drawnTo, sync.size, sync.groups.last.at(-1)], [499, 1, 498]);
  assert.deepEqual(gd.layout.xaxis.range, [319, 505]);
  assert.equal(gd.layout.xaxis.tickvals.length, gd.layout.xaxis.ticktext.length);
  assert.ok(gd.layout.yaxis.range[0] < gd.layout.yaxis.range[1] && gd.layout.yaxis2.range[0] === 0);
});

test("a tick within what is drawn asks plotly for nothing", () => {
  for (const layout of [{ yaxis2: {} }, {}]) {
    const { bars, sync } = drawn(layout);
    sync.restart();
    sync.fit();
    tick(bars);
    sync.moved(false);
    assert.deepEqual([sync.fitTimer, sync.later], [0, 0], JSON.stringify(layout));
  }
});

test("a price out of the range, or a volume, has plotly draw soon", () => {
  for (const [column, value] of [[2, 1e6], [3, 1], [5, 1e9]]) {
    const { bars, sync } = drawn({ yaxis2: {} });
    tick(bars, (row) => row.map((old, i) => (i === column ? value : old)));
    sync.moved(false);
    assert.notEqual(sync.fitTimer, 0);
    sync.close();
  }
});

test("a bar that was closed is drawn after a rest, which begins anew with the next one", () => {
  const { bars, sync } = drawn();
  close(bars);
  sync.moved(false);
  const { later } = sync;
  assert.notEqual(later, 0);
  sync.moved(false);
  assert.equal(sync.later, later);
  close(bars);
  sync.moved(false);
  assert.notEqual(sync.later, later);
  mock.timers.tick(1500);
  assert.equal(sync.later, 0);
  assert.notEqual(sync.fitTimer, 0);
  sync.close();
});

test("without room for one more, or with too many undrawn, it does not rest", () => {
  const { bars, sync } = drawn();
  for (let i = 0; i < 4; i += 1) {
    close(bars);
    sync.moved(false);
    assert.equal(sync.fitTimer, 0);
  }
  close(bars);
  sync.moved(false);
  assert.notEqual(sync.fitTimer, 0);
  sync.close();
});

test("bars that were amended are no longer plotly's", () => {
  const { sync } = drawn();
  sync.amended(470);
  assert.deepEqual([sync.drawnTo, sync.undrawn()], [470, 29]);
  sync.amended(480);
  assert.equal(sync.drawnTo, 470);
});

test("many bars are merged in groups, and whole ones are given", () => {
  const { sync, viewport } = drawn();
  viewport.take([0, 499], null);
  sync.fit();
  assert.equal(sync.size, 2);
  assert.equal(sync.drawnTo, 498);
  assert.ok(sync.groups.at.every((at) => at % 2 === 0.5));
});
