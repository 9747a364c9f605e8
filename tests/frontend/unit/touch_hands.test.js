import assert from "node:assert/strict";
import { test } from "node:test";

import { pinched } from "../../../mdnb/widgets/static/chart/touch_hands.js";
import { dice } from "./made.js";

const near = (found, wanted) => assert.ok(Math.abs(found - wanted) <= 1e-9 * Math.max(1, Math.abs(wanted)), `${found} ${wanted}`);

test("what was under two fingers is under them still", () => {
  const random = dice(11);
  for (let round = 0; round < 300; round += 1) {
    const range = [1000 * random(), 1000 + 1000 * random()];
    const from = [0.4 * random(), 0.6 + 0.4 * random()];
    const to = [0.4 * random(), 0.6 + 0.4 * random()];
    const [low, high] = pinched(range, from, to);
    for (const finger of [0, 1]) {
      const held = range[0] + from[finger] * (range[1] - range[0]);
      near(low + to[finger] * (high - low), held);
    }
  }
});

test("fingers side by side move an axis and do not stretch it", () => {
  const [low, high] = pinched([0, 100], [0.5, 0.52], [0.7, 0.76]);
  near(high - low, 100);
  near(low, -22);
});

test("a slip shows neither fewer bars than there may be nor more than fifty times as many", () => {
  const [low, high] = pinched([0, 100], [0.4, 0.5], [0, 1], 20);
  near(high - low, 20);
  const [from, to] = pinched([0, 100], [0, 1], [0.5, 0.5]);
  near(to - from, 5000);
});

test("an axis that runs down stays so", () => {
  const [low, high] = pinched([200, 100], [0.2, 0.8], [0.3, 0.7]);
  near(low - high, 150);
});
