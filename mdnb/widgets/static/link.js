// Linked charts: those of one group share crosshair and range, by time. All of it happens in the page, so it
// works while the kernel is busy. A view that is moved by another one moves no third one.

const CHARTS = new Set(); // of this page that are open
const LEAST_LINKED = 30; // bars that a coarse chart shows at least

let passing = false;

/** Return the other views that share a thing, `zoom` or `crosshair`, with a view. */
function linked(view, what) {
  const link = view.chart.look.link;
  if (!link?.[what] || passing) return [];
  const kernel = view.chart.model.get("_runtime");
  const alike = ({ look, model }) =>
    look.link?.[what] && look.link.group === link.group && model.get("_runtime") === kernel;
  const views = [...CHARTS].filter(alike).flatMap((chart) => [...chart.views]);
  return views.filter((other) => other !== view && other.ready && !other.closed && other.bars.count);
}

/** Forget what the others of a group that was left have shown here. */
function leaveLink(chart) {
  for (const view of chart.views) {
    if (view.pointer?.guest) view.pointer = null;
    view.moved();
  }
}

// -- time and ordinals: a bar stands at its ordinal, half a bar's room to both sides, and holds the time from
// its start to that of the next one ------------------------------------------------------------------------

/** Return the ordinal of the bar that holds an instant; those before the first are held by none: -1. */
function barAt(bars, ms) {
  const time = bars.columns[TIME];
  let [low, high] = [0, bars.count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (time[middle] <= ms) low = middle + 1;
    else high = middle;
  }
  return low ? bars.first + low - 1 : -1;
}

/** Return the usual time between two bars, in milliseconds. */
function stepOf(bars) {
  let step = Infinity;
  for (let at = Math.max(bars.end - 20, bars.first + 1); at < bars.end; at += 1) {
    step = Math.min(step, bars.at(at, TIME) - bars.at(at - 1, TIME) || Infinity);
  }
  return Number.isFinite(step) ? step : 60_000;
}

/** Return the instant at a place of the x axis; beyond the bars as if they went on. */
function timeAt(bars, x) {
  const at = x + 0.5;
  const newest = bars.end - 1;
  if (at < bars.first) return bars.at(bars.first, TIME) - (bars.first - at) * stepOf(bars);
  if (at >= newest) return bars.at(newest, TIME) + (at - newest) * stepOf(bars);
  const before = Math.floor(at);
  const start = bars.at(before, TIME);
  return start + (at - before) * (bars.at(before + 1, TIME) - start);
}

/** Return the place of an instant on the x axis. */
function placeOf(bars, ms) {
  const bar = barAt(bars, ms);
  if (bar < 0) return bars.first - (bars.at(bars.first, TIME) - ms) / stepOf(bars) - 0.5;
  const start = bars.at(bar, TIME);
  const wide = bar < bars.end - 1 ? bars.at(bar + 1, TIME) - start : stepOf(bars);
  return bar + (ms - start) / wide - 0.5;
}

// -- the crosshair -------------------------------------------------------------------------------------------

/** Show where a view's pointer is on the others: on the bar that holds its time, at its price. */
function shareCross(view) {
  const { bars, pointer } = view;
  const held = pointer && pointer.ordinal >= bars.first && pointer.ordinal < bars.end;
  const ms = held ? bars.at(pointer.ordinal, TIME) : null;
  const full = view.gd._fullLayout;
  const inPrices = held && pointer.y <= view.area.bottom;
  const price = inPrices ? value(full.yaxis, full.yaxis._offset * 2 + full.yaxis._length - pointer.y) : NaN;
  for (const other of linked(view, "crosshair")) {
    const has = ms !== null && barAt(other.bars, ms) >= 0;
    if (!has && !other.pointer?.guest) continue;
    const alike = other.chart.look.symbol === view.chart.look.symbol;
    other.pointer = has ? guest(other, ms, alike ? price : NaN) : null;
    other.moved();
  }
}

/** Return a pointer that stands at a time and a price, wherever those are when it is drawn. */
function guest(view, ms, price) {
  return {
    guest: true,
    get ordinal() {
      return barAt(view.bars, ms);
    },
    get y() {
      const { yaxis } = view.gd._fullLayout;
      const at = yaxis._offset * 2 + yaxis._length - pixel(yaxis, price);
      return at >= view.area.top && at <= view.area.bottom ? at : NaN;
    },
  };
}

// -- the range -----------------------------------------------------------------------------------------------

/** Let the others show the time that a view shows; `done` when the user let go. */
function shareRange(view, done) {
  const others = linked(view, "zoom");
  if (!others.length || !view.bars.count) return;
  const [from, to] = view.gd._fullLayout.xaxis.range.map(Number);
  const newest = view.bars.end - 1;
  const follow = to >= newest && from < newest;
  const [start, end] = [timeAt(view.bars, from), timeAt(view.bars, to)];
  for (const other of others) {
    const [a, b] = fitting(other.bars, start, end, follow);
    Object.assign(other, { follow, range: [a, b], span: b - a, pad: b - (other.bars.end - 1) });
    if (done) {
      other.nextFit = 0;
      other.tellFollows();
      other.report("_js2py_relayout", { relayout_data: { "xaxis.range[0]": a, "xaxis.range[1]": b } });
    }
    other.moved(true);
  }
}

/** Return the range that shows a stretch of time: never too few bars, and never nothing but emptiness. */
function fitting(bars, start, end, follow) {
  const newest = bars.end - 1;
  const least = Math.min(LEAST_LINKED, Math.max(bars.count, 2));
  const edge = bars.first - 1;
  let a = Math.max(placeOf(bars, start), edge);
  if (follow) {
    const right = newest + Math.min(PADDING, 0.2 * Math.max(newest - a, least));
    return [Math.min(a, right - least), right];
  }
  let b = Math.min(placeOf(bars, end), newest + PADDING);
  if (b - a < least) {
    const middle = Math.min(Math.max((a + b) / 2, edge + least / 2), newest + PADDING - least / 2);
    [a, b] = [middle - least / 2, middle + least / 2];
  }
  return [a, b];
}

/** Let the others go to the newest bar too. */
function shareLatest(view) {
  const others = linked(view, "zoom");
  if (!others.length) return;
  passing = true;
  try {
    for (const other of others) other.goLatest();
  } finally {
    passing = false;
  }
}
