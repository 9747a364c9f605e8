// Where the texts of marks go so that none lies on another.

const LETTER = 6.2; // pixels a letter of the chart's small texts is wide, on average
const LINE = 12; // pixels between the middles of two lines of text
const ASIDE = 8; // pixels from a mark's middle to its text
const MOST_TEXTS = 80;
const LONGEST_TEXT = 40;

/** @typedef {{ x: number, y: number, text: string }} Wanted a text beside a mark that stands at a place */
/** @typedef {{ x: number, y: number, text: string, anchor: "start" | "end" }} Placed */

/**
 * Place the texts beside marks, the last ones first: right of the mark where there is room, else left of it. One that
 * would lie on another is left out.
 * @param {Wanted[]} wanted
 * @param {number} right the edge that texts stay away from
 * @returns {Placed[]}
 */
export function placeTexts(wanted, right) {
  /** @type {{ from: number, to: number, y: number }[]} */
  const taken = [];
  /** @type {Placed[]} */
  const placed = [];
  for (let i = wanted.length - 1; i >= 0 && placed.length < MOST_TEXTS; i -= 1) {
    const { x, y, text } = wanted[i];
    const short = text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT - 1)}…` : text;
    const wide = LETTER * short.length;
    const fits = x + ASIDE + wide < right - 20;
    const from = fits ? x + ASIDE : x - ASIDE - wide;
    if (taken.some((box) => from < box.to && from + wide > box.from && Math.abs(box.y - y) < LINE)) continue;
    taken.push({ from, to: from + wide, y });
    placed.push({ x: fits ? x + ASIDE : x - ASIDE, y, text: short, anchor: fits ? "start" : "end" });
  }
  return placed;
}
