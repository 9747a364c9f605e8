// Pause, resume and replay of a chart, with the page's clock in our hand.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { CLOSE, TIME } from "../../../mdnb/widgets/static/chart/bars.js";
import { Modes } from "../../../mdnb/widgets/static/chart/modes.js";
import { BEGIN, MINUTE, dice, rowsOf, storeOf } from "./made.js";

let now = 0;

beforeEach(() => {
  now = 0;
  mock.timers.enable({ apis: ["setInterval"] });
  mock.method(performance, "now", () => now);
  globalThis.window = new EventTarget(); // a page is put away by an event of its window
});

afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
  delete globalThis.window;
});

function pass(ms) {
  for (let left = ms; left > 0; left -= 4) {
    now += 4;
    mock.timers.tick(4);
  }
}

function chartOf(count, more = {}) {
  const chart = {
    bars: storeOf(rowsOf(dice(1), count), 0, 10_000, true),
    look: { timeframe: "1m", symbol: "MNQ", kind: "candles", series: [], visible: 50 },
    page: "here",
    quote: { bid: 1, ask: 2 },
    status: { text: "live", tone: "live", latency: 3 },
    views: [],
    told: [],
    say: (message) => chart.told.push(message),
    ...more,
  };
  return chart;
}

/** A bar more, or the last one changed. */
function grow(chart) {
  chart.bars.write(chart.bars.end, Float64Array.from(rowsOf(dice(9), 1, chart.bars.end)[0]), true);
}

test("a paused chart shows what stood then, while bars go on", () => {
  const chart = chartOf(100);
  const modes = new Modes(chart);
  assert.equal(modes.shown, chart.bars);
  modes.pause();
  grow(chart);
  assert.deepEqual([modes.shown.end, chart.bars.end, modes.name], [100, 101, "paused"]);
  assert.equal(modes.status.text, "paused");
  modes.resume();
  assert.equal(modes.shown, chart.bars);
  assert.deepEqual(chart.told.map(({ state }) => state.mode), ["paused", "live"]);
});

test("a replay shows bars up to a cursor that moves as fast as it is asked, and ends at the present", () => {
  const chart = chartOf(100);
  const modes = new Modes(chart);
  modes.replay(BEGIN + 40 * MINUTE, 8);
  assert.equal(modes.shown.end, 41);
  pass(2000);
  assert.equal(modes.cursor, 56);
  assert.equal(modes.status.text, "replay ×8");
  pass(10_000);
  assert.equal(modes.name, "live");
  assert.equal(modes.shown, chart.bars);
});

test("a replay that is paused is stepped, and goes on where it stands", () => {
  const modes = new Modes(chartOf(100));
  modes.replay(BEGIN + 10 * MINUTE, 4);
  modes.toggle();
  modes.step();
  modes.step(2);
  assert.deepEqual([modes.cursor, modes.name, modes.status.text], [13, "paused", "paused · replay ×4"]);
  pass(5000);
  assert.equal(modes.cursor, 13);
  modes.toggle();
  pass(1000);
  assert.equal(modes.cursor, 17);
});

test("speeds go up and down in steps, and stay at the ends", () => {
  const modes = new Modes(chartOf(10));
  modes.hurry(true);
  assert.equal(modes.speed, 8);
  for (let i = 0; i < 30; i += 1) modes.hurry(true);
  assert.equal(modes.speed, 1000);
  for (let i = 0; i < 30; i += 1) modes.hurry(false);
  assert.equal(modes.speed, 0.1);
});

test("another page that opens stands where the first did, the bar in the making too", () => {
  const chart = chartOf(100);
  const first = new Modes(chart);
  first.pause();
  const { state } = chart.told.at(-1);
  const [at, close] = [first.shown.at(99, TIME), first.shown.at(99, CLOSE)];
  chart.bars.write(99, Float64Array.from([at, 1, 1, 1, 1, 1]), false);
  grow(chart);
  const second = new Modes(chart, JSON.parse(JSON.stringify(state)));
  assert.deepEqual([second.shown.end, second.shown.at(99, CLOSE), second.shown.forming], [100, close, true]);
});

test("a replay goes on in another timeframe with no bar of the future", () => {
  const chart = chartOf(100);
  const modes = new Modes(chart);
  modes.replay(BEGIN + 33 * MINUTE, 0.1);
  const before = { look: chart.look, bars: chart.bars };
  chart.look = { ...chart.look, timeframe: "5m" };
  chart.bars = storeOf(rowsOf(dice(3), 20, 0, 5 * MINUTE), 0, 10_000, true);
  modes.rebase(before);
  // The bar at the cursor was complete at 34 minutes: of five-minute bars those up to 30.
  assert.equal(modes.shown.at(modes.shown.end - 1, TIME), BEGIN + 25 * MINUTE);
});

test("what Python says is done, and of what another page says only what is not our own", () => {
  const chart = chartOf(100);
  const modes = new Modes(chart);
  modes.take({ act: "pause" });
  assert.equal(modes.name, "paused");
  modes.take({ act: "become", page: "here", state: { mode: "live", speed: 2 } });
  assert.equal(modes.name, "paused");
  modes.take({ act: "become", page: "there", state: { mode: "live", speed: 2 } });
  assert.deepEqual([modes.name, modes.speed], ["live", 2]);
});

test("a page that is put away tells where it stands, and a live one nothing", () => {
  const chart = chartOf(100);
  const modes = new Modes(chart);
  window.dispatchEvent(new Event("pagehide"));
  assert.equal(chart.told.length, 0);
  modes.pause();
  window.dispatchEvent(new Event("pagehide"));
  assert.deepEqual(chart.told.map(({ own }) => own), [true, false]);
  modes.close();
  window.dispatchEvent(new Event("pagehide"));
  assert.equal(chart.told.length, 2);
});
