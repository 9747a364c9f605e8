import assert from "node:assert/strict";
import { test } from "node:test";

import { isNamed, pointAt, valueAt } from "../../../mdnb/widgets/static/chart/own_traces.js";
import { dice } from "./made.js";

/** The nearest point within half a bar, by looking at each. */
const byLooking = (x, ordinal) => {
  let found = -1;
  Array.from(x).forEach((place, i) => {
    const off = Math.abs(place - ordinal);
    if (off <= 0.5 && (found < 0 || off <= Math.abs(x[found] - ordinal))) found = i;
  });
  return found;
};

test("the point of a bar is the nearest one within half a bar, whatever the order", () => {
  const random = dice(3);
  for (let round = 0; round < 200; round += 1) {
    const x = Float64Array.from({ length: Math.floor(12 * random()) }, () => Math.round(40 * random()) / 4);
    const places = round % 2 ? x : x.toSorted();
    for (let ordinal = -1; ordinal < 12; ordinal += 1) {
      assert.equal(pointAt(places, ordinal), byLooking(places, ordinal));
    }
  }
});

test("the value at a bar, of lines and of candles; none where there is no point, or no number", () => {
  assert.equal(valueAt({ x: [4, 5, 6], y: [1, 2, 3] }, 5), 2);
  assert.equal(valueAt({ x: [4, 5, 6], close: [1, 2, 3] }, 6), 3);
  for (const trace of [{ x: [4, 9], y: [1, 2] }, { x: [6], y: [null] }, { x: [6], y: ["a"] }, { y: [1] }, { x: [6] }]) {
    assert.ok(Number.isNaN(valueAt(trace, 6)));
  }
});

test("named are the user's traces that are seen and stand at bars", () => {
  const mine = { uid: "a1", name: "mine", x: [1], y: [2] };
  assert.ok(isNamed(mine));
  const others = [
    { uid: "mdnb-candles" }, { name: undefined }, { visible: false }, { visible: "legendonly" },
    { showlegend: false }, { xaxis: "x2" }, { x: undefined }, { y: undefined },
  ];
  for (const other of others) assert.ok(!isNamed({ ...mine, ...other }));
});
