// Times and ordinals, against looking at each bar.

import assert from "node:assert/strict";
import { test } from "node:test";

import { TIME } from "../../../mdnb/widgets/static/chart/bars.js";
import {
  barHolding, countBelow, ordinalAt, placeOfTime, spanOf, stepOf, timeAt,
} from "../../../mdnb/widgets/static/chart/bar_times.js";
import { linkedRange } from "../../../mdnb/widgets/static/chart/linking.js";
import { BEGIN, MINUTE, dice, rowsOf, storeOf } from "./made.js";

/** Bars with a night between them: the time stands still on the axis then. */
function withNight() {
  const rows = [...rowsOf(dice(1), 30), ...rowsOf(dice(2), 30, 900)];
  return { rows, bars: storeOf(rows, 500) };
}

test("the bar of an instant is the last that began by then", () => {
  const { rows, bars } = withNight();
  for (let ms = BEGIN - 2 * MINUTE; ms < BEGIN + 935 * MINUTE; ms += 17_000) {
    const began = rows.filter((row) => row[TIME] <= ms).length;
    assert.equal(ordinalAt(bars, ms), 500 + began - 1);
    assert.equal(barHolding(bars, ms), began ? 500 + began - 1 : -1);
  }
});

test("values below one are counted, with or without those equal to it", () => {
  const values = [1, 2, 2, 2, 5, 9];
  for (let wanted = 0; wanted < 11; wanted += 1) {
    const at = (i) => values[i];
    assert.equal(countBelow(at, 6, wanted), values.filter((value) => value < wanted).length);
    assert.equal(countBelow(at, 6, wanted, true), values.filter((value) => value <= wanted).length);
  }
});

test("a place of the axis and its time are each other's reverse, beyond the bars too", () => {
  const { bars } = withNight();
  for (let x = 480; x < 580; x += 0.37) {
    const back = placeOfTime(bars, timeAt(bars, x));
    assert.ok(Math.abs(back - x) < 1e-6, `${x} came back as ${back}`);
  }
});

test("the usual time between bars is that between most of them", () => {
  assert.equal(stepOf(withNight().bars), MINUTE);
  assert.equal(stepOf(storeOf(rowsOf(dice(3), 1))), MINUTE);
  assert.equal(stepOf(storeOf(rowsOf(dice(3), 9, 0, 5 * MINUTE))), 5 * MINUTE);
});

test("a timeframe's bars last so long at the most", () => {
  assert.equal(spanOf("15s"), 15_000);
  assert.equal(spanOf("5m"), 300_000);
  assert.equal(spanOf("1D"), 86_400_000);
  assert.equal(spanOf("500t"), Infinity);
});

test("a linked chart shows the same time, never too few bars and never only emptiness", () => {
  const bars = storeOf(rowsOf(dice(4), 200), 0);
  const at = (x) => timeAt(bars, x);
  assert.deepEqual(linkedRange(bars, at(50), at(150), false), [50, 150]);
  const [a, b] = linkedRange(bars, at(100), at(104), false);
  assert.ok(Math.abs(b - a - 30) < 1e-9 && a < 100 && b > 104);
  const [before, after] = linkedRange(bars, at(-500), at(-400), false);
  assert.deepEqual([before, after], [-1, 29]);
  const [left, right] = linkedRange(bars, at(120), at(199), true);
  assert.deepEqual([left, right], [120, 205]);
});
