"""What a chart's view draws, read back from the page's SVG and turned into prices and volumes by its axes."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

import pandas as pd

__all__ = ["READ", "differences"]

# Of a path only its corners count: `M x y`, `H x`, `V y`. Plotly places its traces within the axes' area, our
# own layer within the figure.
READ = r"""(view) => {
  const { gd } = view;
  const { x: times, prices, volumes } = view.measured();
  const along = (axis, share) => axis.range[0] + share * (axis.range[1] - axis.range[0]);
  const atX = (x) => along(times, x / times.length);
  const atY = (axis, y) => along(axis, 1 - y / axis.length);
  const parse = (d) => {
    const found = { xs: [], ys: [], body: [] };
    for (const piece of d.match(/M[^M]*/g) ?? []) {
      const ys = [];
      for (const [, kind, numbers] of piece.matchAll(/([MHV])([^MHVZ]*)/g)) {
        const [a, b] = numbers.trim().split(/[ ,]+/).map(Number);
        if (kind !== "V") found.xs.push(a);
        if (kind === "M") ys.push(b);
        if (kind === "V") ys.push(a);
      }
      found.ys.push(...ys);
      if (piece.includes("Z")) found.body = ys;
    }
    return found;
  };
  // One shape out of a path of ours holds several bars: each begins where a body does.
  const split = (d) => (d ?? "").match(/M[^M]*Z(?:M[^MZ]*(?=M|$))*/g) ?? [];
  const candle = (d, left, top) => {
    const { xs, ys, body } = parse(d);
    const price = (y) => atY(prices, y - top);
    return {
      at: atX((Math.min(...xs) + Math.max(...xs)) / 2 - left),
      width: Math.max(...xs) - Math.min(...xs),
      high: price(Math.min(...ys)), low: price(Math.max(...ys)),
      upper: price(Math.min(...body)), lower: price(Math.max(...body)),
    };
  };
  const column = (d, left, top) => {
    const { xs, ys } = parse(d);
    return {
      at: atX((Math.min(...xs) + Math.max(...xs)) / 2 - left),
      volume: atY(volumes, Math.min(...ys) - top), base: atY(volumes, Math.max(...ys) - top),
    };
  };
  const hue = (node) => {
    const { fill, fillOpacity, stroke } = getComputedStyle(node);
    const [r, g, b, alpha] = fill.match(/[\d.]+/g).map(Number);
    const edge = stroke.match(/[\d.]+/g)?.slice(0, 3).join();
    return { fill: [r, g, b].join(), alpha: (alpha ?? 1) * Number(fillOpacity), stroke: edge };
  };
  const traces = (layer, uid) => [...gd.querySelectorAll(`${layer} > .trace`)].filter(
    (node) => node.__data__?.[0]?.trace?.uid === uid);
  const candles = traces(".boxlayer", "mdnb-candles")
    .flatMap((trace) => [...trace.querySelectorAll("path.box")])
    .map((node) => ({ by: "plotly", ...candle(node.getAttribute("d"), 0, 0), ...hue(node) }));
  const columns = traces(".barlayer", "mdnb-volume")
    .flatMap((trace) => [...trace.querySelectorAll(".point path")])
    .map((node) => ({ by: "plotly", ...column(node.getAttribute("d"), 0, 0), ...hue(node) }));
  for (const name of ["up", "down"]) {
    const node = view.barLayer.paths[name];
    for (const d of split(node.getAttribute("d"))) {
      candles.push({ by: "ours", ...candle(d, times.offset, prices.offset), ...hue(node) });
    }
    const volume = view.barLayer.paths[name === "up" ? "volumeUp" : "volumeDown"];
    for (const d of (volume.getAttribute("d") ?? "").match(/M[^M]*Z/g) ?? []) {
      columns.push({ by: "ours", ...column(d, times.offset, volumes.offset), ...hue(volume) });
    }
  }
  const scale = (axis) => Math.abs(axis.range[1] - axis.range[0]) / axis.length;
  const labels = [...gd.querySelectorAll(".yaxislayer-above .ytick text")].map((node) => [
    Number(node.textContent.replace(/,/g, "").replace("\u2212", "-")),
    atY(prices, node.getBoundingClientRect().y + node.getBoundingClientRect().height / 2
      - gd.getBoundingClientRect().y - prices.offset),
  ]);
  // Labels that stand askew are placed by their upper left corner: only the place itself counts.
  const across = (node) => {
    const [, shift] = (node.getAttribute("transform") ?? "").match(/translate\(([-\d.]+)/) ?? [0, 0];
    return Number(shift) + Number(node.getAttribute("x") ?? 0);
  };
  const hours = [...gd.querySelectorAll(".xtick text")]
    .filter((node) => node.getBoundingClientRect().width)
    .map((node) => [node.textContent, atX(across(node) - times.offset)]);
  return {
    candles, columns, labels, times: hours, size: view.sync.size,
    range: [...times.range], width: times.length,
    perBar: scale(times), perPrice: scale(prices), perVolume: scale(volumes),
    last: view.lastPrice.label.text.textContent, legend: view.legend.line.textContent,
    colours: { up: view.appearance.colours.up, down: view.appearance.colours.down },
    background: gd._fullLayout?.paper_bgcolor ?? gd.style.background,
  };
}"""

_PIXELS = 0.5
_LABEL_PIXELS = 4.0  # beside a text's middle
_VOLUME_PIXELS = 1.0  # plotly makes a column of less than a pixel one pixel tall
_NAMES = ["time", "open", "high", "low", "close", "volume"]


def _merged(bars: pd.DataFrame, size: int) -> pd.DataFrame:
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    made = bars.groupby(bars.index // size).agg(rules)
    made["bars"] = bars.groupby(bars.index // size).size()
    made.index = made.index * size + (size - 1) / 2
    return made


def _group_size(drawn: dict[str, Any]) -> int:
    """Return how many bars one candle stands for, from how far apart candles are."""
    at = sorted({round(2 * candle["at"]) / 2 for candle in drawn["candles"]})
    # A view may be read while two layers stand by different axes, with candles less than a bar apart.
    # Of a lone one the view has to say it.
    return max(1, round(min((b - a for a, b in itertools.pairwise(at)), default=drawn["size"])))


def _rgb(colour: str) -> str:
    return ",".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))


def differences(
    drawn: dict[str, Any], rows: list[list[float]], limit: int, colours: tuple[str, str]
) -> list[str]:
    """Return in what a view differs from the engine's bars; nothing where all that is in view is right.

    Parameters
    ----------
    drawn
        What `READ` returned.
    rows
        The engine's bars from ordinal 0 on: time, open, high, low, close, volume.
    limit
        How many of the newest ones the chart holds at the least.
    colours
        Of rising and falling bars, as ``#rrggbb``.
    """
    bars = pd.DataFrame(rows, columns=_NAMES)
    size = _group_size(drawn)
    held = max(0, len(bars) - limit)
    want = _merged(bars, size)
    if size > 1 and drawn["width"] / (drawn["range"][1] - drawn["range"][0]) > 3:
        return [f"bars are merged by {size} though there is room for each"]
    # Of the oldest group the page may hold a part only.
    whole = want[(want.index - (size - 1) / 2 >= held) | (size == 1)]
    due = [at for at in whole.index if at + size / 2 >= held and _in_view(at, drawn, held)]
    found = [f"{len(drawn['candles'])} candles, by {size}: {text}" for text in _places(drawn, due, size)]
    for candle in drawn["candles"]:
        at = round(2 * candle["at"]) / 2
        if at in whole.index and _in_view(at, drawn, 0):
            found += _candle(candle, whole.loc[at], drawn, colours)
        elif at not in want.index:
            found.append(f"a candle at {candle['at']:.3f}, where there is no bar")
    for column in drawn["columns"]:
        at = round(2 * column["at"]) / 2
        if at in whole.index and _in_view(at, drawn, 0):
            found += _column(column, whole.loc[at], drawn, colours)
    return found + _texts(drawn, bars)


def _in_view(at: float, drawn: dict[str, Any], held: int) -> bool:
    low, high = drawn["range"]
    return bool(low <= at <= high and at >= held)


def _places(drawn: dict[str, Any], due: list[float], size: int) -> list[str]:
    """Return which bars in view are not drawn, or drawn twice, or beside their place."""
    found = []
    for kind in ("candles", "columns"):
        ats = [round(2 * shape["at"]) / 2 for shape in drawn[kind]]
        found += [f"no {kind} at {at}" for at in due if at not in set(ats)]
        found += [f"{kind} drawn {ats.count(at)} times at {at}" for at in due if ats.count(at) > 1]
        for shape in drawn[kind]:
            off = abs(shape["at"] - round(2 * shape["at"]) / 2) / drawn["perBar"]
            if off > _PIXELS:
                found.append(f"{kind} {off:.2f} px beside {shape['at']:.3f}")
            group = (shape["at"] - (size - 1) / 2) / size
            if abs(group - round(group)) * size > _PIXELS * drawn["perBar"]:
                found.append(f"{kind} at {shape['at']:.3f} is no group of {size}")
    return found


def _candle(
    candle: dict[str, Any], bar: pd.Series, drawn: dict[str, Any], colours: tuple[str, str]
) -> list[str]:
    rising = bar["close"] >= bar["open"]
    want = {
        "high": bar["high"],
        "low": bar["low"],
        "upper": max(bar["open"], bar["close"]),
        "lower": min(bar["open"], bar["close"]),
    }
    where = f"{candle['by']} at {bar.name}"
    found = [
        f"{where}: {name} is drawn at {candle[name]:.4f}, not {price:.4f}"
        for name, price in want.items()
        if not abs(candle[name] - price) <= _PIXELS * drawn["perPrice"]
    ]
    colour = _rgb(colours[0] if rising else colours[1])
    found += [
        f"{where}: {name} {candle[name]}, not {colour} (open {bar['open']}, close {bar['close']})"
        for name in ("fill", "stroke")
        if candle[name] != colour
    ]
    return found


def _column(
    column: dict[str, Any], bar: pd.Series, drawn: dict[str, Any], colours: tuple[str, str]
) -> list[str]:
    where = f"volume, {column['by']} at {bar.name}"
    found = []
    if not abs(column["volume"] - bar["volume"]) <= _VOLUME_PIXELS * drawn["perVolume"]:
        found.append(f"{where}: drawn as {column['volume']:.3f}, not {bar['volume']:.3f}")
    if not abs(column["base"]) <= _VOLUME_PIXELS * drawn["perVolume"]:
        found.append(f"{where}: stands at {column['base']:.3f}, not at 0")
    colour = _rgb(colours[0] if bar["close"] >= bar["open"] else colours[1])
    if column["fill"] != colour or not 0.4 <= column["alpha"] <= 0.5:
        found.append(f"{where}: {column['fill']}, {column['alpha']}, not {colour} at 0.45")
    return found


def _texts(drawn: dict[str, Any], bars: pd.DataFrame) -> list[str]:
    """Return in what the words differ: last price, legend, the axes' labels."""
    last = bars.iloc[-1]
    found = []
    if drawn["last"] != f"{last['close']:,.2f}":
        found.append(f"the last price says {drawn['last']}, not {last['close']:,.2f}")
    for name, label in (("open", "O"), ("high", "H"), ("low", "L"), ("close", "C")):
        if f"{label} {last[name]:,.2f}" not in drawn["legend"]:
            found.append(f"the legend says {drawn['legend']!r}, {name} is {last[name]:,.2f}")
    for says, at in drawn["labels"]:
        if not abs(says - at) <= 2 * drawn["perPrice"]:
            found.append(f"the axis says {says} at {at:.4f}")
    for text, at in drawn["times"]:
        room = _LABEL_PIXELS * drawn["perBar"]
        near = bars["time"][max(0, math.ceil(at - room - 0.5)) : max(0, math.floor(at + room + 1.5))]
        # Where no day begins in view, one of the times says which day it is.
        clock = re.sub(r"^[A-Z][a-z]{2} \d+ (?=\d\d:)", "", text)
        if len(near) and not any(clock in _clocks(ms) for ms in near):
            found.append(f"the axis says {text!r} at bar {at:.2f}, which is {_clocks(near.iloc[0])[1]}")
    return found


def _clocks(ms: float) -> tuple[str, ...]:
    at = pd.Timestamp(ms, unit="ms", tz="UTC")
    return (f"{at:%H:%M}", f"{at:%H:%M:%S}", f"{at:%a} {at.day}", f"{at:%b} {at.day}")
