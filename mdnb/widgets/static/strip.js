// The buttons inside a chart, and its keyboard. The strip is seen while the pointer is over the chart, or the
// keyboard in it: at other times nothing lies over the bars.

const STRIP_STYLE = `
.mdnb-chart:focus { outline: none; }
.mdnb-chart.mdnb-keys:focus { outline: 2px solid var(--mdnb-drawn); outline-offset: -2px; }
.mdnb-buttons { position: absolute; display: flex; align-items: center; height: 28px; padding: 0 3px; gap: 1px;
  border: 1px solid var(--mdnb-grid); border-radius: 6px; background: var(--mdnb-background); opacity: 0;
  pointer-events: none; transition: opacity 120ms; }
.mdnb-chart:hover .mdnb-buttons, .mdnb-chart.mdnb-keys:focus .mdnb-buttons, .mdnb-buttons:has(:focus-visible) {
  opacity: 0.94; pointer-events: auto; }
.mdnb-chart.mdnb-held .mdnb-buttons { opacity: 0; pointer-events: none; }
.mdnb-buttons button { display: flex; align-items: center; justify-content: center; width: 24px; height: 22px;
  padding: 0; border: 0; border-radius: 4px; background: none; color: var(--mdnb-muted); cursor: pointer; }
.mdnb-buttons button:hover { color: var(--mdnb-text); background: var(--mdnb-grid); }
.mdnb-buttons button[aria-pressed="true"] { color: var(--mdnb-drawn); }
.mdnb-buttons button:disabled { opacity: 0.35; cursor: default; background: none; color: var(--mdnb-muted); }
.mdnb-buttons button:focus-visible { outline: 2px solid var(--mdnb-drawn); outline-offset: -2px; }
.mdnb-buttons svg { width: 16px; height: 16px; fill: none; stroke: currentColor; stroke-width: 1.4;
  stroke-linecap: round; stroke-linejoin: round; pointer-events: none; }
.mdnb-buttons .full { fill: currentColor; }
.mdnb-buttons .speed { min-width: 30px; text-align: center; font-size: 11px; color: var(--mdnb-muted); }
.mdnb-buttons .rule { width: 1px; height: 16px; margin: 0 3px; background: var(--mdnb-grid); }
.mdnb-chart.mdnb-drawing .nsewdrag { cursor: crosshair !important; }
.mdnb-chart.mdnb-over-drawn .nsewdrag { cursor: var(--mdnb-cursor) !important; }
@media (prefers-reduced-motion: reduce) { .mdnb-buttons { transition: none; } }
`;

// Paths in a square of 16; `full` ones are filled.
const ICONS = {
  pause: [["M5 3.5V12.5M11 3.5V12.5"]],
  resume: [["M5 3.2L12.5 8L5 12.8Z", "full"]],
  replay: [["M3 8a5 5 0 1 0 1.6 -3.7"], ["M4.9 1.8L4.4 4.5L7.1 5"], ["M7 6.1L10 8L7 9.9Z", "full"]],
  step: [["M4 3.5L10 8L4 12.5Z", "full"], ["M12.5 3.5V12.5"]],
  slower: [["M7.5 4L3.5 8L7.5 12M12.5 4L8.5 8L12.5 12"]],
  faster: [["M8.5 4L12.5 8L8.5 12M3.5 4L7.5 8L3.5 12"]],
  live: [["M3 3.5L9 8L3 12.5"], ["M8 3.5L12.5 8L8 12.5"], ["M14 3.5V12.5"]],
  line: [["M1.5 8H6M10 8H14.5"], ["M10 8a2 2 0 1 1 -4 0a2 2 0 1 1 4 0"]],
  rectangle: [["M3 4H13V12H3Z"]],
  clear: [["M2.5 4.5H13.5M6 4.5V2.5H10V4.5M4 4.5L4.7 13.5H11.3L12 4.5M6.7 7V11M9.3 7V11"]],
};

const PAN = 0.1; // of what is in view, a key
const ZOOM = 1.25;

/** Methods of a `View`. */
const STRIP = {
  buildStrip() {
    const { gd } = this;
    set(gd, { tabindex: 0, role: "figure" });
    this.strip = document.createElement("div");
    set(this.strip, { class: "mdnb-buttons", role: "group", "aria-label": "Chart controls" });
    const { modes } = this.chart;
    this.buttons = {};
    const button = (name, act) => {
      const made = (this.buttons[name] = element(this.strip, "button", { type: "button" }));
      made.addEventListener("click", act);
    };
    const rule = () => element(this.strip, "span", { class: "rule" });
    button("pause", () => modes.toggle());
    button("replay", () => this.replayFrom(this.range[0]));
    button("step", () => modes.step());
    button("slower", () => modes.hurry(false));
    this.speed = element(this.strip, "span", { class: "speed" });
    button("faster", () => modes.hurry(true));
    button("live", () => this.goLive());
    rule();
    button("line", (event) => this.takeTool("line", event));
    button("rectangle", (event) => this.takeTool("rectangle", event));
    button("clear", () => this.clearDrawn());
    this.nameButton("replay", "Replay from the first bar in view (R: from the bar under the pointer)", "replay");
    this.nameButton("step", "One bar on", "step");
    this.nameButton("slower", "Slower", "slower");
    this.nameButton("faster", "Faster", "faster");
    this.nameButton("live", "Back to live (Escape)", "live");
    this.nameButton("line", "Draw a horizontal line (Enter: at the pointer, or at the last price)", "line");
    this.nameButton("rectangle", "Draw a rectangle", "rectangle");
    this.nameButton("clear", "Clear drawings", "clear");
    // The crosshair is for the bars, not for what lies under a button.
    this.strip.addEventListener("mousemove", (event) => {
      event.stopPropagation();
      if (!this.pointer) return;
      this.pointer = null;
      this.moved();
    });
    for (const name of ["mousedown", "dblclick", "touchstart"]) {
      this.strip.addEventListener(name, (event) => event.stopPropagation());
    }
    gd.addEventListener("keydown", (event) => this.key(event));
    gd.addEventListener("focusin", () => this.describe());
    // Not `:focus-visible`: that a script gave it the focus looks like the keyboard, after any key before.
    gd.addEventListener("focus", () => gd.classList.toggle("mdnb-keys", !this.pressing));
    this.showMode();
  },

  nameButton(name, words, icon) {
    const held = this.buttons[name];
    set(held, { "aria-label": words, title: words });
    if (held.dataset.icon === icon) return;
    held.dataset.icon = icon;
    held.replaceChildren();
    const svg = element(held, "svg", { viewBox: "0 0 16 16", "aria-hidden": "true" });
    for (const [d, kind] of ICONS[icon]) element(svg, "path", kind ? { d, class: kind } : { d });
  },

  /** Show in the strip what the chart does. */
  showMode() {
    const { name, cut, speed } = this.chart.modes;
    const still = name === "paused";
    const words = still ? (cut ? "Go on with the replay (Space)" : "Resume (Space)") : "Pause (Space)";
    this.nameButton("pause", words, still ? "resume" : "pause");
    this.buttons.step.disabled = name === "live";
    this.buttons.live.disabled = name === "live";
    say(this.speed, `×${speed}`);
    this.speed.title = `${speed} bars a second in a replay`;
    this.describe();
  },

  /** Say what the figure shows to those who do not see it. */
  describe() {
    const { bars, chart } = this;
    const price = bars.count && this.prices ? `, last price ${this.prices.format(bars.at(bars.end - 1, CLOSE))}` : "";
    const { symbol, timeframe } = chart.look;
    set(this.gd, { "aria-label": `${symbol}, ${timeframe} chart${price}, ${chart.modes.name}` });
  },

  drawStrip(area) {
    set(this.strip, { style: `left:${area.left + 8}px;top:${area.bottom - 38}px` });
    if (this.described === this.fits) return;
    this.described = this.fits;
    this.describe();
  },

  // -- keyboard -----------------------------------------------------------------------------------------

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target !== this.gd && [" ", "Enter"].includes(event.key)) {
      // The button's own; a notebook would take it for a command.
      event.stopPropagation();
      return;
    }
    if (!this.ready || !this.press(event.key, event.shiftKey)) return;
    event.preventDefault();
    event.stopPropagation();
  },

  /** Do what a key is for; return whether it is for anything. */
  press(key, shift) {
    const { modes } = this.chart;
    if (this.pressDrawn(key, shift)) return true;
    if (key === " ") modes.toggle();
    else if (key === "r" || key === "R") this.replayFrom(this.pointer?.ordinal ?? this.range[0]);
    else if (key === "ArrowLeft") this.shift(-PAN, 1);
    else if (key === "ArrowRight") this.shift(PAN, 1);
    else if (key === "+" || key === "=") this.shift(0, 1 / ZOOM);
    else if (key === "-" || key === "_") this.shift(0, ZOOM);
    else if (key === "End" || key === "l" || key === "L") this.goLatest();
    else if (key === "Escape" && modes.name !== "live") this.goLive();
    else return false;
    return true;
  },

  replayFrom(ordinal) {
    const { modes } = this.chart;
    const { bars } = this.chart;
    const from = Math.min(Math.max(Math.ceil(ordinal), bars.first), bars.end - 1);
    modes.replay(bars.at(from, TIME));
  },

  goLive() {
    this.chart.modes.resume();
    this.goLatest();
  },

  /** Pan by a share of what is in view, and zoom: around the newest bar while it is followed. */
  shift(share, zoom) {
    const [a, b] = this.range;
    const span = Math.min(Math.max((b - a) * zoom, 5), 2 * Math.max(this.bars.count, LEAST_SPAN));
    const still = this.follow ? b : this.pointer?.ordinal ?? (a + b) / 2;
    const left = still - ((still - a) / (b - a)) * span + share * span;
    const range = [left, left + span];
    this.overtake();
    this.takeRanges(range, this.givenPrices());
    this.nextFit = 0;
    this.moved(true);
    this.report("_js2py_relayout", { relayout_data: { "xaxis.range": range } });
  },

  /** Go to the newest bar shown and along with it, as far zoomed as it is. */
  goNewest() {
    const told = this.isChosen ? { "xaxis.range": null, "yaxis.range": null } : null;
    this.overtake();
    [this.follow, this.pad] = [true, PADDING];
    this.takePrices(null);
    this.tellFollows();
    if (told) this.report("_js2py_relayout", { relayout_data: told });
  },
};
