// What Python does to a figure: the traits `_py2js_…` of a `FigureWidget`.

/** @typedef {import("../types").PlotlyDiv} PlotlyDiv */
/** @typedef {import("../types").Plotly} Plotly */
/** @typedef {{ data: any[], layout: any }} Figure */
/**
 * `keep` for views that open later, `show` for those that are open, `ranges` what may change an axis' range.
 * @typedef {{
 *   keep: (figure: Figure, edit: any) => void,
 *   show?: (plotly: Plotly, gd: PlotlyDiv, edit: any) => Promise<unknown>,
 *   ranges?: (edit: any) => Record<string, unknown> | undefined,
 * }} PythonEdit
 */

/** @param {string} text @returns {string[]} */
function pathOf(text) {
  return text.replace(/\[(\d+)\]/g, ".$1").split(".").filter(Boolean);
}

/** @param {any} target @param {string} text @returns {any} */
export function getAt(target, text) {
  return pathOf(text).reduce((held, name) => held?.[name], target);
}

/**
 * Set a value at a path; null takes away what is there.
 * @param {any} target
 * @param {string | (string | number)[]} path
 * @param {any} value
 */
export function setAt(target, path, value) {
  const names = Array.isArray(path) ? path.map(String) : pathOf(path);
  const last = names.pop() ?? "";
  let held = target;
  for (const [i, name] of names.entries()) {
    if (held[name] === null || typeof held[name] !== "object") {
      if (value === null) return;
      held[name] = /^\d+$/.test(names[i + 1] ?? last) ? [] : {};
    }
    held = held[name];
  }
  if (value === null) delete held[last];
  else if (value !== undefined) held[last] = value;
}

/** @param {any} target @param {Record<string, any>} [changes] */
const setAll = (target, changes) => {
  for (const [path, value] of Object.entries(changes ?? {})) setAt(target, path, value);
};

/** @param {any[]} traces @param {Record<string, any> | undefined} changes @param {number[]} indexes */
const setTraces = (traces, changes, indexes) => {
  for (const [path, given] of Object.entries(changes ?? {})) {
    const values = Array.isArray(given) ? given : [given];
    indexes.forEach((index, i) => traces[index] && setAt(traces[index], path, values[i % values.length]));
  }
};

/** @type {Record<string, PythonEdit>} */
export const EDITS = {
  addTraces: {
    keep: (figure, edit) => figure.data.push(...structuredClone(edit.trace_data)),
    show: (plotly, gd, edit) => plotly.addTraces(gd, edit.trace_data),
  },
  deleteTraces: {
    keep: (figure, edit) => {
      const gone = new Set(edit.delete_inds);
      figure.data = figure.data.filter((_, i) => !gone.has(i));
    },
    show: (plotly, gd, edit) => plotly.deleteTraces(gd, edit.delete_inds),
  },
  moveTraces: {
    keep: (figure, edit) => {
      /** @type {number[]} */
      const from = edit.current_trace_inds;
      const moved = from.map((i) => figure.data[i]);
      const rest = figure.data.filter((_, i) => !from.includes(i));
      /** @type {number[]} */
      const to = edit.new_trace_inds;
      const order = to.map((_, i) => i).sort((a, b) => to[a] - to[b]);
      for (const i of order) rest.splice(to[i], 0, moved[i]);
      figure.data = rest;
    },
    show: (plotly, gd, edit) => plotly.moveTraces(gd, edit.current_trace_inds, edit.new_trace_inds),
  },
  restyle: {
    keep: (figure, edit) => setTraces(figure.data, edit.restyle_data, edit.restyle_traces),
    show: (plotly, gd, edit) => plotly.restyle(gd, edit.restyle_data, edit.restyle_traces),
  },
  relayout: {
    keep: (figure, edit) => setAll(figure.layout, edit.relayout_data),
    show: (plotly, gd, edit) => plotly.relayout(gd, edit.relayout_data),
    ranges: (edit) => edit.relayout_data,
  },
  update: {
    keep: (figure, edit) => {
      setTraces(figure.data, edit.style_data, edit.style_traces);
      setAll(figure.layout, edit.layout_data);
    },
    show: (plotly, gd, edit) =>
      plotly.update(gd, edit.style_data ?? {}, edit.layout_data ?? {}, edit.style_traces),
    ranges: (edit) => edit.layout_data,
  },
  animate: {
    keep: (figure, edit) => {
      /** @type {number[]} */
      const traces = edit.style_traces;
      traces.forEach((index, i) => setAll(figure.data[index], edit.style_data[i]));
      setAll(figure.layout, edit.layout_data);
    },
    show: (plotly, gd, edit) => {
      const frame = { data: edit.style_data, layout: edit.layout_data, traces: edit.style_traces };
      return plotly.animate(gd, frame, edit.animation_opts);
    },
  },
  removeLayoutProps: {
    keep: (figure, edit) => edit.remove_props.forEach((/** @type {string} */ path) => setAt(figure.layout, path, null)),
  },
  removeTraceProps: {
    keep: (figure, edit) =>
      edit.remove_props.forEach((/** @type {string} */ path) => setAt(figure.data[edit.remove_trace], path, null)),
  },
};
