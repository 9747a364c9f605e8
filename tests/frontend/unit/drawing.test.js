// Smaller parts of the drawing: where axes are, round numbers, lines with breaks, the time left.

import assert from "node:assert/strict";
import { test } from "node:test";

import { roundNumbers } from "../../../mdnb/widgets/static/chart/first_paint.js";
import { breaksBefore, broken, bySide } from "../../../mdnb/widgets/static/chart/indicators.js";
import { unplaced } from "../../../mdnb/widgets/static/chart/legend.js";
import { countdown } from "../../../mdnb/widgets/static/chart/last_price.js";
import { Axis, PlotArea } from "../../../mdnb/widgets/static/chart/plot_area.js";
import { readAxes } from "../../../mdnb/widgets/static/chart/plotly_private.js";

test("a value and its pixel are each other's reverse, up and across", () => {
  const axis = new Axis();
  axis.layOut(40, 300, [10, 70]);
  assert.deepEqual([axis.across(10), axis.across(70), axis.up(10), axis.up(70)], [40, 340, 340, 40]);
  for (let value = -20; value < 100; value += 7) {
    assert.ok(Math.abs(axis.valueAcross(axis.across(value)) - value) < 1e-9);
    assert.ok(Math.abs(axis.valueUp(axis.up(value)) - value) < 1e-9);
  }
});

test("plotly's axes are read as they are now, logarithmic ones too", () => {
  const area = new PlotArea();
  area.setPanes(["yaxis3"]);
  const same = (at) => at;
  const linear = (_offset, _length, range) => ({ _offset, _length, range, type: "linear", r2l: same, d2l: same, l2d: same });
  const full = {
    width: 900,
    xaxis: linear(50, 700, [0, 100]),
    yaxis: { ...linear(30, 300, [1, 3]), type: "log", d2l: Math.log10, l2d: (power) => 10 ** power },
    yaxis2: linear(250, 80, [0, 9]),
  };
  assert.equal(readAxes({}, area), false);
  assert.equal(readAxes({ _fullLayout: full }, area), true);
  assert.deepEqual([area.left, area.right, area.top, area.bottom, area.end], [50, 750, 30, 330, 330]);
  assert.equal(area.prices.up(100), 180);
  assert.ok(Math.abs(area.prices.valueUp(180) - 100) < 1e-9);
  assert.equal(area.axis("yaxis3").length, 0);
  assert.throws(() => area.axis("yaxis7"), /no axis yaxis7, only xaxis, yaxis, yaxis2, yaxis3/);
  full.yaxis3 = linear(400, 100, [0, 1]);
  readAxes({ _fullLayout: full }, area);
  assert.equal(area.end, 500);
});

test("a bar that a logarithmic axis has no place for is said to be left out", () => {
  assert.match(unplaced("log", 0), /not drawn at zero and below/);
  assert.match(unplaced("log", -37.6), /log axis/);
  assert.deepEqual([unplaced("log", 0.01), unplaced("linear", -37.6)], ["", ""]);
});

test("round numbers stand in the range, evenly apart, as many as there is room for", () => {
  for (const [low, high] of [[0.001, 0.0094], [21_580, 21_611], [-3, 4], [1e6, 9e6]]) {
    const numbers = roundNumbers([low, high], 300);
    assert.ok(numbers.length >= 3 && numbers.length <= 10, String(numbers));
    assert.ok(numbers[0] >= low && numbers.at(-1) <= high);
    const step = numbers[1] - numbers[0];
    const [digit] = step.toExponential(3).split(".");
    assert.ok(["1", "2", "5"].includes(digit), `a step of ${step}`);
  }
});

test("a line is broken before the first bar of a trading day", () => {
  const times = Float64Array.of(10, 20, 30, 40, 50);
  assert.deepEqual([...breaksBefore([5, 25, 45], times)], [0, 0, 1, 0, 1]);
  assert.deepEqual([...breaksBefore([], times)], [0, 0, 0, 0, 0]);
  const { x, y } = broken(Float64Array.of(1, 2, 3), Float64Array.of(7, 8, 9), Uint8Array.of(0, 0, 1));
  assert.deepEqual([x, y], [[1, 2, 2.5, 3], [7, 8, null, 9]]);
});

test("columns have the colour of their side", () => {
  const trace = { marker: { colorscale: [[0, "red"], [1, "green"]] } };
  assert.deepEqual(bySide(trace, Float64Array.of(1, -1, 0), () => 0), ["green", "red", "green"]);
});

test("the time left is told as a clock has it", () => {
  assert.deepEqual([0, 59, 60, 3599, 3661].map(countdown), ["00:00", "00:59", "01:00", "59:59", "1:01:01"]);
});
