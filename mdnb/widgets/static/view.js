// A view: one place on the page that shows the figure. Plotly draws axes, closed bars and whatever the user
// added; above it lies an SVG of our own with the bars that plotly has not drawn yet (at least the one being
// made), the last price and the crosshair. A tick touches nothing else. Texts of a feed are `textContent`.

const PADDING = 6; // bars of room right of the newest one
const LEAST_SPAN = 30;
const PIXELS_A_CANDLE = 2.6;

const STYLE = `
.mdnb-chart { position: relative; width: 100%; font: 12px system-ui, -apple-system, "Segoe UI", sans-serif;
  font-variant-numeric: tabular-nums; }
.mdnb-chart .axistext { display: none; }
.mdnb-chart .mdnb-over { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none;
  overflow: hidden; }
.mdnb-legend, .mdnb-badge { position: absolute; top: 7px; pointer-events: none; white-space: pre;
  overflow: hidden; text-overflow: ellipsis; color: var(--mdnb-muted); }
.mdnb-legend { left: 10px; }
.mdnb-badge { font-size: 11px; top: 8px; }
.mdnb-legend b, .mdnb-legend .name { color: var(--mdnb-text); }
.mdnb-legend b { font-weight: 600; }
.mdnb-legend .value { color: var(--mdnb-value); }
.mdnb-latest { position: absolute; width: 26px; height: 26px; border-radius: 13px; padding: 0; font-size: 15px;
  line-height: 22px; cursor: pointer; border: 1px solid var(--mdnb-grid); color: var(--mdnb-text);
  background: var(--mdnb-background); opacity: 0.9; }
.mdnb-latest:hover, .mdnb-latest:focus-visible { border-color: var(--mdnb-muted); opacity: 1; }
.mdnb-latest[hidden] { display: none; }
`;

const SVG = "http://www.w3.org/2000/svg";

function element(parent, name, attributes = {}, text = undefined) {
  const svg = parent.namespaceURI === SVG || name === "svg";
  const made = svg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

function set(node, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    const text = String(value);
    if (node.getAttribute(key) !== text) node.setAttribute(key, text);
  }
}

function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const numberFormat = (decimals) =>
  new Intl.NumberFormat("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });

function pageTheme() {
  const { classList, dataset } = document.body;
  if (dataset.jpThemeLight !== undefined) return dataset.jpThemeLight === "false" ? "dark" : "light";
  return classList.contains("vscode-dark") || classList.contains("vscode-high-contrast") ? "dark" : "light";
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
    this.quiet = 0;
    this.drawnTo = 0;
    this.follow = true;
    this.fixedY = false;
    this.theme = null;
    this.cleanups = [];
    chart.views.add(this);
    chart.tellVisible();
  }

  async open() {
    this.build();
    this.watch();
    this.plotly = await this.chart.plotly;
    const { data, layout } = structuredClone({ data: this.chart.data, layout: this.chart.layout });
    this.gd.data = data;
    this.gd.layout = layout;
    this.theme = this.chart.look.theme;
    this.takeRanges(layout.xaxis?.range, layout.yaxis?.range);
    this.colour();
    this.fit();
    await this.plotly.newPlot(this.gd, data, layout, { ...this.chart.model.get("_config"), doubleClick: false });
    this.ready = true;
    this.listen();
    this.attach();
    this.resize();
    this.fitNow();
  }

  build() {
    element(this.el, "style", {}, STYLE);
    const gd = (this.gd = element(this.el, "div", { class: "mdnb-chart" }));
    gd.__mdnb = this;
    const over = (this.over = document.createElementNS(SVG, "svg"));
    over.classList.add("mdnb-over");
    const clip = `mdnb-${this.id}`;
    const defs = element(over, "defs");
    this.clips = ["price", "volume"].map((name) =>
      element(element(defs, "clipPath", { id: `${clip}-${name}` }), "rect"));
    const price = element(over, "g", { "clip-path": `url(#${clip}-price)` });
    const volume = element(over, "g", { "clip-path": `url(#${clip}-volume)` });
    const path = (parent, more = {}) => element(parent, "path", { fill: "none", ...more });
    this.paths = {
      volumeUp: path(volume), volumeDown: path(volume), up: path(price), down: path(price),
      last: path(price, { "stroke-dasharray": "2 3" }), cross: path(over, { "stroke-dasharray": "4 4" }),
    };
    const chip = (name) => {
      const group = element(over, "g", { class: name });
      const text = { "font-size": 11, "dominant-baseline": "central" };
      return { group, box: element(group, "rect", { rx: 2 }), text: element(group, "text", text) };
    };
    this.label = chip("mdnb-last");
    this.priceChip = chip("mdnb-price");
    this.timeChip = chip("mdnb-time");
    this.latest = document.createElement("button");
    set(this.latest, { class: "mdnb-latest", title: "Go to the latest bar", type: "button" });
    say(this.latest, "»");
    this.latest.addEventListener("click", () => this.goLatest());
    this.buildTexts();
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
      this.gd.append(this.over, this.legend, this.badge, this.latest);
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
    this.cleanups.push(() => [resized, seen, themed].forEach((observer) => observer.disconnect()));
  }

  /** Fill the cell: it may have changed its width while plotly was on its way, and any time later. */
  resize() {
    const width = this.el.clientWidth;
    if (!this.ready || !width || this.gd.layout.width || width === this.gd._fullLayout.width) return;
    this.hush(this.plotly.Plots.resize(this.gd)).then(() => this.moved(true));
  }

  close() {
    this.closed = true;
    this.chart.views.delete(this);
    this.cleanups.forEach((clean) => clean());
    clearTimeout(this.fitTimer);
    if (this.ready) this.plotly.purge(this.gd);
    this.chart.tellVisible();
  }

  // -- what is in view --------------------------------------------------------------------------------

  get bars() {
    return this.chart.bars;
  }

  /** Return where a trace of ours is now; -1 where the user took it out. */
  place(uid) {
    return this.gd.data.findIndex((trace) => trace.uid === uid);
  }

  takeRanges(x, y) {
    if (x?.length === 2) {
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
    this.fixedY = y?.length === 2;
    this.yRange = this.fixedY ? [...y] : null;
    this.tellFollows();
  }

  /** Tell the kernel, once, whether the view goes along with the newest bar. */
  tellFollows() {
    const follows = this.follow && !this.fixedY;
    if (follows === this.toldFollows) return;
    if (this.toldFollows !== undefined || !follows) this.chart.say({ kind: "follows", follows });
    this.toldFollows = follows;
  }

  /** Show other bars than before: another timeframe, or the same ones after a change of history. */
  restart() {
    if (this.follow) this.takeRanges(null, null);
    this.drawnTo = 0;
    this.topVolume = 0;
    if (!this.fixedY) this.yRange = null;
    this.paint();
    this.moved(true);
  }

  goLatest() {
    const told = this.follow && !this.fixedY ? null : { "xaxis.range": null, "yaxis.range": null };
    this.takeRanges(null, null);
    this.moved(true);
    if (told) this.chart.tell("_js2py_relayout", { relayout_data: told, source_view_id: this.id });
  }

  /** Give plotly the bars, the ranges and the labels of what is in view. */
  fit() {
    const { bars, gd } = this;
    const layout = gd.layout;
    layout.xaxis ??= {};
    layout.yaxis ??= {};
    if (this.follow) {
      const right = bars.end - 1 + this.pad;
      this.range = [right - this.span, right];
    }
    const [a, b] = this.range;
    const width = (this.el.clientWidth || 900) - 90;
    this.size = Math.max(1, Math.ceil(((b - a) * PIXELS_A_CANDLE) / width));
    // Plotly gets whole groups of closed bars; the group in the making is ours.
    const closed = bars.end - (bars.forming ? 1 : 0);
    this.drawnTo = Math.floor(closed / this.size) * this.size;
    const more = (b - a) / 2;
    const from = Math.floor((a - more) / this.size) * this.size;
    const groups = bars.merge(from, Math.min(Math.ceil(b + more), this.drawnTo), this.size);
    this.giveBars(groups);
    layout.xaxis.range = [a, b];
    layout.xaxis.autorange = false;
    const ticks = timeTicks(bars, this.chart.zone, a - more, b + more, 2 * Math.max(3, Math.round(width / 110)));
    Object.assign(layout.xaxis, { tickmode: "array" }, ticks);
    this.fitHeights(a, b);
  }

  giveBars(groups) {
    this.groups = groups;
    const candles = this.gd.data[this.place("mdnb-candles")];
    const { at, open, high, low, close } = groups;
    if (candles) Object.assign(candles, { x: at, open, high, low, close });
    const volumes = this.gd.data[this.place("mdnb-volume")];
    if (!volumes) return;
    Object.assign(volumes, { x: at, y: groups.volume });
    volumes.marker = { ...volumes.marker, color: close.map((value, i) => Number(value >= open[i])) };
  }

  fitHeights(a, b) {
    const { layout } = this.gd;
    const { low, high, most } = this.bars.extremes(Math.ceil(a), Math.floor(b) + 1);
    if (!(high >= low)) return;
    if (!this.fixedY) this.yRange = priceRange(low, high, this.yRange);
    layout.yaxis.range = [...this.yRange];
    layout.yaxis.autorange = false;
    if (!layout.yaxis2) return;
    const tall = most * (this.size > 1 ? this.groupPeak(a, b, most) : 1);
    if (!(tall <= this.topVolume && this.topVolume < 2.5 * tall)) this.topVolume = tall * 1.12 || 1;
    layout.yaxis2.range = [0, this.topVolume];
    layout.yaxis2.autorange = false;
  }

  /** Return how many times the tallest bar the tallest group in view is. */
  groupPeak(a, b, most) {
    let peak = most;
    this.groups?.at.forEach((at, i) => {
      if (at >= a && at <= b) peak = Math.max(peak, this.groups.volume[i]);
    });
    return peak / (most || 1);
  }

  /** Let plotly draw anew, seldom enough that a slow page keeps up, and never under the user's hand. */
  fitSoon() {
    if (this.fitTimer || this.closed) return;
    this.fitTimer = setTimeout(() => {
      this.fitTimer = 0;
      if (this.gd._dragging || performance.now() < this.busyUntil) this.fitSoon();
      else this.fitNow();
    }, Math.max(0, this.nextFit - performance.now(), this.busyUntil - performance.now() || 0));
  }

  async fitNow() {
    if (!this.ready || this.closed) return;
    const began = performance.now();
    this.fit();
    this.latest.hidden = this.follow;
    await this.hush(this.plotly.redraw(this.gd));
    const ended = performance.now();
    this.fitMs = ended - began;
    this.fits += 1;
    this.nextFit = ended + Math.max(120, 3 * this.fitMs);
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

  /** Something moved: draw with the next frame, and let plotly draw if it has to. */
  moved(fit = false) {
    if (!this.ready) return;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      if (!this.closed) this.draw();
    });
    const { bars, yRange } = this;
    const last = bars.end - 1;
    const shown = this.follow || (last >= this.range[0] && last <= this.range[1]);
    const outside =
      shown && !this.fixedY && yRange && (bars.at(last, HIGH) > yRange[1] || bars.at(last, LOW) < yRange[0]);
    const behind = shown && last - (bars.forming ? 1 : 0) >= this.drawnTo + this.size - 1;
    const tall = shown && this.size === 1 && bars.at(last, VOLUME) > this.topVolume;
    if (fit || outside || behind || tall) this.fitSoon();
  }

  draw() {
    const full = this.gd._fullLayout;
    if (!full?.xaxis?._length || !this.bars.count) return;
    const across = (value) => pixel(full.xaxis, value);
    const up = (axis) => (value) => axis._offset * 2 + axis._length - pixel(axis, value);
    const area = { left: full.xaxis._offset, right: full.xaxis._offset + full.xaxis._length };
    area.top = full.yaxis._offset;
    area.bottom = full.yaxis._offset + full.yaxis._length;
    area.end = full.yaxis2 ? full.yaxis2._offset + full.yaxis2._length : area.bottom;
    this.area = area;
    const width = area.right - area.left;
    set(this.clips[0], { x: area.left, y: area.top, width, height: area.bottom - area.top });
    set(this.clips[1], { x: area.left, y: area.bottom, width, height: area.end - area.bottom });
    this.drawBars(across, up(full.yaxis), full.yaxis2 && up(full.yaxis2));
    this.drawLast(up(full.yaxis), full);
    this.drawTexts();
    this.drawCross(across, full);
    set(this.badge, { style: `right:${full.width - area.right + 2}px` });
    set(this.legend, { style: `max-width:${Math.max(60, width - 120)}px;--mdnb-value:${this.valueColour}` });
    set(this.latest, { style: `left:${area.right - 36}px;top:${area.bottom - 36}px` });
    this.drawn += 1;
  }

  /** Draw the bars that plotly has not drawn. */
  drawBars(across, up, volumeUp) {
    const { bars, size } = this;
    const from = Math.max(this.drawnTo, bars.end - 400 * size);
    const groups = bars.merge(from, bars.end, size);
    const half = this.halfWidth();
    const out = { up: "", down: "", volumeUp: "", volumeDown: "" };
    groups.at.forEach((at, i) => {
      const name = groups.close[i] >= groups.open[i] ? "up" : "down";
      const [open, close] = [up(groups.open[i]), up(groups.close[i])];
      const [top, bottom] = [Math.min(open, close), Math.max(open, close)];
      const middle = across(at).toFixed(2);
      const [left, right] = [across(at - half).toFixed(2), across(at + half).toFixed(2)];
      out[name] += `M${left} ${top.toFixed(2)}H${right}V${bottom.toFixed(2)}H${left}Z`;
      out[name] += `M${middle} ${top.toFixed(2)}V${up(groups.high[i]).toFixed(2)}`;
      out[name] += `M${middle} ${bottom.toFixed(2)}V${up(groups.low[i]).toFixed(2)}`;
      if (!volumeUp) return;
      const wide = 0.375 * size;
      const [a, b] = [across(at - wide).toFixed(2), across(at + wide).toFixed(2)];
      const base = volumeUp(0).toFixed(2);
      out[name === "up" ? "volumeUp" : "volumeDown"] += `M${a} ${base}V${volumeUp(groups.volume[i]).toFixed(2)}H${b}V${base}Z`;
    });
    for (const name of Object.keys(out)) set(this.paths[name], { d: out[name] });
  }

  /** Return half a candle's width in bars, as plotly draws it. */
  halfWidth() {
    const drawn = this.gd.calcdata?.[this.place("mdnb-candles")]?.[0]?.t?.bdPos;
    return drawn > 0 && drawn < this.size ? drawn : 0.35 * this.size;
  }

  drawLast(up, full) {
    const { bars, area, label } = this;
    const price = bars.at(bars.end - 1, CLOSE);
    const rising = price >= bars.at(bars.end - 1, OPEN);
    const y = up(price);
    const inside = y >= area.top - 1 && y <= area.bottom + 1;
    const colour = rising ? this.colours.up : this.colours.down;
    set(this.paths.last, { d: `M${area.left} ${y.toFixed(1)}H${area.right}`, stroke: colour });
    const at = Math.min(Math.max(y, area.top), area.bottom);
    this.putChip(label, area.right, at - 9, full.width - area.right - 8, 18, this.prices.format(price), {
      fill: colour,
      text: rising ? this.colours.up_text : this.colours.down_text,
    });
    label.box.setAttribute("opacity", inside ? 1 : 0.7);
    // A tick's number that the label would half cover is not shown.
    for (const text of this.gd.querySelectorAll(".yaxislayer-above .ytick text")) {
      const value = text.__data__?.x;
      const covered = Number.isFinite(value) && Math.abs(up(value) - at) < 15;
      if (covered !== (text.style.visibility === "hidden")) text.style.visibility = covered ? "hidden" : "";
    }
  }

  putChip({ group, box, text }, x, y, width, height, words, { fill, text: colour }) {
    set(box, { x, y: y.toFixed(1), width: Math.max(width, 0), height, fill });
    set(text, { x: x + 5, y: (y + height / 2).toFixed(1), fill: colour });
    say(text, words);
    set(group, { visibility: "visible" });
  }

  drawTexts() {
    const { bars, chart, texts, colours } = this;
    const newest = bars.end - 1;
    const at = this.pointer ? Math.min(Math.max(this.pointer.ordinal, bars.first), newest) : newest;
    const [open, high, low, close, volume] = NAMES.slice(1).map((_, i) => bars.at(at, i + 1));
    const before = at > bars.first ? bars.at(at - 1, CLOSE) : open;
    const change = close - before;
    this.valueColour = close >= open ? colours.up : colours.down;
    say(texts.symbol, chart.look.symbol);
    say(texts.timeframe, ` · ${chart.look.timeframe}`);
    for (const [node, price] of [[texts.open, open], [texts.high, high], [texts.low, low], [texts.close, close]]) {
      say(node, this.prices.format(price));
    }
    const [arrow, sign] = change >= 0 ? ["▲", "+"] : ["▼", "−"];
    const share = before ? Math.abs((100 * change) / before).toFixed(2) : "0.00";
    say(texts.change, `${arrow} ${sign}${this.prices.format(Math.abs(change))} (${sign}${share}%)`);
    say(texts.volume, this.volumes.format(volume));
    const { text, tone, latency } = chart.status;
    const delay = tone === "live" && Number.isFinite(latency) ? ` · ${Math.max(latency, 0).toFixed(0)} ms` : "";
    say(texts.status, `${tone === "live" ? "live" : text}${delay}`);
    set(texts.dot, { style: `color:${colours[tone]}` });
  }

  drawCross(across, full) {
    const { area, pointer, paths, colours } = this;
    const inside = pointer && pointer.y >= area.top && pointer.y <= area.end;
    for (const { group } of [this.priceChip, this.timeChip]) set(group, { visibility: "hidden" });
    if (!inside) {
      set(paths.cross, { d: "" });
      return;
    }
    const x = Math.round(across(pointer.ordinal)) + 0.5;
    const y = Math.round(pointer.y) + 0.5;
    set(paths.cross, { d: `M${x} ${area.top}V${area.end}M${area.left} ${y}H${area.right}`, stroke: colours.muted });
    const look = { fill: colours.chip, text: colours.text };
    if (pointer.y <= area.bottom) {
      const price = value(full.yaxis, full.yaxis._offset * 2 + full.yaxis._length - pointer.y);
      this.putChip(this.priceChip, area.right, y - 9, full.width - area.right - 8, 18, this.prices.format(price), look);
    }
    const bar = Math.min(Math.max(pointer.ordinal, this.bars.first), this.bars.end - 1);
    const ms = this.bars.at(bar, TIME);
    const words = this.chart.zone.full(ms, ms % 60_000 !== 0);
    const wide = 6.2 * words.length + 8;
    const left = Math.min(Math.max(x - wide / 2, area.left), area.right - wide);
    this.putChip(this.timeChip, left, area.end + 3, wide, 18, words, look);
  }

  // -- colours ----------------------------------------------------------------------------------------

  /** Take the colours of the page's theme into the figure, except where the user chose others. */
  colour() {
    const { look } = this.chart;
    const name = look.follows_page ? pageTheme() : look.theme;
    const [old, now] = [look.themes[this.theme], look.themes[name]];
    this.theme = name;
    const { gd } = this;
    const change = (target, was, will) => {
      for (const [path, value] of Object.entries(will)) {
        if (JSON.stringify(getAt(target, path)) === JSON.stringify(was[path])) setAt(target, path, value);
      }
    };
    change(gd.layout, old.layout, now.layout);
    for (const uid of ["mdnb-candles", "mdnb-volume"]) {
      const trace = gd.data[this.place(uid)];
      if (trace) change(trace, old.traces[uid], now.traces[uid]);
    }
    this.colours = now.colours;
    this.prices = numberFormat(look.decimals);
    this.volumes = numberFormat(look.volume_decimals);
    for (const part of ["text", "muted", "grid", "background"]) {
      gd.style.setProperty(`--mdnb-${part}`, now.colours[part]);
    }
    const candles = gd.data[this.place("mdnb-candles")] ?? {};
    const side = (path, otherwise) => getAt(candles, path) ?? otherwise;
    const [up, down] = [now.colours.up, now.colours.down];
    const { paths } = this;
    set(paths.up, { fill: side("increasing.fillcolor", up), stroke: side("increasing.line.color", up) });
    set(paths.down, { fill: side("decreasing.fillcolor", down), stroke: side("decreasing.line.color", down) });
    set(paths.volumeUp, { fill: now.colours.volume_up });
    set(paths.volumeDown, { fill: now.colours.volume_down });
  }

  paint() {
    if (!this.ready) return;
    this.colour();
    this.nextFit = 0;
    this.moved(true);
  }

  // -- the user -----------------------------------------------------------------------------------------

  listen() {
    const { gd } = this;
    const on = (name, take) => gd.on(name, (event) => this.quiet || take(event));
    gd.on("plotly_afterplot", () => {
      this.attach();
      this.moved();
    });
    gd.on("plotly_relayouting", () => {
      this.busyUntil = performance.now() + 450;
      this.moved();
    });
    on("plotly_relayout", (event) => this.relaid(event));
    on("plotly_doubleclick", () => this.goLatest());
    on("plotly_restyle", ([style, traces]) => this.report("_js2py_restyle", { style_data: style, style_traces: traces }));
    on("plotly_update", ({ data, layout }) =>
      this.report("_js2py_update", { style_data: data[0], style_traces: data[1], layout_data: layout }));
    for (const name of ["click", "hover", "unhover", "selected", "deselect"]) {
      on(`plotly_${name}`, (event) => this.pointed(`plotly_${name}`, event));
    }
    const point = (event) => this.point(event);
    gd.addEventListener("mousemove", point);
    gd.addEventListener("mouseleave", point);
  }

  point(event) {
    const box = this.gd.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const { area } = this;
    const inside = area && event.type === "mousemove" && x >= area.left && x <= area.right && y <= area.end;
    const ordinal = inside ? Math.round(value(this.gd._fullLayout.xaxis, x)) : 0;
    this.pointer = inside ? { ordinal, y } : null;
    this.moved();
  }

  relaid(event) {
    const names = Object.keys(event);
    if (names.every((name) => ["autosize", "width", "height"].includes(name))) return;
    this.busyUntil = 0;
    const touched = (axis) => names.some((name) => name.startsWith(`${axis}.range`));
    if (touched("xaxis") || touched("yaxis")) {
      const { xaxis, yaxis } = this.gd.layout;
      this.takeRanges(xaxis.range, touched("yaxis") || this.fixedY ? yaxis.range : null);
      this.nextFit = 0;
      this.moved(true);
    }
    this.report("_js2py_relayout", { relayout_data: event });
  }

  report(trait, message) {
    this.chart.tell(trait, { ...message, source_view_id: this.id });
  }

  pointed(name, event) {
    if (!event && name !== "plotly_deselect") return;
    const ours = ["mdnb-candles", "mdnb-volume"].map((uid) => this.place(uid));
    const found = { trace_indexes: [], point_indexes: [], xs: [], ys: [] };
    for (const point of event?.points ?? []) {
      for (const number of point.pointNumbers ?? [point.pointNumber]) {
        const bar = ours.includes(point.curveNumber) ? this.groups.last[number] : undefined;
        found.trace_indexes.push(point.curveNumber);
        found.point_indexes.push(number);
        found.xs.push(bar ?? point.x);
        found.ys.push(point.y ?? point.close ?? null);
      }
    }
    const { range, lassoPoints: lasso } = event ?? {};
    let selector = null;
    if (range) selector = { type: "box", selector_state: { xrange: range.x, yrange: range.y } };
    else if (lasso) selector = { type: "lasso", selector_state: { xs: lasso.x, ys: lasso.y } };
    const mouse = event?.event;
    const device_state = mouse && {
      alt: mouse.altKey, ctrl: mouse.ctrlKey, meta: mouse.metaKey, shift: mouse.shiftKey,
      button: mouse.button, buttons: mouse.buttons,
    };
    const told = { event_type: name, points: found, device_state: device_state ?? null, selector };
    this.chart.tell("_js2py_pointsCallback", told);
  }

  /** Show an edit of Python's. */
  async edit(show, edit, ranges) {
    if (!this.ready || edit.source_view_id === this.id) return;
    await this.hush(show(this.plotly, this.gd, edit));
    const changed = ranges ? Object.keys(ranges(edit) ?? {}) : [];
    const touched = (axis) => changed.some((name) => name === axis || name.startsWith(`${axis}.range`));
    if (touched("xaxis") || touched("yaxis")) {
      const { xaxis, yaxis } = this.chart.layout;
      this.takeRanges(xaxis?.range, yaxis?.range);
    }
    this.paint();
  }
}

function pixel(axis, of) {
  const [low, high] = axis.range.map((end) => axis.r2l(end));
  return axis._offset + ((axis.d2l(of) - low) / (high - low)) * axis._length;
}

function value(axis, at) {
  const [low, high] = axis.range.map((end) => axis.r2l(end));
  return axis.l2d(low + ((at - axis._offset) / axis._length) * (high - low));
}
