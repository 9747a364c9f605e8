// A strip: a row of values, each with its name above (timeframe alignment, status).
//
// The kernel sends the whole small strip on each change, finished down to the last text: `_table` is
// {title, tiles: [{label, value, tone, small, hint, gauge, dot}]}. Here it is laid into elements that stay:
// only what differs is written, once in an animation frame. Texts are set as text, never as HTML.

import { html, say, set } from "../page/dom.js";
import { onKernelEnd } from "../page/kernel_end.js";

/** @typedef {import("../types").Model} Model */
/** @typedef {{ value: number, low: number, high: number }} Gauge */
/**
 * @typedef {{
 *   label: string, value: string, tone: string, small: string, hint: string, gauge: Gauge | null, dot: boolean,
 * }} Tile
 */
/** @typedef {{ title: string, tiles: Tile[] }} StripState */
/** @typedef {ReturnType<typeof buildTile>} TileParts */
/** @typedef {{ root: HTMLElement, tiles: TileParts[], ended: string | null }} Strip */

/** @param {HTMLElement} strip */
function buildTile(strip) {
  const root = html(strip, "div", { class: "mdnb-tile", role: "listitem" });
  const label = html(root, "div", { class: "mdnb-label" });
  const line = html(root, "div", { class: "mdnb-line" });
  const dot = html(line, "span", { class: "mdnb-dot" });
  const value = html(line, "span", { class: "mdnb-value" });
  const gauge = html(line, "span", { class: "mdnb-gauge" });
  const band = html(gauge, "span", { class: "mdnb-band" });
  const bar = html(gauge, "span", { class: "mdnb-fill" });
  html(gauge, "span", { class: "mdnb-zero" });
  const small = html(line, "span", { class: "mdnb-small" });
  return { root, label, dot, value, gauge, band, bar, small, width: 0 };
}

/** @param {number} share */
const percent = (share) => `${(100 * share).toFixed(2)}%`;

/**
 * Fill from the middle of the scale to the value, before the band.
 * @param {TileParts} parts
 * @param {Gauge | null} gauge
 * @param {string} hint
 */
function paintGauge(parts, gauge, hint) {
  parts.gauge.hidden = !gauge;
  if (!gauge) return;
  const { value, low, high } = gauge;
  const [from, to] = [Math.min(value, 0.5), Math.max(value, 0.5)];
  set(parts.band, { style: `left:${percent(low)};width:${percent(high - low)}` });
  set(parts.bar, { style: `left:${percent(from)};width:${percent(to - from)}` });
  set(parts.gauge, { role: "img", "aria-label": hint });
}

/**
 * @param {TileParts} parts
 * @param {Tile} tile
 */
function paintTile(parts, tile) {
  set(parts.root, { class: `mdnb-tile ${tile.tone ? `mdnb-is-${tile.tone}` : ""}`.trim(), title: tile.hint });
  say(parts.label, tile.label);
  say(parts.value, tile.value);
  say(parts.small, tile.small);
  parts.dot.hidden = !tile.dot;
  parts.small.hidden = !tile.small;
  paintGauge(parts, tile.gauge, tile.hint);
  // Never narrower than before: what jumps about cannot be read.
  if (tile.value.length > parts.width) {
    parts.width = tile.value.length;
    parts.value.style.minWidth = `${parts.width}ch`;
  }
}

/**
 * @param {Strip} strip
 * @param {StripState | undefined} state
 */
function paint(strip, state) {
  if (!state?.tiles) return;
  set(strip.root, { "aria-label": state.title });
  while (strip.tiles.length > state.tiles.length) strip.tiles.pop()?.root.remove();
  while (strip.tiles.length < state.tiles.length) strip.tiles.push(buildTile(strip.root));
  // Of the connection nobody says anything any more.
  const { ended } = strip;
  state.tiles.forEach((tile, i) => {
    const shown = ended && tile.dot ? { ...tile, value: ended, tone: "dead", hint: ended } : tile;
    paintTile(strip.tiles[i], shown);
  });
}

/** @param {{ model: Model, el: HTMLElement }} given */
function render({ model, el }) {
  const root = html(el, "div", { class: "mdnb-strip", role: "list" });
  /** @type {Strip} */
  const strip = { root, tiles: [], ended: null };
  const [up, down] = model.get("_colours");
  root.style.setProperty("--mdnb-strip-up", up);
  root.style.setProperty("--mdnb-strip-down", down);
  let frame = 0;
  const schedule = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      paint(strip, model.get("_table"));
    });
  };
  model.on("change:_table", schedule);
  const stopWatching = onKernelEnd(model.widget_manager?.kernel, (words) => {
    strip.ended ??= words;
    root.classList.add("mdnb-gone");
    schedule();
  });
  paint(strip, model.get("_table"));
  return () => {
    cancelAnimationFrame(frame);
    stopWatching();
    model.off("change:_table", schedule);
  };
}

export default { render };
