// The front end of `mdnb.widgets.chart.chart.LiveChart`: what anywidget calls, one closure a figure.
//
// The code that draws (`chart.js`, `view.js` and what they need) and plotly.js come once a page, with the
// kernel's hidden runtime widget. Until they are there, what the kernel says is kept.

const EDITS = [
  "addTraces", "deleteTraces", "moveTraces", "restyle", "relayout", "update", "animate",
  "removeLayoutProps", "removeTraceProps",
];

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

export default () => {
  let started;
  let chart;
  let told = false;
  const waiting = [];
  const pass = (name, ...values) => {
    if (chart) chart[name](...values);
    else if (!told) waiting.push([name, values]);
  };

  async function start(model) {
    const runtime = await runtimeOf(model);
    const drawing = await moduleOf(runtime);
    const plotly = drawing.plotlyOf(runtime);
    chart = new drawing.Chart(model, plotly, runtime);
    for (const [name, values] of waiting.splice(0)) chart[name](...values);
    return drawing;
  }

  /** Tell the kernel, once, that this page cannot run this front end: it changes over to plotly's own. */
  function tellCannot(model, error) {
    if (told) return;
    told = true;
    waiting.length = 0;
    console.error(error);
    model.send({ kind: "cannot", why: String(error) });
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
      started.then(() => chart.plotly).catch((error) => tellCannot(model, error));
      return () => chart?.close();
    },
    // The cell does not wait for plotly.js, and what is wrong is said where the chart would be.
    render({ model, el }) {
      let view;
      let closed = false;
      started
        .then(({ View }) => {
          if (closed) return undefined;
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
