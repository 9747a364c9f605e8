"""Each file of the collection against a reading of pandas that was written by hand for it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mdnb
from mdnb.errors import DataImportError

PRICES = ["open", "high", "low", "close"]
_NEW_YORK = "America/New_York"


def by_hand(path: Path, times: Callable[[pd.DataFrame], Any], names: str, **options: Any) -> pd.DataFrame:
    """Read a file by pandas alone; ``names`` are those of open, high, low, close and volume in it."""
    raw = pd.read_csv(path, **options)
    raw.columns = [name.strip() if isinstance(name, str) else name for name in raw.columns]
    return of_columns(raw, times(raw), [int(name) if name.isdigit() else name for name in names.split("|")])


def of_columns(raw: pd.DataFrame, times: Any, names: list[Any]) -> pd.DataFrame:
    made = pd.DataFrame(
        {ours: raw[theirs].to_numpy(float) for ours, theirs in zip([*PRICES, "volume"], names, strict=False)}
    )
    made.index = pd.DatetimeIndex(times).as_unit("us").rename("timestamp")
    return made.sort_index(kind="stable")


def days(column: str | int, **options: Any) -> Callable[[pd.DataFrame], Any]:
    return lambda raw: pd.to_datetime(raw[column], **options).dt.tz_localize("UTC")


def local_days(raw: pd.DataFrame) -> Any:
    return pd.to_datetime(raw["Date"].str[:10]).dt.tz_localize("UTC")


def walls(
    zone: str, column: str | int, second: str | None = None, **options: Any
) -> Callable[[pd.DataFrame], Any]:
    def times(raw: pd.DataFrame) -> Any:
        text = raw[column].astype(str)
        if second is not None:
            text = text + " " + raw[second].astype(str)
        return pd.to_datetime(text, **options).dt.tz_localize(zone).dt.tz_convert("UTC")

    return times


def epochs(unit: str, column: str | int) -> Callable[[pd.DataFrame], Any]:
    return lambda raw: pd.to_datetime(raw[column], unit=unit, utc=True)


def offsets(column: str) -> Callable[[pd.DataFrame], Any]:
    return lambda raw: pd.to_datetime(raw[column], utc=True)


Y = "Open|High|Low|Close|Volume"
L = "open|high|low|close|volume"
BY_HAND: dict[str, tuple[dict[str, Any], str | None, Callable[[Path], pd.DataFrame]]] = {
    # file: (what has to be said, the bar size, the reading by hand)
    "dialects/alphavantage.csv": ({}, "1day", lambda p: by_hand(p, days("date"), L)),
    "dialects/binance_klines.csv": (
        {},
        "1min",
        lambda p: by_hand(p, epochs("ms", 0), "1|2|3|4|5", header=None),
    ),
    "dialects/cryptocompare_1d.csv.gz": (
        {},
        "1day",
        lambda p: by_hand(p, days("Date"), "Open|High|Low|Close|VolumeFrom"),
    ),
    "dialects/cryptodatadownload_d.csv.gz": (
        {},
        "1day",
        lambda p: by_hand(p, days("date"), "open|high|low|close|volume_btc", skiprows=1),
    ),
    "dialects/databento_pretty.csv": ({}, "1min", lambda p: by_hand(p, offsets("ts_event"), L)),
    "dialects/databento_raw.csv": (
        {},
        "1min",
        lambda p: unscaled(by_hand(p, epochs("ns", "ts_event"), L), 10**9),
    ),
    "dialects/date_time_split.csv.gz": (
        {"tz": "Europe/Berlin"},
        "5min",
        lambda p: by_hand(p, walls("Europe/Berlin", "Date", "Time"), Y),
    ),
    "dialects/finam.csv.gz": (
        {"tz": "Europe/Moscow"},
        "1hour",
        lambda p: by_hand(
            p,
            walls("Europe/Moscow", "<DATE>", "<TIME>", format="%Y%m%d %H:%M"),
            "<OPEN>|<HIGH>|<LOW>|<CLOSE>|<VOL>",
            sep=";",
        ),
    ),
    "dialects/freqtrade_1m_lists.json.gz": (
        {},
        "1min",
        lambda p: lists(pd.DataFrame(json.loads(gzip.decompress(p.read_bytes()))), "ms"),
    ),
    "dialects/ib_bars_jsonl.json": (
        {"tz": _NEW_YORK},
        "1min",
        lambda p: of_columns(
            lines := pd.DataFrame([json.loads(line) for line in p.read_text().splitlines()]),
            walls(_NEW_YORK, "date")(lines),
            L.split("|"),
        ),
    ),
    "dialects/investing.csv.gz": ({}, "1day", lambda p: of_words(p, "%b %d, %Y")),
    "dialects/kraken_ohlcvt.csv.gz": (
        {},
        "1day",
        lambda p: by_hand(p, epochs("s", 0), "1|2|3|4|5", header=None),
    ),
    "dialects/mt5_comma.csv.gz": (
        {},
        "1day",
        lambda p: by_hand(p, days("<DATE>", format="%Y.%m.%d"), "<OPEN>|<HIGH>|<LOW>|<CLOSE>|<TICKVOL>"),
    ),
    "dialects/mt5_python.csv.gz": (
        {"price_scale": 1e-5},
        "1day",
        lambda p: unscaled(by_hand(p, days("Date"), "open|high|low|close|tick_volume"), 10**5),
    ),
    "dialects/mt5_tab.csv.gz": (
        {"tz": "Etc/GMT-2"},
        "30min",
        lambda p: by_hand(
            p,
            walls("Etc/GMT-2", "<DATE>", "<TIME>", format="%Y.%m.%d %H:%M:%S"),
            "<OPEN>|<HIGH>|<LOW>|<CLOSE>|<TICKVOL>",
            sep="\t",
        ),
    ),
    "dialects/tradingview.csv.gz": (
        {},
        "1hour",
        lambda p: by_hand(p, offsets("time"), "open|high|low|close|Volume"),
    ),
    "dialects/unnamed_index.csv.gz": (
        {"tz": "UTC"},
        "1hour",
        lambda p: by_hand(p, walls("UTC", "Unnamed: 0"), L),
    ),
    "dialects/us_dates_ochl.csv.gz": (
        {"date_format": "%m/%d/%Y %H:%M", "tz": _NEW_YORK},
        "1min",
        lambda p: by_hand(p, walls(_NEW_YORK, "Date", format="%m/%d/%Y %H:%M"), Y),
    ),
    "dialects/yahoo_like_json.json": (
        {},
        "1day",
        lambda p: of_columns(
            rows := pd.DataFrame(json.loads(p.read_text())["candles"]),
            pd.to_datetime(rows["start"].astype("int64"), unit="s", utc=True),
            L.split("|"),
        ),
    ),
    "dialects/yahoo_spy.csv": ({}, "1day", lambda p: by_hand(p, days("Date"), Y)),
    "dialects/yfinance_tz.csv": ({}, "1day", lambda p: by_hand(p, local_days, Y)),
    "defects/duplicate_date_column.csv": ({}, "1day", lambda p: by_hand(p, days("Date"), Y)),
    "defects/padded_headers.csv": (
        {},
        "1min",
        lambda p: by_hand(p, offsets("Date"), Y, skipinitialspace=True),
    ),
    **{
        f"defects/{name}.csv": ({}, "1day", lambda p: by_hand(p, local_days, Y))
        for name in (
            "4063-T-1d-bad-stock-split",
            "4063-T-1d-bad-stock-split-fixed",
            "SSW-JO-1d-100x-error",
            "SSW-JO-1d-100x-error-fixed",
        )
    },
    **{
        f"defects/ASAI-L-1h-bad-unit{end}.csv": ({}, "1hour", lambda p: by_hand(p, offsets("Datetime"), Y))
        for end in ("", "-fixed")
    },
}


def unscaled(frame: pd.DataFrame, units: int) -> pd.DataFrame:
    frame[PRICES] = frame[PRICES] / units
    return frame


def lists(raw: pd.DataFrame, unit: str) -> pd.DataFrame:
    return of_columns(raw, pd.to_datetime(raw[0], unit=unit, utc=True), [1, 2, 3, 4, 5])


def of_words(path: Path, form: str) -> pd.DataFrame:
    raw = pd.read_csv(path, thousands=",", encoding="utf-8-sig")
    units = {"K": 1000, "M": 1_000_000, "B": 1_000_000_000}
    raw["Vol."] = [
        round(float(text[:-1]) * units[text[-1]]) if isinstance(text, str) and text != "-" else 0
        for text in raw["Vol."]
    ]
    times = pd.to_datetime(raw["Date"], format=form).dt.tz_localize("UTC")
    return of_columns(raw, times, ["Open", "High", "Low", "Price", "Vol."])


def same(read: pd.DataFrame, hand: pd.DataFrame) -> None:
    """Assert that bars are equal to the bit, at equal instants, in the order of time."""
    assert read.index.is_monotonic_increasing
    assert (read.index.tz_convert("UTC") == hand.index).all()
    for name in [*PRICES, "volume"]:
        np.testing.assert_array_equal(read[name].to_numpy(), hand[name].to_numpy(), err_msg=name)


@pytest.mark.parametrize("name", BY_HAND)
def test_a_file_gives_what_a_reading_by_hand_gives(shared_data: Path, name: str) -> None:
    said, timeframe, hand = BY_HAND[name]
    frame = mdnb.read(shared_data / name, **said)
    same(frame, hand(shared_data / name))
    assert frame.attrs["timeframe"] == timeframe
    assert f"{len(frame):,} rows" in frame.attrs["understood"]
    assert frame.index.tz is not None


@pytest.mark.parametrize("name", [name for name, (said, _, _) in BY_HAND.items() if said])
def test_what_a_file_does_not_tell_is_asked_for_by_its_argument(shared_data: Path, name: str) -> None:
    said, _, _ = BY_HAND[name]
    given: dict[str, Any] = {}
    for argument, value in said.items():
        with pytest.raises(DataImportError, match=f"Give {argument}=") as caught:
            mdnb.read(shared_data / name, **given)
        assert name.rpartition("/")[2] in str(caught.value)
        given[argument] = value
    mdnb.read(shared_data / name, **given)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("histdata_tick.csv.gz", "quotes"),
        ("kraken_trades.csv", "trades"),
        ("tardis_trades_us.csv", "trades"),
    ],
)
def test_ticks_are_no_bars_and_their_reader_is_named(shared_data: Path, name: str, what: str) -> None:
    with pytest.raises(DataImportError, match=rf"holds {what}, not bars .*mdnb\.read_ticks"):
        mdnb.read(shared_data / "dialects" / name)


def test_trades_written_as_bars_contradict_each_other(shared_data: Path) -> None:
    path = shared_data / "dialects" / "iso_ms_ticks.csv"
    with pytest.raises(DataImportError, match="Give tz="):
        mdnb.read(path)
    with pytest.raises(DataImportError, match=r"Give on_conflict='keep' .* on_conflict='replace'"):
        mdnb.read(path, tz="Europe/Berlin")
    hand = by_hand(path, walls("Europe/Berlin", "Datetime"), Y)
    for choice, which in (("keep", "first"), ("replace", "last")):
        frame = mdnb.read(path, tz="Europe/Berlin", on_conflict=choice)
        same(frame, hand[~hand.index.duplicated(keep=which)])
        assert "timeframe" not in frame.attrs


def test_every_file_of_the_collection_is_looked_at(shared_data: Path) -> None:
    ticks = {"histdata_tick.csv.gz", "kraken_trades.csv", "tardis_trades_us.csv", "iso_ms_ticks.csv"}
    held = {
        f"{folder}/{path.name}"
        for folder in ("dialects", "defects")
        for path in (shared_data / folder).iterdir()
    }
    assert {name for name in held if name.rpartition("/")[2] not in ticks} == set(BY_HAND)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "dialects/kraken_ohlcvt.csv.gz",
            ["Kraken, gzip, text, separated by commas", "seconds since 1970", "without a header"],
        ),
        ("dialects/binance_klines.csv", ["Binance, text", "without a header", "milliseconds since 1970"]),
        ("dialects/investing.csv.gz", ["Investing.com", "close=Price", "decimal '.', thousands ','"]),
        ("dialects/alphavantage.csv", ["Alpha Vantage", "newest first", "1day bars", "dates"]),
        ("dialects/databento_raw.csv", ["Databento", "nanoseconds since 1970", "of ESH1"]),
        ("defects/4063-T-1d-bad-stock-split.csv", ["yfinance", "days at local midnight", "newest first"]),
    ],
)
def test_the_first_line_says_what_was_understood(shared_data: Path, name: str, words: list[str]) -> None:
    frame = mdnb.read(shared_data / name)
    first = repr(frame).splitlines()[0]
    assert all(word in first for word in words), first
    assert "kraken" not in name or "Kraken" in frame._repr_html_()  # type: ignore[operator]


def test_days_at_local_midnight_are_the_days_that_they_are_of_in_a_zone_that_is_given(
    shared_data: Path,
) -> None:
    path = shared_data / "defects" / "4063-T-1d-bad-stock-split.csv"
    frame = mdnb.read(path, tz="Asia/Tokyo")
    raw = pd.read_csv(path)
    assert list(frame.index) == list(pd.to_datetime(raw["Date"])[::-1])
    assert [one["type"] for one in frame.attrs["notes"]].count("local_midnights") == 1
