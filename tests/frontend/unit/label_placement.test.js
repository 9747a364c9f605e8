import assert from "node:assert/strict";
import { test } from "node:test";

import { placeTexts } from "../../../mdnb/widgets/static/chart/label_placement.js";
import { dice } from "./made.js";

const WIDE = 6.2;
const boxOf = ({ x, text, anchor }) => {
  const wide = WIDE * text.length;
  return anchor === "start" ? [x, x + wide] : [x - wide, x];
};

test("no text lies on another, and none over the right edge", () => {
  const random = dice(1);
  const wanted = Array.from({ length: 200 }, (_, i) => ({
    x: 900 * random(), y: 300 * random(), text: "x".repeat(1 + (i % 30)),
  }));
  const placed = placeTexts(wanted, 900);
  assert.ok(placed.length > 20 && placed.length <= 80);
  placed.forEach((one, i) => {
    const [from, to] = boxOf(one);
    assert.ok(one.anchor === "end" || to < 880);
    for (const other of placed.slice(0, i)) {
      const [left, right] = boxOf(other);
      assert.ok(from >= right || to <= left || Math.abs(one.y - other.y) >= 12);
    }
  });
});

test("the last wins, and stands right of its mark where there is room", () => {
  const wanted = [{ x: 100, y: 50, text: "old" }, { x: 102, y: 52, text: "new" }, { x: 495, y: 50, text: "edge" }];
  assert.deepEqual(placeTexts(wanted, 500), [
    { x: 487, y: 50, text: "edge", anchor: "end" },
    { x: 110, y: 52, text: "new", anchor: "start" },
  ]);
});

test("a long text is cut", () => {
  const [{ text }] = placeTexts([{ x: 0, y: 0, text: "y".repeat(100) }], 2000);
  assert.equal(text, `${"y".repeat(39)}…`);
});
