// A strip: a row of values, each with its name above (timeframe alignment, status).
//
// The kernel sends the whole small strip on each change, finished down to the last text: `_table` is
// {title, tiles: [{label, value, tone, small, hint, gauge, dot}]}. Here it is laid into elements that stay:
// only what differs is written, once in an animation frame. Texts are set as text, never as HTML.

function make(tag, className, parent) {
  const element = document.createElement(tag);
  element.className = className;
  parent.appendChild(element);
  return element;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  }
}

function buildTile(strip) {
  const root = make("div", "mdnb-tile", strip);
  const label = make("div", "mdnb-label", root);
  const line = make("div", "mdnb-line", root);
  const parts = { root, label, width: 0 };
  parts.dot = make("span", "mdnb-dot", line);
  parts.value = make("span", "mdnb-value", line);
  parts.gauge = make("span", "mdnb-gauge", line);
  parts.band = make("span", "mdnb-band", parts.gauge);
  parts.bar = make("span", "mdnb-fill", parts.gauge);
  make("span", "mdnb-zero", parts.gauge);
  parts.small = make("span", "mdnb-small", line);
  root.setAttribute("role", "listitem");
  return parts;
}

const percent = (share) => `${(100 * share).toFixed(2)}%`;

// From the middle of the scale to the value, before the band.
function paintGauge(parts, gauge, hint) {
  parts.gauge.hidden = !gauge;
  if (!gauge) return;
  const { value, low, high } = gauge;
  const [from, to] = [Math.min(value, 0.5), Math.max(value, 0.5)];
  setAttributes(parts.band, { style: `left:${percent(low)};width:${percent(high - low)}` });
  setAttributes(parts.bar, { style: `left:${percent(from)};width:${percent(to - from)}` });
  setAttributes(parts.gauge, { role: "img", "aria-label": hint });
}

function paintTile(parts, tile) {
  setAttributes(parts.root, { class: `mdnb-tile ${tile.tone ? `mdnb-is-${tile.tone}` : ""}`.trim(), title: tile.hint });
  setText(parts.label, tile.label);
  setText(parts.value, tile.value);
  setText(parts.small, tile.small);
  parts.dot.hidden = !tile.dot;
  parts.small.hidden = !tile.small;
  paintGauge(parts, tile.gauge, tile.hint);
  // Never narrower than before: what jumps about cannot be read.
  if (tile.value.length > parts.width) {
    parts.width = tile.value.length;
    parts.value.style.minWidth = `${parts.width}ch`;
  }
}

function paint(strip, state) {
  if (!state?.tiles) return;
  setAttributes(strip.root, { "aria-label": state.title });
  while (strip.tiles.length > state.tiles.length) strip.tiles.pop().root.remove();
  while (strip.tiles.length < state.tiles.length) strip.tiles.push(buildTile(strip.root));
  // Of the connection nobody says anything any more.
  const ended = { value: strip.ended, tone: "dead", hint: strip.ended };
  state.tiles.forEach((tile, i) => paintTile(strip.tiles[i], strip.ended && tile.dot ? { ...tile, ...ended } : tile));
}

function render({ model, el }) {
  const root = make("div", "mdnb-strip", el);
  root.setAttribute("role", "list");
  const strip = { root, tiles: [] };
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
