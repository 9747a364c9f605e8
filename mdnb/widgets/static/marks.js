// Marks of trades and signals, alerts, and what is said when one fires. Marks are bound to times, so they stand
// at the bar that holds theirs in any timeframe. A tick that moves nothing of them draws none of them anew.

const MARKS_STYLE = `
.mdnb-toasts { position: absolute; top: 34px; left: 8px; right: 86px; pointer-events: none; display: flex;
  flex-direction: column; align-items: center; gap: 6px; }
.mdnb-toast { max-width: min(420px, 90%); padding: 6px 12px; border-radius: 4px; color: var(--mdnb-text);
  background: var(--mdnb-background); border: 1px solid var(--mdnb-warning); border-left-width: 4px;
  box-shadow: 0 2px 8px rgba(0, 0, 0, 0.25); overflow-wrap: anywhere; }
.mdnb-toast span { display: block; font-size: 11px; color: var(--mdnb-muted); }
`;
const TOAST_MS = 8000;
const MOST_TOASTS = 3;
const MOST_STACKED = 4;
const ROOM = 14; // pixels that a bar's marks take from side to side
const MOST_TEXTS = 80;
const LONGEST_TEXT = 40;
const FIRED_SHOWN = 10;
const SPANS = { s: 1e3, m: 6e4, h: 36e5, D: 864e5, W: 6048e5, M: 26784e5 }; // ms

/** Return how long a bar of a timeframe lasts at the most; activity bars last until the next one. */
function spanOf(timeframe) {
  const [, count, unit] = /^(\d+)([smhDWM])$/.exec(timeframe) ?? [];
  return unit ? count * SPANS[unit] : Infinity;
}

/** Return how many values of a sorted column lie below a value, or up to it. */
function countBelow(values, count, wanted, orEqual = false) {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values(middle) < wanted || (orEqual && values(middle) === wanted)) low = middle + 1;
    else high = middle;
  }
  return low;
}

const bell = (x, y) =>
  `M${(x - 4).toFixed(1)} ${(y + 3).toFixed(1)}h8c-1.2-1-1.5-2-1.5-4c0-2-1-3.2-2.5-3.2s-2.5 1.2-2.5 3.2` +
  "c0 2-.3 3-1.5 4zm2.8 .9a1.2 1.2 0 0 0 2.4 0z";

/** Elements of one kind, made once and used again with each drawing. */
class Pool {
  constructor(make) {
    this.make = make;
    this.made = [];
    this.used = 0;
  }

  next() {
    if (this.used === this.made.length) this.made.push(this.make());
    this.used += 1;
    return this.made[this.used - 1];
  }

  /** Hide what was not used since the last call. */
  finish(hide) {
    this.made.slice(this.used).forEach(hide);
    this.used = 0;
  }
}

Object.assign(Chart.prototype, {
  /** Take all marks and alerts, or what was added since the version the page has. */
  takeSigns({ before, version, marks, alerts }) {
    const held = this.signs;
    if (before && String(before) !== String(held?.version)) {
      this.say({ kind: "signs", version: held?.version ?? null });
      return;
    }
    const added = marks.time.map((time, i) => ({
      time, side: marks.side[i], price: marks.price[i], text: marks.text[i],
    }));
    const all = before ? [...held.marks, ...added] : added;
    this.signs = { version, alerts, marks: all.sort((a, b) => a.time - b.time) };
    const known = held?.version[0] === version[0]; // the same symbol
    const fired = new Map((held?.alerts ?? []).map((alert) => [alert.id, alert.fired]));
    const news = known ? alerts.filter((alert) => alert.fired > (fired.get(alert.id) ?? 0)) : [];
    for (const view of this.views) {
      news.slice(-MOST_TOASTS).forEach((alert) => view.toast(alert));
      view.moved();
    }
  },
});

/** Methods of a `View`. */
const MARKS = {
  buildSigns() {
    if (this.signs) return;
    element(this.el, "style", {}, MARKS_STYLE);
    const group = element(this.over, "g", { class: "mdnb-signs" });
    this.over.insertBefore(group, this.label.group);
    const clip = `mdnb-${this.id}-signs`;
    const frame = element(element(element(group, "defs"), "clipPath", { id: clip }), "rect");
    const inside = element(group, "g", { "clip-path": `url(#${clip})` });
    const lines = element(inside, "g");
    const paths = {};
    for (const name of ["tick", "note", "buy", "sell", "alert"]) {
      paths[name] = element(inside, "path", { class: `mdnb-mark-${name}`, fill: "none" });
    }
    const text = { "font-size": 11, "dominant-baseline": "central", "paint-order": "stroke", "stroke-width": 3 };
    const alert = () => {
      const line = element(lines, "path", { class: "mdnb-alert", fill: "none", "stroke-dasharray": "6 4" });
      const chip = element(group, "g", { class: "mdnb-alert-chip" });
      const box = element(chip, "rect", { rx: 2 });
      const words = element(chip, "text", { "font-size": 11, "dominant-baseline": "central" });
      return { line, chip: { group: chip, box, text: words }, frame: element(chip, "rect", { rx: 2 }), bell: element(chip, "path") };
    };
    this.signs = {
      group, frame, paths, alerts: new Pool(alert),
      texts: new Pool(() => element(inside, "text", { class: "mdnb-mark-text", ...text })),
    };
    this.toasts = document.createElement("div");
    set(this.toasts, { class: "mdnb-toasts", role: "status" });
    this.cleanups.push(() => this.toasts.replaceChildren());
  },

  /** Draw marks and alerts; before the last price, whose label lies above. */
  drawSigns(across, up, full) {
    const { area, bars, chart } = this;
    this.alertPlaces = [];
    this.buildSigns();
    // While a chart changes to another symbol, its bars come first.
    const theirs = chart.signs.version[0] === chart.look.symbol;
    set(this.signs.group, { visibility: theirs ? "visible" : "hidden" });
    if (!theirs) return;
    if (this.toasts.parentNode !== this.gd) this.gd.append(this.toasts);
    set(this.toasts, { style: `--mdnb-warning:${this.colours.warning}` });
    const newest = bars.end - 1;
    const places = [full.xaxis.range, full.yaxis.range, full.yaxis.type, ...Object.values(area)];
    const moving = [newest, bars.at(newest, LOW), bars.at(newest, HIGH), this.size, chart.generation];
    const key = [places, moving, chart.signs.version, this.theme, this.colours.up, chart.look.timeframe, chart.look.kind].join();
    const { left, right, top, bottom } = area;
    set(this.signs.frame, { x: left, y: top, width: right - left, height: bottom - top });
    this.drawAlerts(up, full);
    if (key === this.signs.key) return;
    this.signs.key = key;
    this.drawMarks(across, up, full);
  },

  /** Return the alerts that have a price in view: all that can fire, and the newest that have. */
  shownAlerts(up) {
    const { area, chart } = this;
    const over = chart.signs.alerts.filter((alert) => !alert.active && alert.fired);
    const shown = [...chart.signs.alerts.filter((alert) => alert.active), ...over.slice(-FIRED_SHOWN).reverse()];
    return shown
      .filter((alert) => alert.price !== null)
      .map((alert) => ({ alert, y: up(alert.price) }))
      .filter(({ y }) => y >= area.top && y <= area.bottom);
  },

  drawAlerts(up, full) {
    const { area, bars, colours } = this;
    const { alerts } = this.signs;
    // No label half covers another, nor the last price with the countdown below it.
    const last = Math.min(Math.max(up(bars.at(bars.end - 1, CLOSE)), area.top), area.bottom);
    const free = (y) => (y < last - 18 || y > last + 35) && this.alertPlaces.every((at) => Math.abs(at - y) > 18);
    for (const { alert, y } of this.shownAlerts(up)) {
      const { line, chip, frame, bell: sign } = alerts.next();
      const opacity = alert.active ? 1 : 0.45;
      const at = Math.round(y) + 0.5;
      set(line, { d: `M${area.left} ${y.toFixed(1)}H${area.right}`, stroke: colours.warning, opacity });
      const look = { fill: colours.background, text: colours.warning };
      this.putChip(chip, area.right, at - 9, full.width - area.right - 8, 18, this.prices.format(alert.price), look);
      const shown = free(y) ? "visible" : "hidden";
      if (free(y)) this.alertPlaces.push(y);
      for (const part of [chip.box, chip.text]) set(part, { visibility: shown });
      set(chip.group, { opacity });
      set(chip.box, { stroke: colours.warning });
      const edge = { fill: colours.background, stroke: colours.warning };
      set(frame, { x: area.right - 18, y: (at - 9).toFixed(1), width: 18, height: 18, ...edge });
      set(sign, { d: bell(area.right - 9, at), fill: colours.warning });
    }
    alerts.finish(({ line, chip }) => {
      set(line, { d: "" });
      set(chip.group, { visibility: "hidden" });
    });
  },

  drawMarks(across, up, full) {
    const { area, bars, colours, size } = this;
    const { paths, texts } = this.signs;
    const out = { tick: "", note: "", buy: "", sell: "", alert: "" };
    const pitch = Math.abs(across(size) - across(0));
    const half = Math.min(5, Math.max(3, 0.8 * pitch));
    const { base, look } = this.chart;
    const columns = KINDS[look.kind].joined ? [CLOSE] : [base + 1, base + 2];
    const words = [];
    const stacks = this.stacks(full.xaxis.range);
    // Where they stand side by side there is no room for more than one on each side of a bar.
    const crowded = stacks.size * ROOM > area.right - area.left;
    const most = crowded ? 1 : MOST_STACKED;
    for (const [group, marks] of stacks) {
      const x = across(group * size + (size - 1) / 2);
      const { low, high } = bars.extremes(group * size, (group + 1) * size, columns);
      const levels = { 1: up(low) + 5, "-1": up(high) - 5 };
      const left = { 1: 0, "-1": 0 };
      for (const mark of marks) {
        if (Number.isFinite(mark.price) && mark.side !== "alert" && !crowded) {
          out.tick += `M${(x - half - 2).toFixed(1)} ${up(mark.price).toFixed(1)}h${(2 * half + 4).toFixed(1)}`;
        }
        const way = mark.side === "buy" ? 1 : -1; // down the page, or up
        left[way] += 1;
        if (left[way] > most) continue;
        const tip = levels[way];
        levels[way] += 13 * way;
        out[mark.side] += shapeOf(mark.side, x, tip, half);
        if (mark.text && !crowded) words.push([x, tip + 5 * way, mark.text]);
      }
      for (const way of [1, -1]) {
        if (left[way] > most && !crowded) words.push([x - 14, levels[way] + 2 * way, `+${left[way] - most}`]);
      }
    }
    const fills = { buy: colours.up, sell: colours.down, note: colours.text, alert: colours.warning };
    for (const [name, fill] of Object.entries(fills)) {
      set(paths[name], { d: out[name], fill, stroke: colours.background, "stroke-width": 1, "paint-order": "stroke" });
    }
    set(paths.tick, { d: out.tick, stroke: colours.text, "stroke-width": 1.5 });
    this.drawMarkTexts(words, texts);
  },

  /** Write the texts beside the marks, the newest first: one that would lie on another is left out. */
  drawMarkTexts(words, texts) {
    const { area, colours } = this;
    const taken = [];
    for (const [x, y, text] of words.reverse()) {
      if (taken.length === MOST_TEXTS) break;
      const short = text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT - 1)}…` : text;
      const wide = 6.2 * short.length;
      const fits = x + 8 + wide < area.right - 20;
      const from = fits ? x + 8 : x - 8 - wide;
      if (taken.some((box) => from < box.to && from + wide > box.from && Math.abs(box.y - y) < 12)) continue;
      taken.push({ from, to: from + wide, y });
      const node = texts.next();
      const place = { x: (fits ? x + 8 : x - 8).toFixed(1), y: y.toFixed(1), "text-anchor": fits ? "start" : "end" };
      set(node, { ...place, fill: colours.text, stroke: colours.background });
      say(node, short);
    }
    texts.finish((node) => say(node, ""));
  },

  /** Return the marks in view by the group of bars they stand at, in order of time. */
  stacks([a, b]) {
    const { bars, chart, size } = this;
    const from = Math.max(Math.floor(a / size) * size, bars.first);
    const to = Math.min(Math.ceil(b / size) * size + size, bars.end);
    const found = new Map();
    if (to <= from) return found;
    const begins = bars.at(from, TIME);
    const ends = to < bars.end ? bars.at(to, TIME) : bars.at(to - 1, TIME) + spanOf(chart.look.timeframe);
    const fired = chart.signs.alerts.filter((alert) => alert.at !== null).slice(-FIRED_SHOWN);
    const { marks } = chart.signs;
    const at = (i) => marks[i].time;
    const shown = marks.slice(countBelow(at, marks.length, begins), countBelow(at, marks.length, ends));
    for (const { at: time, price } of fired) {
      if (time >= begins && time < ends) shown.push({ time, side: "alert", price, text: "" });
    }
    const started = (i) => bars.columns[TIME][i];
    for (const mark of shown) {
      const bar = bars.first + countBelow(started, bars.count, mark.time, true) - 1;
      const group = Math.floor(bar / size);
      if (!found.has(group)) found.set(group, []);
      found.get(group).push(mark);
    }
    return found;
  },

  /** Say for a while that an alert fired. */
  toast(alert) {
    if (!this.ready) return;
    this.buildSigns();
    const { toasts } = this;
    if (toasts.parentNode !== this.gd) this.gd.append(toasts);
    while (toasts.childElementCount >= MOST_TOASTS) toasts.firstChild.remove();
    const toast = element(toasts, "div", { class: "mdnb-toast" }, alert.message);
    const at = alert.at === null ? "" : this.chart.zone.full(alert.at, true);
    element(toast, "span", {}, alert.trade === null ? at : `${this.prices.format(alert.trade)}   ${at}`);
    setTimeout(() => toast.remove(), TOAST_MS);
  },
};

/** Return the outline of a mark whose tip, next to the bar, is at `y`. */
function shapeOf(side, x, y, half) {
  const [left, middle] = [(x - half).toFixed(1), x.toFixed(1)];
  if (side === "buy") return `M${middle} ${y.toFixed(1)}L${(x + half).toFixed(1)} ${(y + 9).toFixed(1)}H${left}Z`;
  if (side === "sell") return `M${middle} ${y.toFixed(1)}L${(x + half).toFixed(1)} ${(y - 9).toFixed(1)}H${left}Z`;
  if (side === "alert") return bell(x, y - 5);
  const radius = Math.min(half, 4);
  return `M${(x - radius).toFixed(1)} ${(y - 5).toFixed(1)}a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 ${-2 * radius} 0z`;
}
