import assert from "node:assert/strict";
import { test } from "node:test";

import { draggedBars, dragStretch, stretched } from "../../../mdnb/widgets/static/chart/axis_hands.js";
import { dice } from "./made.js";

const near = (found, wanted) => assert.ok(Math.abs(found - wanted) <= 1e-9 * Math.max(1, Math.abs(wanted)), `${found} ${wanted}`);

test("prices are stretched about their middle, back and forth to where they were, and not without end", () => {
  const random = dice(5);
  for (let round = 0; round < 100; round += 1) {
    const low = 1000 * random();
    const range = [low, low + 100 * random() + 0.01];
    const down = 800 * (random() - 0.5);
    const there = stretched(range, dragStretch(down, 400));
    near((there[0] + there[1]) / 2, (range[0] + range[1]) / 2);
    assert.equal(there[1] - there[0] > range[1] - range[0], down > 0);
    const back = stretched(there, dragStretch(-down, 400));
    near(back[0], range[0]);
    near(back[1], range[1]);
  }
  const [low, high] = stretched([10, 20], dragStretch(1e6, 400));
  near(high - low, 500);
});

test("what was under the hand stays under it, and the newest edge stands", () => {
  const random = dice(6);
  for (let round = 0; round < 200; round += 1) {
    const range = [100 * random(), 100 + 100 * random()];
    const [from, to] = [0.9 * random(), 0.9 * random()];
    const [a, b] = draggedBars(range, from, to, Infinity);
    assert.equal(b, range[1]);
    const held = range[0] + from * (range[1] - range[0]);
    if (b - a > 5) near(a + to * (b - a), held);
  }
});

test("neither fewer than five bars are shown nor more than there is room for", () => {
  assert.deepEqual(draggedBars([0, 100], 0.95, 0, 1000), [95, 100]);
  assert.deepEqual(draggedBars([0, 100], 0, 1, 1000), [-900, 100]);
});
