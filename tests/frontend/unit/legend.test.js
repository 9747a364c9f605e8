import assert from "node:assert/strict";
import { test } from "node:test";

import { changeWords } from "../../../mdnb/widgets/static/chart/legend.js";

const format = (amount) => amount.toFixed(2);

test("a change has the sign of what is written, and nothing is a negative zero", () => {
  assert.equal(changeWords(2.5, 100, format), "▲ +2.50 (+2.50%)");
  assert.equal(changeWords(-0.5, 20_981, format), "▼ −0.50 (0.00%)");
  assert.equal(changeWords(-0.001, 100, format), "▼ 0.00 (0.00%)");
  assert.equal(changeWords(0, 100, format), "▲ 0.00 (0.00%)");
  assert.equal(changeWords(-37.6, -37.63, format), "▼ −37.60 (−99.92%)");
  assert.equal(changeWords(5, 0, format), "▲ +5.00 (0.00%)");
});
