// What a view draws over plotly's own drawing with each tick: bars plotly has not drawn yet, last price, legend,
// badge, crosshair; and in which colours. Texts of a feed are `textContent`, never HTML.

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

function pixel(axis, of) {
  const [low, high] = axis.range.map((end) => axis.r2l(end));
  return axis._offset + ((axis.d2l(of) - low) / (high - low)) * axis._length;
}

function value(axis, at) {
  const [low, high] = axis.range.map((end) => axis.r2l(end));
  return axis.l2d(low + ((at - axis._offset) / axis._length) * (high - low));
}

/** Methods of a `View`. */
const DRAWING = {
  draw() {
    if (this.early) this.fitEarly();
    const { full } = this;
    if (!full?.xaxis?._length || !this.bars.count) return;
    const across = (value) => pixel(full.xaxis, value);
    const up = (axis) => (value) => axis._offset * 2 + axis._length - pixel(axis, value);
    const area = { left: full.xaxis._offset, right: full.xaxis._offset + full.xaxis._length };
    area.top = full.yaxis._offset;
    area.bottom = full.yaxis._offset + full.yaxis._length;
    const lowest = [...this.panes.keys()].map((name) => full[name]).filter((axis) => axis?._length);
    area.end = Math.max(...lowest.map((axis) => axis._offset + axis._length));
    this.area = area;
    const width = area.right - area.left;
    this.clipPanes(full);
    if (this.early) this.drawAxes(across, up(full.yaxis), full);
    this.drawSeparators(across);
    this.drawBars(across, up(full.yaxis), full.yaxis2?._length && up(full.yaxis2));
    this.drawSeries(across, up, full);
    this.drawTools(up(full.yaxis), full);
    this.drawSigns(across, up(full.yaxis), full);
    this.drawLast(up(full.yaxis), full);
    this.drawTexts();
    this.drawCross(across, full);
    this.hideCovered(across, up(full.yaxis), full);
    const top = Math.max(area.top - 23, 7);
    set(this.badge, { style: `right:${full.width - area.right + 2}px;top:${top + 1}px` });
    const room = `top:${top}px;max-width:${Math.max(60, width - 120)}px`;
    set(this.legend, { style: `${room};--mdnb-value:${this.valueColour}` });
    this.shortenLegend(width);
    set(this.latest, { style: `left:${area.right - 36}px;top:${area.bottom - 36}px` });
    this.drawn += 1;
  },

  /** Draw the bars that plotly has not drawn. */
  drawBars(across, up, volumeUp) {
    const { bars, size } = this;
    const from = Math.max(this.drawnTo, bars.end - 400 * size);
    const { base, look } = this.chart;
    const kind = KINDS[look.kind];
    const out = { up: "", down: "", volumeUp: "", volumeDown: "", close: "", area: "" };
    // One group before those to draw: a line goes on from there.
    const begin = kind.joined ? Math.max(from - size, bars.first) : from;
    kind.draw(out, this, bars.merge(begin, bars.end, size, base), across, up);
    if (volumeUp) this.drawVolume(out, bars.merge(from, bars.end, size), across, volumeUp);
    for (const name of Object.keys(out)) set(this.paths[name], { d: out[name] });
  },

  drawVolume(out, groups, across, up) {
    const wide = 0.375 * this.size;
    const base = up(0).toFixed(2);
    groups.at.forEach((at, i) => {
      const name = groups.close[i] >= groups.open[i] ? "volumeUp" : "volumeDown";
      const [a, b] = [across(at - wide).toFixed(2), across(at + wide).toFixed(2)];
      out[name] += `M${a} ${base}V${up(groups.volume[i]).toFixed(2)}H${b}V${base}Z`;
    });
  },

  /** Return half a candle's width in bars, as plotly draws it. */
  halfWidth() {
    const drawn = this.gd.calcdata?.[this.place("mdnb-candles")]?.[0]?.t?.bdPos;
    return drawn > 0 && drawn < this.size ? drawn : 0.35 * this.size;
  },

  drawLast(up, full) {
    const { bars, area, label, left } = this;
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
    this.drawLeft(at, full);
    this.drawQuote(up);
    this.chips = [at, ...this.levels, ...this.alertPlaces];
    if (left.group.getAttribute("visibility") === "visible") this.chips.push(at + 18);
  },

  /** Do not show a number of an axis that a chip would half cover. */
  hideCovered(across, up, full) {
    const covers = (price) => this.chips.some((y) => Math.abs(up(price) - y) < 15);
    this.hideTicks(".yaxislayer-above .ytick text", (at) => covers(full.yaxis.l2d(at)));
    const [left, right] = this.timeSpan;
    // Without a crosshair, now and before, no hour is covered.
    const crossed = !Number.isNaN(left);
    if (!crossed && !this.crossed) return;
    this.crossed = crossed;
    this.hideTicks(".xaxislayer-above .xtick text", (value, text) => {
      const half = 3.6 * text.textContent.length;
      return across(value) + half > left && across(value) - half < right;
    });
  },

  hideTicks(selector, isCovered) {
    for (const text of this.gd.querySelectorAll(selector)) {
      const value = text.__data__?.x;
      const covered = Number.isFinite(value) && isCovered(value, text);
      if (covered !== (text.style.visibility === "hidden")) text.style.visibility = covered ? "hidden" : "";
    }
  },

  /** Count down to the end of the bar that is being made, below the last price. */
  drawLeft(at, full) {
    const { area, chart, colours, left } = this;
    if (chart.closes === null || chart.modes.status.tone !== "live") {
      set(left.group, { visibility: "hidden" });
      return;
    }
    const seconds = Math.max(0, Math.round((chart.closes - performance.now()) / 1000));
    const two = (number) => String(number).padStart(2, "0");
    const hours = Math.floor(seconds / 3600);
    const words = `${hours ? `${hours}:` : ""}${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
    const look = { fill: colours.chip, text: colours.text };
    this.putChip(left, area.right, at + 10, full.width - area.right - 8, 16, words, look);
  },

  drawQuote(up) {
    const { area, chart, colours, paths } = this;
    const { bid, ask } = (chart.look.quotes && chart.modes.quote) || {};
    for (const [name, price, colour] of [["bid", bid, colours.up], ["ask", ask, colours.down]]) {
      const d = Number.isFinite(price) ? `M${area.left} ${up(price).toFixed(1)}H${area.right}` : "";
      set(paths[name], { d, stroke: colour, "stroke-opacity": 0.6, "stroke-width": 1 });
    }
  },

  putChip({ group, box, text }, x, y, width, height, words, { fill, text: colour }) {
    set(box, { x, y: y.toFixed(1), width: Math.max(width, 0), height, fill });
    set(text, { x: x + 5, y: (y + height / 2).toFixed(1), fill: colour });
    say(text, words);
    set(group, { visibility: "visible" });
  },

  drawTexts() {
    const { bars, chart, texts, colours } = this;
    const newest = bars.end - 1;
    const at = this.pointer ? Math.min(Math.max(this.pointer.ordinal, bars.first), newest) : newest;
    const [open, high, low, close, volume] = NAMES.slice(1).map((_, i) => bars.at(at, i + 1));
    const before = at > bars.first ? bars.at(at - 1, CLOSE) : open;
    const change = close - before;
    this.drawLegends(at, this.full);
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
    const { text, tone, latency } = chart.modes.status;
    const delay = tone === "live" && Number.isFinite(latency) ? ` · ${Math.max(latency, 0).toFixed(0)} ms` : "";
    say(texts.status, `${tone === "live" ? "live" : text}${delay}`);
    set(texts.dot, { style: `color:${colours[tone]}` });
    this.gd.classList.toggle("mdnb-gone", Boolean(chart.kernel.ended));
  },

  /** Where there is no room for all of the legend, leave out the volume, then all prices but the close. */
  shortenLegend(width) {
    const { legend, texts } = this;
    const known = `${width} ${legend.textContent.length}`;
    if (known === this.legendFor) return;
    this.legendFor = known;
    const show = (names, on) => {
      for (const name of names) texts[name].hidden = texts[name].previousSibling.hidden = !on;
    };
    const steps = [["volume"], ["open", "high", "low"]];
    // Measured once for each length: to measure is to lay out the page.
    let left = this.shortened.get(known);
    if (left === undefined) {
      steps.forEach((names) => show(names, true));
      left = 0;
      while (left < steps.length && legend.scrollWidth > legend.clientWidth) show(steps[left++], false);
      if (this.shortened.size > 100) this.shortened.clear();
      this.shortened.set(known, left);
    }
    steps.forEach((names, i) => show(names, i >= left));
  },

  drawCross(across, full) {
    const { area, pointer, paths, colours } = this;
    // A linked chart's pointer may have no height here, and may stand on a bar that is not in view.
    const level = pointer?.y;
    const at = pointer ? across(pointer.ordinal) : NaN;
    const inside = at >= area.left && at <= area.right && !(level < area.top || level > area.end);
    for (const { group } of [this.priceChip, this.timeChip]) set(group, { visibility: "hidden" });
    this.timeSpan = [NaN, NaN];
    if (!inside) {
      set(paths.cross, { d: "" });
      return;
    }
    const x = Math.round(at) + 0.5;
    const y = Math.round(level) + 0.5;
    const flat = Number.isFinite(y) ? `M${area.left} ${y}H${area.right}` : "";
    set(paths.cross, { d: `M${x} ${area.top}V${area.end}${flat}`, stroke: colours.muted });
    const look = { fill: colours.chip, text: colours.text };
    if (level <= area.bottom) {
      const { tick } = this.chart.look;
      const exact = value(full.yaxis, full.yaxis._offset * 2 + full.yaxis._length - level);
      // A price that can be traded, as an order would have it.
      const price = tick > 0 ? Math.round(exact / tick) * tick : exact;
      this.chips.push(y);
      this.putChip(this.priceChip, area.right, y - 9, full.width - area.right - 8, 18, this.prices.format(price), look);
    }
    const bar = Math.min(Math.max(pointer.ordinal, this.bars.first), this.bars.end - 1);
    const ms = this.bars.at(bar, TIME);
    const words = this.chart.zone.full(ms, ms % 60_000 !== 0);
    const wide = 6.2 * words.length + 8;
    const left = Math.min(Math.max(x - wide / 2, area.left), area.right - wide);
    this.timeSpan = [left, left + wide];
    this.putChip(this.timeChip, left, area.end + 3, wide, 18, words, look);
  },

  // -- colours ----------------------------------------------------------------------------------------

  /** Take the colours of the page's theme into the figure, except where the user chose others. */
  colour() {
    const { look } = this.chart;
    const name = look.follows_page ? pageTheme() : look.theme;
    const [old, now] = [this.colouring, look.themes[name]];
    this.theme = name;
    this.colouring = now;
    if (look.follows_page) this.chart.tellTheme(name);
    const { gd } = this;
    const change = (target, was, will) => {
      for (const [path, value] of Object.entries(will)) {
        if (JSON.stringify(getAt(target, path)) === JSON.stringify(was[path])) setAt(target, path, value);
      }
    };
    change(gd.layout, old.layout, now.layout);
    this.colourDrawn(look.themes, now.colours);
    for (const uid of Object.keys(now.traces)) {
      const trace = gd.data[this.place(uid)];
      if (trace) change(trace, old.traces[uid], now.traces[uid]);
    }
    this.colours = now.colours;
    this.prices = numberFormat(look.decimals);
    this.volumes = numberFormat(look.volume_decimals);
    for (const part of ["text", "muted", "grid", "background"]) {
      gd.style.setProperty(`--mdnb-${part}`, now.colours[part]);
    }
    this.colourBars();
  },

  /** Draw our bars in the colours of plotly's. */
  colourBars() {
    const now = { colours: this.colours };
    const candles = this.gd.data[this.place("mdnb-candles")] ?? {};
    const side = (path, otherwise) => getAt(candles, path) ?? otherwise;
    const [up, down] = [now.colours.up, now.colours.down];
    const { paths } = this;
    const hollow = this.chart.look.kind === "ohlc";
    for (const [name, sign, own] of [["up", "increasing", up], ["down", "decreasing", down]]) {
      const fill = hollow ? "none" : side(`${sign}.fillcolor`, own);
      set(paths[name], { fill, stroke: side(`${sign}.line.color`, own), "stroke-width": hollow ? 1.5 : 1 });
    }
    set(paths.close, { stroke: side("line.color", this.accent(0)) });
    set(paths.area, { fill: side("fillcolor", "none") });
    set(paths.volumeUp, { fill: now.colours.volume_up });
    set(paths.volumeDown, { fill: now.colours.volume_down });
  },
};
