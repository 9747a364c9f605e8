// The labels of the time axis, against the platform's own clock of each zone.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Zone, beginnings, timeTicks } from "../../../mdnb/widgets/static/chart/time_axis.js";
import { BEGIN, MINUTE, dice, rowsOf, storeOf } from "./made.js";

const ZONES = ["America/Chicago", "Asia/Kolkata", "UTC", "Australia/Lord_Howe"];

/** What a clock of a zone shows, as the platform writes it. */
function shown(zone, ms, options) {
  return new Intl.DateTimeFormat("en-US", { timeZone: zone, hourCycle: "h23", ...options }).format(ms);
}

test("a zone's clock is the platform's, across changes to and from summer time", () => {
  for (const name of ZONES) {
    const zone = new Zone(name);
    for (let ms = Date.UTC(2026, 2, 1); ms < Date.UTC(2026, 3, 10); ms += 47 * MINUTE) {
      const clock = shown(name, ms, { hour: "2-digit", minute: "2-digit" });
      assert.equal(zone.clock(zone.local(ms)), clock);
      const day = shown(name, ms, { weekday: "short", day: "numeric" }).replace(/^(\d+) (\w+)$/, "$2 $1");
      assert.equal(zone.date(zone.local(ms)), day);
    }
  }
});

/** Every change of a zone's clock in a year, to the minute, by the platform. */
function changes(name, year) {
  const found = [];
  const offset = (ms) => {
    const units = ["year", "month", "day", "hour", "minute"];
    const told = shown(name, ms, Object.fromEntries(units.map((unit) => [unit, "numeric"])));
    const [month, day, y, hour, minute] = told.match(/\d+/g).map(Number);
    return Date.UTC(y, month - 1, day, hour, minute) - ms;
  };
  for (let ms = Date.UTC(year, 0, 1); ms < Date.UTC(year + 1, 0, 1); ms += 1440 * MINUTE) {
    let [a, b] = [ms, ms + 1440 * MINUTE];
    if (offset(a) === offset(b)) continue;
    while (b - a > MINUTE) {
      const middle = a + MINUTE * Math.floor((b - a) / MINUTE / 2);
      if (offset(middle) === offset(a)) a = middle;
      else b = middle;
    }
    found.push({ at: b, by: offset(b) - offset(a) });
  }
  return found;
}

const CHANGING = ["America/Chicago", "Europe/London", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Chatham"];

test("each minute around a change of the clocks is told right, in whatever order minutes are asked for", () => {
  for (const name of CHANGING) {
    const found = changes(name, 2026);
    assert.equal(found.length, 2, name);
    for (const { at } of found) {
      for (const step of [1, -1]) {
        const zone = new Zone(name);
        for (let i = -150; i <= 150; i += 1) {
          const ms = at + step * i * MINUTE;
          assert.equal(zone.clock(zone.local(ms)), shown(name, ms, { hour: "2-digit", minute: "2-digit" }), name);
        }
      }
    }
  }
});

test("labels over a change of the clocks are those of the wall, and stand where that is round", () => {
  for (const name of CHANGING) {
    for (const { at, by } of changes(name, 2026)) {
      const rows = rowsOf(dice(8), 600).map((row, i) => [at + (i - 300) * MINUTE, ...row.slice(1)]);
      const bars = storeOf(rows, 50);
      for (const wanted of [4, 8, 20]) {
        const { tickvals, ticktext } = timeTicks(bars, new Zone(name), 50, 649, wanted);
        assert.ok(tickvals.length > 1 && tickvals.length <= 2 * wanted, name);
        tickvals.forEach((tick, i) => {
          if (ticktext[i].startsWith("<b>")) return;
          const ms = rows[tick - 50][0];
          assert.equal(ticktext[i], shown(name, ms, { hour: "2-digit", minute: "2-digit" }), `${name} ${by}`);
        });
      }
    }
  }
});

test("a day is told once, on its first bar, though its clock is changed", () => {
  for (const name of [...CHANGING, "America/Havana"]) {
    for (const { at } of changes(name, 2026)) {
      // Half hours over four days around it.
      const rows = rowsOf(dice(9), 192).map((row, i) => [at + (i - 96) * 30 * MINUTE, ...row.slice(1)]);
      const bars = storeOf(rows, 0);
      const day = (i) => shown(name, rows[i][0], { day: "numeric", month: "numeric" });
      const expected = [];
      for (let i = 1; i < rows.length; i += 1) if (day(i) !== day(i - 1)) expected.push(i);
      assert.deepEqual(beginnings(bars, new Zone(name), [], 0, 192).days, expected, name);
      const { tickvals, ticktext } = timeTicks(bars, new Zone(name), 0, 191, 12);
      assert.deepEqual(tickvals.filter((_, i) => ticktext[i].startsWith("<b>")), expected, name);
    }
  }
});

test("the crosshair says date, time and zone", () => {
  const zone = new Zone("America/Chicago");
  assert.equal(zone.full(Date.UTC(2026, 6, 1, 15, 4, 5), true), "Wed 1 Jul  10:04:05 CDT");
});

test("labels stand at round times, as many as there is room for", () => {
  const zone = new Zone("UTC");
  const bars = storeOf(rowsOf(dice(1), 400), 1000);
  for (const wanted of [3, 6, 12]) {
    const { tickvals, ticktext } = timeTicks(bars, zone, 1000, 1399, wanted);
    assert.ok(tickvals.length > 1 && tickvals.length <= wanted);
    tickvals.forEach((at, i) => {
      const time = new Date(BEGIN + (at - 1000) * MINUTE).toISOString();
      assert.equal(ticktext[i].replace("<b>Mar 2</b> ", ""), time.slice(11, 16));
    });
    assert.equal(ticktext.filter((text) => text.includes("<b>")).length, 1, "one says of which day they are");
    const steps = new Set(tickvals.slice(1).map((at, i) => at - tickvals[i]));
    assert.equal(steps.size, 1, "evenly apart");
  }
});

test("whatever is in view, a label in view says which day it is", () => {
  const zone = new Zone("America/Chicago");
  const bars = storeOf(rowsOf(dice(8), 5000), 0);
  for (let from = 0; from < 4000; from += 37) {
    for (const span of [12, 60, 180, 700, 1500]) {
      const { tickvals, ticktext } = timeTicks(bars, zone, from - span / 2, from + 1.5 * span, 18, [from, from + span]);
      const seen = tickvals.map((at, i) => [at, ticktext[i]]).filter(([at]) => at >= from && at <= from + span);
      const dated = seen.filter(([, text]) => /<b>|^[A-Z]/.test(text));
      assert.ok(dated.length > 0 || seen.length === 0, `${from} ${span}`);
      for (const [at, text] of dated) {
        const ms = bars.at(at, 0);
        assert.ok(text.includes(shown("America/Chicago", ms, { day: "numeric" })), `${text} ${ms}`);
      }
    }
  }
});

test("a day is told in bold where it begins, and only days where there are many", () => {
  const zone = new Zone("UTC");
  const two = storeOf(rowsOf(dice(2), 30 * 24, 0, 3 * MINUTE), 0);
  const { ticktext } = timeTicks(two, zone, 0, two.end, 12);
  assert.equal(ticktext.filter((text) => text === "<b>Tue 3</b>").length, 1);
  const many = storeOf(rowsOf(dice(2), 3000, 0, 60 * MINUTE), 0);
  const days = timeTicks(many, zone, 0, many.end, 10);
  assert.ok(days.ticktext.length <= 10);
  assert.ok(days.ticktext.every((text) => /^(Mar|Apr|May|Jun|Jul) \d+$/.test(text)));
});

test("no bars have no labels", () => {
  const bars = storeOf(rowsOf(dice(3), 10), 0);
  assert.deepEqual(timeTicks(bars, new Zone("UTC"), 50, 90, 5), { tickvals: [], ticktext: [] });
});

test("sessions begin at the first bar from their opening on; days by the zone's clock, where no session does", () => {
  const rows = [...rowsOf(dice(4), 60), ...rowsOf(dice(5), 60, 900), ...rowsOf(dice(6), 60, 2400)];
  const bars = storeOf(rows, 0);
  const opens = [rows[60][0] - 5 * MINUTE];
  assert.deepEqual(beginnings(bars, new Zone("UTC"), opens, 0, 180), { days: [120], sessions: [60] });
  assert.deepEqual(beginnings(bars, new Zone("UTC"), opens, 61, 180), { days: [120], sessions: [] });
});

test("a day of a few bars leaves the label's room to the next one", () => {
  // Sunday's last hour, then Monday: as futures begin their week.
  const sunday = Date.UTC(2026, 10, 29, 23);
  const friday = Date.UTC(2026, 10, 27);
  const rows = rowsOf(dice(9), 320).map((row, i) => [
    i < 200 ? friday + i * 5 * MINUTE : sunday + (i - 200) * 5 * MINUTE,
    ...row.slice(1),
  ]);
  // The view may reach beyond the bars, on either side.
  for (const [from, to, wanted] of [
    [0, 319, 8],
    [-160, 480, 16],
    [0, 639, 16],
  ]) {
    const { ticktext } = timeTicks(storeOf(rows, 0), new Zone("UTC"), from, to, wanted);
    assert.deepEqual(ticktext.filter((text) => text.startsWith("<b>")), ["<b>Mon 30</b>"]);
  }
});

test("the instant at which a clock shows a time; of an hour twice the first, of none the next there is", () => {
  for (const name of ["UTC", "America/Chicago", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"]) {
    const zone = new Zone(name);
    for (let ms = Date.UTC(2026, 0, 1); ms < Date.UTC(2027, 0, 1); ms += 3 * 3600_000 + 17 * 60_000) {
      const found = zone.instant(zone.local(ms));
      assert.ok(found === ms || (found < ms && zone.local(found) === zone.local(ms)), `${name} ${ms}`);
    }
  }
  const chicago = new Zone("America/Chicago");
  assert.equal(chicago.instant(Date.UTC(2026, 10, 1, 1, 30)), Date.UTC(2026, 10, 1, 6, 30));
  assert.equal(chicago.instant(Date.UTC(2026, 2, 8, 2, 30)), Date.UTC(2026, 2, 8, 8, 30));
});
