// Undoing what was drawn, and doing it again, against lists of what there was.

import assert from "node:assert/strict";
import { test } from "node:test";

import { DrawingHistory } from "../../../mdnb/widgets/static/chart/drawing_history.js";
import { measureWords, spanWords } from "../../../mdnb/widgets/static/chart/measure_words.js";
import { dice } from "./made.js";

const shape = (name, x0 = 0) => ({ name, x0, x1: x0, y0: 1, y1: 1 });
const timesOf = ({ x0, x1 }) => [60 * x0, 60 * x1];
const same = ({ shape: held }) => structuredClone(held);
const sorted = (shapes) => [...shapes].sort((a, b) => (a.name < b.name ? -1 : 1));

test("each of many steps is undone, the last one first, and done again", () => {
  const random = dice(5);
  const history = new DrawingHistory();
  const states = [[]];
  for (let step = 0; step < 60; step += 1) {
    const now = structuredClone(states.at(-1));
    const at = Math.floor(random() * now.length);
    const roll = random();
    if (!now.length || roll < 0.5) now.push(shape(`s${step}`));
    else if (roll < 0.75) now[at].x0 += 1 + step;
    else now.splice(at, 1);
    history.note("A", states.at(-1), now, timesOf);
    states.push(now);
  }
  let shapes = states.at(-1);
  for (let step = 59; step >= 0; step -= 1) {
    shapes = history.go("A", shapes, same, false);
    assert.deepEqual(sorted(shapes), sorted(states[step]));
  }
  assert.equal(history.go("A", shapes, same, false), null);
  for (let step = 1; step <= 60; step += 1) {
    shapes = history.go("A", shapes, same, true);
    assert.deepEqual(sorted(shapes), sorted(states[step]));
  }
  assert.equal(history.go("A", shapes, same, true), null);
});

test("what somebody else drew or took away meanwhile is left alone", () => {
  const history = new DrawingHistory();
  history.note("A", [], [shape("mine")], timesOf);
  assert.deepEqual(history.go("A", [shape("mine"), shape("theirs")], same, false), [shape("theirs")]);
  history.note("A", [shape("old")], [], timesOf);
  assert.deepEqual(history.go("A", [shape("old", 7)], same, false), [shape("old", 7)], "it is there again");
  history.note("A", [], [shape("mine")], timesOf);
  assert.deepEqual(history.go("A", [], same, false), []);
});

test("each symbol has steps of its own, and a drawing comes back where its times are", () => {
  const history = new DrawingHistory();
  history.note("A", [shape("a", 5)], [], timesOf);
  history.note("B", [], [shape("b")], timesOf);
  assert.ok(history.canUndo("A") && !history.canUndo("C"));
  const place = ({ shape: held, times }) => ({ ...held, x0: times[0] / 300, x1: times[1] / 300 });
  assert.deepEqual(history.go("A", [], place, false), [{ ...shape("a"), x0: 1, x1: 1 }]);
});

test("a run of small moves is one step", () => {
  const history = new DrawingHistory();
  for (let x = 0; x < 9; x += 1) history.note("A", [shape("a", x)], [shape("a", x + 1)], timesOf, "arrows a");
  assert.deepEqual(history.go("A", [shape("a", 9)], same, false), [shape("a", 0)]);
  assert.equal(history.canUndo("A"), false);
  assert.deepEqual(history.go("A", [shape("a", 0)], same, true), [shape("a", 9)]);
});

test("a measure says how far and how long, with signs", () => {
  const given = { bars: 17, ms: 5_100_000, tick: 0.25, worth: 2, price: (value) => value.toFixed(2) };
  assert.deepEqual(measureWords({ from: 20_000, to: 20_012.5, ...given }), [
    "+12.50 · +0.06% · +50 ticks · +25.00 a lot", "+17 bars · 1h 25m",
  ]);
  assert.deepEqual(measureWords({ from: 100, to: 99, ...given, bars: -2, ms: -120_000, tick: null, worth: null }), [
    "−1.00 · −1.00%", "−2 bars · −2m",
  ]);
  assert.deepEqual(measureWords({ from: 0, to: 0, ...given, bars: 0, ms: 0 })[0], "0.00 · 0 ticks · 0.00 a lot");
});

test("a span of time has its two largest units", () => {
  const words = [0, 999, 45_000, 3_600_000, 90_061_000, 86_400_000 + 60_000].map(spanWords);
  assert.deepEqual(words, ["0s", "1s", "45s", "1h", "1d 1h", "1d"]);
});
