// Every mdnb table: trades, order book, watch list, live frame.
//
// The kernel sends the whole small table on each change, finished down to the last text: `_table` is
// {title, facts, badge, columns, rows, heading, note}. Here it is laid into elements that stay: only what
// differs is written, once in an animation frame, however many changes came. Texts are set as text, never as
// HTML. Colours are the page's, see live_table.css.

import { html, say, set, svg } from "../page/dom.js";
import { onKernelEnd } from "../page/kernel_end.js";

/** @typedef {import("../types").Model} Model */
/** @typedef {{ text: string, tone?: string, hint?: string, share?: number, spark?: number[] }} Cell */
/** @typedef {string | Cell} Given */
/**
 * @typedef {{
 *   title: string, facts: [string, Given][], badge: Given, columns: [string, boolean][], rows: [string, Given[]][],
 *   heading: number, note: string,
 * }} TableState
 */
/** @typedef {ReturnType<typeof build>} Parts */

const SPARK = { width: 96, height: 16, margin: 1.5 };

/**
 * @param {Element} element
 * @param {string} name
 */
function setClass(element, name) {
  if (element.className !== name) element.setAttribute("class", name);
}

/**
 * @param {HTMLElement} element
 * @param {string} title
 */
function setTitle(element, title) {
  if (element.title !== title) element.title = title;
}

/**
 * A cell is its text, or an object where it is more than that.
 * @param {Given} cell
 * @returns {Cell}
 */
function asCell(cell) {
  return typeof cell === "string" ? { text: cell } : cell;
}

/** @param {string} [tone] */
function toneClass(tone) {
  return tone ? `mdnb-${tone}` : "";
}

/**
 * Give a parent exactly `count` children of a tag.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {Element} parent
 * @param {K} tag
 * @param {number} count
 */
function fit(parent, tag, count) {
  while (parent.children.length > count) parent.lastElementChild?.remove();
  while (parent.children.length < count) html(parent, tag);
  return /** @type {HTMLCollectionOf<HTMLElementTagNameMap[K]>} */ (parent.children);
}

/** @param {HTMLElement} el */
function build(el) {
  // A table longer than its box is scrolled by the keyboard too.
  const root = html(el, "div", { class: "mdnb-table", tabindex: 0, role: "region" });
  const table = html(root, "table");
  const caption = html(html(table, "caption"), "div", { class: "mdnb-head" });
  const title = html(caption, "span", { class: "mdnb-title" });
  const facts = html(caption, "span", { class: "mdnb-facts" });
  const badge = html(caption, "span", { class: "mdnb-badge" });
  const head = html(html(table, "thead"), "tr");
  const body = html(table, "tbody");
  const note = html(root, "div", { class: "mdnb-note" });
  /** @type {number[]} of the columns, in letters */
  const widths = [];
  /** @type {string | null} why the kernel is gone */
  const ended = null;
  return { root, title, facts, badge, head, body, note, widths, ended: /** @type {string | null} */ (ended) };
}

/**
 * @param {Parts} parts
 * @param {TableState} state
 */
function paintHead(parts, state) {
  parts.root.setAttribute("aria-label", state.title);
  say(parts.title, state.title);
  const facts = fit(parts.facts, "span", state.facts.length);
  state.facts.forEach(([name, given], i) => {
    const cell = asCell(given);
    const [label, value] = fit(facts[i], "span", 2);
    setClass(label, "mdnb-label");
    say(label, `${name} `);
    setClass(value, toneClass(cell.tone));
    say(value, cell.text);
  });
  const badge = asCell(parts.ended ? { text: parts.ended, tone: "dead" } : state.badge);
  setClass(parts.badge, `mdnb-badge ${toneClass(badge.tone)}`);
  say(parts.badge, badge.text);
  const columns = fit(parts.head, "th", state.columns.length);
  state.columns.forEach(([name, numeric], i) => {
    columns[i].scope = "col";
    setClass(columns[i], numeric ? "mdnb-number" : "");
    say(columns[i], name);
  });
  say(parts.note, state.note);
  parts.note.hidden = !state.note;
}

/**
 * Draw a small line of points from 0 (bottom) to 100 (top).
 * @param {Element} element
 * @param {number[]} spark
 * @param {string} hint
 */
function paintSpark(element, spark, hint) {
  const { width, height, margin } = SPARK;
  let picture = element.querySelector("svg");
  if (!picture) {
    element.textContent = "";
    picture = svg(element, "svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
    svg(picture, "polyline");
  }
  const step = (width - 2 * margin) / Math.max(1, spark.length - 1);
  /** @param {number} value */
  const y = (value) => height - margin - ((height - 2 * margin) * value) / 100;
  const points = spark.map((value, i) => `${(margin + i * step).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  if (picture.firstElementChild) set(picture.firstElementChild, { points });
  set(picture, { "aria-label": hint });
}

/**
 * Paint a cell; return how many letters it has.
 * @param {HTMLElement} element
 * @param {Given} given
 * @param {boolean} numeric
 */
function paintCell(element, given, numeric) {
  const cell = asCell(given);
  const names = [numeric ? "mdnb-number" : "", toneClass(cell.tone), cell.share === undefined ? "" : "mdnb-bar"];
  setClass(element, names.filter(Boolean).join(" "));
  setTitle(element, cell.hint || "");
  const share = cell.share === undefined ? "" : `${100 * cell.share}%`;
  if (element.style.getPropertyValue("--mdnb-share") !== share) element.style.setProperty("--mdnb-share", share);
  if (cell.spark) paintSpark(element, cell.spark, cell.hint || "");
  else say(element, cell.text);
  return cell.spark ? 0 : cell.text.length;
}

/**
 * Return a row's elements: one of them names the row, which is a matter of tags and so made once.
 * @param {HTMLTableRowElement} row
 * @param {number} count
 * @param {number} heading
 */
function cellsOf(row, count, heading) {
  if (row.children.length !== count) {
    row.textContent = "";
    for (let i = 0; i < count; i++) {
      if (i === heading) html(row, "th", { scope: "row" });
      else html(row, "td");
    }
  }
  return row.cells;
}

/**
 * @param {Parts} parts
 * @param {TableState | undefined} state
 */
function paint(parts, state) {
  if (!state?.rows) return;
  paintHead(parts, state);
  const rows = fit(parts.body, "tr", state.rows.length);
  state.rows.forEach(([tone, cells], at) => {
    const row = rows[at];
    setClass(row, toneClass(tone));
    if (tone === "blank") row.setAttribute("aria-hidden", "true");
    else row.removeAttribute("aria-hidden");
    const elements = cellsOf(row, cells.length, state.heading);
    cells.forEach((cell, i) => {
      const length = paintCell(elements[i], cell, state.columns[i][1]);
      // Columns never become narrower: what jumps about cannot be read.
      if (length > (parts.widths[i] || 0)) {
        parts.widths[i] = length;
        parts.head.cells[i].style.minWidth = `${length}ch`;
      }
    });
  });
}

/** @param {{ model: Model, el: HTMLElement }} given */
function render({ model, el }) {
  const parts = build(el);
  const [up, down] = model.get("_colours");
  parts.root.style.setProperty("--mdnb-up", up);
  parts.root.style.setProperty("--mdnb-down", down);
  let frame = 0;
  const schedule = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      paint(parts, model.get("_table"));
    });
  };
  model.on("change:_table", schedule);
  const stopWatching = onKernelEnd(model.widget_manager?.kernel, (words) => {
    parts.ended ??= words;
    parts.root.classList.add("mdnb-gone");
    schedule();
  });
  paint(parts, model.get("_table"));
  return () => {
    cancelAnimationFrame(frame);
    stopWatching();
    model.off("change:_table", schedule);
  };
}

export default { render };
