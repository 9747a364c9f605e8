// What a view shows until plotly.js is there: all of its bars in our own layer, on axes of our own that stand where
// plotly will put its axes. A chart is seen half a second sooner, and moves meanwhile.

const MARGIN = { l: 80, r: 80, t: 100, b: 80 }; // plotly's, where a layout has none
const STEPS_OF_TEN = [2, 5, 10];

/** Return the round numbers in a range that plotly would write beside an axis so long. */
function roundNumbers([low, high], length) {
  const rough = (high - low) / (Math.min(Math.max(length / 40, 4), 9) + 1);
  const base = 10 ** Math.floor(Math.log10(rough));
  const step = base * STEPS_OF_TEN.find((many) => rough / base <= many);
  const out = [];
  for (let n = Math.ceil(low / step); n * step <= high; n += 1) out.push(n * step);
  return out;
}

/** Methods of a `View`. */
const EARLY = {
  /** Show the bars without plotly, unless it is there or an axis is not one we can draw. */
  showEarly() {
    const { gd, chart } = this;
    const known = Object.entries(gd.layout).filter(([name]) => /^[xy]axis/.test(name));
    if (chart.plotly.there || known.some(([, axis]) => !["linear", "-", undefined].includes(axis?.type))) return;
    this.axes = element(this.over, "g", { "font-size": 11 });
    this.over.insertBefore(this.axes, this.layers);
    this.attach();
    this.latest.hidden = this.follow;
    this.early = {};
    this.moved();
  },

  /** Plotly drew: its axes take the place of ours. */
  endEarly() {
    if (!this.early) return;
    this.early = null;
    this.axes.remove();
    Object.assign(this.gd.style, { height: "", background: "" });
  },

  /** Fit everything to the bars of now, and leave none of them to plotly. */
  fitEarly() {
    this.fit();
    this.drawnTo = 0;
    const { layout, style } = this.gd;
    const { l, r, t, b } = { ...MARGIN, ...layout.margin };
    const [width, height] = [layout.width ?? this.el.clientWidth, layout.height ?? 450];
    Object.assign(style, { height: `${height}px`, background: layout.paper_bgcolor });
    const axis = (name, from, length) => {
      const { domain = [0, 1], range = [0, 1] } = layout[name];
      const [start, end] = name[0] === "x" ? domain : [1 - domain[1], 1 - domain[0]];
      const same = (number) => number;
      return { range, _offset: from + start * length, _length: (end - start) * length, r2l: same, d2l: same, l2d: same };
    };
    this.early = { width, height, xaxis: axis("xaxis", l, width - l - r) };
    for (const name of this.panes.keys()) if (layout[name]) this.early[name] = axis(name, t, height - t - b);
  },

  /** Draw the axes' lines and labels; a chip hides these as it does plotly's, by its names for them. */
  drawAxes(across, up, full) {
    const { area, axes, colours, gd } = this;
    axes.replaceChildren();
    const lines = element(axes, "path", { stroke: colours.grid, fill: "none" });
    const label = (layer, tick, at, words, attributes) => {
      const group = element(element(axes, "g", { class: layer }), "g", { class: tick });
      const text = element(group, "text", { fill: colours.muted, ...attributes }, words);
      text.__data__ = { x: at };
    };
    let d = "";
    for (const price of roundNumbers(full.yaxis.range, full.yaxis._length)) {
      const y = up(price);
      d += `M${area.left} ${y.toFixed(1)}H${area.right}`;
      const place = { x: area.right + 1, y, "dominant-baseline": "central" };
      label("yaxislayer-above", "ytick", price, this.prices.format(price), place);
    }
    const panes = [...this.panes.keys()].flatMap((name) => full[name] ?? []);
    const { tickvals = [], ticktext = [] } = gd.layout.xaxis;
    tickvals.forEach((at, i) => {
      const x = across(at);
      if (!(x >= area.left && x <= area.right)) return;
      d += panes.map(({ _offset, _length }) => `M${x.toFixed(1)} ${_offset}v${_length}`).join("");
      const words = ticktext[i].replace(/<\/?b>/g, "");
      if (x < 3.2 * words.length) return; // cut by the figure's edge: plotly leaves it out
      const bold = words === ticktext[i] ? {} : { "font-weight": 700 };
      label("xaxislayer-above", "xtick", at, words, { x, y: area.end + 12, "text-anchor": "middle", ...bold });
    });
    set(lines, { d });
  },
};
