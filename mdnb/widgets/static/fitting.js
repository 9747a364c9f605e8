// What plotly draws of a view: bars that are closed, lines, ranges and labels. That is slow, so it is seldom done:
// some time after a bar was closed, when prices leave the range, when the user moved; and for one chart a frame.

const PIXELS_A_CANDLE = 2.6;
const REST_MS = 1000;
const MOST_UNDRAWN = 30; // candles
const TOP_MARGIN = 30; // as in Python

const DUE = new Set(); // views of this page that wait for plotly
let turning = false;

/** Let plotly draw a view after one of the next frames: ten at once would hold up the page. */
function takeTurn(view) {
  DUE.add(view);
  if (turning) return;
  turning = true;
  requestAnimationFrame(afterFrame);
}

/** What we draw of a tick is seen before plotly begins: a task that a frame's callback sets comes after the frame. */
function afterFrame() {
  setTimeout(() => {
    const [view] = DUE;
    DUE.delete(view);
    turning = DUE.size > 0;
    if (turning) requestAnimationFrame(afterFrame);
    view.fitInTurn();
  });
}

/** Return each column's colour, out of its trace's scale: of those that fell, and of those that rose. Not a number
 * for it, as in Python: plotly takes the nought of those that fell for none, and complains at length. */
function bySide(trace, values, floor) {
  const scale = trace.marker.colorscale;
  const [down, up] = [scale[0][1], scale.at(-1)[1]];
  return Array.from(values, (value, i) => (value >= floor(i) ? up : down));
}

/** Methods of a `View`. */
const FITTING = {
  /** Give plotly the bars, the ranges and the labels of what is in view. */
  fit() {
    const { bars, gd } = this;
    const layout = gd.layout;
    layout.xaxis ??= {};
    layout.yaxis ??= {};
    this.fitTitle(layout);
    if (this.follow) {
      const right = bars.end - 1 + this.pad;
      this.range = [right - this.span, right];
    } else if (this.isGone) {
      // A chart left at its oldest bars goes on at those that are the oldest now.
      const left = bars.first - 1;
      this.range = [left, left + this.range[1] - this.range[0]];
      this.tellFollows();
    }
    const [a, b] = this.range;
    this.hadBars ||= b >= bars.first && a < bars.end;
    const width = (this.el.clientWidth || 900) - 90;
    this.size = Math.max(1, Math.ceil(((b - a) * PIXELS_A_CANDLE) / width));
    // Plotly gets whole groups of closed bars; the group in the making is ours.
    const closed = bars.end - (bars.forming ? 1 : 0);
    this.drawnTo = Math.floor(closed / this.size) * this.size;
    const more = (b - a) / 2;
    const from = Math.floor((a - more) / this.size) * this.size;
    this.giveBars(from, Math.min(Math.ceil(b + more), this.drawnTo));
    this.fitSeparators(a - more, b + more);
    layout.xaxis.range = [a, b];
    layout.xaxis.autorange = false;
    const ticks = timeTicks(bars, this.chart.zone, a - more, b + more, 2 * Math.max(3, Math.round(width / 110)));
    Object.assign(layout.xaxis, { tickmode: "array" }, ticks);
    this.fitHeights(a, b);
  },

  /** Take a range of prices, or one end of it: the other is where the bars end. */
  takePrices(y) {
    const prices = Array.from(y ?? [], (end) => {
      const price = end === null ? NaN : toPrice(this.gd.layout.yaxis, Number(end));
      return Number.isFinite(price) ? price : null;
    });
    const given = prices.filter((price) => price !== null).length;
    this.fixedY = given === 2;
    this.yRange = given === 2 ? prices : null;
    this.yEnds = given === 1 ? prices : null;
  },

  /** Return the range of prices that somebody chose, as the axis has it; null where none was. */
  givenPrices() {
    const ends = this.fixedY ? this.yRange : this.yEnds;
    return ends && ends.map((price) => (price === null ? null : toAxis(this.gd.layout.yaxis, price)));
  },

  /** A title moves the plot down, and our legend line is between them: not where the user says how far. */
  fitTitle(layout) {
    if (this.chart.layout.margin?.t !== TOP_MARGIN) return;
    const { text, font } = layout.title ?? {};
    const own = this.chart.layout.title;
    const size = font?.size ?? 1.4 * (layout.font?.size ?? 12); // plotly's
    const lines = text ? String(text).split(/<br *\/?>/).length : 0;
    // Plotly places several lines by the first one's foot, a single one by its head.
    const pad = { l: 10, t: lines > 1 ? 8 + 0.7 * size : 8 };
    if (lines) layout.title = { x: 0, y: 1, yanchor: "top", ...own, pad: { ...pad, ...own?.pad } };
    layout.margin = { ...layout.margin, t: lines ? TOP_MARGIN + 8 + 1.3 * size * lines : TOP_MARGIN };
  },

  giveBars(from, to) {
    const { bars, chart, size } = this;
    const groups = (this.groups = bars.merge(from, to, size));
    const drawn = chart.base === OPEN ? groups : bars.merge(from, to, size, chart.base);
    const candles = this.gd.data[this.place("mdnb-candles")];
    const { at, open, high, low, close } = drawn;
    // Plotly colours a bar without a body by the close before it; ours rise, as their volume does.
    const rising = close.map((value, i) => (value === open[i] ? value + (Math.abs(value) || 1) * 1e-12 : value));
    const prices = candles?.type === "scatter" ? { y: close } : { open, high, low, close: rising };
    if (candles) Object.assign(candles, { x: at, ...prices });
    this.giveSeries(groups);
    const volumes = this.gd.data[this.place("mdnb-volume")];
    if (!volumes) return;
    Object.assign(volumes, { x: at, y: groups.volume });
    volumes.marker = { ...volumes.marker, color: bySide(volumes, groups.close, (i) => groups.open[i]) };
  },

  fitHeights(a, b) {
    const { layout } = this.gd;
    const [from, to] = [Math.ceil(a), Math.floor(b) + 1];
    const over = this.series.filter((line) => line.axis === "yaxis").map((line) => line.at);
    const { base } = this.chart;
    const { low, high } = this.bars.extremes(from, to, [base + 1, base + 2, ...over]);
    this.fitPanes(a, b);
    if (!(high >= low)) return;
    const made = isLog(layout.yaxis) ? logPriceRange : priceRange;
    if (!this.fixedY) this.yRange = made(low, high, this.yRange);
    const ends = this.yRange.map((price, i) => toAxis(layout.yaxis, this.yEnds?.[i] ?? price));
    const reversed = !this.fixedY && String(this.chart.layout.yaxis?.autorange).includes("reversed");
    layout.yaxis.range = reversed ? ends.reverse() : ends;
    layout.yaxis.autorange = false;
    if (!layout.yaxis2) return;
    const most = Math.max(this.bars.extremes(from, to, [VOLUME]).high, 0);
    const tall = most * (this.size > 1 ? this.groupPeak(a, b, most) : 1);
    if (!(tall <= this.topVolume && this.topVolume < 2.5 * tall)) this.topVolume = tall * 1.12 || 1;
    layout.yaxis2.range = [0, this.topVolume];
    layout.yaxis2.autorange = false;
  },

  /** Return how many times the tallest bar the tallest group in view is. */
  groupPeak(a, b, most) {
    let peak = most;
    this.groups?.at.forEach((at, i) => {
      if (at >= a && at <= b) peak = Math.max(peak, this.groups.volume[i]);
    });
    return peak / (most || 1);
  },

  /** Let plotly draw anew, seldom enough that a slow page keeps up, and never under the user's hand. */
  fitSoon() {
    if (this.fitTimer || this.closed) return;
    const pause = Math.max(0, this.nextFit - performance.now(), this.busyUntil - performance.now() || 0);
    this.fitTimer = setTimeout(() => takeTurn(this), pause);
  },

  /** Return how many groups of closed bars plotly has not drawn. */
  undrawn() {
    const { bars, drawnTo, size } = this;
    return Math.floor((bars.end - (bars.forming ? 1 : 0) - drawnTo) / size);
  },

  /** Let plotly draw the bars that were closed once none was for a second, and until then we draw them. Where
   * somebody points, it is asked what bar that is: it rests for a second and no more. */
  fitLater() {
    const { pointer, bars } = this;
    if (this.later && (pointer || this.laterFor === bars.end)) return;
    clearTimeout(this.later);
    this.laterFor = bars.end;
    const now = performance.now();
    this.later = setTimeout(() => {
      this.later = 0;
      if (this.undrawn() > 0) this.fitSoon();
    }, Math.max(0, (pointer ? this.fittedAt : now) + this.restMs - now));
  },

  fitInTurn() {
    this.fitTimer = 0;
    if (this.gd._dragging || performance.now() < this.busyUntil) this.fitSoon();
    else this.fitNow();
  },

  async fitNow() {
    if (!this.ready || this.closed) return;
    const began = performance.now();
    this.fit();
    this.latest.hidden = this.follow;
    await this.hush(this.plotly.redraw(this.gd));
    if (this.closed) return;
    this.pointAnew();
    // In the same frame: what is ours stands by plotly's axes, which have moved.
    this.draw();
    const ended = performance.now();
    this.fitMs = ended - began;
    this.fits += 1;
    this.fittedAt = ended;
    this.nextFit = ended + Math.max(120, 3 * this.fitMs);
  },
};
