// The modules that pages are given, joined as they are sent: each is one module that runs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { pathToFileURL } from "node:url";

const folder = process.env.MDNB_JOINED;
const load = (name) => import(pathToFileURL(join(folder, `${name}.mjs`)));

beforeEach(() => {
  globalThis.window = new EventTarget();
});

afterEach(() => {
  delete globalThis.window;
});

test("the drawing code exports what a figure asks it for", async () => {
  const code = await load("chart");
  assert.deepEqual(Object.keys(code).sort(), ["Chart", "View", "plotlyOf"]);
});

for (const name of ["heat_map", "live_chart"]) {
  test(`${name} makes what anywidget calls, one a model`, async () => {
    const { default: make } = await load(name);
    const [one, other] = [make(), make()];
    assert.notEqual(one, other);
    assert.deepEqual(Object.keys(one), ["initialize", "render"]);
  });
}

for (const [name, calls] of [["live_table", ["render"]], ["live_strip", ["render"]], ["page_probe", ["initialize"]],
  ["plotly_runtime", ["initialize"]]]) {
  test(`${name} is what anywidget calls`, async () => {
    assert.deepEqual(Object.keys((await load(name)).default), calls);
  });
}

test("each file stands in it once, as it was written", () => {
  const joined = readFileSync(join(folder, "chart.mjs"), "utf8");
  const files = [...joined.matchAll(/^\/\/ ---- (\S+)$/gm)].map(([, path]) => path);
  assert.equal(new Set(files).size, files.length);
  assert.equal(files.at(-1), "chart/drawing_code.js");
  const bars = readFileSync(new URL("../../../mdnb/widgets/static/chart/bars.js", import.meta.url), "utf8");
  assert.ok(joined.includes(bars.slice(bars.indexOf("  /**\n   * Merge the bars")).trim()));
});
