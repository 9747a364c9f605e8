"""The contracts of a continuous symbol's bars outlast its market: in exported files, and in bars on disk."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import pytest

import mdnb
from mdnb.clock import EventClock
from mdnb.errors import NoDataError
from mdnb.feeds.rolls import ContractHistory
from mdnb.market import LiveMarket
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, minutes, open_market, trade

OLD, NEW, LATER = "CON.Z25", "CON.H26", "CON.M26"


def of_contract(name: str, **more: object) -> HandFeed:
    feed = HandFeed(**more)  # type: ignore[arg-type]  # as the test says
    feed.contracts = ContractHistory()
    feed.contracts.begin("X", name)
    return feed


def play(feed: HandFeed, first: int, count: int, price: float) -> None:
    """Let a trade be made every half minute."""
    assert isinstance(feed.clock, EventClock)
    for number in range(first, first + count):
        feed.clock.advance(START + 30 * number * SECOND)
        feed.trades(trade(30 * number, price + 0.25 * (number % 3), 1.0, number))


def rolled(**config: object) -> LiveMarket:
    """Return a market that has rolled after ten minutes, and goes on for ten."""
    feed = of_contract(OLD, clock=EventClock(START))
    live = open_market(feed, "1min", "5min", **config)
    play(feed, 0, 21, 100.0)
    feed.roll(NEW)
    play(feed, 21, 20, 200.0)
    # All of it is taken in by then.
    live.data.get_data("1min")
    return live


def contracts(live: LiveMarket, timeframe: str = "1min") -> pd.Series[str]:
    made = live.data.get_data(timeframe, with_contract=True)["contract"]
    assert isinstance(made, pd.Series)
    return made


@pytest.mark.parametrize("ending", [".csv", ".json", ".parquet", ".arrow", ".xlsx", ".csv.zst"])
def test_bars_that_are_exported_and_loaded_know_their_contracts(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{ending}"
    with rolled() as live:
        live.export(path, "1min")
        wanted = contracts(live).iloc[:20]
        assert set(wanted) == {OLD, NEW}
    assert mdnb.read(path)["contract"].tolist() == wanted.tolist()
    # A day later the market is of a third contract, and knows no roll.
    feed = of_contract(LATER, clock=EventClock(START + 1440 * MINUTE))
    with open_market(feed, "1min", "5min") as later:
        later.load(path, "1min")
        assert contracts(later).tolist() == wanted.tolist()
        assert set(contracts(later, "5min").iloc[:2]) == {OLD}
        play(feed, 2882, 4, 300.0)
        assert contracts(later).iloc[-1] == LATER
        assert later.rolls() == ()
        frame = later.data.get_data("1min")
        assert [name for _, name in frame.attrs["contracts"]] == [OLD, NEW, LATER]
        with pytest.raises(NoDataError, match="is not known: ask for bars of one of them"):
            later.data.get_data("1min", back_adjust=True)
        later.data.get_data("1min", start_time=frame.index[-2], back_adjust=True)


def test_a_symbol_without_contracts_has_none_in_its_files(tmp_path: Path) -> None:
    feed = HandFeed(minutes(-30, 30), clock=EventClock(START), trades=[])
    with open_market(feed, "1min") as live:
        for ending in ("csv", "json", "parquet"):
            live.export(tmp_path / f"x.{ending}", "1min")
            assert b"contract" not in (tmp_path / f"x.{ending}").read_bytes()


def test_bars_on_disk_know_their_contracts_in_the_market_after(tmp_path: Path) -> None:
    config = {"max_bars_per_timeframe": 5, "enable_disk_overflow": True, "disk_cache_path": tmp_path}
    with rolled(**config) as live:
        held = live.data.get_all_data("1min")
        assert len(held) > 5
        report = live.data.cleanup_old_data()
        assert report.bars_written > 0
    feed = of_contract(LATER, clock=EventClock(START + 1440 * MINUTE))
    with open_market(feed, "1min", "5min", **config) as later:
        play(feed, 2882, 4, 300.0)
        path = later.export(tmp_path / "all.parquet", "1min")
        names = pd.read_parquet(path)["contract"]
        on_disk = names[names.index < pd.Timestamp(START + 1440 * MINUTE, tz="UTC")]
        assert on_disk.loc[held.index[held.index < on_disk.index[-1]]].tolist()[:10] == [OLD] * 10
        assert set(on_disk) == {OLD, NEW}
        assert set(names[names.index > on_disk.index[-1]]) == {LATER}
        assert set(later.data.get_data("1min", with_contract=True)["contract"]) <= {OLD, NEW, LATER}
    # Twice around: what the folder said stays said.
    with open_market(of_contract(LATER, clock=EventClock(START + 2880 * MINUTE)), "1min", **config) as last:
        assert [name for _, name in last.data.engine.contracts.stretches("UTC")] == [OLD, NEW, LATER]


@pytest.mark.parametrize("text", ["", "[]", '{"spans":[["x",1]],"until_ns":5}', '{"spans":[]}'])
def test_a_folder_whose_contracts_are_damaged_is_used_without(
    text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = {"max_bars_per_timeframe": 5, "enable_disk_overflow": True, "disk_cache_path": tmp_path}
    with rolled(**config):
        pass
    (kept,) = tmp_path.rglob("contracts.json")
    kept.write_text(text)
    with caplog.at_level(logging.WARNING, "mdnb"), rolled(**config) as live:
        assert set(contracts(live)) == {NEW}
    assert caplog.text.count("does not say of which contracts the bars are") == 1
