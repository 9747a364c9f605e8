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
  let stock; // the promise of plotly's own front end, where the kernel sent it
  const shown = new Set();
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

  /** Tell the kernel, once, that this page cannot run this front end: it sends plotly's own. */
  function tellCannot(model, error) {
    if (told) return;
    told = true;
    waiting.length = 0;
    console.error(error);
    model.send({ kind: "cannot", why: String(error) });
  }

  /** Let plotly's own front end show the figure from now on. Ours stays the widget's code: not every host takes
   * other code for a widget that is there. */
  function changeOver(given) {
    told = true;
    chart?.close();
    chart = undefined;
    stock = stockOf(given);
    for (const place of shown) {
      place.close?.();
      showStock(place);
    }
  }

  async function stockOf(given) {
    const { default: made } = await importText(given.model.get("_stock"));
    const front = typeof made === "function" ? await made() : made;
    await front.initialize?.(given);
    return front;
  }

  function showStock(place) {
    const { el } = place.given;
    el.replaceChildren();
    stock
      .then((front) => (place.closed ? undefined : front.render(place.given)))
      .then((close) => (place.closed ? close?.() : (place.close = close)))
      .catch((error) => {
        console.error(error);
        say(el, `Nor can it run plotly's own this way: make the chart with frontend="stock".\n${error}`);
      });
  }

  function showOurs(place) {
    const { model, el } = place.given;
    started
      .then(({ View }) => {
        if (place.closed || stock) return undefined;
        const view = new View(chart, el);
        place.close = () => view.close();
        return view.open();
      })
      .catch((error) => {
        // What was taken off the page while it was drawn is nobody's loss.
        if (place.closed || stock) return;
        say(el, `This page cannot run the fast chart; plotly's own takes its place as soon as no cell runs.\n${error}`);
        tellCannot(model, error);
      });
  }

  function say(el, words) {
    const said = document.createElement("pre");
    said.textContent = words;
    el.append(said);
  }

  return {
    // Nothing is awaited here: anywidget drops a model that takes longer than two seconds.
    initialize(given) {
      const { model } = given;
      if (model.get("_stock")) {
        changeOver(given);
        return undefined;
      }
      model.on("change:_stock", () => changeOver(given));
      model.on("msg:custom", (message, buffers) => pass("take", message, buffers));
      for (const name of EDITS) {
        model.on(`change:_py2js_${name}`, () => {
          const edit = model.get(`_py2js_${name}`);
          if (edit) pass("edit", name, edit);
        });
      }
      started = start(model);
      started.then(() => chart?.plotly).catch((error) => tellCannot(model, error));
      return () => chart?.close();
    },
    // The cell does not wait for plotly.js, and what is wrong is said where the chart would be.
    render(given) {
      const place = { given, closed: false, close: undefined };
      shown.add(place);
      if (stock) showStock(place);
      else showOurs(place);
      return () => {
        place.closed = true;
        shown.delete(place);
        place.close?.();
      };
    },
  };
};
