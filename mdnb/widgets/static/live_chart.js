// The front end of `mdnb.widgets.chart.LiveChart`: what anywidget calls, one closure a figure.
//
// The code that draws (`chart.js`, `view.js` and what they need) and plotly.js come once a page, with the
// kernel's hidden runtime widget. Until they are there, what the kernel says is kept.

const EDITS = [
  "addTraces", "deleteTraces", "moveTraces", "restyle", "relayout", "update", "animate",
  "removeLayoutProps", "removeTraceProps",
];

async function runtimeOf(model) {
  const id = model.get("_runtime");
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

/** Return the drawing code of a runtime: one module for all charts of the page. */
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
  let started;
  let chart;
  const waiting = [];
  const pass = (name, ...values) => (chart ? chart[name](...values) : waiting.push([name, values]));

  async function start(model) {
    const runtime = await runtimeOf(model);
    const drawing = await moduleOf(runtime);
    const plotly = drawing.plotlyOf(runtime);
    plotly.catch(() => {}); // said where the chart would be
    chart = new drawing.Chart(model, plotly);
    for (const [name, values] of waiting.splice(0)) chart[name](...values);
    return drawing;
  }

  return {
    // Nothing is awaited here: anywidget drops a model that takes longer than two seconds.
    initialize({ model }) {
      model.on("msg:custom", (message, buffers) => pass("take", message, buffers));
      for (const name of EDITS) {
        model.on(`change:_py2js_${name}`, () => {
          const edit = model.get(`_py2js_${name}`);
          if (edit) pass("edit", name, edit);
        });
      }
      started = start(model);
      started.catch((error) => console.error(error));
      return () => chart?.close();
    },
    // The cell does not wait for plotly.js, and what is wrong is said where the chart would be.
    render({ el }) {
      let view;
      let closed = false;
      started
        .then(({ View }) => {
          if (closed) return undefined;
          view = new View(chart, el);
          return view.open();
        })
        .catch((error) => {
          const said = document.createElement("pre");
          said.textContent = `This page cannot show the live chart; frontend="stock" uses plotly's own.\n${error}`;
          el.append(said);
          console.error(error);
        });
      return () => {
        closed = true;
        view?.close();
      };
    },
  };
};
