// What the user does to a view, told to the kernel as a plotly figure tells it.

/** Methods of a `View`. */
const POINTER = {
  listen() {
    const { gd } = this;
    const on = (name, take) => gd.on(name, (event) => this.quiet || take(event));
    gd.on("plotly_afterplot", () => {
      this.attach();
      this.moved();
    });
    gd.on("plotly_relayouting", () => this.relaying());
    on("plotly_relayout", (event) => this.relaid(event));
    on("plotly_doubleclick", () => this.goLatest());
    on("plotly_restyle", ([style, traces]) => this.report("_js2py_restyle", { style_data: style, style_traces: traces }));
    on("plotly_update", ({ data, layout }) =>
      this.report("_js2py_update", { style_data: data[0], style_traces: data[1], layout_data: layout }));
    for (const name of ["click", "hover", "unhover", "selected", "deselect"]) {
      on(`plotly_${name}`, (event) => this.pointed(`plotly_${name}`, event));
    }
    gd.addEventListener("pointerdown", () => (this.pressed = true));
    const release = () => {
      if (!this.pressed) return;
      this.pressed = false;
      setTimeout(() => this.closed || this.resize()); // plotly has to see it first
    };
    for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, release, true);
    this.cleanups.push(() => {
      for (const name of ["pointerup", "pointercancel"]) window.removeEventListener(name, release, true);
    });
    const point = (event) => this.point(event);
    gd.addEventListener("mousemove", point);
    gd.addEventListener("mouseleave", point);
  },

  point(event) {
    const box = this.gd.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const { area } = this;
    const inside = area && event.type === "mousemove" && x >= area.left && x <= area.right && y <= area.end;
    const ordinal = inside ? Math.round(value(this.gd._fullLayout.xaxis, x)) : 0;
    this.pointer = inside ? { ordinal, x, y } : null;
    this.moved();
    shareCross(this);
  },

  /** Bars and prices moved under a pointer that stands still: it is on another bar, at another price. */
  pointAnew() {
    const { pointer } = this;
    if (!pointer || pointer.guest) return;
    pointer.ordinal = Math.round(value(this.gd._fullLayout.xaxis, pointer.x));
    shareCross(this);
  },

  relaying() {
    this.moved();
    if (this.overtakenAt === this.fits) return; // it still moves what was in view before
    this.overtakenAt = undefined;
    this.moving = true;
    this.busyUntil = performance.now() + 450;
    shareRange(this, false);
  },

  /** Show something else than what the user is moving: plotly tells of a wheel's turn 50 ms later, of a drag at its
   * end, and both times of a place among the bars of before. */
  overtake() {
    if (!this.moving) return;
    this.moving = false;
    this.overtakenAt = this.fits;
    this.busyUntil = 0;
  },

  relaid(event) {
    const names = Object.keys(event);
    if (names.every((name) => ["autosize", "width", "height"].includes(name))) return;
    const overtaken = this.overtakenAt !== undefined;
    [this.busyUntil, this.moving, this.overtakenAt] = [0, false, undefined];
    const touched = (axis) => names.some((name) => name.startsWith(`${axis}.range`));
    if (touched("xaxis") || touched("yaxis")) {
      this.nextFit = 0;
      this.moved(true);
      if (overtaken) return;
      const { xaxis, yaxis } = this.gd.layout;
      this.takeRanges(xaxis.range, touched("yaxis") ? yaxis.range : this.givenPrices());
      shareRange(this, true);
    }
    this.report("_js2py_relayout", { relayout_data: event });
  },

  report(trait, message) {
    const told = { ...message, source_view_id: this.id };
    // Not as a trait: of that a busy kernel gets the newest value only, and a zoom would undo what was drawn before.
    if (trait === "_js2py_relayout") this.chart.say({ kind: "relayout", told });
    else this.chart.tell(trait, told);
  },

  pointed(name, event) {
    if (!event && name !== "plotly_deselect") return;
    const ours = ["mdnb-candles", "mdnb-volume"].map((uid) => this.place(uid));
    const found = { trace_indexes: [], point_indexes: [], xs: [], ys: [] };
    for (const point of event?.points ?? []) {
      for (const number of point.pointNumbers ?? [point.pointNumber]) {
        const bar = ours.includes(point.curveNumber) ? this.groups.last[number] : undefined;
        found.trace_indexes.push(point.curveNumber);
        found.point_indexes.push(number);
        found.xs.push(bar ?? point.x);
        found.ys.push(point.y ?? (bar === undefined ? point.close : this.groups.close[number]) ?? null);
      }
    }
    const { range, lassoPoints: lasso } = event ?? {};
    let selector = null;
    if (range) selector = { type: "box", selector_state: { xrange: range.x, yrange: range.y } };
    else if (lasso) selector = { type: "lasso", selector_state: { xs: lasso.x, ys: lasso.y } };
    const mouse = event?.event;
    const device_state = mouse && {
      alt: mouse.altKey, ctrl: mouse.ctrlKey, meta: mouse.metaKey, shift: mouse.shiftKey,
      button: mouse.button, buttons: mouse.buttons,
    };
    const told = { event_type: name, points: found, device_state: device_state ?? null, selector };
    this.chart.tell("_js2py_pointsCallback", told);
  },
};
