"""A table of bars in any form gives these bars, or is asked about: never others."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

import mdnb
from mdnb.errors import DataImportError

EASY = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
PRICES = ("open", "high", "low", "close")
ZONE = "America/New_York"

# A form of time: how a column of it is written, and what is known of it: an instant, a wall clock, a day.
_NAIVE = {
    "iso": "%Y-%m-%d %H:%M:%S",
    "iso-T": "%Y-%m-%dT%H:%M:%S",
    "minutes": "%Y-%m-%d %H:%M",
    "slashes": "%Y/%m/%d %H:%M:%S",
    "mt5": "%Y.%m.%d %H:%M:%S",
    "german": "%d.%m.%Y %H:%M",
    "us": "%m/%d/%Y %H:%M",
    "british": "%d/%m/%Y %H:%M",
    "words": "%d %b %Y %H:%M",
    "finam": "%Y%m%d %H:%M",
    "ninja": "%Y%m%d %H%M%S",
    "compact": "%Y%m%d%H%M",
    "seconds": "%Y%m%d%H%M%S",
}
_AWARE = ("epoch_s", "epoch_ms", "epoch_us", "epoch_ns", "epoch_float", "offset", "z", "utc")
_UNITS = {"epoch_s": 10**9, "epoch_ms": 10**6, "epoch_us": 10**3, "epoch_ns": 1}
_HEADERS = (
    ("time", "open", "high", "low", "close", "volume"),
    ("Date", "Open", "High", "Low", "Close", "Volume"),
    ("<DATE>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<VOL>"),
    ("t", "o", "h", "l", "c", "v"),
    ("Local time", "Open", "High", "Low", "Last", "Vol."),
    ("datetime", " open ", " high ", " low ", " close ", " volume "),
)


@st.composite
def bars(draw: st.DrawFn) -> pd.DataFrame:
    """Bars of one size, in UTC, some missing; prices with a few decimals of any size."""
    count = draw(st.integers(1, 12))
    step = draw(st.sampled_from([60, 300, 3600]))
    start = draw(st.integers(0, 500_000)) * 3600 + 1_299_999_600
    places = draw(st.sampled_from([0, 1, 2, 3, 5]))
    level = draw(st.sampled_from([1, 30, 1500, 40_000]))
    moves = draw(st.lists(st.integers(-40, 40), min_size=4 * count, max_size=4 * count))
    unit = 10.0**-places
    base = round(level / unit) + 100
    rows = []
    for at in range(count):
        four = sorted(base + move for move in moves[4 * at : 4 * at + 4])
        low, first, second, high = (round(value * unit, places) for value in four)
        rows.append([first, high, low, second] if moves[4 * at] % 2 else [second, high, low, first])
    frame = pd.DataFrame(rows, columns=list(PRICES))
    frame["volume"] = draw(st.lists(st.integers(0, 3_000_000), min_size=count, max_size=count))
    frame.index = pd.to_datetime([(start + step * at) * 10**9 for at in range(count)], utc=True)
    frame.attrs["places"] = places
    return frame


def _times(index: pd.DatetimeIndex, form: str) -> list[str]:
    if form in _UNITS:
        return [str(time.value // _UNITS[form]) for time in index]
    if form == "epoch_float":
        return [f"{time.value // 10**9}.0" for time in index]
    if form == "offset":
        return [time.tz_convert(ZONE).isoformat() for time in index]
    if form in {"z", "utc"}:
        return [
            time.strftime("%Y-%m-%dT%H:%M:%SZ" if form == "z" else "%Y-%m-%d %H:%M:%S UTC") for time in index
        ]
    return list(index.tz_convert(ZONE).strftime(_NAIVE[form]))


def _number(value: float, places: int, decimal: str, thousands: str) -> str:
    text = f"{value:,.{places}f}" if thousands else f"{value:.{places}f}"
    return text.translate(str.maketrans({",": thousands, ".": decimal}))


@st.composite
def forms(draw: st.DrawFn) -> dict[str, Any]:
    separator = draw(st.sampled_from(",;\t|"))
    decimal, thousands = draw(st.sampled_from([(".", ""), (".", ""), (",", ""), (".", ","), (",", ".")]))
    return {
        "separator": separator,
        "decimal": decimal,
        "thousands": thousands,
        "quoted": draw(st.booleans()) or separator == "," in (decimal, thousands),
        "time": draw(st.sampled_from([*_NAIVE, *_AWARE])),
        "split": draw(st.booleans()),
        "header": draw(st.sampled_from([None, *_HEADERS])),
        "order": draw(st.permutations(range(5))),
        "newest_first": draw(st.booleans()),
        "banner": draw(st.sampled_from(["", "# Exported by a terminal\n", "Symbol: AA\n\n"])),
        "footer": draw(st.sampled_from(["", "\n\n", "# the end\n"])),
        "tail": draw(st.sampled_from(["", "", "separator"])),
        "lines": draw(st.sampled_from(["\n", "\r\n", "\r"])),
        "encoding": draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"])),
        "packing": draw(st.sampled_from([None, gzip.compress, bz2.compress, lzma.compress])),
        "index": draw(st.booleans()),
    }


def _written(frame: pd.DataFrame, form: dict[str, Any]) -> bytes:
    sign, places = form["separator"], frame.attrs["places"]
    quote = '"' if form["quoted"] or sign in (form["decimal"], form["thousands"]) else ""
    times = _times(frame.index, form["time"])
    split = form["split"] and " " in times[0] and form["header"] is not None and form["time"] in _NAIVE
    names = form["header"] or ("",) * 6
    columns = {
        at: [
            _number(value, 0 if at == 4 else places, form["decimal"], form["thousands"])
            for value in frame[name]
        ]
        for at, name in enumerate((*PRICES, "volume"))
    }
    # Without names columns stand in their usual order.
    order = form["order"] if form["header"] else range(5)
    held = [times, *(columns[at] for at in order)]
    head = [names[0], *(names[1 + at] for at in order)]
    if split:
        dates, clocks = zip(
            *(text.rsplit(" ", 1) if form["time"] == "words" else text.split(" ", 1) for text in times),
            strict=True,
        )
        held, head = [list(dates), list(clocks), *held[1:]], ["Date", "Time", *head[1:]]
    if form["index"] and form["header"]:
        # Behind, so that it is no index of pandas.
        held, head = [*held, [str(at) for at in range(len(times))]], [*head, "row number"]
    rows = [[f"{quote}{cell}{quote}" for cell in row] for row in zip(*held, strict=True)]
    lines = [sign.join(head)] if form["header"] else []
    lines += [sign.join(row) for row in (rows[::-1] if form["newest_first"] else rows)]
    tail = sign if form["tail"] else ""
    text = form["banner"] + "".join(f"{line}{tail}\n" for line in lines) + form["footer"]
    data = text.replace("\n", form["lines"]).encode(form["encoding"])
    return data if form["packing"] is None else form["packing"](data)


def _answers(form: dict[str, Any], frame: pd.DataFrame) -> dict[str, Any]:
    """Return the true answers to what may be asked."""
    known: dict[str, Any] = {"tz": ZONE, "decimal": form["decimal"], "separator": form["separator"]}
    if form["time"] in _NAIVE:
        known["date_format"] = _NAIVE[form["time"]]
    return known


def _asked(path: Path, answers: dict[str, Any]) -> pd.DataFrame | None:
    """Read a file with the answers to what it asks; None where it is refused for good."""
    said: dict[str, Any] = {}
    for _ in range(5):
        try:
            return mdnb.read(path, **said)
        except DataImportError as error:
            asked = re.findall(r"\b(tz|date_format|decimal|separator)=", str(error))
            new = next((name for name in asked if name in answers and name not in said), None)
            if new is None:
                return None
            said[new] = answers[new]
    raise AssertionError("asked for more than there is")


@given(frame=bars(), form=forms())
@EASY
def test_any_form_gives_the_same_bars_or_asks(
    tmp_path: Path, frame: pd.DataFrame, form: dict[str, Any]
) -> None:
    path = tmp_path / "bars.txt"
    path.write_bytes(_written(frame, form))
    read = _asked(path, _answers(form, frame))
    if read is None:
        return
    assert len(read) == len(frame)
    assert (read.index == frame.index).all() or _is_of_days(read, frame)
    for name in (*PRICES, "volume"):
        np.testing.assert_array_equal(read[name].to_numpy(), frame[name].to_numpy(np.float64), err_msg=name)


def _is_of_days(read: pd.DataFrame, frame: pd.DataFrame) -> bool:
    """Whether midnights of a wall clock, all of them, were taken for days."""
    walls = frame.index.tz_convert(ZONE).tz_localize(None)
    return bool(
        (walls == walls.normalize()).all() and list(read.index.strftime("%F")) == list(walls.strftime("%F"))
    )


def _plain_form() -> dict[str, Any]:
    return {
        "separator": ",", "decimal": ".", "thousands": "", "quoted": False, "time": "z", "split": False,
        "header": _HEADERS[0], "order": list(range(5)), "newest_first": False, "banner": "", "footer": "",
        "tail": "", "lines": "\n", "encoding": "utf-8", "packing": None, "index": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("part", "values"),
    [
        ("separator", list(",;\t|")),
        ("time", [*_NAIVE, *_AWARE]),
        ("header", [None, *_HEADERS]),
        ("order", [[4, 3, 2, 1, 0], [1, 2, 3, 4, 0], [3, 0, 1, 2, 4]]),
        ("newest_first", [True]),
        ("banner", ["# Exported by a terminal\n", "Symbol: AA\n\n"]),
        ("footer", ["\n\n", "# the end\n"]),
        ("tail", ["separator"]),
        ("lines", ["\r\n", "\r"]),
        ("encoding", ["utf-8-sig", "utf-16", "latin-1"]),
        ("index", [True]),
        ("quoted", [True]),
    ],
)
def test_one_thing_that_is_unusual_is_always_read(tmp_path: Path, part: str, values: list[Any]) -> None:
    """That property would hold for a reader that refuses everything: this one does not."""
    index = pd.date_range("2024-03-14 13:30", periods=40, freq="1min", tz="UTC")
    walk = 100 + np.cumsum(np.random.default_rng(3).integers(-3, 4, 40)) * 0.25
    frame = pd.DataFrame(
        {
            "open": walk,
            "high": walk + 1.25,
            "low": walk - 0.75,
            "close": walk + 0.25,
            "volume": np.arange(40),
        },
        index=index,
    )
    frame.attrs["places"] = 2
    for value in values:
        form = _plain_form() | {part: value}
        path = tmp_path / "bars.txt"
        path.write_bytes(_written(frame, form))
        read = _asked(path, _answers(form, frame))
        assert read is not None, (part, value)
        assert (read.index == frame.index).all()
        for name in (*PRICES, "volume"):
            np.testing.assert_array_equal(read[name].to_numpy(), frame[name].to_numpy(np.float64))


@pytest.mark.parametrize("form", list(_NAIVE))
def test_a_zone_is_never_guessed(tmp_path: Path, form: str) -> None:
    index = pd.date_range("2024-03-14 13:30", periods=3, freq="1min", tz="UTC")
    frame = pd.DataFrame({name: [1.5, 2.5, 1.5] for name in (*PRICES, "volume")}, index=index)
    frame.attrs["places"] = 1
    path = tmp_path / "bars.txt"
    path.write_bytes(_written(frame, _plain_form() | {"time": form}))
    with pytest.raises(DataImportError, match="Give tz="):
        mdnb.read(path)


@given(
    frame=bars(),
    orient=st.sampled_from(["lists", "objects", "lines", "columns", "wrapped"]),
    unit=st.sampled_from(list(_UNITS)),
    words=st.booleans(),
)
@EASY
def test_any_json_gives_the_same_bars(
    tmp_path: Path, frame: pd.DataFrame, orient: str, unit: str, words: bool
) -> None:
    names = ("time", *PRICES, "volume")
    counts = [time.value // _UNITS[unit] for time in frame.index]
    rows: list[list[Any]] = [[at, *row] for at, row in zip(counts, frame.to_numpy().tolist(), strict=True)]
    if words:
        rows = [[row[0], *map(repr, row[1:])] for row in rows]
    objects = [dict(zip(names, row, strict=True)) for row in rows]
    body: Any = {
        "lists": rows,
        "objects": objects,
        "lines": "\n".join(map(json.dumps, objects)),
        "columns": {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)},
        "wrapped": {"status": "ok", "data": {"symbol": "AA", "candles": objects}},
    }[orient]
    path = tmp_path / "bars.json"
    path.write_text(body if isinstance(body, str) else json.dumps(body))
    read = mdnb.read(path)
    assert (read.index == frame.index).all()
    for name in (*PRICES, "volume"):
        np.testing.assert_array_equal(read[name].to_numpy(), frame[name].to_numpy(np.float64))
