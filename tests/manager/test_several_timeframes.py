"""Files of several timeframes: each is loaded as it was, and what is not kept here is told of."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import mdnb
from mdnb.errors import DataImportError
from mdnb.io.formats import timeframes_in
from tests.manager.hand import HandFeed, minutes, open_market

ENDINGS = [".parquet", ".arrow", ".xlsx"]


def exported(path: Path, timeframe: str | None = None) -> Path:
    """Return a file of bars of which the coarser ones reach further back than the finer ones."""
    with open_market(HandFeed(minutes(-300, 300)), "1min", "5min") as market:
        with market.data.engine.lock:
            market.data.engine.log("1min").set_limit(50)
        market.export(path, timeframe)
    return path


def frames(market: mdnb.LiveMarket) -> dict[str, pd.DataFrame]:
    return {name: market.data.get_data(name, closed_only=True) for name in market.timeframes}


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_timeframe_that_is_kept_is_loaded_as_it_was(ending: str, tmp_path: Path) -> None:
    path = exported(tmp_path / f"all{ending}")
    with open_market(HandFeed(), "1min", "5min") as market:
        results = {one.timeframe: one for one in market.load(path)}
        assert set(results) == {"1min", "5min"}
        assert results["5min"].rows == 60
        assert results["1min"].rows in (49, 50)
        assert all(one.notes == () for one in results.values())
        assert len(frames(market)["5min"]) == 60


@pytest.mark.parametrize("ending", ENDINGS)
def test_of_what_is_not_kept_the_result_tells(ending: str, tmp_path: Path) -> None:
    path = exported(tmp_path / f"all{ending}")
    with open_market(HandFeed(), "1min", "15min") as market:
        [result] = market.load(path)
        assert result.timeframe == "1min"
        [said] = result.notes
        assert said.startswith("it holds 5min bars, too, which were left out")
        market.add_timeframe("5min")
        assert {one.timeframe: one.notes for one in market.load(path)} == {"1min": (), "5min": ()}
    with open_market(HandFeed(), "5min") as market:
        [result] = market.load(path, timeframe="5min")
        assert (result.timeframe, result.added, result.notes) == ("5min", 60, ())


def test_of_a_workbook_the_sheet_that_is_asked_for_is_read(tmp_path: Path) -> None:
    path = exported(tmp_path / "all.xlsx")
    assert len(mdnb.read(path, timeframe="5m")) == 60
    assert len(mdnb.read(path, timeframe="1min")) in (49, 50)
    with pytest.raises(DataImportError, match=r"several timeframes: 1min, 5min\. Give timeframe="):
        mdnb.read(path)
    with open_market(HandFeed(), "15min", "1hour") as market:
        [result] = market.load(path)
        assert result.timeframe == "15min"
        assert "15min bars were made of" in result.notes[0]
        assert "5min bars, too, which were left out" in result.notes[-1]


def test_other_sheets_of_a_workbook_are_told_of(tmp_path: Path) -> None:
    bars = mdnb.read(exported(tmp_path / "one.csv", "1min")).reset_index()
    bars["timestamp"] = bars["timestamp"].astype(str)
    path = tmp_path / "book.xlsx"
    with pd.ExcelWriter(path) as book:
        bars[:20].to_excel(book, sheet_name="January", index=False)
        bars[20:].to_excel(book, sheet_name="February", index=False)
    found = mdnb.read(path)
    assert len(found) == 20
    [said] = found.attrs["notes"]
    assert "sheets besides 'January' were left out, 'February'" in str(said)
    with open_market(HandFeed(), "1min") as market:
        [result] = market.load(path)
        assert any("'February'" in one for one in result.notes)


@pytest.mark.parametrize("ending", [".csv", ".json", ".parquet", ".xlsx"])
def test_bars_are_not_taken_for_coarser_ones_because_somebody_says_so(ending: str, tmp_path: Path) -> None:
    path = exported(tmp_path / f"one{ending}", "1min")
    for coarser in ("2min", "5min", "1day", "1week"):
        with pytest.raises(DataImportError, match=f"its bars are 1min, and not {coarser}"):
            mdnb.read(path, timeframe=coarser)
    assert mdnb.read(path, timeframe="1min").attrs["timeframe"] == "1min"
    # Seconds of which few had a trade may be a minute apart.
    assert mdnb.read(path, timeframe="1sec").attrs["timeframe"] == "1sec"


def test_of_rows_with_a_timeframe_each_those_of_the_one_asked_for_are_loaded(tmp_path: Path) -> None:
    path = exported(tmp_path / "one.csv", "1min")
    fine = pd.read_csv(path).assign(timeframe="1min")
    coarse = fine[::5].assign(timeframe="5min", close=fine["close"].iloc[0])
    both = tmp_path / "both.csv"
    pd.concat([fine, coarse]).rename(columns={"timestamp": "Date"}).to_csv(both, index=False)
    with open_market(HandFeed(), "1min", "5min") as market:
        [result] = market.load(both, timeframe="1min")
        assert (result.timeframe, result.rows) == ("1min", len(fine))


TEXT = [".csv", ".tsv.gz", ".json", ".jsonl"]


@pytest.mark.parametrize("ending", TEXT)
def test_text_holds_each_timeframe_and_gives_it_back(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"all{ending}"
    with open_market(HandFeed(minutes(-300, 300)), "1min", "5min") as market:
        before = frames(market)
        market.export(path)
    with open_market(HandFeed(), "1min", "5min", "15min") as market:
        results = {one.timeframe: one for one in market.load(path)}
        assert set(results) == {"1min", "5min"}
        assert all(one.added == one.rows and one.notes == () for one in results.values())
        for name, frame in before.items():
            pd.testing.assert_frame_equal(frames(market)[name], frame, check_exact=True)
    with open_market(HandFeed(), "1min", "15min") as market:
        [result] = market.load(path)
        [said] = result.notes
        assert (result.timeframe, said[:40]) == ("1min", "it holds 5min bars, too, which were left")
    with open_market(HandFeed(), "5min", "15min") as market:
        [result] = market.load(path, "5min")
        assert (result.timeframe, result.added, result.notes) == ("5min", len(before["5min"]), ())
        with pytest.raises(DataImportError, match="does not hold '15min', but 1min, 5min"):
            market.load(path, "15min")
    # The same bars whichever of the two readers takes them.
    with open_market(HandFeed(), "1min", "5min") as market:
        results = {one.timeframe: one for one in market.load(path, positive_prices=True)}
        assert {name: one.added for name, one in results.items()} == {
            name: len(frame) for name, frame in before.items()
        }


def test_the_timeframe_that_an_envelope_says_need_not_be_said_again(tmp_path: Path) -> None:
    path, one = tmp_path / "five.json", tmp_path / "one.json"
    with open_market(HandFeed(minutes(-300, 300)), "1min", "5min") as market:
        before = frames(market)["5min"]
        market.export(path, "5min", envelope=True)
        told = json.loads(path.read_text())
        # Bars from which it does not show.
        one.write_text(json.dumps({**told, "bars": told["bars"][:1]}))
        apart = tmp_path / "apart.json"
        apart.write_text(json.dumps({**told, "bars": told["bars"][:9:3]}))
    for given in (path, one, apart):
        assert mdnb.read(given).attrs["timeframe"] == "5min"
        assert timeframes_in(given) == ("5min",)
        with open_market(HandFeed(), "1min", "5min") as market:
            (result,) = market.load(given)
            assert (result.timeframe, result.added) == ("5min", len(mdnb.read(given)))
    with open_market(HandFeed(), "1min", "5min") as market:
        market.load(path)
        pd.testing.assert_frame_equal(frames(market)["5min"], before, check_exact=True)
        with pytest.raises(DataImportError, match="its bars are 5min, and 1min bars cannot be made of them"):
            market.load(path, "1min")


@pytest.mark.parametrize("ending", [".json", ".parquet"])
def test_what_is_kept_is_made_of_an_export_of_finer_bars(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"five{ending}"
    with open_market(HandFeed(minutes(-300, 300)), "1min", "5min", "15min") as market:
        before = frames(market)["15min"]
        market.export(path, "5min", **({"envelope": True} if ending == ".json" else {}))
    for timeframe in (None, "15min"):
        with open_market(HandFeed(), "15min", "1hour") as market:
            (result,) = market.load(path, timeframe)
            assert (result.timeframe, result.added) == ("15min", 20)
            found = frames(market)["15min"]
            columns = ["open", "high", "low", "close", "volume", "tick_count"]
            pd.testing.assert_frame_equal(found[columns], before[columns], check_exact=True)
