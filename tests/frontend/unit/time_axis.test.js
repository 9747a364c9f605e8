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
      assert.equal(ticktext[i], time.slice(11, 16));
    });
    const steps = new Set(tickvals.slice(1).map((at, i) => at - tickvals[i]));
    assert.equal(steps.size, 1, "evenly apart");
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
