// A view: one place on the page that shows the figure. Plotly draws axes, closed bars and whatever the user
// added; above it lies an SVG of our own with the bars that plotly has not drawn yet (at least the one being
// made), the last price and the crosshair. A tick touches nothing else.
//
// The view puts its parts together and says when they draw; each part holds its own state.

import { SVG, html, set, svg } from "../page/dom.js";
import { onPageTheme } from "../page/page_theme.js";
import { AnnotationLayers } from "./annotation_layers.js";
import { Appearance } from "./appearance.js";
import { AxisHands } from "./axis_hands.js";
import { AxisNumbers } from "./axis_numbers.js";
import { BarLayer } from "./bar_layer.js";
import { ordinalAt, placeOfTime } from "./bar_times.js";
import { CLOSE, TIME } from "./bars.js";
import { Crosshair } from "./crosshair.js";
import { DRAWING_STRIP_STYLE, DrawingStrip } from "./drawing_strip.js";
import { DrawingTools } from "./drawing_tools.js";
import { traceIndex } from "./figure.js";
import { FirstPaint } from "./first_paint.js";
import { Indicators } from "./indicators.js";
import { Keyboard } from "./keyboard.js";
import { LastPrice } from "./last_price.js";
import { Legend } from "./legend.js";
import { LineLabels } from "./line_labels.js";
import { shareCross, shareLatest, shareRange } from "./linking.js";
import { OwnTraces } from "./own_traces.js";
import { Panes } from "./panes.js";
import { PercentAxis } from "./percent_axis.js";
import { PlotArea } from "./plot_area.js";
import { PlotlyEvents } from "./plotly_events.js";
import { PLOTLY_STYLE, figureSize, readAxes } from "./plotly_private.js";
import { PlotlySync } from "./plotly_sync.js";
import { EDITS } from "./python_edits.js";
import { PriceLabels } from "./price_labels.js";
import { Separators } from "./separators.js";
import { TEXT_ENTRY_STYLE } from "./text_entry.js";
import { TOAST_STYLE, Toasts } from "./toasts.js";
import { TOOLBAR_STYLE, Toolbar } from "./toolbar.js";
import { TouchHands } from "./touch_hands.js";
import { VIEW_STYLE } from "./view_style.js";
import { VIEW_STRIP_STYLE, ViewStrip } from "./view_strip.js";
import { LEAST_SPAN, PADDING, Viewport } from "./viewport.js";
import { ZoneLabel } from "./zone_label.js";

/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./price_ranges.js").Range} Range */
/** @typedef {import("./python_edits.js").PythonEdit} PythonEdit */
/** @typedef {import("../types").Alert} Alert */
/** @typedef {import("../types").PlotlyDiv} PlotlyDiv */
/** @typedef {import("../types").Shape} Shape */

const STYLE = [
  VIEW_STYLE, PLOTLY_STYLE, TOOLBAR_STYLE, DRAWING_STRIP_STYLE, VIEW_STRIP_STYLE, TEXT_ENTRY_STYLE, TOAST_STYLE,
].join("");
const DAY_MS = 86_400_000;

export class View {
  /**
   * @param {Chart} chart
   * @param {HTMLElement} el
   */
  constructor(chart, el) {
    this.chart = chart;
    this.el = el;
    this.id = crypto.randomUUID?.() ?? String(Math.random());
    this.visible = true;
    this.closed = false;
    /** How often a tick's part was drawn. */
    this.drawn = 0;
    /** Whether something waits for the next frame. */
    this.due = false;
    /** @type {number | undefined} the frame that was asked for */
    this.frame = undefined;
    /** Whether it takes the whole screen. */
    this.isFull = false;
    /** What was said last to those who do not see the figure: after how many fits. */
    this.describedAt = -1;
    /** @type {(() => void)[]} */
    this.cleanups = [];

    html(el, "style", {}, STYLE);
    const gd = (this.gd = /** @type {PlotlyDiv} */ (html(el, "div", { class: "mdnb-chart", tabindex: 0, role: "figure" })));
    gd.__mdnb = this;
    Object.assign(gd, { data: [], layout: {} });
    const over = (this.over = document.createElementNS(SVG, "svg"));
    over.classList.add("mdnb-over");
    const defs = svg(over, "defs");
    // What lies above what: the later ones.
    const layer = () => svg(over, "g");
    const [separators, axes, layers, cross, shapes, levels, marks, chips] = Array.from({ length: 8 }, layer);
    set(axes, { "font-size": 11 });
    set(marks, { class: "mdnb-signs" });

    const { id } = this;
    const measured = () => this.measured();
    const moved = () => this.moved();
    const area = (this.area = new PlotArea());
    const appearance = (this.appearance = new Appearance({ chart, gd }));
    const numbers = (this.numbers = new AxisNumbers({ gd, area }));
    const viewport = (this.viewport = new Viewport({ chart, gd }));
    this.percent = new PercentAxis({ chart, appearance });
    this.zoneLabel = new ZoneLabel({ chart, area, appearance, group: chips });
    this.panes = new Panes({ area, defs, layers, id });
    this.separators = new Separators({ chart, area, appearance, group: separators });
    this.firstPaint = new FirstPaint({ gd, el, area, appearance, group: axes });
    this.barLayer = new BarLayer({ chart, gd, area, appearance });
    this.indicators = new Indicators({ chart, gd, area, appearance });
    this.ownTraces = new OwnTraces({ gd, area, appearance, labels: this.indicators.labels });
    const labels = (this.priceLabels = new PriceLabels({ area, appearance, numbers, group: levels }));
    this.lastPrice = new LastPrice({ chart, area, appearance, labels, chips });
    this.lineLabels = new LineLabels({
      chart, area, appearance, labels,
      indicators: this.indicators,
      chips: levels,
    });
    this.annotations = new AnnotationLayers({ chart, area, appearance, labels, group: marks, id });
    this.legend = new Legend({ chart, area, appearance });
    this.toasts = new Toasts({ chart, appearance });
    this.crosshair = new Crosshair({
      chart, gd, area, appearance, numbers, cross, chips, measured, moved,
      share: () => shareCross(this),
    });
    this.sync = new PlotlySync({
      chart, gd, el, viewport,
      indicators: this.indicators,
      separators: this.separators,
      percent: this.percent,
      isPointed: () => this.crosshair.pointer !== null,
      fitted: () => this.showLatest(),
      redrawn: () => {
        this.crosshair.pointAnew();
        // In the same frame: what is ours stands by plotly's axes, which have moved.
        this.draw();
      },
    });
    this.events = new PlotlyEvents({
      gd, viewport,
      sync: this.sync,
      tell: (trait, value) => chart.tell(trait, value),
      report: (trait, message) => this.report(trait, message),
      moved: (fit) => this.moved(fit),
      redrawn: () => {
        this.attach();
        this.moved();
      },
      released: () => this.resize(),
      goLatest: () => this.goLatest(),
      shareRange: (done) => shareRange(this, done),
    });
    this.toolbar = new Toolbar({
      area,
      modes: chart.modes,
      entered: () => this.crosshair.leave(),
      actions: {
        pause: () => chart.modes.toggle(),
        replay: () => this.replayFrom(viewport.range[0]),
        step: () => chart.modes.step(),
        slower: () => chart.modes.hurry(false),
        faster: () => chart.modes.hurry(true),
        live: () => this.goLive(),
      },
    });
    this.drawingStrip = new DrawingStrip({
      area,
      entered: () => this.crosshair.leave(),
      actions: {
        take: (tool, byKeyboard) => this.tools.take(tool, byKeyboard),
        magnet: () => this.tools.toggleMagnet(),
        undo: () => this.tools.undo(false),
        remove: () => this.tools.remove(),
        clear: () => this.tools.clear(),
      },
    });
    this.tools = new DrawingTools({
      chart, gd, area, appearance, labels, shapes, id, measured, moved,
      chips: levels,
      isReady: () => this.ready,
      keepOff: () => this.sync.keepOff(),
      commit: (drawn) => this.commit(drawn),
      showTool: (tool) => this.drawingStrip.showTool(tool),
      showMagnet: (on) => this.drawingStrip.showMagnet(on),
      showSteps: (canUndo, isPicked) => this.drawingStrip.showSteps(canUndo, isPicked),
      focus: () => this.keyboard.take(),
      pointer: () => this.crosshair.pointer,
    });
    this.keyboard = new Keyboard({
      gd,
      isReady: () => this.ready,
      entered: () => this.describe(),
      actions: {
        drawn: (key, shift) => this.tools.press(key, shift),
        undo: (again) => this.tools.undo(again),
        toggle: () => chart.modes.toggle(),
        replay: () => this.replayFrom(this.crosshair.pointer?.ordinal ?? viewport.range[0]),
        shift: (share, zoom) => this.shift(share, zoom),
        latest: () => {
          if (chart.modes.name === "live") this.goLatest();
          else this.goLive();
        },
        live: () => {
          if (chart.modes.name === "live") return false;
          this.goLive();
          return true;
        },
      },
    });
    this.hands = new AxisHands({
      area, measured,
      bars: () => viewport.range,
      prices: () => viewport.shownPrices(),
      zoom: (bars, prices, done) => this.zoom(bars, prices, done),
      forget: (axis) => this.forget(axis),
      entered: () => this.crosshair.leave(),
    });
    this.touch = new TouchHands({
      gd, measured,
      bars: () => viewport.range,
      prices: () => viewport.shownPrices(),
      zoom: (bars, prices, done) => this.zoom(bars, prices, done),
    });
    this.strip = new ViewStrip({
      area,
      entered: () => this.crosshair.leave(),
      isPercent: () => this.percent.on,
      actions: {
        back: (days) => this.showBack(days),
        goTo: (local) => this.goTo(chart.zone.instant(local)),
        log: (on) => this.setLog(on),
        percent: (on) => this.setPercent(on),
        full: (on) => void (on ? gd.requestFullscreen() : document.exitFullscreen()),
        leave: () => this.keyboard.take(),
      },
    });
    this.latest = document.createElement("button");
    set(this.latest, { class: "mdnb-latest", title: "Go to the latest bar", type: "button" });
    this.latest.textContent = "»";
    this.latest.addEventListener("click", () => this.goLatest());
    this.tools.listen();
    this.rebuild();
    this.describe();
    chart.views.add(this);
    chart.tellVisible();
  }

  async open() {
    const { chart } = this;
    this.watch();
    this.adopt();
    if (!chart.plotly.there && this.firstPaint.canShow) this.paintFirst();
    chart.hurry();
    const plotly = await chart.plotly;
    if (this.closed) return;
    this.adopt();
    await this.sync.begin(plotly);
    this.firstPaint.end();
    this.sync.ready = true;
    this.cleanups.push(this.events.listen());
    this.crosshair.listen();
    this.attach();
    this.sync.fits += 1;
    this.showLatest();
    this.resize();
    this.moved();
  }

  /** Show the bars without plotly. */
  paintFirst() {
    this.attach();
    this.showLatest();
    this.firstPaint.begin();
    this.moved();
  }

  /** Take the chart's figure as it is now. */
  adopt() {
    this.takeFigure();
    const { xaxis, yaxis } = this.gd.layout;
    this.viewport.take(xaxis?.range, yaxis?.range);
    this.colour();
  }

  takeFigure() {
    Object.assign(this.gd, structuredClone({ data: this.chart.data, layout: this.chart.layout }));
    this.appearance.restart();
  }

  /** Make what depends on panes and lines anew. */
  rebuild() {
    this.panes.rebuild(this.indicators.panes);
    this.indicators.rebuild(this.panes);
    this.barLayer.rebuild(this.panes);
    this.lastPrice.rebuild(this.panes);
  }

  /** Put what is ours into the figure; plotly leaves it there, except when it begins anew. */
  attach() {
    if (this.over.parentNode === this.gd) return;
    const { legend, indicators, toasts, toolbar } = this;
    const texts = [indicators.labels, legend.line, legend.badge];
    const buttons = [toolbar.node, this.drawingStrip.node, this.strip.node, this.latest];
    this.gd.append(this.over, this.hands.node, ...texts, ...buttons, toasts.node);
  }

  watch() {
    const resized = new ResizeObserver(() => this.resize());
    resized.observe(this.el);
    const seen = new IntersectionObserver((entries) => {
      this.visible = Boolean(entries.at(-1)?.isIntersecting);
      this.chart.tellVisible();
    });
    seen.observe(this.el);
    const counting = setInterval(() => {
      if (this.visible && this.chart.closes) this.moved();
    }, 1000);
    const full = () => this.fillScreen();
    document.addEventListener("fullscreenchange", full);
    this.cleanups.push(
      () => document.removeEventListener("fullscreenchange", full),
      () => clearInterval(counting),
      () => resized.disconnect(),
      () => seen.disconnect(),
      () => this.toasts.clear(),
      () => this.hands.close(),
      () => this.touch.close(),
      onPageTheme(() => this.paint()),
    );
  }

  /** Fill the cell: it may have changed its width while plotly was on its way, and any time later. */
  resize() {
    const width = this.el.clientWidth;
    const { plotly } = this.sync;
    if (!plotly || !this.ready || this.closed) return;
    if (!width || this.gd.layout.width || width === figureSize(this.gd).width) return;
    if (this.events.pressed) return; // until it is released: plotly would lose what is dragged
    this.sync.hush(plotly.relayout(this.gd, { autosize: true })).then(() => this.moved(true));
  }

  close() {
    this.closed = true;
    this.chart.views.delete(this);
    this.cleanups.forEach((clean) => clean());
    this.sync.close();
    this.chart.tellVisible();
  }

  // -- what is in view --------------------------------------------------------------------------------

  get bars() {
    return this.chart.modes.shown;
  }

  get ready() {
    return this.sync.ready;
  }

  /** Whether there is something to draw on; not while plotly draws for the first time. */
  get shows() {
    return this.ready || (this.firstPaint.shows && !this.sync.plotly);
  }

  /** The first ordinal in view; undefined before there is any. */
  get firstOrdinal() {
    const left = Math.ceil(this.viewport.range[0]);
    return Number.isFinite(left) ? left : undefined;
  }

  /**
   * Return where a trace of ours is now; -1 where the user took it out.
   * @param {string} uid
   */
  place(uid) {
    return traceIndex(this.gd, uid);
  }

  /** Return the area with its axes where they are now. */
  measured() {
    if (!this.firstPaint.shows) readAxes(this.gd, this.area);
    return this.area;
  }

  /**
   * Show another figure: other traces, panes and bars.
   * @param {boolean} other bars of another timeframe or symbol
   */
  async remake(other) {
    if (!this.shows) return;
    this.takeFigure();
    this.rebuild();
    // Bars of another timeframe have other numbers.
    if (other) this.goLatest();
    else this.viewport.retake();
    this.sync.topVolume = 0;
    this.viewport.forgetPrices();
    this.colour();
    if (this.firstPaint.shows) {
      this.moved();
      return;
    }
    await this.sync.replace();
    this.attach();
    this.moved(true);
  }

  /** Show other bars than before: another timeframe, or the same ones after a change of history. */
  restart() {
    this.viewport.retake();
    this.sync.restart();
    this.viewport.forgetPrices();
    this.paint();
    this.moved(true);
  }

  /**
   * Bars from an ordinal on are no longer what plotly drew: those in view are drawn anew, wherever it is.
   * @param {number} first
   */
  amended(first) {
    this.sync.amended(first);
    if (first <= this.viewport.range[1]) this.moved(true);
  }

  /** The chart is live, paused or replays now. */
  modeChanged() {
    this.sync.nextFit = 0;
    this.toolbar.showMode();
    this.describe();
    this.moved(true);
  }

  // -- going elsewhere --------------------------------------------------------------------------------

  /** Show the bars that are in view now, whatever comes. */
  stay() {
    this.viewport.follow = false;
    this.viewport.tell();
    this.moved(true);
  }

  /**
   * Go to the newest bar and along with it.
   * @param {boolean} [share] with linked charts
   */
  goLatest(share = true) {
    const { isChosen } = this.viewport;
    this.events.overtake();
    this.viewport.take(null, null);
    this.moved(true);
    if (isChosen) this.forgetRanges();
    if (share) shareLatest(this);
  }

  /** Go to the newest bar shown and along with it, as far zoomed as it is. */
  goNewest() {
    const { isChosen } = this.viewport;
    this.events.overtake();
    this.viewport.followOn();
    if (isChosen) this.forgetRanges();
  }

  /** Tell the kernel that no range is chosen any more. */
  forgetRanges() {
    this.report("_js2py_relayout", { relayout_data: { "xaxis.range": null, "yaxis.range": null } });
  }

  /** Show the present. */
  goLive() {
    this.chart.modes.resume();
    this.goLatest();
  }

  /** @param {number} ordinal */
  replayFrom(ordinal) {
    const { bars, modes } = this.chart;
    const from = Math.min(Math.max(Math.ceil(ordinal), bars.first), bars.end - 1);
    modes.replay(bars.at(from, TIME));
  }

  /**
   * Pan by a share of what is in view, and zoom: around the newest bar while it is followed.
   * @param {number} share
   * @param {number} zoom
   */
  shift(share, zoom) {
    const { viewport } = this;
    const [a, b] = viewport.range;
    const span = Math.min(Math.max((b - a) * zoom, 5), 2 * Math.max(this.bars.count, LEAST_SPAN));
    const still = viewport.follow ? b : this.crosshair.pointer?.ordinal ?? (a + b) / 2;
    const left = still - ((still - a) / (b - a)) * span + share * span;
    const range = [left, left + span];
    this.events.overtake();
    viewport.take(range, viewport.givenPrices());
    this.sync.nextFit = 0;
    this.moved(true);
    this.report("_js2py_relayout", { relayout_data: { "xaxis.range": range } });
  }

  /**
   * Show other bars, or other prices, as hands on the axes choose them.
   * @param {Range | null} bars ordinals at the edges
   * @param {Range | null} prices as their axis counts
   * @param {boolean} done whether the hand has let go: until then the kernel need not know
   */
  zoom(bars, prices, done) {
    const { viewport } = this;
    this.events.overtake();
    if (bars) viewport.take(bars, viewport.givenPrices());
    if (prices) viewport.choosePrices(prices);
    this.sync.nextFit = 0;
    this.moved(true);
    if (bars) shareRange(this, done);
    if (!done) return;
    /** @type {Record<string, Range>} */
    const ranges = { ...(bars && { "xaxis.range": bars }), ...(prices && { "yaxis.range": viewport.wayUp(prices) }) };
    this.report("_js2py_relayout", { relayout_data: ranges });
  }

  /**
   * Show the newest trading days, and go along with the newest bar.
   * @param {number} days all bars where they are endless
   */
  showBack(days) {
    const { bars } = this;
    if (!bars.count) return;
    const { sessions } = this.chart.look;
    const newest = bars.at(bars.end - 1, TIME);
    const opened = sessions.filter((open) => open <= newest).at(-days);
    // Where nothing tells when a day begins, it is so many times 24 hours.
    const since = Number.isFinite(days) ? opened ?? (sessions.length ? -Infinity : newest - days * DAY_MS) : -Infinity;
    const left = Math.max(Math.ceil(placeOfTime(bars, Math.max(since, bars.at(bars.first, TIME)))), bars.first);
    this.zoom([left - 1, bars.end - 1 + PADDING], null, true);
  }

  /**
   * Show the bar of an instant in the middle, as far zoomed as it is; the first or the last one beyond them.
   * @param {number} ms
   */
  goTo(ms) {
    const { bars, viewport } = this;
    if (!bars.count) return;
    const at = Math.min(Math.max(ordinalAt(bars, ms), bars.first), bars.end - 1);
    const half = (viewport.range[1] - viewport.range[0]) / 2;
    this.zoom([at - half, at + half], null, true);
  }

  /**
   * Make the axis of prices logarithmic, or linear, in all of the page's views.
   * @param {boolean} on
   */
  setLog(on) {
    const edit = { relayout_data: { "yaxis.type": on ? "log" : "linear" } };
    EDITS.relayout.keep(this.chart, structuredClone(edit));
    const { show, ranges } = EDITS.relayout;
    for (const view of this.chart.views) if (show) view.edit(show, structuredClone(edit), ranges);
    this.report("_js2py_relayout", edit);
  }

  /**
   * Count prices in per cent of the first bar in view, or as they are.
   * @param {boolean} on
   */
  setPercent(on) {
    this.percent.on = on;
    this.sync.nextFit = 0;
    this.moved(true);
  }

  /** The chart takes the whole screen, or its place in the page again. */
  fillScreen() {
    const { gd, sync } = this;
    const full = document.fullscreenElement === gd;
    if (full === this.isFull || !sync.plotly) return;
    this.isFull = full;
    const { height, width } = this.chart.layout;
    const size = full
      ? { width: window.innerWidth, height: window.innerHeight }
      : { width: width ?? null, height: height ?? null, autosize: !width };
    sync.hush(sync.plotly.relayout(gd, size)).then(() => this.moved(true));
  }

  /**
   * Let an axis find its range by itself again.
   * @param {"bars" | "prices"} axis
   */
  forget(axis) {
    const { viewport } = this;
    this.events.overtake();
    if (axis === "bars") viewport.take(null, viewport.givenPrices());
    else viewport.choosePrices(null);
    this.sync.nextFit = 0;
    this.moved(true);
    const name = axis === "bars" ? "xaxis.range" : "yaxis.range";
    this.report("_js2py_relayout", { relayout_data: { [name]: null } });
    if (axis === "bars") shareLatest(this);
  }

  // -- drawing a tick -----------------------------------------------------------------------------------

  /** A tick came: the first one of a frame is drawn at once, which makes the frame shorter, the others with it. */
  ticked() {
    if (this.ready && !this.frame) {
      this.draw();
      this.awaitFrame();
      this.sync.moved(false);
    } else this.moved();
  }

  /**
   * Something moved: draw with the next frame, and let plotly draw if it has to.
   * @param {boolean} [fit] whether it has to in any case
   */
  moved(fit = false) {
    if (!this.shows) return;
    this.due = true;
    this.awaitFrame();
    if (!this.firstPaint.shows) this.sync.moved(fit);
  }

  awaitFrame() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      if (this.due && !this.closed && this.shows) this.draw();
      this.due = false;
    });
  }

  draw() {
    const { area, firstPaint, sync } = this;
    if (firstPaint.shows) this.fitFirst();
    else if (!readAxes(this.gd, area)) return;
    if (!this.bars.count) return;
    this.numbers.begin();
    this.priceLabels.begin();
    this.panes.cut();
    if (firstPaint.shows) firstPaint.draw();
    this.separators.draw();
    this.zoneLabel.draw(this.viewport.range[1]);
    this.barLayer.draw(sync);
    this.indicators.draw(sync);
    this.toolbar.draw();
    this.drawingStrip.draw();
    this.hands.draw();
    this.strip.draw();
    this.describeAnew();
    this.tools.draw();
    this.lineLabels.draw();
    this.annotations.draw(sync.size);
    this.lastPrice.draw();
    this.priceLabels.draw();
    this.ownTraces.draw(this.crosshair.bar, this.indicators.drawLabels(this.crosshair.bar));
    this.legend.draw(this.crosshair.bar);
    this.gd.classList.toggle("mdnb-gone", Boolean(this.chart.kernel.ended));
    this.crosshair.draw();
    this.numbers.draw();
    set(this.latest, { style: `left:${area.right - 36}px;top:${area.bottom - 36}px` });
    this.drawn += 1;
  }

  /** Fit everything to the bars of now, and leave none of them to plotly. */
  fitFirst() {
    this.sync.fit();
    this.sync.drawnTo = 0;
    this.firstPaint.layOut();
  }

  showLatest() {
    this.latest.hidden = this.viewport.follow;
  }

  /** Take the page's colours, and draw. */
  paint() {
    if (!this.shows) return;
    this.colour();
    this.sync.nextFit = 0;
    this.moved(true);
  }

  colour() {
    this.appearance.apply();
    this.tools.colour();
    this.barLayer.colour();
    this.toasts.colour();
  }

  /** Say what the figure shows to those who do not see it. */
  describe() {
    const { bars, chart } = this;
    const price = bars.count ? `, last price ${this.appearance.prices.format(bars.at(bars.end - 1, CLOSE))}` : "";
    const { symbol, timeframe } = chart.look;
    set(this.gd, { "aria-label": `${symbol}, ${timeframe} chart${price}, ${chart.modes.name}` });
  }

  /** Say it again where plotly drew since: with each tick it would be read without end. */
  describeAnew() {
    if (this.describedAt === this.sync.fits) return;
    this.describedAt = this.sync.fits;
    this.describe();
  }

  /**
   * Say that alerts fired.
   * @param {Alert[]} alerts
   */
  tellFired(alerts) {
    if (this.ready) this.toasts.tell(alerts);
  }

  // -- the user, and Python -----------------------------------------------------------------------------

  /**
   * Tell the kernel what the user did to the figure.
   * @param {string} trait
   * @param {any} message
   */
  report(trait, message) {
    const told = { ...message, source_view_id: this.id };
    // Not as a trait: of that a busy kernel gets the newest value only, and a zoom would undo what was drawn before.
    if (trait === "_js2py_relayout") this.chart.say({ kind: "relayout", told });
    else this.chart.tell(trait, told);
  }

  /**
   * Put other shapes in place, here, in the page's other views, and in Python.
   * @param {Shape[]} shapes
   */
  commit(shapes) {
    const edit = { relayout_data: { shapes } };
    EDITS.relayout.keep(this.chart, structuredClone(edit));
    for (const { gd, ready, sync } of this.chart.views) {
      if (ready) sync.hush(sync.plotly?.relayout(gd, structuredClone(edit.relayout_data)));
    }
    this.report("_js2py_relayout", { ...edit, drawn: true });
  }

  /**
   * Show an edit of Python's.
   * @param {NonNullable<PythonEdit["show"]>} show
   * @param {any} edit
   * @param {PythonEdit["ranges"]} ranges
   */
  async edit(show, edit, ranges) {
    const { plotly } = this.sync;
    if (!plotly || !this.ready || edit.source_view_id === this.id) return;
    await this.sync.hush(show(plotly, this.gd, edit));
    const changed = ranges ? Object.keys(ranges(edit) ?? {}) : [];
    /** @param {string} axis */
    const touched = (axis) => changed.some((name) => name === axis || name.startsWith(`${axis}.range`));
    if (touched("xaxis") || touched("yaxis")) {
      const { xaxis, yaxis } = this.chart.layout;
      this.events.overtake();
      this.viewport.take(xaxis?.range, yaxis?.range);
    } else if (changed.includes("yaxis.type") && this.viewport.givenPrices()) {
      // Plotly turned the chosen range into one of the new axis; Python's layout has the one of before.
      this.report("_js2py_relayout", { relayout_data: { "yaxis.range": this.viewport.givenPrices() } });
    }
    this.paint();
  }
}
