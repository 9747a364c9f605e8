// plotly.js, which the kernel sends once a page. To compile it takes half a second, beside the page's own work; it is
// run, which holds the page up, once the first chart has shown its bars by itself (see `first_paint.js`), or after a
// second.

/** @typedef {import("../types").Model} Model */
/** @typedef {import("../types").Plotly} Plotly */
/** @typedef {import("../types").PlotlyPromise} PlotlyPromise */

const PATIENCE_MS = 1000;

/**
 * Return the page's promise of plotly.js; `there` says that it was kept, `hurry()` that it is waited for.
 * @param {Model} runtime
 * @returns {PlotlyPromise}
 */
export function plotlyOf(runtime) {
  const held = (window.__mdnbPlotly ??= new Map());
  const version = runtime.get("version");
  const known = held.get(version);
  if (known) return known;
  let hurry = () => {};
  /** @type {Promise<void>} */
  const asked = new Promise((resolve) => (hurry = resolve));
  /** @type {PlotlyPromise} */
  const loading = loadPlotly(runtime, version, asked);
  loading.hurry = hurry;
  loading.then(() => (loading.there = true), () => held.delete(version));
  held.set(version, loading);
  return loading;
}

/**
 * Return plotly.js as the kernel packed it. A kernel that took nobody to be looking is asked for it; a page
 * without a kernel waits for ever, and shows the bars by our own layer.
 * @param {Model} runtime
 * @returns {Promise<DataView<ArrayBuffer>>}
 */
async function sourceOf(runtime) {
  const held = () => runtime.get("source")?.byteLength > 0;
  if (!held()) {
    await new Promise((resolve) => {
      runtime.on("change:source", resolve);
      runtime.send({ kind: "source" });
    });
  }
  return runtime.get("source");
}

/**
 * @param {Model} runtime
 * @param {string} version
 * @param {Promise<void>} asked
 * @returns {Promise<Plotly>}
 */
async function loadPlotly(runtime, version, asked) {
  if (window.Plotly?.version === version) return window.Plotly;
  const packed = new Blob([await sourceOf(runtime)]).stream();
  const source = await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).blob();
  // The names hide the page's AMD loader, which would take plotly.js for one of its modules. The first line lets
  // Chromium compile it beside the page's own work: https://v8.dev/blog/explicit-compile-hints
  const parts = ["//# allFunctionsCalledOnLoad\n{ let define, module, exports;\n", source, "\n}"];
  const url = URL.createObjectURL(new Blob(parts, { type: "text/javascript" }));
  // Compiled now, and run when it is imported; where a browser does not know this, both then.
  const compiling = document.createElement("link");
  Object.assign(compiling, { rel: "modulepreload", href: url });
  document.head.append(compiling);
  try {
    await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
    await import(url);
  } catch (error) {
    throw new Error(`the page does not let plotly.js be loaded: ${error}`);
  } finally {
    compiling.remove();
    URL.revokeObjectURL(url);
  }
  if (!window.Plotly) throw new Error("the page ran plotly.js, and has no Plotly");
  return window.Plotly;
}
