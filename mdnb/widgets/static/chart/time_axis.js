// The labels of the time axis: bars stand side by side, the labels tell the time.

import { TIME } from "./bars.js";

/** @typedef {import("./bars.js").Bars} Bars */

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720]; // minutes between labels
const QUARTER = 900_000;
const DAY = 86_400_000;

/** A time zone's clock. Offsets change on a quarter of an hour, so one look-up for each of these is enough. */
export class Zone {
  /** @param {string} given its name; empty: the page's own */
  constructor(given) {
    const name = given || undefined;
    this.parts = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
      hourCycle: "h23",
    });
    this.day = new Intl.DateTimeFormat("en-US", { timeZone: "UTC", weekday: "short" });
    this.month = new Intl.DateTimeFormat("en-US", { timeZone: "UTC", month: "short" });
    this.short = new Intl.DateTimeFormat("en-US", { timeZone: name, timeZoneName: "short" });
    /** @type {Map<number, number>} by quarter of an hour */
    this.offsets = new Map();
    /** @type {Map<number, string>} by quarter of an hour: with each tick it is asked for */
    this.names = new Map();
  }

  /**
   * Return an instant as the milliseconds that a clock of this zone shows.
   * @param {number} ms
   */
  local(ms) {
    const quarter = Math.floor(ms / QUARTER);
    let offset = this.offsets.get(quarter);
    if (offset === undefined) {
      const at = quarter * QUARTER;
      const held = Object.fromEntries(this.parts.formatToParts(at).map((part) => [part.type, +part.value]));
      const { year, month, day, hour: h, minute, second } = held;
      offset = Date.UTC(year, month - 1, day, h, minute, second) - at;
      this.offsets.set(quarter, offset);
    }
    return ms + offset;
  }

  /**
   * Return the instant at which a clock of this zone shows so many milliseconds: of an hour that it shows twice the
   * first one, of one that it leaves out the next there is.
   * @param {number} local
   */
  instant(local) {
    const near = [-DAY, DAY].map((away) => local - (this.local(local + away) - local - away));
    const [first, second] = near.sort((a, b) => a - b);
    return this.local(first) === local ? first : second;
  }

  /**
   * @param {number} local
   * @param {boolean} [seconds]
   */
  clock(local, seconds = false) {
    return new Date(local).toISOString().slice(11, seconds ? 19 : 16);
  }

  /**
   * @param {number} local
   * @param {boolean} [long]
   */
  date(local, long = false) {
    const at = new Date(local);
    const number = at.getUTCDate();
    return long ? `${this.month.format(at)} ${number}` : `${this.day.format(at)} ${number}`;
  }

  /**
   * Return date, time and zone, as the crosshair shows them.
   * @param {number} ms
   * @param {boolean} seconds
   */
  full(ms, seconds) {
    const local = this.local(ms);
    return `${this.date(local)} ${this.month.format(local)}  ${this.clock(local, seconds)} ${this.name(ms)}`;
  }

  /**
   * Return what the zone is called at an instant, such as EST.
   * @param {number} ms
   */
  name(ms) {
    const quarter = Math.floor(ms / QUARTER);
    let name = this.names.get(quarter);
    if (name === undefined) {
      name = this.short.formatToParts(ms).find((part) => part.type === "timeZoneName")?.value ?? "";
      this.names.set(quarter, name);
    }
    return name;
  }
}

/**
 * Return where labels stand and what they say: round times, and days in bold where they begin. Where none begins
 * among what is in view, the first time says of which day it is.
 * @param {Bars} bars
 * @param {Zone} zone
 * @param {number} from
 * @param {number} to
 * @param {number} wanted how many
 * @param {[number, number]} [seen] what is in view of it
 * @returns {{ tickvals: number[], ticktext: string[] }}
 */
export function timeTicks(bars, zone, from, to, wanted, seen = [from, to]) {
  const a = Math.max(Math.floor(from), bars.first);
  const count = Math.min(Math.ceil(to) + 1, bars.end) - a;
  if (count <= 0) return { tickvals: [], ticktext: [] };
  const local = new Float64Array(count);
  for (let i = 0; i < count; i += 1) local[i] = zone.local(bars.at(a + i, TIME));
  const days = [];
  for (let i = 1; i < count; i += 1) {
    if (Math.floor(local[i] / DAY) !== Math.floor(local[i - 1] / DAY)) days.push(i);
  }
  /** @type {Map<number, string>} */
  const ticks = new Map();
  if (days.length > wanted) {
    const step = Math.ceil(days.length / wanted);
    for (let i = 0; i < days.length; i += step) ticks.set(days[i], zone.date(local[days[i]], true));
  } else {
    // By the range, which may reach beyond the bars.
    const gap = Math.max(1, Math.floor((to - from) / (2 * wanted)));
    // Of a day of a few bars, as a Sunday evening's, there is no room for the label before the next one's.
    for (const [n, i] of days.entries()) {
      if (n + 1 === days.length || days[n + 1] - i >= gap) ticks.set(i, `<b>${zone.date(local[i])}</b>`);
    }
    for (const i of roundTimes(local, wanted - days.length)) {
      if (days.every((day) => Math.abs(day - i) >= gap)) ticks.set(i, zone.clock(local[i]));
    }
    if (!ticks.size) {
      const step = Math.max(1, Math.floor(count / wanted));
      for (let i = 0; i < count; i += step) ticks.set(i, zone.clock(local[i], true));
    }
  }
  const at = [...ticks.keys()].sort((x, y) => x - y);
  const inView = at.filter((i) => a + i >= seen[0] && a + i <= seen[1]);
  if (inView.length && inView.every((i) => ticks.get(i)?.includes(":"))) {
    // Not at the very edge, where half of it would be cut off.
    const told = inView[Math.min(1, inView.length - 1)];
    ticks.set(told, `<b>${zone.date(local[told], true)}</b> ${ticks.get(told)}`);
  }
  return { tickvals: at.map((i) => a + i), ticktext: at.map((i) => ticks.get(i) ?? "") };
}

/**
 * Return at which of the bars `[from, to)` a day begins by the zone's clock, and at which a trading session.
 * @param {Bars} bars
 * @param {Zone} zone
 * @param {number[]} opens when sessions begin
 * @param {number} from
 * @param {number} to
 */
export function beginnings(bars, zone, opens, from, to) {
  /** @type {{ days: number[], sessions: number[] }} */
  const out = { days: [], sessions: [] };
  const a = Math.max(Math.ceil(from), bars.first + 1);
  const b = Math.min(Math.floor(to) + 1, bars.end);
  let next = 0;
  for (let i = a; i < b; i += 1) {
    const [before, now] = [bars.at(i - 1, TIME), bars.at(i, TIME)];
    while (next < opens.length && opens[next] <= before) next += 1;
    if (next < opens.length && opens[next] <= now) out.sessions.push(i);
    else if (Math.floor(zone.local(now) / DAY) !== Math.floor(zone.local(before) / DAY)) out.days.push(i);
  }
  return out;
}

/**
 * @param {Float64Array} local
 * @param {number} room
 */
function roundTimes(local, room) {
  /** @type {number[]} */
  let marks = [];
  for (const step of STEPS) {
    marks = [];
    for (let i = 0; i < local.length; i += 1) if (local[i] % (step * 60_000) === 0) marks.push(i);
    if (marks.length <= room) break;
  }
  return marks;
}
