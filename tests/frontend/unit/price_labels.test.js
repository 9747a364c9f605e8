import assert from "node:assert/strict";
import { test } from "node:test";

import { spreadApart } from "../../../mdnb/widgets/static/chart/price_labels.js";
import { dice } from "./made.js";

const drawn = (random) =>
  Array.from({ length: 1 + Math.floor(8 * random()) }, () => ({
    y: Math.round(400 * random()), height: 10 + Math.floor(10 * random()), weight: 1 + Math.floor(5 * random()),
  }));

const cost = (labels, places) =>
  labels.reduce((sum, { y, weight }, i) => sum + weight * (places[i] - y) ** 2, 0);

/** Whether no label lies on another, or beyond the bounds. */
function fits(labels, places, top, bottom) {
  const boxes = labels.map(({ height }, i) => [places[i] - height / 2, places[i] + height / 2]);
  boxes.sort((a, b) => a[0] - b[0]);
  return boxes.every(([from, to], i) =>
    from >= top - 1e-6 && to <= bottom + 1e-6 && (!i || from >= boxes[i - 1][1] - 1e-6));
}

test("no label lies on another or over an edge, and they stay in their order", () => {
  const random = dice(11);
  for (let round = 0; round < 500; round += 1) {
    const labels = drawn(random);
    const places = spreadApart(labels, 0, 400);
    assert.ok(fits(labels, places, 0, 400));
    labels.forEach((one, i) => labels.forEach((other, j) => {
      if (one.y < other.y) assert.ok(places[i] < places[j]);
    }));
  }
});

test("they are shifted as little as that allows: nothing nearby costs less", () => {
  const random = dice(12);
  for (let round = 0; round < 200; round += 1) {
    const labels = drawn(random);
    const places = spreadApart(labels, 0, 400);
    const least = cost(labels, places);
    for (let shake = 0; shake < 60; shake += 1) {
      const wide = 10 ** (2 * random() - 2);
      const other = places.map((place) => place + (random() - 0.5) * wide);
      if (fits(labels, other, 0, 400)) assert.ok(cost(labels, other) >= least - 1e-6);
    }
  }
});

test("those with room stay where they are, and a heavy one stays anyway", () => {
  const apart = [{ y: 50, height: 18, weight: 1 }, { y: 90, height: 18, weight: 1 }];
  assert.deepEqual(spreadApart(apart, 0, 400), [50, 90]);
  const last = { y: 200, height: 18, weight: 1e6 };
  const [fixed, line, other] = spreadApart(
    [last, { y: 203, height: 18, weight: 1 }, { y: 195, height: 18, weight: 1 }], 0, 400);
  assert.ok(Math.abs(fixed - 200) < 0.01);
  assert.ok(Math.abs(line - 218) < 0.01 && Math.abs(other - 182) < 0.01);
});

test("a label that hangs below its price has its place among the others by that price", () => {
  const last = { y: 208, height: 35, weight: 1e6, price: 200 };
  const [fixed, below, above] = spreadApart(
    [last, { y: 201, height: 18, weight: 1 }, { y: 199, height: 18, weight: 1 }], 0, 400);
  assert.ok(Math.abs(fixed - 208) < 0.01);
  assert.ok(below > 225 && above < 191);
});

test("where there is no room for all the lightest are left out", () => {
  const labels = [3, 1, 2, 5].map((weight) => ({ y: 20, height: 18, weight }));
  const places = spreadApart(labels, 0, 40);
  assert.deepEqual(places.map(Number.isNaN), [false, true, true, false]);
  assert.deepEqual(spreadApart([], 0, 40), []);
});
