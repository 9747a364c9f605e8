// The moving parts of every mdnb chart on this page: forming bar, last price, legend line, badge.
//
// One model without a view for each kernel. The kernel sends a few numbers for each change; the newest ones
// are drawn in the next animation frame over plotly's own drawing, which is not touched: no trace is
// calculated again. What does not move (symbol, colours, decimals) is in the figure's `layout.meta.mdnb`.
// Texts are set as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg";
const SCAN_MS = 500;

const newest = new Map(); // chart id -> numbers
let frame = 0;

function make(tag, attributes, parent) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  parent.appendChild(element);
  return element;
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

// The graphs that show a chart: none, one, or several views of it.
function graphs() {
  return [...document.querySelectorAll(".js-plotly-plot")].filter((graph) => graph.layout?.meta?.mdnb);
}

function layerOf(graph) {
  const held = graph.__mdnb;
  const container = graph.querySelector(".svg-container");
  if (!container || !graph._fullLayout?.xaxis) return null;
  if (held && held.svg.parentNode === container) return held;
  const svg = document.createElementNS(SVG, "svg");
  svg.style.cssText = "position:absolute;inset:0;width:100%;height:100%;pointer-events:none;overflow:hidden";
  svg.setAttribute("font-family", "system-ui,-apple-system,Segoe UI,sans-serif");
  const layer = {
    svg,
    wick: make("path", { "stroke-width": 1, fill: "none", class: "mdnb-wick" }, svg),
    body: make("rect", { class: "mdnb-body" }, svg),
    volume: make("rect", { "fill-opacity": 0.45, class: "mdnb-volume" }, svg),
    line: make("path", { "stroke-dasharray": "1 3", fill: "none", class: "mdnb-line" }, svg),
    chip: make("rect", { height: 18, rx: 2, class: "mdnb-chip" }, svg),
    label: make("text", { "font-size": 11, class: "mdnb-price" }, svg),
    legend: make("text", { "font-size": 12, x: 8, y: 18, class: "mdnb-legend", "xml:space": "preserve" }, svg),
    badge: make("text", { "font-size": 11, y: 18, "text-anchor": "end", class: "mdnb-badge" }, svg),
    drawn: (held && held.drawn) || 0,
  };
  container.appendChild(svg);
  if (!held) {
    graph.on("plotly_afterplot", () => draw(graph));
    graph.on("plotly_relayouting", () => draw(graph));
  }
  graph.__mdnb = layer;
  return layer;
}

function price(value, decimals) {
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

function span(parent, text, colour, weight) {
  const piece = document.createElementNS(SVG, "tspan");
  piece.textContent = text;
  piece.setAttribute("fill", colour);
  if (weight) piece.setAttribute("font-weight", weight);
  parent.appendChild(piece);
}

function drawLegend(layer, about, numbers, colour) {
  const { open, high, low, close, volume, before } = numbers;
  const base = Number.isFinite(before) ? before : open;
  const change = close - base;
  const sign = change >= 0 ? "+" : "-";
  layer.legend.textContent = "";
  span(layer.legend, about.symbol, about.text, 600);
  span(layer.legend, ` · ${about.timeframe}  `, about.text);
  const prices = { O: open, H: high, L: low, C: close };
  for (const [name, value] of Object.entries(prices)) {
    span(layer.legend, ` ${name} `, about.muted);
    span(layer.legend, price(value, about.decimals), colour);
  }
  const percent = base ? (100 * change) / base : 0;
  const moved = `${sign}${price(Math.abs(change), about.decimals)} (${percent.toFixed(2)}%)`;
  span(layer.legend, `  ${change >= 0 ? "▲" : "▼"} ${moved}`, colour);
  span(layer.legend, "  Vol ", about.muted);
  span(layer.legend, price(volume, about.volumeDecimals), colour);
}

function drawBadge(layer, about, numbers, width) {
  const { status, latency } = numbers;
  const kinds = { connected: "live", reconnected: "live", connecting: "warning", reconnecting: "warning", stale: "warning" };
  const kind = kinds[status] || "dead";
  const delay = kind === "live" && Number.isFinite(latency) ? ` · ${Math.max(0, latency).toFixed(0)} ms` : "";
  layer.badge.textContent = "";
  layer.badge.setAttribute("x", width);
  span(layer.badge, "● ", about[kind]);
  span(layer.badge, (kind === "live" ? "live" : status) + delay, about.muted);
}

function drawBar(layer, full, numbers, colour) {
  const { x, open, high, low, close, volume, forming } = numbers;
  const { xaxis, yaxis, yaxis2 } = full;
  const at = (value) => xaxis._offset + xaxis.l2p(value);
  const level = (value) => yaxis._offset + Math.min(Math.max(yaxis.l2p(value), 0), yaxis._length);
  const shown = forming && x >= xaxis.range[0] && x <= xaxis.range[1];
  for (const part of [layer.wick, layer.body, layer.volume]) part.style.display = shown ? "" : "none";
  if (!shown) return;
  const width = Math.max(1, 0.6 * (at(1) - at(0)));
  const top = Math.min(level(open), level(close));
  set(layer.wick, { d: `M${at(x)} ${level(high)}V${level(low)}`, stroke: colour });
  set(layer.body, { x: at(x) - width / 2, y: top, width, height: Math.max(1, Math.abs(level(open) - level(close))), fill: colour });
  const floor = yaxis2._offset + yaxis2._length;
  const tall = Math.min(yaxis2._length, floor - (yaxis2._offset + yaxis2.l2p(volume)));
  set(layer.volume, { x: at(x) - width / 2, y: floor - tall, width, height: Math.max(0, tall), fill: colour });
}

function draw(graph) {
  const about = graph.layout?.meta?.mdnb;
  const numbers = about && (newest.get(about.id) || about.now);
  const layer = numbers && layerOf(graph);
  if (!layer) return;
  const full = graph._fullLayout;
  const rising = numbers.close >= numbers.open;
  const colour = rising ? about.up : about.down;
  const right = full.xaxis._offset + full.xaxis._length;
  drawBar(layer, full, numbers, colour);
  const y = full.yaxis._offset + full.yaxis.l2p(numbers.close);
  const inside = y >= full.yaxis._offset && y <= full.yaxis._offset + full.yaxis._length;
  for (const part of [layer.line, layer.chip, layer.label]) part.style.display = inside ? "" : "none";
  set(layer.line, { d: `M${full.xaxis._offset} ${y}H${right}`, stroke: colour });
  set(layer.chip, { x: right + 2, y: y - 9, width: Math.max(0, full.width - right - 6), fill: colour });
  set(layer.label, { x: right + 7, y: y + 4, fill: rising ? about.upText : about.downText });
  layer.label.textContent = price(numbers.close, about.decimals);
  drawLegend(layer, about, numbers, colour);
  drawBadge(layer, about, numbers, right);
  layer.drawn += 1;
}

function drawAll() {
  frame = 0;
  for (const graph of graphs()) draw(graph);
}

function schedule() {
  // However many messages came: one drawing a frame, of the newest numbers.
  if (!frame) frame = requestAnimationFrame(drawAll);
}

function initialize({ model }) {
  const take = (message) => {
    newest.set(message.chart, message);
    schedule();
  };
  model.on("msg:custom", take);
  // A chart that has just been displayed, or restored with the page, is drawn although nothing moves.
  const scan = setInterval(() => {
    if (graphs().some((graph) => !graph.__mdnb || !graph.contains(graph.__mdnb.svg))) schedule();
  }, SCAN_MS);
  return () => {
    clearInterval(scan);
    model.off("msg:custom", take);
  };
}

export default { initialize };
