// Marks of trades and signals, and alerts, as the page holds them.

/** @typedef {import("../types").Alert} Alert */
/** @typedef {import("../types").AnnotationsMessage} AnnotationsMessage */
/** @typedef {import("../types").Mark} Mark */
/** @typedef {import("../types").Position} Position */

/** A symbol's marks, in order of time, its alerts, and its position. */
export class Annotations {
  constructor() {
    /** @type {[string, ...unknown[]] | null} the symbol, and counts of what there is */
    this.version = null;
    /** @type {Mark[]} */
    this.marks = [];
    /** @type {Alert[]} */
    this.alerts = [];
    /** @type {Position | null} */
    this.position = null;
  }

  /** @returns {string | undefined} */
  get symbol() {
    return this.version?.[0];
  }

  /**
   * Take all marks and alerts, or what was added since the version the page has. Return the alerts that fired
   * meanwhile; null where what it was added to is not what the page has.
   * @param {AnnotationsMessage} message
   * @returns {Alert[] | null}
   */
  take({ before, version, marks, alerts, position = null }) {
    if (before && String(before) !== String(this.version)) return null;
    const added = marks.time.map((time, i) => ({
      time,
      side: marks.side[i],
      price: marks.price[i],
      text: marks.text[i],
    }));
    const all = before ? [...this.marks, ...added] : added;
    const known = this.symbol === version[0];
    const fired = new Map(this.alerts.map((alert) => [alert.id, alert.fired]));
    const news = known ? alerts.filter((alert) => alert.fired > (fired.get(alert.id) ?? 0)) : [];
    this.version = version;
    this.alerts = alerts;
    this.position = position;
    this.marks = all.sort((a, b) => a.time - b.time);
    return news;
  }
}
