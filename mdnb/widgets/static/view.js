// A view: one place on the page that shows the figure. Plotly draws axes, closed bars and whatever the user
// added; above it lies an SVG of our own with the bars that plotly has not drawn yet (at least the one being
// made), the last price and the crosshair. A tick touches nothing else. Texts of a feed are `textContent`.

const PADDING = 6; // bars of room right of the newest one
const LEAST_SPAN = 30;

const STYLE = `
.mdnb-chart { position: relative; width: 100%; font: 12px system-ui, -apple-system, "Segoe UI", sans-serif;
  font-variant-numeric: tabular-nums; }
.mdnb-gone .main-svg, .mdnb-gone .mdnb-over { opacity: 0.45; }
.mdnb-chart .axistext { display: none; }
.mdnb-chart .mdnb-over { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none;
  overflow: hidden; }
.mdnb-legend, .mdnb-chart .mdnb-badge { position: absolute; pointer-events: none; white-space: pre;
  overflow: hidden; text-overflow: ellipsis; color: var(--mdnb-muted); }
.mdnb-legend { left: 10px; }
.mdnb-chart .mdnb-badge { font-size: 11px; }
.mdnb-legend b, .mdnb-legend .name { color: var(--mdnb-text); }
.mdnb-legend b { font-weight: 600; }
.mdnb-legend .value { color: var(--mdnb-value); }
.mdnb-over-label, .mdnb-pane-label { position: absolute; left: 10px; pointer-events: none; white-space: pre;
  color: var(--mdnb-muted); font-size: 11px; line-height: 15px; }
.mdnb-over-label .value, .mdnb-pane-label .value { margin-left: 7px; }
.mdnb-latest { position: absolute; width: 26px; height: 26px; border-radius: 13px; padding: 0; font-size: 15px;
  line-height: 22px; cursor: pointer; border: 1px solid var(--mdnb-grid); color: var(--mdnb-text);
  background: var(--mdnb-background); opacity: 0.9; }
.mdnb-latest:hover, .mdnb-latest:focus-visible { border-color: var(--mdnb-muted); opacity: 1; }
.mdnb-latest[hidden] { display: none; }
`;

function pageTheme() {
  const { classList, dataset } = document.body;
  if (dataset.jpThemeLight !== undefined) return dataset.jpThemeLight === "false" ? "dark" : "light";
  // VS Code's names, then marimo's.
  return ["vscode-dark", "vscode-high-contrast", "dark-theme"].some((name) => classList.contains(name)) ? "dark" : "light";
}

class View {
  constructor(chart, el) {
    this.chart = chart;
    this.el = el;
    this.id = crypto.randomUUID?.() ?? String(Math.random());
    this.visible = true;
    this.drawn = 0;
    this.fits = 0;
    this.fitMs = 0;
    this.nextFit = 0;
    this.fittedAt = -Infinity;
    this.restMs = REST_MS;
    this.quiet = 0;
    this.drawnTo = 0;
    this.follow = true;
    this.fixedY = false;
    this.yEnds = null;
    this.theme = null;
    this.colouring = null;
    this.shortened = new Map();
    this.cleanups = [];
    chart.views.add(this);
    chart.tellVisible();
  }

  async open() {
    this.build();
    this.watch();
    this.adopt();
    this.showEarly();
    this.chart.hurry();
    this.plotly = await this.chart.plotly;
    if (this.closed) return;
    this.adopt();
    this.fit();
    const { data, layout } = this.gd;
    await this.plotly.newPlot(this.gd, data, layout, { ...this.chart.model.get("_config"), doubleClick: false });
    this.endEarly();
    this.ready = true;
    this.listen();
    this.attach();
    this.fits += 1;
    this.latest.hidden = this.follow;
    this.resize();
    this.moved();
  }

  /** Take the chart's figure as it is now. */
  adopt() {
    this.takeFigure();
    const { xaxis, yaxis } = this.gd.layout;
    this.takeRanges(xaxis?.range, yaxis?.range);
    this.colour();
  }

  takeFigure() {
    Object.assign(this.gd, structuredClone({ data: this.chart.data, layout: this.chart.layout }));
    this.colouring = this.chart.colouring;
  }

  /** Whether there is something to draw on; not while plotly draws for the first time. */
  get shows() {
    return this.ready || Boolean(this.early && !this.plotly);
  }

  /** Where the axes are: plotly's, or ours until it is there. */
  get full() {
    return this.early ?? this.gd._fullLayout;
  }

  build() {
    element(this.el, "style", {}, STYLE + STRIP_STYLE);
    const gd = (this.gd = element(this.el, "div", { class: "mdnb-chart" }));
    gd.__mdnb = this;
    const over = (this.over = document.createElementNS(SVG, "svg"));
    over.classList.add("mdnb-over");
    this.defs = element(over, "defs");
    const path = (more) => element(over, "path", { fill: "none", ...more });
    this.paths = {
      days: path({ "stroke-dasharray": "1 4", "stroke-opacity": 0.5 }),
      sessions: path({ "stroke-dasharray": "5 4", "stroke-opacity": 0.55 }),
    };
    this.layers = element(over, "g");
    this.paths.cross = path({ "stroke-dasharray": "4 4" });
    this.labels = document.createElement("div");
    const chip = (name) => {
      const group = element(over, "g", { class: name });
      const text = { "font-size": 11, "dominant-baseline": "central" };
      return { group, box: element(group, "rect", { rx: 2 }), text: element(group, "text", text) };
    };
    this.label = chip("mdnb-last");
    this.left = chip("mdnb-left");
    this.priceChip = chip("mdnb-price");
    this.timeChip = chip("mdnb-time");
    this.latest = document.createElement("button");
    set(this.latest, { class: "mdnb-latest", title: "Go to the latest bar", type: "button" });
    say(this.latest, "»");
    this.latest.addEventListener("click", () => this.goLatest());
    this.buildTexts();
    this.buildSeries();
    this.buildStrip();
    this.buildTools();
  }

  buildTexts() {
    this.legend = document.createElement("div");
    this.legend.className = "mdnb-legend";
    const [symbol, timeframe] = [element(this.legend, "b"), element(this.legend, "span", { class: "name" })];
    const value = (label) => {
      element(this.legend, "span", {}, label);
      return element(this.legend, "span", { class: "value" });
    };
    const [open, high, low, close] = ["   O ", "  H ", "  L ", "  C "].map(value);
    this.texts = { symbol, timeframe, open, high, low, close, change: value("   "), volume: value("   Vol ") };
    this.badge = document.createElement("div");
    this.badge.className = "mdnb-badge";
    this.texts.dot = element(this.badge, "span", {}, "● ");
    this.texts.status = element(this.badge, "span");
  }

  /** Put what is ours into the figure; plotly leaves it there, except when it begins anew. */
  attach() {
    if (this.over.parentNode !== this.gd) {
      this.gd.append(this.over, this.labels, this.legend, this.badge, this.strip, this.latest);
    }
  }

  watch() {
    const resized = new ResizeObserver(() => this.resize());
    resized.observe(this.el);
    const seen = new IntersectionObserver((entries) => {
      this.visible = entries.at(-1).isIntersecting;
      this.chart.tellVisible();
    });
    seen.observe(this.el);
    const themed = new MutationObserver(() => this.paint());
    themed.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
    const counting = setInterval(() => this.visible && this.chart.closes && this.moved(), 1000);
    this.cleanups.push(() => clearInterval(counting));
    this.cleanups.push(() => [resized, seen, themed].forEach((observer) => observer.disconnect()));
  }

  /** Fill the cell: it may have changed its width while plotly was on its way, and any time later. */
  resize() {
    const width = this.el.clientWidth;
    if (!this.ready || !width || this.gd.layout.width || width === this.gd._fullLayout.width) return;
    if (this.pressed) return; // until it is released: plotly would lose what is dragged
    this.hush(this.plotly.relayout(this.gd, { autosize: true })).then(() => this.moved(true));
  }

  close() {
    this.closed = true;
    this.chart.views.delete(this);
    this.cleanups.forEach((clean) => clean());
    clearTimeout(this.fitTimer);
    clearTimeout(this.later);
    if (this.ready) this.plotly.purge(this.gd);
    this.chart.tellVisible();
  }

  // -- what is in view --------------------------------------------------------------------------------

  get bars() {
    return this.chart.modes.shown;
  }

  /** Whether the bars that were in view are held no longer. */
  get isGone() {
    return !this.follow && this.hadBars && this.range[1] < this.bars.first;
  }

  /** Return where a trace of ours is now; -1 where the user took it out. */
  place(uid) {
    return this.gd.data.findIndex((trace) => trace.uid === uid);
  }

  takeRanges(x, y) {
    this.zoomed = x?.length === 2;
    if (this.zoomed) {
      this.span = Math.max(x[1] - x[0], 2);
      this.pad = x[1] - (this.bars.end - 1);
      // A zoom that has the newest bar in it moves on with it; any other stands.
      this.follow = this.pad >= 0 && this.pad < this.span;
      this.range = [...x];
    } else {
      const shown = Math.min(this.chart.look.visible, Math.max(this.bars.count, LEAST_SPAN));
      this.follow = true;
      this.pad = PADDING;
      this.span = shown + PADDING;
    }
    this.hadBars = false;
    this.takePrices(y);
    this.tellFollows();
  }

  /** Whether somebody chose what part of the axes is in view here, or in views that open later. */
  get isChosen() {
    const { xaxis, yaxis } = this.chart.layout;
    const here = !this.follow || this.zoomed || this.fixedY || this.yEnds !== null;
    return here || Boolean(xaxis?.range ?? yaxis?.range);
  }

  /** Tell the kernel what is in view, and whether that goes along with the newest bar. */
  tellFollows() {
    const follows = this.follow && !this.fixedY;
    const told = { follows, view: this.follow ? [this.span, this.pad] : [...this.range] };
    const text = JSON.stringify(told);
    if (text === this.told) return;
    if (this.told !== undefined || !follows) this.chart.say({ kind: "follows", ...told });
    this.told = text;
  }

  /** Show another figure: other traces, panes and bars. */
  async remake(other) {
    if (!this.shows) return;
    this.takeFigure();
    this.buildSeries();
    // Bars of another timeframe have other numbers.
    if (other) this.goLatest();
    else if (!this.zoomed && !this.fixedY) this.takeRanges(null, this.givenPrices());
    this.topVolume = 0;
    if (!this.fixedY) this.yRange = null;
    this.colour();
    if (this.early) {
      this.moved();
      return;
    }
    this.fit();
    const { data, layout } = this.gd;
    await this.hush(this.plotly.react(this.gd, data, layout, { ...this.chart.model.get("_config"), doubleClick: false }));
    this.attach();
    this.moved(true);
  }

  /** Show other bars than before: another timeframe, or the same ones after a change of history. */
  restart() {
    // A zoom stands; what was made for the bars of before is made for these.
    if (!this.zoomed && !this.fixedY) this.takeRanges(null, this.givenPrices());
    this.drawnTo = 0;
    this.topVolume = 0;
    if (!this.fixedY) this.yRange = null;
    this.paint();
    this.moved(true);
  }

  /** Bars from an ordinal on are no longer what plotly drew: those in view are drawn anew, wherever it is. */
  amended(first) {
    this.drawnTo = Math.min(this.drawnTo, Math.floor(first / this.size) * this.size);
    if (this.range && first <= this.range[1]) this.moved(true);
  }

  /** Show the bars that are in view now, whatever comes. */
  stay() {
    this.follow = false;
    this.tellFollows();
    this.moved(true);
  }

  goLatest() {
    const told = this.isChosen ? { "xaxis.range": null, "yaxis.range": null } : null;
    this.overtake();
    this.takeRanges(null, null);
    this.moved(true);
    if (told) this.report("_js2py_relayout", { relayout_data: told });
    shareLatest(this);
  }

  async hush(drawing) {
    this.quiet += 1;
    try {
      return await drawing;
    } finally {
      this.quiet -= 1;
    }
  }

  // -- drawing a tick -----------------------------------------------------------------------------------

  /** A tick came: the first one of a frame is drawn at once, which makes the frame shorter, the others with it. */
  ticked() {
    if (this.ready && !this.frame) {
      this.draw();
      this.awaitFrame();
      this.fitWhereDue(false);
    } else this.moved();
  }

  /** Something moved: draw with the next frame, and let plotly draw if it has to. */
  moved(fit = false) {
    if (!this.shows) return;
    this.due = true;
    this.awaitFrame();
    if (!this.early) this.fitWhereDue(fit);
  }

  awaitFrame() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      if (this.due && !this.closed && this.shows) this.draw();
      this.due = false;
    });
  }

  fitWhereDue(fit) {
    const { bars, yRange } = this;
    const last = bars.end - 1;
    const shown = this.follow || (last >= this.range[0] && last <= this.range[1]);
    const { base } = this.chart;
    const beyond = yRange && (bars.at(last, base + 1) > yRange[1] || bars.at(last, base + 2) < yRange[0]);
    const outside = shown && !this.fixedY && (beyond || this.seriesOutside(last));
    const behind = shown ? this.undrawn() : 0;
    const tall = shown && this.size === 1 && bars.at(last, VOLUME) > this.topVolume;
    const full = behind > 0 && last + 1 >= this.range[1]; // no room for one more
    if (fit || outside || full || tall || this.isGone || behind > MOST_UNDRAWN) this.fitSoon();
    else if (behind > 0) this.fitLater();
  }

  paint() {
    if (!this.shows) return;
    this.colour();
    this.nextFit = 0;
    this.moved(true);
  }

  // -- the user -----------------------------------------------------------------------------------------

  /** Show an edit of Python's. */
  async edit(show, edit, ranges) {
    if (!this.ready || edit.source_view_id === this.id) return;
    await this.hush(show(this.plotly, this.gd, edit));
    const changed = ranges ? Object.keys(ranges(edit) ?? {}) : [];
    const touched = (axis) => changed.some((name) => name === axis || name.startsWith(`${axis}.range`));
    if (touched("xaxis") || touched("yaxis")) {
      const { xaxis, yaxis } = this.chart.layout;
      this.overtake();
      this.takeRanges(xaxis?.range, yaxis?.range);
    } else if (changed.includes("yaxis.type") && this.givenPrices()) {
      // Plotly turned the chosen range into one of the new axis; Python's layout has the one of before.
      this.report("_js2py_relayout", { relayout_data: { "yaxis.range": this.givenPrices() } });
    }
    this.paint();
  }
}

Object.assign(View.prototype, EARLY, FITTING, DRAWING, SERIES, MARKS, POINTER, STRIP, TOOLS);
