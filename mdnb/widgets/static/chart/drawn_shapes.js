// What the user draws: which shapes of a figure these are, where they lie, and what dragging makes of them. Places
// are pixels in the figure; sides are bars and prices. What kind a drawing is says its name.

/** @typedef {import("../types").Shape} Shape */
/** @typedef {"line" | "vertical" | "trend" | "ray" | "rect" | "fibonacci" | "measure" | "text"} Kind */
/** @typedef {[bar: number, price: number]} Place */
/** @typedef {[x0: number, y0: number, x1: number, y1: number]} Ends in pixels, in the shape's own order */
/** @typedef {[left: number, right: number, top: number, bottom: number]} Box */
/** @typedef {{ x: number, y: number, sides: string[] }} Handle with the sides that it moves; none: it moves all */
/** @typedef {{ shape: Shape, part: "edge" | "inside" | "handle", sides?: string[] }} Hit */
/**
 * Turns pixels into sides and back; `pointAt` is where the hand points, at an open or a high where it snaps to these.
 * @typedef {{
 *   barAt: (x: number) => number, priceAt: (y: number) => number, pointAt: (x: number, y: number) => Place,
 *   ends: (shape: Shape) => Ends,
 * }} Scales
 */

const PREFIX = "mdnb-draw";
const NEAR = 5; // pixels
const TEXT_LETTER = 7; // pixels of a drawn text, on average
export const TEXT_SIZE = 13;
export const LONGEST_TEXT_DRAWN = 200;
/** Shares of the way that Fibonacci's lines stand at: 0 where it ends, 1 where it begins. */
export const FIBONACCI = [0, 0.236, 0.382, 0.5, 0.618, 0.786, 1];

/** @type {Kind[]} */
const DRAWN_KINDS = ["line", "vertical", "trend", "ray", "rect", "fibonacci", "measure", "text"];
const ONE_PLACE = new Set(["line", "vertical", "text"]);

/** @param {Shape} shape */
export const isDrawn = (shape) => Boolean(shape.name?.startsWith(PREFIX));

/**
 * Return what kind a drawing is.
 * @param {Shape} shape
 * @returns {Kind}
 */
export function kindOf({ name, type }) {
  const said = name?.slice(PREFIX.length + 1).split("-", 1)[0];
  return DRAWN_KINDS.find((kind) => kind === said) ?? (type === "rect" ? "rect" : "line");
}

/** Whether one place is enough to draw it. @param {Kind} kind */
export const isOnePlace = (kind) => ONE_PLACE.has(kind);

/** Whether it has times, by which it is carried to other timeframes. @param {Shape} shape */
export const hasTimes = (shape) => kindOf(shape) !== "line";

/** @param {string} text */
const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

/**
 * Return what a drawn text says.
 * @param {Shape} shape
 * @returns {string}
 */
export const wordsOf = ({ label }) =>
  String(label?.text ?? "").replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

/**
 * Return a new shape of the figure, named as drawn, which begins and ends at a place.
 * @param {Kind} kind
 * @param {Place} place
 * @param {{ drawn: string, drawn_fill: string }} colours
 * @param {string} [words] what a text says
 * @returns {Shape}
 */
export function makeShape(kind, [bar, price], { drawn: color, drawn_fill: fillcolor }, words = "") {
  const name = `${PREFIX}-${kind}-${Math.random().toString(16).slice(2, 10)}`;
  const at = { xref: "x", x0: bar, x1: bar, yref: "y", y0: price, y1: price };
  const line = { color, width: 1.5 };
  if (kind === "line") return { ...at, type: "line", name, xref: "paper", x0: 0, x1: 1, line };
  if (kind === "vertical") return { ...at, type: "line", name, yref: "paper", y0: 0, y1: 1, line };
  if (kind === "rect" || kind === "measure") {
    return { ...at, type: "rect", name, line: { color, width: 1 }, fillcolor, layer: "below" };
  }
  if (kind === "fibonacci") return { ...at, type: "line", name, line: { color, width: 1, dash: "dot" } };
  if (kind === "text") return withWords({ ...at, type: "rect", name, line: { color, width: 0 } }, words);
  return { ...at, type: "line", name, line };
}

/**
 * Return a drawn text that says something else.
 * @param {Shape} shape
 * @param {string} words
 * @returns {Shape}
 */
export function withWords(shape, words) {
  const font = { color: shape.line?.color ?? "", size: TEXT_SIZE };
  const placed = { textposition: "middle left", textangle: 0, padding: 0, font, ...shape.label };
  return { ...shape, label: { ...placed, text: escaped(words.slice(0, LONGEST_TEXT_DRAWN)) } };
}

// -- where it lies --------------------------------------------------------------------------------------

/**
 * Return where a ray that goes from one place through another leaves a box.
 * @param {Ends} ends
 * @param {Box} box
 * @returns {Ends} from its begin to there
 */
export function rayTo([x0, y0, x1, y1], [left, right, top, bottom]) {
  if (x1 === x0) return [x0, y0, x1, y1 <= y0 ? Math.min(top, y1) : Math.max(bottom, y1)];
  const x = x1 > x0 ? Math.max(right, x1) : Math.min(left, x1);
  return [x0, y0, x, y0 + ((y1 - y0) / (x1 - x0)) * (x - x0)];
}

/**
 * Return the prices of Fibonacci's lines.
 * @param {{ y0: number, y1: number }} shape
 */
export const levelsOf = ({ y0, y1 }) => FIBONACCI.map((share) => y1 + (y0 - y1) * share);

/**
 * Return how far a place is from a line.
 * @param {number} x
 * @param {number} y
 * @param {Ends} ends
 */
export function distanceTo(x, y, [x0, y0, x1, y1]) {
  const [across, up] = [x1 - x0, y1 - y0];
  const share = ((x - x0) * across + (y - y0) * up) / (across * across + up * up || 1);
  const kept = Math.min(Math.max(share, 0), 1);
  return Math.hypot(x - x0 - kept * across, y - y0 - kept * up);
}

/**
 * Return the handles of a drawing.
 * @param {Kind} kind
 * @param {Ends} ends
 * @returns {Handle[]}
 */
export function handlesOf(kind, [x0, y0, x1, y1]) {
  if (kind === "text") return [{ x: x0, y: y0, sides: [] }];
  if (isOnePlace(kind)) return [{ x: (x0 + x1) / 2, y: (y0 + y1) / 2, sides: [] }];
  const two = [{ x: x0, y: y0, sides: ["x0", "y0"] }, { x: x1, y: y1, sides: ["x1", "y1"] }];
  if (kind !== "rect" && kind !== "measure") return two;
  return [...two, { x: x1, y: y0, sides: ["x1", "y0"] }, { x: x0, y: y1, sides: ["x0", "y1"] }];
}

/**
 * Return the outline of handles.
 * @param {Handle[]} handles
 */
export const squaresOf = (handles) => handles.map(({ x, y }) => `M${x - 3.5} ${y - 3.5}h7v7h-7Z`).join("");

/**
 * Return the outline of a drawing.
 * @param {Kind} kind
 * @param {Ends} ends
 */
export function outlineOf(kind, [x0, y0, x1, y1]) {
  if (kind === "text") return "";
  return kind === "rect" || kind === "measure" ? `M${x0} ${y0}H${x1}V${y1}H${x0}Z` : `M${x0} ${y0}L${x1} ${y1}`;
}

/**
 * Return what is under the pointer: a handle of the one picked, else an edge or the inside, the newest first.
 * @param {Shape[]} shapes
 * @param {string | null} picked name of a shape
 * @param {number} x
 * @param {number} y
 * @param {Scales["ends"]} ends
 * @param {Box} box of the bars
 * @returns {Hit | null}
 */
export function hitShape(shapes, picked, x, y, ends, box) {
  const held = picked === null ? undefined : shapes.find(({ name }) => name === picked);
  if (held) {
    const near = NEAR + 1;
    const handles = handlesOf(kindOf(held), ends(held));
    const found = handles.find((one) => Math.abs(x - one.x) <= near && Math.abs(y - one.y) <= near);
    if (found?.sides.length) return { shape: held, part: "handle", sides: found.sides };
  }
  for (const shape of shapes.toReversed()) {
    const part = partAt(kindOf(shape), wordsOf(shape).length, x, y, ends(shape), box);
    if (part) return { shape, part };
  }
  return null;
}

/**
 * @param {Kind} kind
 * @param {number} letters
 * @param {number} x
 * @param {number} y
 * @param {Ends} ends
 * @param {Box} box
 * @returns {"edge" | "inside" | null}
 */
function partAt(kind, letters, x, y, ends, box) {
  const [x0, y0, x1, y1] = ends;
  if (kind === "rect" || kind === "measure") return partOfBox(x, y, ends);
  if (kind === "text") {
    const wide = letters * TEXT_LETTER;
    return x >= x0 - NEAR && x <= x0 + wide + NEAR && Math.abs(y - y0) <= TEXT_SIZE ? "edge" : null;
  }
  const line = kind === "ray" ? rayTo(ends, box) : ends;
  if (distanceTo(x, y, line) <= NEAR) return "edge";
  if (kind !== "fibonacci" || x < Math.min(x0, x1) - NEAR || x > Math.max(x0, x1) + NEAR) return null;
  // A logarithmic axis moves the lines between by little; the hand is no finer.
  return levelsOf({ y0, y1 }).some((level) => Math.abs(y - level) <= NEAR) ? "edge" : null;
}

/**
 * @param {number} x
 * @param {number} y
 * @param {Ends} ends
 * @returns {"edge" | "inside" | null}
 */
function partOfBox(x, y, [x0, y0, x1, y1]) {
  const across = Math.abs(x - (x0 + x1) / 2) - Math.abs(x1 - x0) / 2;
  const away = Math.max(across, Math.abs(y - (y0 + y1) / 2) - Math.abs(y1 - y0) / 2);
  if (!(away <= NEAR)) return null;
  return away < -NEAR ? "inside" : "edge";
}

// -- what a hand makes of it ----------------------------------------------------------------------------

/**
 * Return a shape drawn from one place to another.
 * @param {Shape} shape
 * @param {Place} from
 * @param {Place} to
 * @returns {Shape}
 */
export function drawnTo(shape, [bar, price], [toBar, toPrice]) {
  const kind = kindOf(shape);
  if (kind === "line") return { ...shape, y0: toPrice, y1: toPrice };
  if (kind === "vertical") return { ...shape, x0: toBar, x1: toBar };
  if (kind === "text") return { ...shape, x0: toBar, x1: toBar, y0: toPrice, y1: toPrice };
  const sides = { x0: bar, x1: toBar, y0: price, y1: toPrice };
  if (kind !== "rect") return { ...shape, ...sides };
  const [[x0, x1], [y0, y1]] = [[bar, toBar], [price, toPrice]].map((two) => [Math.min(...two), Math.max(...two)]);
  return { ...shape, x0, x1, y0, y1 };
}

/** Whether there is nothing to see of a shape. @param {Shape} shape */
export function isEmpty(shape) {
  const kind = kindOf(shape);
  const [flat, upright] = [shape.x0 === shape.x1, shape.y0 === shape.y1];
  return kind === "rect" ? flat || upright : !isOnePlace(kind) && flat && upright;
}

/**
 * Return a shape moved, or with a handle moved, by a drag from one place to another.
 * @param {Hit} hit
 * @param {number} fromX
 * @param {number} fromY
 * @param {number} x
 * @param {number} y
 * @param {Scales} scales
 * @returns {Shape}
 */
export function movedTo({ shape, part, sides }, fromX, fromY, x, y, { barAt, priceAt, pointAt, ends }) {
  if (part === "handle" && sides) {
    const [bar, price] = pointAt(x, y);
    return { ...shape, [sides[0]]: bar, [sides[1]]: price };
  }
  const kind = kindOf(shape);
  const [, top, , bottom] = ends(shape);
  if (kind === "line") {
    const [, price] = pointAt(x, top + y - fromY);
    return { ...shape, y0: price, y1: price };
  }
  const bars = barAt(x) - barAt(fromX);
  const across = { x0: shape.x0 + bars, x1: shape.x1 + bars };
  if (kind === "vertical") return { ...shape, ...across };
  const y0 = priceAt(top + y - fromY);
  return { ...shape, ...across, y0, y1: shape.y1 === shape.y0 ? y0 : priceAt(bottom + y - fromY) };
}

/**
 * Return a shape moved by so many bars and so much in price.
 * @param {Shape} shape
 * @param {number} bars
 * @param {number} price
 * @param {number} decimals
 * @returns {Shape}
 */
export function shiftedBy(shape, bars, price, decimals) {
  const kind = kindOf(shape);
  /** @param {number} old */
  const up = (old) => Number((old + price).toFixed(decimals));
  return {
    ...shape,
    ...(kind !== "line" && { x0: shape.x0 + bars, x1: shape.x1 + bars }),
    ...(kind !== "vertical" && { y0: up(shape.y0), y1: up(shape.y1) }),
  };
}

/**
 * Return the price among some that a hand snaps to; null where it is near none.
 * @param {number[]} prices
 * @param {number} y
 * @param {(price: number) => number} up
 * @param {number} reach in pixels
 */
export function snapTo(prices, y, up, reach) {
  let [best, least] = [/** @type {number | null} */ (null), reach];
  for (const price of prices) {
    const away = Math.abs(up(price) - y);
    if (away <= least) [best, least] = [price, away];
  }
  return best;
}
