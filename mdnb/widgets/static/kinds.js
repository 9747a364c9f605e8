// How bars are drawn that plotly has not drawn yet, for each kind of chart; as plotly draws the others.

function drawCandles(out, view, groups, across, up) {
  const half = view.halfWidth();
  groups.at.forEach((at, i) => {
    const name = groups.close[i] >= groups.open[i] ? "up" : "down";
    const [open, close] = [up(groups.open[i]), up(groups.close[i])];
    const [top, bottom] = [Math.min(open, close), Math.max(open, close)];
    const middle = across(at).toFixed(2);
    const [left, right] = [across(at - half).toFixed(2), across(at + half).toFixed(2)];
    out[name] += `M${left} ${top.toFixed(2)}H${right}V${bottom.toFixed(2)}H${left}Z`;
    out[name] += `M${middle} ${top.toFixed(2)}V${up(groups.high[i]).toFixed(2)}`;
    out[name] += `M${middle} ${bottom.toFixed(2)}V${up(groups.low[i]).toFixed(2)}`;
  });
}

function drawOhlc(out, view, groups, across, up) {
  const half = 0.3 * view.size;
  groups.at.forEach((at, i) => {
    const name = groups.close[i] >= groups.open[i] ? "up" : "down";
    const middle = across(at).toFixed(2);
    out[name] += `M${across(at - half).toFixed(2)} ${up(groups.open[i]).toFixed(2)}H${middle}`;
    out[name] += `M${middle} ${up(groups.high[i]).toFixed(2)}V${up(groups.low[i]).toFixed(2)}`;
    out[name] += `M${middle} ${up(groups.close[i]).toFixed(2)}H${across(at + half).toFixed(2)}`;
  });
}

function drawCloses(out, view, groups, across, up) {
  out.close = Array.from(groups.at, (at, i) => `${across(at).toFixed(2)} ${up(groups.close[i]).toFixed(2)}`).join("L");
  if (out.close) out.close = `M${out.close}`;
}

function drawArea(out, view, groups, across, up) {
  drawCloses(out, view, groups, across, up);
  if (!out.close) return;
  const { bottom } = view.area;
  out.area = `${out.close}V${bottom}H${across(groups.at[0]).toFixed(2)}Z`;
}

const KINDS = {
  candles: { draw: drawCandles },
  "heikin-ashi": { draw: drawCandles },
  ohlc: { draw: drawOhlc },
  line: { draw: drawCloses, joined: true },
  area: { draw: drawArea, joined: true },
};
