// Every mdnb table: trades, order book, watch list, live frame.
//
// The kernel sends the whole small table on each change, finished down to the last text: `_table` is
// {title, facts, badge, columns, rows, heading, note}. Here it is laid into elements that stay: only what
// differs is written, once in an animation frame, however many changes came. Texts are set as text, never as
// HTML. Colours are the page's, see live_table.css. `kernel_end.js` stands before this file.

const SVG = "http://www.w3.org/2000/svg";
const SPARK = { width: 96, height: 16, margin: 1.5 };

function make(tag, className, parent) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  parent.appendChild(element);
  return element;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setClass(element, name) {
  if (element.className !== name) element.className = name;
}

function setTitle(element, text) {
  if (element.title !== text) element.title = text;
}

// A cell is its text, or an object where it is more than that.
function asCell(cell) {
  return typeof cell === "string" ? { text: cell } : cell;
}

function toneClass(tone) {
  return tone ? `mdnb-${tone}` : "";
}

// Give a parent exactly `count` children of a tag.
function fit(parent, tag, count) {
  while (parent.children.length > count) parent.lastElementChild.remove();
  while (parent.children.length < count) make(tag, "", parent);
  return parent.children;
}

function build(el) {
  const root = make("div", "mdnb-table", el);
  // A table longer than its box is scrolled by the keyboard too.
  root.tabIndex = 0;
  root.setAttribute("role", "region");
  const table = make("table", "", root);
  const caption = make("div", "mdnb-head", make("caption", "", table));
  const title = make("span", "mdnb-title", caption);
  const facts = make("span", "mdnb-facts", caption);
  const badge = make("span", "mdnb-badge", caption);
  const head = make("tr", "", make("thead", "", table));
  const body = make("tbody", "", table);
  const note = make("div", "mdnb-note", root);
  return { root, table, title, facts, badge, head, body, note, widths: [] };
}

function paintHead(parts, state) {
  parts.root.setAttribute("aria-label", state.title);
  setText(parts.title, state.title);
  const facts = fit(parts.facts, "span", state.facts.length);
  state.facts.forEach(([name, given], i) => {
    const cell = asCell(given);
    const [label, value] = fit(facts[i], "span", 2);
    setClass(label, "mdnb-label");
    setText(label, `${name} `);
    setClass(value, toneClass(cell.tone));
    setText(value, cell.text);
  });
  const badge = asCell(parts.ended ? { text: parts.ended, tone: "dead" } : state.badge);
  setClass(parts.badge, `mdnb-badge ${toneClass(badge.tone)}`);
  setText(parts.badge, badge.text);
  const columns = fit(parts.head, "th", state.columns.length);
  state.columns.forEach(([name, numeric], i) => {
    columns[i].scope = "col";
    setClass(columns[i], numeric ? "mdnb-number" : "");
    setText(columns[i], name);
  });
  setText(parts.note, state.note);
  parts.note.hidden = !state.note;
}

// A small line of points from 0 (bottom) to 100 (top).
function paintSpark(element, cell) {
  const { width, height, margin } = SPARK;
  let svg = element.querySelector("svg");
  if (!svg) {
    element.textContent = "";
    svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("width", width);
    svg.setAttribute("height", height);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("role", "img");
    svg.appendChild(document.createElementNS(SVG, "polyline"));
    element.appendChild(svg);
  }
  const step = (width - 2 * margin) / Math.max(1, cell.spark.length - 1);
  const y = (value) => height - margin - ((height - 2 * margin) * value) / 100;
  const points = cell.spark.map((value, i) => `${(margin + i * step).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const line = svg.firstElementChild;
  if (line.getAttribute("points") !== points) line.setAttribute("points", points);
  svg.setAttribute("aria-label", cell.hint || "");
}

function paintCell(element, given, numeric) {
  const cell = asCell(given);
  const names = [numeric ? "mdnb-number" : "", toneClass(cell.tone), cell.share === undefined ? "" : "mdnb-bar"];
  setClass(element, names.filter(Boolean).join(" "));
  setTitle(element, cell.hint || "");
  const share = cell.share === undefined ? "" : `${100 * cell.share}%`;
  if (element.style.getPropertyValue("--mdnb-share") !== share) element.style.setProperty("--mdnb-share", share);
  if (cell.spark) paintSpark(element, cell);
  else setText(element, cell.text);
  return cell.spark ? 0 : cell.text.length;
}

// A row's elements: one of them names the row, which is a matter of tags and so made once.
function cellsOf(row, count, heading) {
  if (row.children.length !== count) {
    row.textContent = "";
    for (let i = 0; i < count; i++) {
      const cell = make(i === heading ? "th" : "td", "", row);
      if (i === heading) cell.scope = "row";
    }
  }
  return row.children;
}

function paint(parts, state) {
  if (!state || !state.rows) return;
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
        parts.head.children[i].style.minWidth = `${length}ch`;
      }
    });
  });
}

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
