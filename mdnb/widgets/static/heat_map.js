// The front end of `mdnb.widgets.heatmap.heat_map.HeatMap`: what anywidget calls, one closure a heat map.
// The page holds the newest columns; the kernel sends each once. Texts of a feed are `textContent` or drawn.

const SAY_AFTER_MS = 5000; // what is read aloud changes at most so often
const SILENCE_MS = 3000;

function pageTheme() {
  const { classList, dataset } = document.body;
  if (dataset.jpThemeLight !== undefined) return dataset.jpThemeLight === "false" ? "dark" : "light";
  // VS Code's names, then marimo's.
  return ["vscode-dark", "vscode-high-contrast", "dark-theme"].some((name) => classList.contains(name)) ? "dark" : "light";
}

function make(tag, name, parent, text = "") {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = text;
  parent.append(element);
  return element;
}

function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The model: one a heat map and page. */
class HeatModel {
  constructor(model) {
    this.model = model;
    this.page = crypto.randomUUID?.() ?? String(Math.random());
    this.views = new Set();
    this.visible = false;
    this.heard = performance.now();
    this.begin();
    this.ring.take(model.get("_held"));
    this.onPage = (event) => this.tellVisible(event);
    document.addEventListener("visibilitychange", this.onPage);
    window.addEventListener("pagehide", this.onPage);
  }

  begin() {
    this.settings = this.model.get("_settings");
    this.badge = { text: this.settings.status, tone: this.settings.tone };
    this.generation = this.settings.generation;
    this.ring = new HeatRing(this.settings.columns);
  }

  close() {
    this.closed = true;
    document.removeEventListener("visibilitychange", this.onPage);
    window.removeEventListener("pagehide", this.onPage);
  }

  configure() {
    this.settings = this.model.get("_settings");
    for (const view of this.views) view.paint();
  }

  take(message, buffers) {
    if (message.kind !== "columns") return;
    this.heard = performance.now();
    this.badge = { text: message.status, tone: message.tone };
    if (message.generation !== this.generation) {
      this.ring = new HeatRing(this.settings.columns);
      this.generation = message.generation;
    }
    const lacks = !this.ring.take(buffers[0], message.first);
    // Asked once: a kernel that is busy hears of it late.
    if (lacks && !this.lacks) this.say({ kind: "need", end: this.ring.end });
    this.lacks = lacks;
    for (const view of this.views) view.moved();
  }

  /** What the badge says: the kernel's word, or that it has been silent. */
  get state() {
    const patience = Math.max(SILENCE_MS, 4000 * this.settings.interval);
    const silent = this.badge.tone !== "dead" && performance.now() - this.heard > patience;
    return silent ? { text: "no news from the kernel", tone: "warning" } : this.badge;
  }

  say(message) {
    if (this.closed) return;
    try {
      this.model.send(message);
    } catch (error) {
      this.closed = true;
      console.debug(`the heat map was closed: ${error}`);
    }
  }

  tellVisible(event) {
    const seen = document.visibilityState !== "hidden" && event?.type !== "pagehide";
    const visible = seen && [...this.views].some((view) => view.visible);
    if (visible === this.visible) return;
    this.visible = visible;
    this.heard = performance.now();
    this.say({ kind: "looks", page: this.page, visible, end: this.ring.end });
  }
}

/** One place on the page that shows the heat map. */
class HeatView {
  constructor(heat, el) {
    this.heat = heat;
    this.visible = true;
    this.spoken = -Infinity;
    this.build(el);
    this.drawing = new HeatDrawing(this.base, this.over);
    this.watch();
    heat.views.add(this);
    heat.tellVisible();
    this.paint();
  }

  build(el) {
    const root = (this.root = make("div", "mdnb-heat", el));
    root.__mdnb = this;
    const head = make("div", "mdnb-heat-head", root);
    this.title = make("span", "mdnb-heat-title", head);
    const fact = (name) => {
      const parts = make("span", "", head);
      make("span", "mdnb-heat-label", parts, `${name} `);
      return make("span", "", parts);
    };
    this.facts = { spread: fact("spread"), imbalance: fact("imbalance") };
    this.badge = make("span", "mdnb-heat-badge", head);
    this.plot = make("div", "mdnb-heat-plot", root);
    this.plot.setAttribute("role", "img");
    this.base = make("canvas", "", this.plot);
    this.over = make("canvas", "", this.plot);
    const foot = make("div", "mdnb-heat-foot", root);
    for (const name of ["last", "bid", "ask"]) make("span", `mdnb-heat-key mdnb-heat-${name}`, foot, name);
    const legend = make("div", "mdnb-heat-legend", foot);
    make("span", "mdnb-heat-label", legend, "size");
    this.scale = make("div", "mdnb-heat-scale", legend);
    this.marks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
      const mark = make("span", "", this.scale);
      mark.style.left = `${100 * share}%`;
      return { share, mark };
    });
  }

  watch() {
    const resized = new ResizeObserver(() => this.moved());
    resized.observe(this.plot);
    const seen = new IntersectionObserver((entries) => {
      this.visible = entries.at(-1).isIntersecting;
      this.heat.tellVisible();
      this.moved();
    });
    seen.observe(this.plot);
    const themed = new MutationObserver(() => this.paint());
    themed.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
    const waiting = setInterval(() => this.paintBadge(), 1000);
    this.plot.addEventListener("pointermove", (event) => {
      const box = this.plot.getBoundingClientRect();
      this.pointer = { x: event.clientX - box.left, y: event.clientY - box.top };
      this.moved();
    });
    this.plot.addEventListener("pointerleave", () => {
      this.pointer = null;
      this.moved();
    });
    this.clean = () => {
      clearInterval(waiting);
      [resized, seen, themed].forEach((observer) => observer.disconnect());
    };
  }

  close() {
    this.closed = true;
    cancelAnimationFrame(this.frame);
    this.clean();
    this.heat.views.delete(this);
    this.heat.tellVisible();
  }

  /** Take the settings and the page's colours, and draw. */
  paint() {
    const { settings } = this.heat;
    this.theme = pageTheme();
    const colours = settings.themes[this.theme];
    this.drawing.configure(settings, this.theme);
    this.plot.style.height = `${settings.height}px`;
    for (const name of ["up", "down", "background", "text", "muted"]) {
      this.root.style.setProperty(`--mdnb-${name}`, colours[name]);
    }
    this.scale.style.background = `linear-gradient(to right, ${colours.ramp.join(", ")})`;
    say(this.title, `${settings.symbol} · depth`);
    this.moved();
  }

  /** Something changed: draw with the next frame, if anybody sees it. */
  moved() {
    if (!this.visible || this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (this.closed) return;
      this.drawing.draw(this.heat.ring);
      this.said = this.drawing.cross(this.pointer);
      this.paintTexts();
    });
  }

  paintTexts() {
    const { ring, settings } = this.heat;
    const { words, grid } = this.drawing;
    const newest = ring.newest;
    const price = (ticks) => words.price(ticks * settings.step);
    const [bid, ask] = [newest?.bid ?? NaN, newest?.ask ?? NaN];
    say(this.facts.spread, price(ask - bid));
    const share = newest ? Math.round(100 * imbalanceOf(newest, settings.levels)) : 0;
    const sign = share > 0 ? "▲ +" : share < 0 ? "▼ " : "";
    say(this.facts.imbalance, `${sign}${share} %`);
    this.facts.imbalance.className = share > 0 ? "mdnb-heat-up" : share < 0 ? "mdnb-heat-down" : "";
    for (const { share: at, mark } of this.marks) say(mark, grid.top ? words.size(Number(grid.sizeAt(at).toPrecision(2))) : "");
    this.paintBadge();
    if (performance.now() - this.spoken < SAY_AFTER_MS) return;
    this.spoken = performance.now();
    this.plot.setAttribute(
      "aria-label",
      `${settings.symbol} order book over time. Best bid ${price(bid)}, best ask ${price(ask)}, spread ${price(ask - bid)}.`,
    );
  }

  paintBadge() {
    const { text, tone } = this.heat.state;
    say(this.badge, text);
    this.badge.className = `mdnb-heat-badge mdnb-heat-${tone}`;
  }
}

export default () => {
  let heat;
  return {
    initialize({ model }) {
      heat = new HeatModel(model);
      model.on("msg:custom", (message, buffers) => heat.take(message, buffers));
      model.on("change:_settings", () => heat.configure());
      return () => heat.close();
    },
    render({ el }) {
      const view = new HeatView(heat, el);
      return () => view.close();
    },
  };
};
