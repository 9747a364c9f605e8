// Lines and rectangles under the pointer, on a figure of one pixel a bar and a price.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  drawnTo, handlesOf, hitShape, isDrawn, makeShape, movedTo, outlineOf,
} from "../../../mdnb/widgets/static/chart/drawn_shapes.js";

const WIDE = 500;
const scales = {
  barAt: (x) => Math.round(x),
  priceAt: (y) => Math.round(1000 - y),
  boxOf: ({ type, x0, x1, y0, y1 }) => {
    const across = type === "rect" ? [x0, x1] : [0, WIDE];
    return [Math.min(...across), Math.max(...across), 1000 - Math.max(y0, y1), 1000 - Math.min(y0, y1)];
  },
};
const colours = { drawn: "#123456", drawn_fill: "#abcdef" };
const rect = makeShape({ type: "rect", x0: 100, x1: 200, y0: 600, y1: 700 }, colours);
const line = makeShape({ type: "line", y0: 650, y1: 650 }, colours);
const hit = (x, y, picked = null, shapes = [rect, line]) => hitShape(shapes, picked, x, y, scales.boxOf);

test("what is drawn is told from other shapes by its name", () => {
  assert.ok(isDrawn(rect) && isDrawn(line));
  assert.ok(!isDrawn({ name: "mine" }) && !isDrawn({}));
  assert.notEqual(rect.name, makeShape(rect, colours).name);
  assert.deepEqual([line.xref, line.x0, line.x1, line.line.color], ["paper", 0, 1, "#123456"]);
  assert.deepEqual([rect.fillcolor, rect.layer], ["#abcdef", "below"]);
});

test("the newest under the pointer is hit, by its edge or its inside", () => {
  assert.equal(hit(300, 350).shape, line);
  assert.equal(hit(150, 350).shape, line, "it lies over the rectangle");
  assert.deepEqual([hit(150, 380).shape, hit(150, 380).part], [rect, "inside"]);
  assert.equal(hit(102, 380).part, "edge");
  assert.equal(hit(300, 200), null);
});

test("corners are of the one that is picked", () => {
  assert.equal(hit(100, 300).part, "edge");
  assert.deepEqual(hit(100, 300, rect.name), { shape: rect, part: "corner", corner: [0, 0] });
  assert.deepEqual(hit(203, 402, rect.name).corner, [1, 1]);
});

test("a rectangle has its sides in order, whichever way it is drawn", () => {
  assert.deepEqual(drawnTo("rectangle", [200, 600], 150, 300, scales), { type: "rect", x0: 150, x1: 200, y0: 600, y1: 700 });
  assert.deepEqual(drawnTo("line", [200, 600], 150, 300, scales), { type: "line", y0: 700, y1: 700 });
});

test("a corner is moved alone, whatever order the sides have", () => {
  for (const turned of [rect, { ...rect, x0: rect.x1, x1: rect.x0 }, { ...rect, y0: rect.y1, y1: rect.y0 }]) {
    const made = movedTo({ shape: turned, part: "corner", corner: [0, 1] }, 100, 400, 90, 420, scales);
    assert.deepEqual(scales.boxOf(made), [90, 200, 300, 420]);
  }
});

test("a shape is moved as a whole", () => {
  const made = movedTo({ shape: rect, part: "edge" }, 100, 350, 130, 340, scales);
  assert.deepEqual([made.x0, made.x1, made.y0, made.y1, made.name], [130, 230, 610, 710, rect.name]);
  const level = movedTo({ shape: line, part: "edge" }, 100, 350, 400, 340, scales);
  assert.deepEqual([level.x0, level.x1, level.y0, level.y1], [0, 1, 660, 660]);
});

test("outlines and handles lie on the sides", () => {
  assert.equal(outlineOf("rect", [1, 2, 3, 4]), "M1 3H2V4H1Z");
  assert.equal(outlineOf("line", [1, 2, 3, 3]), "M1 3H2");
  assert.equal(handlesOf("rect", [0, 10, 0, 10]).match(/M/g).length, 4);
  assert.equal(handlesOf("line", [0, 10, 5, 5]), "M1.5 1.5h7v7h-7Z");
});
