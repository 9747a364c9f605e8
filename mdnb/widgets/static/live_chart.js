// The front end of `mdnb.widgets.chart.chart.LiveChart`: what anywidget calls, one closure a figure.
//
// The code that draws (`chart/drawing_code.js`) and plotly.js come once a page, with the kernel's hidden runtime
// widget. Until they are there, what the kernel says is kept.

import { importText, moduleOf } from "./page/shared_code.js";

/** @typedef {import("./types").Model} Model */
/** @typedef {import("./chart/chart.js").Chart} Chart */
/** @typedef {typeof import("./chart/drawing_code.js")} DrawingCode */
/** @typedef {{ model: Model, el: HTMLElement }} Given */
/** @typedef {{ given: Given, closed: boolean, close: (() => void) | undefined }} Place somewhere on the page */

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

/** @param {HTMLElement} el @param {string} words */
function sayInPlace(el, words) {
  const said = document.createElement("pre");
  said.textContent = words;
  el.append(said);
}

export default () => {
  /** @type {Promise<DrawingCode>} */
  let started;
  /** @type {Chart | undefined} */
  let chart;
  let told = false;
  /** @type {Promise<any> | undefined} plotly's own front end, where the kernel sent it */
  let stock;
  /** @type {Set<Place>} */
  const shown = new Set();
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
   * Tell the kernel, once, that this page cannot run this front end: it sends plotly's own.
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

  /**
   * Let plotly's own front end show the figure from now on. Ours stays the widget's code: not every host takes
   * other code for a widget that is there.
   * @param {{ model: Model }} given
   */
  function changeOver(given) {
    told = true;
    chart?.close();
    chart = undefined;
    stock = stockOf(given);
    for (const place of shown) {
      place.close?.();
      showStock(place, stock);
    }
  }

  /** @param {{ model: Model }} given */
  async function stockOf(given) {
    const { default: made } = await importText(given.model.get("_stock"));
    const front = typeof made === "function" ? await made() : made;
    await front.initialize?.(given);
    return front;
  }

  /** @param {Place} place @param {Promise<any>} fronted */
  function showStock(place, fronted) {
    const { el } = place.given;
    el.replaceChildren();
    fronted
      .then((front) => (place.closed ? undefined : front.render(place.given)))
      .then((close) => (place.closed ? close?.() : (place.close = close)))
      .catch((error) => {
        console.error(error);
        sayInPlace(el, `Nor can it run plotly's own this way: make the chart with frontend="stock".\n${error}`);
      });
  }

  /** @param {Place} place */
  function showOurs(place) {
    const { model, el } = place.given;
    started
      .then(({ View }) => {
        if (place.closed || stock || !chart) return undefined;
        const view = new View(chart, el);
        place.close = () => view.close();
        return view.open();
      })
      .catch((error) => {
        // What was taken off the page while it was drawn is nobody's loss.
        if (place.closed || stock) return;
        const words = "This page cannot run the fast chart; plotly's own takes its place as soon as no cell runs.";
        sayInPlace(el, `${words}\n${error}`);
        tellCannot(model, error);
      });
  }

  return {
    // Nothing is awaited here: anywidget drops a model that takes longer than two seconds.
    /** @param {{ model: Model }} given */
    initialize(given) {
      const { model } = given;
      if (model.get("_stock")) {
        changeOver(given);
        return undefined;
      }
      model.on("change:_stock", () => changeOver(given));
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
    /** @param {Given} given */
    render(given) {
      /** @type {Place} */
      const place = { given, closed: false, close: undefined };
      shown.add(place);
      if (stock) showStock(place, stock);
      else showOurs(place);
      return () => {
        place.closed = true;
        shown.delete(place);
        place.close?.();
      };
    },
  };
};
