// What Python does to a figure: the traits `_py2js_…` of a `FigureWidget`.

function pathOf(text) {
  return text.replace(/\[(\d+)\]/g, ".$1").split(".").filter(Boolean);
}

function getAt(target, text) {
  return pathOf(text).reduce((held, name) => held?.[name], target);
}

function setAt(target, path, value) {
  const names = Array.isArray(path) ? path.map(String) : pathOf(path);
  const last = names.pop();
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

const setAll = (target, changes) => {
  for (const [path, value] of Object.entries(changes ?? {})) setAt(target, path, value);
};

const setTraces = (traces, changes, indexes) => {
  for (const [path, given] of Object.entries(changes ?? {})) {
    const values = Array.isArray(given) ? given : [given];
    indexes.forEach((index, i) => traces[index] && setAt(traces[index], path, values[i % values.length]));
  }
};

/** What Python does to a figure: `keep` for views that open later, `show` for those that are open. */
const EDITS = {
  addTraces: {
    keep: (chart, edit) => chart.data.push(...structuredClone(edit.trace_data)),
    show: (plotly, gd, edit) => plotly.addTraces(gd, edit.trace_data),
  },
  deleteTraces: {
    keep: (chart, edit) => edit.delete_inds.toSorted((a, b) => b - a).forEach((i) => chart.data.splice(i, 1)),
    show: (plotly, gd, edit) => plotly.deleteTraces(gd, edit.delete_inds),
  },
  moveTraces: {
    keep: (chart, edit) => {
      const from = edit.current_trace_inds;
      const moved = from.map((i) => chart.data[i]);
      const rest = chart.data.filter((_, i) => !from.includes(i));
      const places = edit.new_trace_inds.map((to, i) => [to, moved[i]]).sort((a, b) => a[0] - b[0]);
      for (const [to, trace] of places) rest.splice(to, 0, trace);
      chart.data = rest;
    },
    show: (plotly, gd, edit) => plotly.moveTraces(gd, edit.current_trace_inds, edit.new_trace_inds),
  },
  restyle: {
    keep: (chart, edit) => setTraces(chart.data, edit.restyle_data, edit.restyle_traces),
    show: (plotly, gd, edit) => plotly.restyle(gd, edit.restyle_data, edit.restyle_traces),
  },
  relayout: {
    keep: (chart, edit) => setAll(chart.layout, edit.relayout_data),
    show: (plotly, gd, edit) => plotly.relayout(gd, edit.relayout_data),
    ranges: (edit) => edit.relayout_data,
  },
  update: {
    keep: (chart, edit) => {
      setTraces(chart.data, edit.style_data, edit.style_traces);
      setAll(chart.layout, edit.layout_data);
    },
    show: (plotly, gd, edit) =>
      plotly.update(gd, edit.style_data ?? {}, edit.layout_data ?? {}, edit.style_traces),
    ranges: (edit) => edit.layout_data,
  },
  animate: {
    keep: (chart, edit) => {
      edit.style_traces.forEach((index, i) => setAll(chart.data[index], edit.style_data[i]));
      setAll(chart.layout, edit.layout_data);
    },
    show: (plotly, gd, edit) => {
      const frame = { data: edit.style_data, layout: edit.layout_data, traces: edit.style_traces };
      return plotly.animate(gd, frame, edit.animation_opts);
    },
  },
  removeLayoutProps: {
    keep: (chart, edit) => edit.remove_props.forEach((path) => setAt(chart.layout, path, null)),
  },
  removeTraceProps: {
    keep: (chart, edit) =>
      edit.remove_props.forEach((path) => setAt(chart.data[edit.remove_trace], path, null)),
  },
};
