import assert from "node:assert/strict";
import { test } from "node:test";

import { percentTicks, percentWords } from "../../../mdnb/widgets/static/chart/percent_axis.js";

test("per cent have a sign, and nothing is a negative zero", () => {
  assert.equal(percentWords(105, 100), "+5.00%");
  assert.equal(percentWords(90, 100, 0), "−10%");
  assert.equal(percentWords(99.9999, 100), "0.00%");
  assert.equal(percentWords(100, 100, 0), "0%");
});

test("ticks stand at round percentages, all in range, no more than wanted and the base among them", () => {
  for (const base of [0.0003, 7, 100, 64_250.5]) {
    for (const [down, up] of [[-0.4, 0.4], [-3, 12], [0.01, 0.02], [-40, 900], [-0.0013, 0.0029]]) {
      for (const wanted of [2, 5, 11]) {
        const [low, high] = [down, up].map((percent) => base * (1 + percent / 100));
        const { tickvals, ticktext } = percentTicks(low, high, base, wanted);
        assert.ok(tickvals.length <= wanted + 1 && tickvals.length > 0, `${tickvals.length} of ${wanted}`);
        assert.equal(new Set(ticktext).size, ticktext.length);
        const slack = (high - low) * 1e-9;
        tickvals.forEach((price, i) => {
          assert.ok(price >= low - slack && price <= high + slack);
          const told = Number(ticktext[i].replace("−", "-").replace("%", ""));
          assert.ok(Math.abs(told - 100 * (price / base - 1)) < 1e-6 * Math.max(1, up - down));
        });
        if (down < 0) assert.ok(ticktext.some((words) => Number(words.slice(0, -1)) === 0));
      }
    }
  }
});

test("without a range there are no ticks", () => {
  assert.deepEqual(percentTicks(5, 5, 5, 4), { tickvals: [], ticktext: [] });
  assert.deepEqual(percentTicks(NaN, 5, 5, 4), { tickvals: [], ticktext: [] });
});
