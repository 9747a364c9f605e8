// What is drawn under the pointer, on a figure of one pixel a bar and a price.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  FIBONACCI, distanceTo, drawnTo, handlesOf, hasTimes, hitShape, isDrawn, isEmpty, kindOf, levelsOf, makeShape,
  movedTo, outlineOf, rayTo, shiftedBy, snapTo, squaresOf, withWords, wordsOf,
} from "../../../mdnb/widgets/static/chart/drawn_shapes.js";

const [WIDE, TALL] = [500, 1000];
const BOX = [0, WIDE, 0, TALL];
const KINDS = ["line", "vertical", "trend", "ray", "rect", "fibonacci", "measure", "text"];
const scales = {
  barAt: (x) => Math.round(x),
  priceAt: (y) => Math.round(TALL - y),
  pointAt: (x, y) => [Math.round(x), Math.round(TALL - y)],
  ends: (shape) => {
    const kind = kindOf(shape);
    const [x0, x1] = kind === "line" ? [0, WIDE] : [shape.x0, shape.x1];
    const [y0, y1] = kind === "vertical" ? [TALL, 0] : [TALL - shape.y0, TALL - shape.y1];
    return [x0, y0, x1, y1];
  },
};
const colours = { drawn: "#123456", drawn_fill: "#abcdef" };
const drawn = (kind, from, to = from, words = "") => drawnTo(makeShape(kind, from, colours, words), from, to);
const rect = drawn("rect", [100, 600], [200, 700]);
const line = drawn("line", [0, 650]);
const trend = drawn("trend", [100, 500], [200, 400]);
const hit = (x, y, picked = null, shapes = [rect, line]) => hitShape(shapes, picked, x, y, scales.ends, BOX);

test("what is drawn is told from other shapes by its name, and its kind, too", () => {
  for (const kind of KINDS) {
    const made = makeShape(kind, [1, 2], colours);
    assert.ok(isDrawn(made));
    assert.equal(kindOf(made), kind);
    assert.equal(hasTimes(made), kind !== "line");
  }
  assert.ok(!isDrawn({ name: "mine" }) && !isDrawn({}));
  assert.deepEqual(["rect", "line"].map((type) => kindOf({ name: "mdnb-draw-1", type })), ["rect", "line"]);
  assert.notEqual(rect.name, makeShape("rect", [1, 2], colours).name);
  assert.deepEqual([line.xref, line.x0, line.x1, line.line.color], ["paper", 0, 1, "#123456"]);
  assert.deepEqual([rect.fillcolor, rect.layer], ["#abcdef", "below"]);
  const { yref, y0, y1 } = makeShape("vertical", [7, 8], colours);
  assert.deepEqual([yref, y0, y1], ["paper", 0, 1]);
});

test("the newest under the pointer is hit, by its edge or its inside", () => {
  assert.equal(hit(300, 350).shape, line);
  assert.equal(hit(150, 350).shape, line, "it lies over the rectangle");
  assert.deepEqual([hit(150, 380).shape, hit(150, 380).part], [rect, "inside"]);
  assert.equal(hit(102, 380).part, "edge");
  assert.equal(hit(300, 200), null);
});

test("each kind is hit where it is seen, and nowhere else", () => {
  const ray = drawn("ray", [100, 500], [200, 400]);
  const fibonacci = drawn("fibonacci", [100, 500], [200, 600]);
  const text = drawn("text", [100, 500], [100, 500], "twelve words");
  const vertical = drawn("vertical", [100, 500]);
  const places = [
    [trend, [150, 550], [300, 700]],
    [ray, [300, 700], [50, 450]],
    [fibonacci, [110, 450], [110, 470]],
    [text, [150, 505], [90, 500]],
    [vertical, [103, 50], [110, 50]],
    [drawn("measure", [100, 500], [200, 400]), [150, 550], [250, 550]],
  ];
  for (const [shape, on, off] of places) {
    assert.equal(hit(...on, null, [shape])?.shape, shape, shape.name);
    assert.equal(hit(...off, null, [shape]), null, shape.name);
  }
});

test("handles are of the one that is picked", () => {
  assert.equal(hit(100, 300).part, "edge");
  assert.deepEqual(hit(100, 300, rect.name), { shape: rect, part: "handle", sides: ["x0", "y1"] });
  assert.deepEqual(hit(203, 402, rect.name).sides, ["x1", "y0"]);
  assert.deepEqual(hit(201, 601, trend.name, [trend]).sides, ["x1", "y1"]);
  const over = drawn("ray", [300, 500], [200, 400]);
  assert.equal(hit(200, 600, trend.name, [trend, over]).shape, trend, "a newer one that lies over it waits");
  assert.equal(hit(200, 600, null, [trend, over]).shape, over);
});

test("a rectangle has its sides in order, whichever way it is drawn; others go from begin to end", () => {
  const sides = ({ x0, x1, y0, y1 }) => [x0, x1, y0, y1];
  assert.deepEqual(sides(drawn("rect", [200, 600], [150, 700])), [150, 200, 600, 700]);
  for (const kind of ["trend", "ray", "fibonacci", "measure"]) {
    assert.deepEqual(sides(drawn(kind, [200, 600], [150, 700])), [200, 150, 600, 700]);
  }
  assert.deepEqual(sides(drawn("line", [200, 600], [150, 700])), [0, 1, 700, 700]);
  assert.deepEqual(sides(drawn("vertical", [200, 600], [150, 700])), [150, 150, 0, 1]);
  assert.deepEqual(sides(drawn("text", [200, 600], [150, 700])), [150, 150, 700, 700]);
});

test("what begins and ends at one place is nothing, except where one place is enough", () => {
  for (const kind of KINDS) {
    const enough = ["line", "vertical", "text"].includes(kind);
    assert.equal(isEmpty(drawn(kind, [1, 2])), !enough, kind);
    assert.equal(isEmpty(drawn(kind, [1, 2], [1, 3])), kind === "rect", kind);
  }
});

test("a handle is moved alone, whatever order the sides have", () => {
  const made = movedTo({ shape: rect, part: "handle", sides: ["x0", "y1"] }, 100, 300, 90, 320, scales);
  assert.deepEqual(scales.ends(made), [90, 400, 200, 320]);
  const end = movedTo({ shape: trend, part: "handle", sides: ["x1", "y1"] }, 200, 600, 50, 450, scales);
  assert.deepEqual(scales.ends(end), [100, 500, 50, 450]);
});

test("a shape is moved as a whole", () => {
  const made = movedTo({ shape: rect, part: "edge" }, 100, 350, 130, 340, scales);
  assert.deepEqual([made.x0, made.x1, made.y0, made.y1, made.name], [130, 230, 610, 710, rect.name]);
  const level = movedTo({ shape: line, part: "edge" }, 100, 350, 400, 340, scales);
  assert.deepEqual([level.x0, level.x1, level.y0, level.y1], [0, 1, 660, 660]);
  const upright = movedTo({ shape: drawn("vertical", [9, 9]), part: "edge" }, 9, 350, 19, 340, scales);
  assert.deepEqual([upright.x0, upright.x1, upright.y0, upright.y1], [19, 19, 0, 1]);
  const slope = movedTo({ shape: trend, part: "edge" }, 150, 550, 160, 540, scales);
  assert.deepEqual([slope.x0, slope.y0, slope.x1, slope.y1], [110, 510, 210, 410]);
});

test("keys move it by bars and prices, as far as it has these", () => {
  const sides = (kind) => {
    const { x0, x1, y0, y1 } = shiftedBy(drawn(kind, [5, 10], [7, 20]), 2, 0.25, 2);
    return [x0, x1, y0, y1];
  };
  assert.deepEqual(sides("trend"), [7, 9, 10.25, 20.25]);
  assert.deepEqual(sides("line"), [0, 1, 20.25, 20.25]);
  assert.deepEqual(sides("vertical"), [9, 9, 0, 1]);
});

test("a ray leaves the bars, whichever way it goes, and what it goes through is on it", () => {
  for (const [x1, y1] of [[200, 400], [200, 700], [20, 480], [100, 400], [100, 700]]) {
    const ends = [100, 500, x1, y1];
    const [, , x, y] = rayTo(ends, BOX);
    assert.ok(x <= 0 || x >= WIDE || y <= 0 || y >= TALL, String([x, y]));
    assert.ok(distanceTo(x1, y1, [100, 500, x, y]) < 1e-9);
  }
});

test("Fibonacci's lines go from where the move ends back to where it begins", () => {
  assert.deepEqual(levelsOf({ y0: 100, y1: 200 }), FIBONACCI.map((share) => 200 - 100 * share));
  assert.deepEqual(levelsOf({ y0: 200, y1: 100 }).slice(0, 1), [100]);
});

test("a text says what was written, and plotly, which reads a kind of HTML, is given no tag", () => {
  const words = "a <b>high</b> & &lt; more";
  const made = withWords(drawn("text", [1, 2]), words);
  assert.equal(wordsOf(made), words);
  assert.ok(!made.label.text.includes("<"));
  assert.equal(withWords(made, "x").label.font.color, "#123456");
  assert.equal(wordsOf(withWords(made, "x".repeat(999))).length, 200);
});

test("a hand snaps to the nearest of some prices, and to none that is far", () => {
  const up = (price) => TALL - price;
  assert.equal(snapTo([100, 110, 130], 888, up, 18), 110);
  assert.equal(snapTo([100, 110, 130], 850, up, 18), null);
  assert.equal(snapTo([], 850, up, 18), null);
});

test("outlines and handles lie on the sides", () => {
  assert.equal(outlineOf("rect", [1, 3, 2, 4]), "M1 3H2V4H1Z");
  assert.equal(outlineOf("line", [1, 3, 2, 3]), "M1 3L2 3");
  assert.equal(handlesOf("rect", [0, 0, 10, 10]).length, 4);
  assert.equal(handlesOf("trend", [0, 0, 10, 10]).length, 2);
  assert.equal(squaresOf(handlesOf("line", [0, 5, 10, 5])), "M1.5 1.5h7v7h-7Z");
});
