// The front end of `mdnb.widgets.chart.chart.LiveChart`: what anywidget calls, one closure a figure.
//
// The code that draws (`chart.js`, `view.js` and what they need) and plotly.js come once a page, with the
// kernel's hidden runtime widget. Until they are there, what the kernel says is kept.

/** @typedef {import("./types").Model} Model */
/** @typedef {import("./chart/chart.js").Chart} Chart */
/** @typedef {typeof import("./chart/drawing_code.js")} DrawingCode */

const EDITS = [
  "addTraces", "deleteTraces", "moveTraces", "restyle", "relayout", "update", "animate",
  "removeLayoutProps", "removeTraceProps",
];

/** @param {Model} model @returns {Promise<Model>} */
async function runtimeOf(model) {
  const id = model.get("_runtime");
  if (!model.widget_manager?.get_model) throw new Error("the page has no widget manager that finds a model");
  for (let left = 100; ; left -= 1) {
    try {
      return await model.widget_manager.get_model(id);
    } catch (error) {
      // After a reload the page makes all models at once, in any order.
      if (!left) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/**
 * Return the drawing code of a runtime: one module for all charts of the page.
 * @param {Model} runtime
 * @returns {Promise<DrawingCode>}
 */
function moduleOf(runtime) {
  const held = (window.__mdnbModules ??= new Map());
  const source = runtime.get("_esm");
  if (!held.has(source)) {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    held.set(source, import(url).finally(() => URL.revokeObjectURL(url)));
  }
  return held.get(source);
}

export default () => {
  /** @type {Promise<DrawingCode>} */
  let started;
  /** @type {Chart | undefined} */
  let chart;
  let told = false;
  /** @type {((chart: Chart) => void)[]} what the kernel said before there was a chart */
  const waiting = [];
  /** @param {(chart: Chart) => void} say */
  const pass = (say) => {
    if (chart) say(chart);
    else if (!told) waiting.push(say);
  };

  /** @param {Model} model */
  async function start(model) {
    const runtime = await runtimeOf(model);
    const drawing = await moduleOf(runtime);
    const plotly = drawing.plotlyOf(runtime);
    chart = new drawing.Chart(model, plotly, runtime);
    for (const say of waiting.splice(0)) say(chart);
    return drawing;
  }

  /**
   * Tell the kernel, once, that this page cannot run this front end: it changes over to plotly's own.
   * @param {Model} model
   * @param {unknown} error
   */
  function tellCannot(model, error) {
    if (told) return;
    told = true;
    waiting.length = 0;
    console.error(error);
    model.send({ kind: "cannot", why: String(error) });
  }

  return {
    // Nothing is awaited here: anywidget drops a model that takes longer than two seconds.
    /** @param {{ model: Model }} given */
    initialize({ model }) {
      model.on("msg:custom", (message, buffers) => pass((held) => held.take(message, buffers)));
      for (const name of EDITS) {
        model.on(`change:_py2js_${name}`, () => {
          const edit = model.get(`_py2js_${name}`);
          if (edit) pass((held) => held.edit(name, edit));
        });
      }
      started = start(model);
      started.then(() => chart?.plotly).catch((error) => tellCannot(model, error));
      return () => chart?.close();
    },
    // The cell does not wait for plotly.js, and what is wrong is said where the chart would be.
    /** @param {{ model: Model, el: HTMLElement }} given */
    render({ model, el }) {
      /** @type {import("./chart/view.js").View | undefined} */
      let view;
      let closed = false;
      started
        .then(({ View }) => {
          if (closed || !chart) return undefined;
          view = new View(chart, el);
          return view.open();
        })
        .catch((error) => {
          if (closed) return; // what was taken off the page while it was drawn is nobody's loss
          const said = document.createElement("pre");
          said.textContent = `This page cannot run the fast chart; plotly's own takes its place as soon as no cell runs.\n${error}`;
          el.append(said);
          tellCannot(model, error);
        });
      return () => {
        closed = true;
        view?.close();
      };
    },
  };
};
