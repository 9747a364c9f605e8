// Lines and rectangles that the user draws: which shapes of a figure these are, where they lie, and what dragging
// makes of them. Places are pixels in the figure; sides are bars and prices.

/** @typedef {import("../types").Shape} Shape */
/** @typedef {[number, number]} Corner 0 is left or top, 1 is right or bottom */
/** @typedef {{ shape: Shape, part: "edge" | "inside" | "corner", corner?: Corner }} Hit */
/**
 * Turns pixels into sides and back.
 * @typedef {{
 *   barAt: (x: number) => number, priceAt: (y: number) => number, boxOf: (shape: Shape) => Box,
 * }} Scales
 */
/** @typedef {[left: number, right: number, top: number, bottom: number]} Box */
/**
 * A shape, or what a gesture has made of one by now.
 * @typedef {{
 *   type: string, x0?: number, x1?: number, y0: number, y1: number, name?: string, line?: any, fillcolor?: string,
 * }} Sides
 */

const PREFIX = "mdnb-draw";
const NEAR = 5; // pixels
/** @type {Corner[]} */
const CORNERS = [[0, 0], [1, 0], [0, 1], [1, 1]];

/** @param {Shape} shape */
export const isDrawn = (shape) => Boolean(shape.name?.startsWith(PREFIX));

/**
 * Return a new shape of the figure, named as drawn.
 * @param {Sides} sides
 * @param {{ drawn: string, drawn_fill: string }} colours
 * @returns {Shape}
 */
export function makeShape({ type, x0 = 0, x1 = 1, y0, y1 }, { drawn: color, drawn_fill: fillcolor }) {
  const name = `${PREFIX}-${type}-${Math.random().toString(16).slice(2, 10)}`;
  return type === "rect"
    ? { type, name, xref: "x", yref: "y", x0, x1, y0, y1, line: { color, width: 1 }, fillcolor, layer: "below" }
    : { type, name, xref: "paper", x0: 0, x1: 1, yref: "y", y0, y1, line: { color, width: 1.5 } };
}

/**
 * Return what is under the pointer, the newest first: a corner of the one picked, an edge, the inside.
 * @param {Shape[]} shapes
 * @param {string | null} picked name of a shape
 * @param {number} x
 * @param {number} y
 * @param {Scales["boxOf"]} boxOf
 * @returns {Hit | null}
 */
export function hitShape(shapes, picked, x, y, boxOf) {
  for (const shape of shapes.toReversed()) {
    const [left, right, top, bottom] = boxOf(shape);
    if (!(x >= left - NEAR && x <= right + NEAR && y >= top - NEAR && y <= bottom + NEAR)) continue;
    if (shape.type !== "rect") return { shape, part: "edge" };
    if (shape.name === picked) {
      const corner = CORNERS.find(([i, j]) =>
        Math.abs(x - [left, right][i]) <= NEAR + 1 && Math.abs(y - [top, bottom][j]) <= NEAR + 1);
      if (corner) return { shape, part: "corner", corner };
    }
    const inside = x > left + NEAR && x < right - NEAR && y > top + NEAR && y < bottom - NEAR;
    return { shape, part: inside ? "inside" : "edge" };
  }
  return null;
}

/**
 * Return the sides of a shape drawn from one place to another.
 * @param {string} tool
 * @param {[number, number]} from bar and price
 * @param {number} x
 * @param {number} y
 * @param {Scales} scales
 * @returns {Sides}
 */
export function drawnTo(tool, [bar, price], x, y, { barAt, priceAt }) {
  const [bars, prices] = [[bar, barAt(x)], [price, priceAt(y)]];
  if (tool === "line") return { type: "line", y0: prices[1], y1: prices[1] };
  return {
    type: "rect",
    x0: Math.min(...bars),
    x1: Math.max(...bars),
    y0: Math.min(...prices),
    y1: Math.max(...prices),
  };
}

/**
 * Return a shape moved, or with a corner moved, by a drag from one place to another.
 * @param {Hit} hit
 * @param {number} fromX
 * @param {number} fromY
 * @param {number} x
 * @param {number} y
 * @param {Scales} scales
 * @returns {Shape}
 */
export function movedTo({ shape, part, corner }, fromX, fromY, x, y, { barAt, priceAt, boxOf }) {
  if (part === "corner" && corner) {
    // Sides of a shape may stand in either order.
    const sides = shape.x0 <= shape.x1 ? ["x0", "x1"] : ["x1", "x0"];
    const levels = shape.y0 <= shape.y1 ? ["y1", "y0"] : ["y0", "y1"];
    return { ...shape, [sides[corner[0]]]: barAt(x), [levels[corner[1]]]: priceAt(y) };
  }
  /** @param {number} old */
  const price = (old) => priceAt(boxOf({ ...shape, y0: old, y1: old })[2] + y - fromY);
  const y0 = price(shape.y0);
  const y1 = shape.y1 === shape.y0 ? y0 : price(shape.y1);
  if (shape.type !== "rect") return { ...shape, y0, y1: y0 };
  const bars = barAt(x) - barAt(fromX);
  return { ...shape, x0: shape.x0 + bars, x1: shape.x1 + bars, y0, y1 };
}

/**
 * Return the outline of a shape.
 * @param {string} type
 * @param {Box} box
 */
export function outlineOf(type, [left, right, top, bottom]) {
  return type === "rect" ? `M${left} ${top}H${right}V${bottom}H${left}Z` : `M${left} ${top}H${right}`;
}

/**
 * Return the outline of the handles of a shape.
 * @param {string} type
 * @param {Box} box
 */
export function handlesOf(type, [left, right, top, bottom]) {
  /** @type {(x: number, y: number) => string} */
  const square = (x, y) => `M${x - 3.5} ${y - 3.5}h7v7h-7Z`;
  if (type !== "rect") return square((left + right) / 2, top);
  return CORNERS.map(([i, j]) => square([left, right][i], [top, bottom][j])).join("");
}
