// What was drawn, changed and taken away in a view, one step after the other, to be undone and done again.
//
// A step knows the drawings that it changed, by name, and their times: bars of another timeframe have other numbers,
// and what somebody else drew meanwhile is left alone.

/** @typedef {import("../types").Shape} Shape */
/** @typedef {{ shape: Shape, times: [number, number] | null }} Held a drawing, and the times of its sides */
/** @typedef {{ before: Held | null, after: Held | null }} Change */
/** @typedef {{ symbol: string, changes: Map<string, Change>, merge: string }} Step `merge` names a run of small ones */

const MOST_STEPS = 100;

export class DrawingHistory {
  constructor() {
    /** @type {Step[]} */
    this.done = [];
    /** @type {Step[]} */
    this.undone = [];
  }

  /**
   * Note a step: which drawings there were before, and are now.
   * @param {string} symbol
   * @param {Shape[]} before
   * @param {Shape[]} after
   * @param {(shape: Shape) => [number, number] | null} timesOf
   * @param {string} [merge] what goes on with the last step where that was the same
   */
  note(symbol, before, after, timesOf, merge = "") {
    const [old, now] = [before, after].map((shapes) => new Map(shapes.map((shape) => [shape.name, shape])));
    /** @param {Shape | undefined} shape */
    const hold = (shape) => (shape ? { shape: structuredClone(shape), times: timesOf(shape) } : null);
    /** @type {Step["changes"]} */
    const changes = new Map();
    for (const name of new Set([...old.keys(), ...now.keys()])) {
      const [was, is] = [old.get(name), now.get(name)];
      if (JSON.stringify(was) !== JSON.stringify(is)) changes.set(name, { before: hold(was), after: hold(is) });
    }
    if (!changes.size) return;
    this.undone = [];
    const last = this.done.at(-1);
    if (merge && last?.merge === merge && last.symbol === symbol) {
      for (const [name, { after: is }] of changes) {
        const held = last.changes.get(name);
        if (held) held.after = is;
      }
      return;
    }
    this.done.push({ symbol, changes, merge });
    if (this.done.length > MOST_STEPS) this.done.shift();
  }

  /** Whether there is a step to undo on a symbol. @param {string} symbol */
  canUndo(symbol) {
    return this.done.some((step) => step.symbol === symbol);
  }

  /**
   * Undo the last step on a symbol, or do the last undone one again; return the drawings then, null without one.
   * @param {string} symbol
   * @param {Shape[]} shapes
   * @param {(held: Held) => Shape} place puts a drawing where its times are now
   * @param {boolean} again
   */
  go(symbol, shapes, place, again) {
    const [from, to] = again ? [this.undone, this.done] : [this.done, this.undone];
    const at = from.findLastIndex((step) => step.symbol === symbol);
    if (at < 0) return null;
    const [step] = from.splice(at, 1);
    to.push({ ...step, merge: "" });
    const out = [...shapes];
    for (const [name, { before, after }] of step.changes) {
      const [left, wanted] = again ? [before, after] : [after, before];
      const found = out.findIndex((shape) => shape.name === name);
      if ((found < 0) !== (left === null)) continue; // somebody took it away, or put it back
      if (!wanted) out.splice(found, 1);
      else out.splice(found < 0 ? out.length : found, found < 0 ? 0 : 1, place(wanted));
    }
    return out;
  }
}
