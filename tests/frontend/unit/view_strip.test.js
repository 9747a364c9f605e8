import assert from "node:assert/strict";
import { test } from "node:test";

import { localOf } from "../../../mdnb/widgets/static/chart/view_strip.js";

test("a date field's text is what a clock shows; nothing else is", () => {
  assert.equal(localOf("2026-11-05T14:30"), Date.UTC(2026, 10, 5, 14, 30));
  assert.equal(localOf("2026-11-05T14:30:15"), Date.UTC(2026, 10, 5, 14, 30, 15));
  for (const text of ["", "2026-11-05", "14:30", "now", "2026-13-45T99:99"]) assert.ok(Number.isNaN(localOf(text)));
});
