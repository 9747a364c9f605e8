// Drawing: horizontal lines and rectangles. They are ordinary shapes of the figure's layout, told from others by
// their names. Plotly draws them; here they are made, picked, moved and taken away. Plotly's own drawing modes do
// not fit: they take the place of panning, and a shape being edited does not outlive the redraw of a bar's close.

const DRAWN = "mdnb-draw";
const NEAR = 5; // pixels
const CORNERS = [[0, 0], [1, 0], [0, 1], [1, 1]];

const isDrawn = (shape) => Boolean(shape.name?.startsWith(DRAWN));

/** Methods of a `View`. */
const TOOLS = {
  buildTools() {
    const { gd, over } = this;
    this.tool = null;
    this.picked = null; // a shape's name
    this.levels = [];
    const price = element(over, "g", { "clip-path": `url(#mdnb-${this.id}-yaxis)` });
    this.preview = element(price, "path", { "stroke-width": 1.2 });
    this.handles = element(price, "path", { "stroke-width": 1.2 });
    this.lineChips = element(over, "g");
    for (const layer of [price, this.lineChips]) over.insertBefore(layer, this.label.group);
    // Before plotly, which would begin to pan.
    gd.addEventListener("pointerdown", (event) => this.beginAt(event), true);
    gd.addEventListener("pointermove", (event) => this.showCursor(event));
    for (const name of ["mousedown", "touchstart"]) {
      gd.addEventListener(name, (event) => this.gesture && event.stopPropagation(), true);
    }
    this.showTool();
  },

  takeTool(name, event) {
    this.tool = this.tool === name ? null : name;
    this.picked = null;
    // Chosen by the keyboard: the next keys are for the chart.
    if (this.tool && !event.detail) this.gd.focus({ preventScroll: true });
    this.showTool();
  },

  showTool() {
    for (const name of ["line", "rectangle"]) set(this.buttons[name], { "aria-pressed": this.tool === name });
    this.gd.classList.toggle("mdnb-drawing", this.tool !== null);
    this.moved();
  },

  // -- the shapes ---------------------------------------------------------------------------------------

  drawnShapes() {
    return (this.gd.layout?.shapes ?? []).filter(isDrawn);
  },

  /** Put other shapes in place, here, in the page's other views, and in Python. */
  commit(shapes) {
    const edit = { relayout_data: { shapes } };
    EDITS.relayout.keep(this.chart, structuredClone(edit));
    for (const view of this.chart.views) {
      if (view.ready) view.hush(this.plotly.relayout(view.gd, structuredClone(edit.relayout_data)));
    }
    this.report("_js2py_relayout", { ...edit, drawn: true });
    this.moved();
  },

  clearDrawn() {
    const { shapes } = this.gd.layout;
    this.picked = null;
    if (shapes?.some(isDrawn)) this.commit(shapes.filter((shape) => !isDrawn(shape)));
  },

  made({ type, ...sides }) {
    const { drawn: color, drawn_fill: fillcolor } = this.colours;
    const word = type === "rect" ? "rect" : "line";
    const name = `${DRAWN}-${word}-${Math.random().toString(16).slice(2, 10)}`;
    return type === "rect"
      ? { type, name, xref: "x", yref: "y", ...sides, line: { color, width: 1 }, fillcolor, layer: "below" }
      : { type, name, xref: "paper", x0: 0, x1: 1, yref: "y", ...sides, line: { color, width: 1.5 } };
  },

  // -- places -------------------------------------------------------------------------------------------

  inPane({ clientX, clientY }) {
    const box = this.gd.getBoundingClientRect();
    const [x, y] = [clientX - box.left, clientY - box.top];
    const { area } = this;
    return area && x >= area.left && x <= area.right && y >= area.top && y <= area.bottom ? [x, y] : null;
  },

  /** Return a price on the axis, a whole number of ticks. */
  priceAt(y) {
    const axis = this.gd._fullLayout.yaxis;
    const { decimals, tick } = this.chart.look;
    const step = tick || 10 ** -decimals;
    return Number((Math.round(value(axis, axis._offset * 2 + axis._length - y) / step) * step).toFixed(decimals));
  },

  barAt(x) {
    return Math.round(value(this.gd._fullLayout.xaxis, x));
  },

  /** Return a shape's sides in pixels: left, right, top, bottom. */
  boxOf({ type, x0, x1, y0, y1 }) {
    const { xaxis, yaxis } = this.gd._fullLayout;
    const up = (price) => yaxis._offset * 2 + yaxis._length - pixel(yaxis, price);
    const across = type === "rect" ? [pixel(xaxis, x0), pixel(xaxis, x1)] : [this.area.left, this.area.right];
    const down = [up(y0), up(y1)];
    return [Math.min(...across), Math.max(...across), Math.min(...down), Math.max(...down)];
  },

  /** Return what is under the pointer, the newest first: a corner of what is picked, an edge, the inside. */
  hit(x, y) {
    for (const shape of this.drawnShapes().toReversed()) {
      const [left, right, top, bottom] = this.boxOf(shape);
      const near = x >= left - NEAR && x <= right + NEAR && y >= top - NEAR && y <= bottom + NEAR;
      if (!near) continue;
      if (shape.type !== "rect") return { shape, part: "edge" };
      if (shape.name === this.picked) {
        const corner = CORNERS.find(([i, j]) =>
          Math.abs(x - [left, right][i]) <= NEAR + 1 && Math.abs(y - [top, bottom][j]) <= NEAR + 1);
        if (corner) return { shape, part: "corner", corner };
      }
      const inside = x > left + NEAR && x < right - NEAR && y > top + NEAR && y < bottom - NEAR;
      return { shape, part: inside ? "inside" : "edge" };
    }
    return null;
  },

  showCursor(event) {
    if (this.gesture || this.tool) return;
    const place = this.inPane(event);
    const found = place && this.drawnShapes().length ? this.hit(...place) : null;
    const grabs = found && (found.part !== "inside" || found.shape.name === this.picked);
    const cursor = !found ? "" : found.part === "corner" ? "nwse-resize" : grabs ? "move" : "pointer";
    if (cursor !== this.gd.style.getPropertyValue("--mdnb-cursor")) {
      this.gd.style.setProperty("--mdnb-cursor", cursor);
      this.gd.classList.toggle("mdnb-over-drawn", Boolean(cursor));
    }
  },

  // -- the pointer --------------------------------------------------------------------------------------

  /** Begin to draw, move or pick; everything else is plotly's. */
  beginAt(event) {
    if (event.button !== 0 || event.target.closest?.(".mdnb-buttons, .mdnb-latest")) return;
    this.takeFocus();
    const place = this.ready && this.inPane(event);
    if (!place) return;
    const [x, y] = place;
    const begun = { x, y, clientX: event.clientX, clientY: event.clientY };
    if (this.tool) {
      this.begin({ ...begun, tool: this.tool, from: [this.barAt(x), this.priceAt(y)] });
      return;
    }
    const found = this.hit(x, y);
    if (found && (found.part !== "inside" || found.shape.name === this.picked)) {
      this.picked = found.shape.name;
      this.begin({ ...begun, ...found, shape: structuredClone(found.shape) });
      return;
    }
    const [was, { clientX, clientY }] = [this.picked, event];
    this.picked = null;
    if (was) this.moved();
    if (!found) return;
    // A click inside picks; a drag pans.
    window.addEventListener("pointerup", (end) => {
      if (Math.hypot(end.clientX - clientX, end.clientY - clientY) > 3) return;
      this.picked = found.shape.name;
      this.moved();
    }, { once: true });
  },

  /** Plotly keeps a press from giving the chart the keyboard. */
  takeFocus() {
    this.pressing = true;
    this.gd.focus({ preventScroll: true });
    this.pressing = false;
    this.gd.classList.remove("mdnb-keys");
  },

  begin(gesture) {
    this.gesture = gesture;
    this.gd.classList.add("mdnb-held");
    const stop = new AbortController();
    gesture.stop = stop;
    const { signal } = stop;
    window.addEventListener("pointermove", (event) => this.drag(event), { signal });
    window.addEventListener("pointerup", (event) => this.drop(event), { signal });
    window.addEventListener("pointercancel", () => this.letGo(), { signal });
    this.moved();
  },

  drag(event) {
    const { gesture } = this;
    const box = this.gd.getBoundingClientRect();
    const { area } = this;
    const x = Math.min(Math.max(event.clientX - box.left, area.left), area.right);
    const y = Math.min(Math.max(event.clientY - box.top, area.top), area.bottom);
    gesture.far ||= Math.hypot(event.clientX - gesture.clientX, event.clientY - gesture.clientY) > 3;
    if (gesture.far || gesture.tool === "line") gesture.now = this.dragged(gesture, x, y);
    this.busyUntil = performance.now() + 450;
    this.moved();
  },

  /** Return what a gesture makes of its shape: the sides that change, and its kind. */
  dragged({ tool, from, shape, part, corner, x: x0, y: y0 }, x, y) {
    if (tool === "line") return { type: "line", y0: this.priceAt(y), y1: this.priceAt(y) };
    if (tool) {
      const [bar, price] = [this.barAt(x), this.priceAt(y)];
      const order = (a, b) => [Math.min(a, b), Math.max(a, b)];
      const [[left, right], [low, high]] = [order(from[0], bar), order(from[1], price)];
      return { type: "rect", x0: left, x1: right, y0: low, y1: high };
    }
    const price = (old) => this.priceAt(this.boxOf({ ...shape, y0: old, y1: old })[2] + y - y0);
    if (part === "corner") {
      // Sides of a shape may stand in either order.
      const [left, right] = shape.x0 <= shape.x1 ? ["x0", "x1"] : ["x1", "x0"];
      const [low, high] = shape.y0 <= shape.y1 ? ["y0", "y1"] : ["y1", "y0"];
      const across = [left, right][corner[0]];
      const down = [high, low][corner[1]];
      return { ...shape, [across]: this.barAt(x), [down]: this.priceAt(y) };
    }
    const [low, high] = [price(shape.y0), shape.y1 === shape.y0 ? price(shape.y0) : price(shape.y1)];
    if (shape.type !== "rect") return { ...shape, y0: low, y1: low };
    const bars = this.barAt(x) - this.barAt(x0);
    return { ...shape, x0: shape.x0 + bars, x1: shape.x1 + bars, y0: low, y1: high };
  },

  drop(event) {
    if (this.gesture.tool === "line") this.drag(event);
    const { tool, far, now, shape: old } = this.gesture;
    this.letGo();
    if (!now || !(far || tool === "line")) return;
    const shapes = structuredClone(this.gd.layout.shapes ?? []);
    if (tool) {
      this.tool = null;
      this.showTool();
      if (now.type === "rect" && (now.x0 === now.x1 || now.y0 === now.y1)) return;
      const made = this.made(now);
      this.picked = made.name;
      shapes.push(made);
    } else {
      const held = shapes.find((shape) => shape.name === old.name);
      if (!held) return; // taken away meanwhile
      for (const side of ["x0", "x1", "y0", "y1"]) held[side] = now[side];
    }
    this.commit(shapes);
  },

  letGo() {
    this.gesture?.stop.abort();
    this.gesture = null;
    this.gd.classList.remove("mdnb-held");
    this.moved();
  },

  // -- the keyboard -------------------------------------------------------------------------------------

  /** Do what a key is for while something is drawn or picked; return whether it is for that. */
  pressDrawn(key, shift) {
    if (key === "Escape" && (this.gesture || this.tool || this.picked)) {
      if (this.gesture) this.letGo();
      this.tool = this.picked = null;
      this.showTool();
      return true;
    }
    const shapes = structuredClone(this.gd.layout.shapes ?? []);
    if (this.tool === "line" && key === "Enter") {
      const { bars } = this;
      const price = this.pointer ? this.priceAt(this.pointer.y) : bars.at(bars.end - 1, CLOSE);
      const made = this.made({ type: "line", y0: price, y1: price });
      [this.tool, this.picked] = [null, made.name];
      this.showTool();
      this.commit([...shapes, made]);
      return true;
    }
    const held = this.picked && shapes.find((shape) => shape.name === this.picked);
    if (!held) return false;
    if (key === "Delete" || key === "Backspace") {
      this.picked = null;
      this.commit(shapes.filter((shape) => shape !== held));
      return true;
    }
    if (key !== "ArrowUp" && key !== "ArrowDown") return false;
    const { decimals, tick } = this.chart.look;
    const step = (tick || 10 ** -decimals) * (shift ? 10 : 1) * (key === "ArrowUp" ? 1 : -1);
    for (const side of ["y0", "y1"]) held[side] = Number((held[side] + step).toFixed(decimals));
    this.commit(shapes);
    return true;
  },

  // -- drawing ------------------------------------------------------------------------------------------

  /** Draw what is over the shapes: the one under the hand, handles of the one picked, prices on the axis. */
  drawTools(up, full) {
    this.drawStrip(this.area);
    const { gesture, colours } = this;
    const shapes = this.gd.layout.shapes ?? [];
    const moving = gesture?.now;
    shapes.forEach((shape, i) => {
      if (!isDrawn(shape)) return;
      const path = this.gd.querySelector(`.shapelayer path[data-index="${i}"]`);
      const hidden = moving && shape.name === moving.name ? "hidden" : "";
      if (path && path.style.visibility !== hidden) path.style.visibility = hidden;
    });
    const line = moving?.line?.color ?? colours.drawn;
    const fill = moving?.type === "rect" ? moving.fillcolor ?? colours.drawn_fill : "none";
    set(this.preview, { d: moving ? this.outline(moving) : "", stroke: line, fill });
    const picked = gesture?.tool ? null : moving ?? shapes.find((shape) => shape.name === this.picked);
    set(this.handles, { d: picked ? this.grips(picked) : "", stroke: colours.drawn, fill: colours.background });
    const levels = shapes.filter((shape) => isDrawn(shape) && shape.type !== "rect" && shape.name !== moving?.name);
    if (moving && moving.type !== "rect") levels.push(moving);
    this.drawLevels(levels, up, full);
  },

  outline(shape) {
    const [left, right, top, bottom] = this.boxOf(shape);
    return shape.type === "rect" ? `M${left} ${top}H${right}V${bottom}H${left}Z` : `M${left} ${top}H${right}`;
  },

  grips(shape) {
    const [left, right, top, bottom] = this.boxOf(shape);
    const square = (x, y) => `M${x - 3.5} ${y - 3.5}h7v7h-7Z`;
    if (shape.type !== "rect") return square((left + right) / 2, top);
    return CORNERS.map(([i, j]) => square([left, right][i], [top, bottom][j])).join("");
  },

  /** Label the lines on the price axis. */
  drawLevels(lines, up, full) {
    const { area, lineChips, colours } = this;
    const shown = lines.map(({ y0 }) => [y0, up(y0)]).filter(([, y]) => y >= area.top && y <= area.bottom);
    this.levels = shown.map(([, y]) => y);
    while (lineChips.childNodes.length > shown.length) lineChips.lastChild.remove();
    shown.forEach(([price, y], i) => {
      let group = lineChips.childNodes[i];
      if (!group) {
        group = element(lineChips, "g");
        element(group, "rect", { rx: 2 });
        element(group, "text", { "font-size": 11, "dominant-baseline": "central" });
      }
      const [box, text] = group.childNodes;
      const look = { fill: colours.drawn, text: colours.drawn_text };
      this.putChip({ group, box, text }, area.right, y - 9, full.width - area.right - 8, 18, this.prices.format(price), look);
    });
  },

  /** Give what was drawn the theme's colours, except where the user chose others. */
  colourDrawn(themes, now) {
    const ours = Object.values(themes).map(({ colours }) => colours);
    for (const shape of this.drawnShapes()) {
      if (ours.some(({ drawn }) => drawn === shape.line?.color)) shape.line.color = now.drawn;
      if (ours.some(({ drawn_fill }) => drawn_fill === shape.fillcolor)) shape.fillcolor = now.drawn_fill;
    }
    this.gd.style.setProperty("--mdnb-drawn", now.drawn);
  },
};
