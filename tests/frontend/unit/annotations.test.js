import assert from "node:assert/strict";
import { test } from "node:test";

import { Annotations } from "../../../mdnb/widgets/static/chart/annotations.js";
import { stackMarks } from "../../../mdnb/widgets/static/chart/mark_layer.js";
import { BEGIN, MINUTE, dice, rowsOf, storeOf } from "./made.js";

const marksAt = (...times) => ({
  time: times, side: times.map(() => "buy"), price: times.map(() => 1), text: times.map(String),
});
const alert = (id, fired) => ({ id, fired, active: !fired, price: 1, at: null, trade: null, message: "" });

test("marks that are added come to those that are there, in order of time", () => {
  const held = new Annotations();
  assert.deepEqual(held.take({ version: ["MNQ", 2], alerts: [], marks: marksAt(30, 10) }), []);
  held.take({ before: ["MNQ", 2], version: ["MNQ", 3], alerts: [], marks: marksAt(20) });
  assert.deepEqual(held.marks.map(({ time }) => time), [10, 20, 30]);
  assert.deepEqual([held.symbol, held.version], ["MNQ", ["MNQ", 3]]);
});

test("what was added to something else is asked for anew", () => {
  const held = new Annotations();
  assert.equal(held.take({ before: ["MNQ", 1], version: ["MNQ", 2], alerts: [], marks: marksAt(1) }), null);
  assert.equal(held.version, null);
});

test("an alert is told once when it fires, and none of another symbol", () => {
  const held = new Annotations();
  const take = (symbol, ...alerts) => held.take({ version: [symbol, 1], alerts, marks: marksAt() }).map(({ id }) => id);
  assert.deepEqual(take("MNQ", alert(1, 1), alert(2, 0)), [], "it fired before the page was there");
  assert.deepEqual(take("MNQ", alert(1, 1), alert(2, 1)), [2]);
  assert.deepEqual(take("MNQ", alert(1, 1), alert(2, 1)), []);
  assert.deepEqual(take("MES", alert(3, 1)), []);
});

test("marks stand at the bar that holds their time, in any size of groups", () => {
  const bars = storeOf(rowsOf(dice(1), 60), 1000);
  const random = dice(2);
  const times = Array.from({ length: 300 }, () => BEGIN + (80 * random() - 10) * MINUTE).sort((a, b) => a - b);
  const marks = times.map((time) => ({ time, side: "note", price: NaN, text: "" }));
  for (const size of [1, 4]) {
    const found = stackMarks(bars, 1010, 1050, size, { marks, alerts: [] }, "1m");
    const wanted = new Map();
    for (const mark of marks) {
      const bar = 1000 + Math.floor((mark.time - BEGIN) / MINUTE);
      if (bar < 1010 || bar >= 1050) continue;
      const group = Math.floor(bar / size);
      wanted.set(group, [...(wanted.get(group) ?? []), mark]);
    }
    assert.deepEqual(found, wanted);
  }
});

test("the last bar holds marks until it ends, and an alert stands where it fired", () => {
  const bars = storeOf(rowsOf(dice(1), 10), 0);
  const marks = [{ time: BEGIN + 9.9 * MINUTE }, { time: BEGIN + 10.1 * MINUTE }];
  const alerts = [{ ...alert(1, 1), at: BEGIN + 3.5 * MINUTE, price: 7 }, alert(2, 0)];
  const found = stackMarks(bars, 0, 10, 1, { marks, alerts }, "1m");
  assert.deepEqual([...found.keys()].sort(), [3, 9]);
  assert.deepEqual(found.get(3).map(({ side, price }) => [side, price]), [["alert", 7]]);
  assert.equal(found.get(9).length, 1);
});
