// The lines of indicators, over the bars and in panes below. Plotly draws what is closed; the bars it has not
// drawn yet, at least the one being made, are drawn here with each tick.

const AXIS = (short) => `yaxis${short.slice(1)}`; // "y3" -> "yaxis3"
const MOST_SEPARATORS = 40;

/** Return points with a hole where a line is broken. */
function broken(at, values, breaks) {
  const [x, y] = [[], []];
  at.forEach((one, i) => {
    if (breaks[i]) {
      x.push(one - 0.5);
      y.push(null);
    }
    x.push(one);
    y.push(values[i]);
  });
  return { x, y };
}

/** Methods of a `View`. */
const SERIES = {
  /** Make the panes' layers, the lines' paths and the legends anew: another figure is shown. */
  buildSeries() {
    for (const node of [...this.layers.children, ...this.labels.children]) node.remove();
    for (const clip of this.defs.querySelectorAll("clipPath")) clip.remove();
    const { look } = this.chart;
    this.panes = new Map();
    for (const axis of ["yaxis2", "yaxis", ...look.panes.map((pane) => AXIS(pane.axis))]) {
      const id = `mdnb-${this.id}-${axis}`;
      const clip = element(element(this.defs, "clipPath", { id }), "rect");
      this.panes.set(axis, { clip, layer: element(this.layers, "g", { "clip-path": `url(#${id})` }), held: null });
    }
    const path = (axis, more = {}) => element(this.panes.get(axis).layer, "path", { fill: "none", ...more });
    this.guides = look.panes.map((pane) => ({ pane, path: path(AXIS(pane.axis), { "stroke-dasharray": "3 4" }) }));
    this.series = look.series.map((line) => {
      const axis = AXIS(line.axis);
      const parts = line.style === "bars" ? { up: path(axis), down: path(axis) } : { line: path(axis) };
      return { ...line, axis, at: NAMES.length + line.column, parts };
    });
    Object.assign(this.paths, {
      volumeUp: path("yaxis2"), volumeDown: path("yaxis2"), up: path("yaxis"), down: path("yaxis"),
      area: path("yaxis", { stroke: "none" }), close: path("yaxis", { "stroke-width": 1.5 }),
      bid: path("yaxis"), ask: path("yaxis"), last: path("yaxis", { "stroke-dasharray": "2 3" }),
    });
    this.buildLabels();
  },

  buildLabels() {
    this.legends = [];
    const rows = new Map();
    for (const line of this.series) {
      const key = `${line.axis} ${line.label}`;
      if (!rows.has(key)) {
        const row = element(this.labels, "div", { class: line.axis === "yaxis" ? "mdnb-over-label" : "mdnb-pane-label" });
        element(row, "span", {}, line.label);
        rows.set(key, { axis: line.axis, row, values: [] });
      }
      const held = rows.get(key);
      held.values.push({ line, node: element(held.row, "span", { class: "value" }) });
    }
    this.legends = [...rows.values()];
  },

  /** Return before which groups a line that begins anew with each trading day is broken. */
  breaksBefore(groups) {
    const { resets } = this.chart.look;
    const times = this.bars.pick(TIME, groups);
    let next = 0;
    return times.map((time, i) => {
      while (next < resets.length && i > 0 && resets[next] <= times[i - 1]) next += 1;
      return Number(i > 0 && next < resets.length && resets[next] <= time);
    });
  },

  /** Give plotly the lines' values of the groups it draws. */
  giveSeries(groups) {
    for (const line of this.series) {
      const trace = this.gd.data[this.place(line.uid)];
      if (!trace) continue;
      const values = this.bars.pick(line.at, groups);
      Object.assign(trace, line.breaks ? broken(groups.at, values, this.breaksBefore(groups)) : { x: groups.at, y: values });
      if (line.style === "bars") trace.marker = { ...trace.marker, color: bySide(trace, values, () => 0) };
    }
  },

  /** Fit the panes below to what is in view. */
  fitPanes(a, b) {
    for (const { pane } of this.guides) {
      const name = AXIS(pane.axis);
      const axis = this.gd.layout[name];
      if (!axis) continue;
      axis.range = [...(pane.range ?? this.paneRange(name, a, b))];
      axis.autorange = false;
    }
  },

  paneRange(name, a, b) {
    const lines = this.series.filter((line) => line.axis === name);
    let { low, high } = this.bars.extremes(Math.ceil(a), Math.floor(b) + 1, lines.map((line) => line.at));
    if (!(high >= low)) [low, high] = [0, 1];
    if (lines.some((line) => line.style === "bars")) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
    const pane = this.panes.get(name);
    pane.held = priceRange(low, high, pane.held);
    return pane.held;
  },

  /** Return whether a line has left its pane: plotly has to draw it anew. */
  seriesOutside(ordinal) {
    return this.series.some((line) => {
      const range = line.axis === "yaxis" ? this.yRange : this.panes.get(line.axis)?.held;
      const value = this.bars.at(ordinal, line.at);
      return range && (value < range[0] || value > range[1]);
    });
  },

  clipPanes(full) {
    for (const [name, { clip }] of this.panes) {
      const axis = full[name];
      if (!axis?._length) continue;
      set(clip, { x: full.xaxis._offset, y: axis._offset, width: full.xaxis._length, height: axis._length });
    }
  },

  drawSeries(across, upOf, full) {
    const { bars, size } = this;
    const from = Math.max(this.drawnTo, bars.end - 400 * size);
    // One group before those to draw: a line goes on from there.
    const groups = bars.merge(Math.max(from - size, bars.first), bars.end, size);
    const begins = from - size >= bars.first ? 1 : 0;
    for (const line of this.series) {
      const up = full[line.axis] && upOf(full[line.axis]);
      if (!up) continue;
      const values = bars.pick(line.at, groups);
      if (line.style === "bars") this.drawColumns(line, groups, values, begins, across, up);
      else this.drawLine(line, groups, values, across, up);
    }
    for (const { pane, path } of this.guides) {
      const up = full[AXIS(pane.axis)] && upOf(full[AXIS(pane.axis)]);
      const d = up ? pane.guides.map((at) => `M${this.area.left} ${up(at).toFixed(1)}H${this.area.right}`).join("") : "";
      set(path, { d, stroke: this.colours.muted, "stroke-opacity": 0.5 });
    }
  },

  drawLine(line, groups, values, across, up) {
    let d = "";
    let pen = "M";
    const breaks = line.breaks ? this.breaksBefore(groups) : [];
    groups.at.forEach((at, i) => {
      if (breaks[i]) pen = "M";
      if (Number.isFinite(values[i])) d += `${pen}${across(at).toFixed(2)} ${up(values[i]).toFixed(2)}`;
      pen = Number.isFinite(values[i]) ? "L" : "M";
    });
    set(line.parts.line, { d, stroke: this.accent(line.accent), "stroke-width": line.width });
  },

  drawColumns(line, groups, values, begins, across, up) {
    const out = { up: "", down: "" };
    const base = up(0).toFixed(2);
    const wide = 0.375 * this.size;
    for (let i = begins; i < values.length; i += 1) {
      if (!Number.isFinite(values[i])) continue;
      const [a, b] = [across(groups.at[i] - wide).toFixed(2), across(groups.at[i] + wide).toFixed(2)];
      out[values[i] >= 0 ? "up" : "down"] += `M${a} ${base}V${up(values[i]).toFixed(2)}H${b}V${base}Z`;
    }
    set(line.parts.up, { d: out.up, fill: this.colours.volume_up });
    set(line.parts.down, { d: out.down, fill: this.colours.volume_down });
  },

  accent(number) {
    const { accents } = this.colours;
    return accents[number % accents.length];
  },

  /** Say the lines' values at a bar. */
  drawLegends(ordinal, full) {
    let row = 0;
    for (const { axis, row: node, values } of this.legends) {
      const place = full[axis];
      if (!place) continue;
      const top = axis === "yaxis" ? place._offset + 4 + 17 * row : place._offset + 2;
      if (axis === "yaxis") row += 1;
      set(node, { style: `top:${top}px` });
      for (const { line, node: value } of values) {
        const number = this.bars.at(ordinal, line.at);
        say(value, Number.isFinite(number) ? this.format(line.decimals).format(number) : "–");
        const colour = line.style === "bars" ? this.colours[number >= 0 ? "up" : "down"] : this.accent(line.accent);
        set(value, { style: `color:${colour}` });
      }
    }
  },

  format(decimals) {
    this.formats ??= new Map();
    if (!this.formats.has(decimals)) this.formats.set(decimals, numberFormat(decimals));
    return this.formats.get(decimals);
  },

  /** Find where days and sessions begin among the bars around what is in view. */
  fitSeparators(a, b) {
    const found = beginnings(this.bars, this.chart.zone, this.chart.look.sessions, a, b);
    for (const name of ["days", "sessions"]) if (found[name].length > MOST_SEPARATORS) found[name] = [];
    this.separators = found;
  },

  drawSeparators(across) {
    const { area, colours, separators } = this;
    for (const name of ["days", "sessions"]) {
      const at = (separators?.[name] ?? []).map((ordinal) => across(ordinal - 0.5));
      const inside = at.filter((x) => x > area.left && x < area.right);
      const d = inside.map((x) => `M${x.toFixed(1)} ${area.top}V${area.end}`).join("");
      set(this.paths[name], { d, stroke: colours.muted });
    }
  },
};
