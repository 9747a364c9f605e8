"""What a market receives is recorded while it goes on, and plays again as the same market."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

import mdnb
from mdnb.feeds.base import Channel, Feed, OnFrame, OnStatus
from mdnb.feeds.recorder import Recorder
from mdnb.feeds.rolls import ContractHistory, Seam
from mdnb.runtime.process.bridge import call
from tests.manager.hand import HandFeed, open_market, trade
from tests.venues.bars import bars_of
from tests.venues.kraken_venue import KrakenDialect
from tests.venues.stage import Stage
from tests.venues.stand_in import StandIn, tape_of

TAPE = tape_of(10, 400)
SECONDS = {"1sec": 1, "5sec": 5}


def test_a_market_that_is_recorded_is_played_again_under_the_names_it_had(tmp_path: Path) -> None:
    file = tmp_path / "btc.jsonl.gz"
    venue = StandIn(KrakenDialect(), TAPE, begun=10)
    call(venue.listen())
    # Not the venue's own name.
    stage = Stage(venue, venue.feed(), "BTC-USD", SECONDS, TAPE)
    try:
        with stage.market.record(file) as recording:
            stage.play()
            stage.market.close()
        assert recording.frames >= 400
        assert f"{recording.frames:,} frames" in repr(recording)
    finally:
        stage.close()
    with mdnb.live("BTC-USD", list(SECONDS), feed=f"replay:{file}?speed=max", initial_days=0) as again:
        again.start()
        again.wait_ended()
        frame = again["1sec"].frame
        closes = [bar[4] for bar in bars_of(TAPE[10:], 1)]
        assert frame["close"].to_list() == closes
    with pytest.raises(mdnb.OptionError, match="plays a recording"):
        again.record(tmp_path / "copy.jsonl")


def test_a_recording_ends_with_its_market_and_a_file_has_one_writer(tmp_path: Path) -> None:
    file = tmp_path / "mnq.jsonl"
    with mdnb.live("MNQ", "1sec", feed="sim://?speed=10", initial_days=0, progress=False) as live:
        recording = live.record(file)
        with pytest.raises(mdnb.DataExportError, match="recorded to by somebody else"):
            live.record(file, append=True)
        with pytest.raises(mdnb.DataExportError, match=r"is there already|recorded to by somebody else"):
            live.record(file)
        live.wait_for("new_bar")
    frames = recording.frames
    assert frames > 0
    assert len(file.read_text().splitlines()) == frames + 1
    recording.close()
    with pytest.raises(mdnb.ClosedError, match="this market is over"):
        live.record(tmp_path / "more.jsonl")


def test_a_recording_that_fails_while_its_market_ends_is_told_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "mnq.jsonl"
    with mdnb.live("MNQ", "1sec", feed="sim://?speed=10", initial_days=0, progress=False) as live:
        live.record(file)
        ended = live.record(tmp_path / "other.jsonl")
        live.wait_for("new_bar")

        async def end_it() -> None:
            ended.close()

        call(end_it())
        file.unlink()
    assert f"recording to {file} stopped after" in caplog.text
    assert "the file was deleted meanwhile" in caplog.text


SECOND = 1_000_000_000
BEGIN = 1_700_000_100 * SECOND


class _Shared(Feed):
    """A connection that several symbols share, which says what it is told to; MNQ stands for contracts."""

    dialect: str = "alpaca"
    is_local = True

    def __init__(self) -> None:
        super().__init__()
        self.names = self._names = {"NQZ5": "MNQ"}
        self.frames: list[str] = []
        self.said = asyncio.Event()
        self._contracts = ContractHistory()
        self._contracts.begin("MNQ", "NQZ5")

    async def open(self, symbols: Sequence[str]) -> None:
        """Nothing to open."""

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        """Say it all, with a roll before the last."""
        on_status("connected", "")
        await self.said.wait()
        for frame in self.frames[:-1]:
            on_frame(frame)
        self._contracts.roll("MNQ", "NQH6", BEGIN + SECOND)
        self._names["NQH6"] = "MNQ"
        self.on_roll("MNQ", False)
        on_frame(self.frames[-1])

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Nothing to ask."""

    async def unsubscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Nothing to ask."""

    async def close(self) -> None:
        """Nothing to close."""

    def contract(self, symbol: str, at_ns: int | None = None) -> str:
        return self._contracts.contract(symbol, at_ns) if self._contracts.knows(symbol) else ""

    @property
    def rolls(self) -> tuple[Seam, ...]:
        return self._contracts.rolls


def _trade(symbol: str, number: int) -> dict[str, object]:
    at = f"2023-11-14T22:15:{number:02}Z"
    return {"T": "t", "S": symbol, "i": number, "x": "V", "p": 10.5, "s": 1, "c": ["@"], "t": at, "z": "C"}


def test_a_symbol_of_several_is_recorded_by_itself(tmp_path: Path) -> None:
    of_mes = [json.dumps([_trade("MES", 1)]), json.dumps([_trade("NQZ5", 2), _trade("MES", 3)])]
    of_mnq = [json.dumps([_trade("NQZ5", 4)]), json.dumps([_trade("NQH6", 5)])]
    of_all = ['[{"T":"success","msg":"authenticated"}]', "[{]"]
    of_nobody_else = ['[{"T":"t","S":"NQZ5"}]']
    feed = _Shared()
    feed.frames = [of_all[0], *of_mes, of_nobody_else[0], of_mnq[0], of_all[1], of_mnq[1]]
    with mdnb.live(["MNQ", "MES"], "1sec", feed=feed, initial_days=0, progress=False) as live:
        recordings = [
            live.record(tmp_path / "all.jsonl"),
            live["MES"].record(tmp_path / "mes.jsonl"),
            live.of("MNQ").record(tmp_path / "mnq.jsonl"),
        ]
        call(_say(feed))
        live.wait_ended()
    assert [one.symbols for one in recordings] == [("MNQ", "MES"), ("MES",), ("MNQ",)]
    every, mes, mnq = (_frames(one.path) for one in recordings)
    rolls = [frame for frame in every if "mdnb_roll" in frame]
    assert len(rolls) == 1
    assert [frame for frame in every if frame not in rolls] == feed.frames
    assert mes == [of_all[0], *of_mes, of_all[1]]
    # A frame with data of both is both's.
    assert mnq == [of_all[0], of_mes[1], of_nobody_else[0], of_mnq[0], of_all[1], *rolls, of_mnq[1]]


def test_a_symbol_whose_messages_are_numbered_with_others_is_not_recorded_by_itself(tmp_path: Path) -> None:
    feed = _Shared()
    feed.dialect = "coinbase_advanced"
    with mdnb.live(["MNQ", "MES"], "1sec", feed=feed, initial_days=0, progress=False) as live:
        with pytest.raises(mdnb.OptionError, match=r"numbered through all symbols.*live\.record\(path\)"):
            live["MES"].record(tmp_path / "mes.jsonl")
        assert not (tmp_path / "mes.jsonl").exists()
        live.record(tmp_path / "all.jsonl").close()
    alone = _Shared()
    alone.dialect = "coinbase_advanced"
    with mdnb.live("MES", "1sec", feed=alone, initial_days=0, progress=False) as live:
        live["MES"].record(tmp_path / "one.jsonl").close()


async def _say(feed: _Shared) -> None:
    feed.said.set()


def _frames(path: Path) -> list[str]:
    return [json.loads(line)[1] for line in path.read_text().splitlines()[1:]]


def test_what_is_recorded_of_one_symbol_plays_as_it_does_out_of_the_whole(tmp_path: Path) -> None:
    whole, part = tmp_path / "all.jsonl.gz", tmp_path / "mes.jsonl.gz"
    with mdnb.live(["MNQ", "MES"], "1sec", feed="sim://?speed=20", initial_days=0, progress=False) as live:
        live.record(whole)
        live["MES"].record(part)
        for _ in range(5):
            live["MES"].wait_for("new_bar")
    bars = []
    for file in (whole, part):
        with mdnb.live("MES", "1sec", feed=f"replay:{file}?speed=max", initial_days=0) as again:
            again.wait_ended()
            bars.append(again["1sec"].frame)
    # Something may have come between the two beginnings.
    since = bars[1].index[1:]
    assert len(since) >= 4
    assert bars[0].loc[since].equals(bars[1].loc[since])
    with pytest.raises(mdnb.SymbolError, match="MES"):
        mdnb.live("MNQ", "1sec", feed=f"replay:{part}?speed=max", initial_days=0)


@pytest.mark.parametrize("order", ["newest first", "backwards", "as they were made"])
def test_what_an_outage_left_out_is_in_its_place_in_the_recording_too(order: str, tmp_path: Path) -> None:
    before = [trade(second / 2, 100.0 + second, number=second) for second in range(6)]
    missed = [trade(second / 2, 100.0 + second, number=second) for second in range(6, 14)]
    after = [trade(second / 2, 100.0 + second, number=second) for second in range(14, 24)]
    told = {
        "newest first": [missed[-1], *missed[:-1]],
        "backwards": missed[::-1],
        "as they were made": missed,
    }[order]
    file = tmp_path / "x.jsonl"
    feed = HandFeed()
    with open_market(feed, "1sec") as market, market.record(file):
        feed.trades(*before)
        feed.status("disconnected")
        feed.status("connected")
        # Each in a frame of its own, as a venue sends them.
        for row in [*told, *after]:
            feed.trades(row)
        call(feed.close())
        market.wait_ended(timeout=60)
        live = market["1sec"].frame
    expected = [
        (row[1], other[1]) for row, other in zip(*[iter([*before, *missed, *after])] * 2, strict=True)
    ]
    assert list(zip(live["open"], live["close"], strict=True)) == expected
    for speed in ("1000", "max"):
        with mdnb.live("X", "1sec", feed=f"replay:{file}?speed={speed}", initial_days=0) as again:
            again.start()
            again.wait_ended()
            assert again["1sec"].frame[["open", "close"]].equals(live[["open", "close"]])
    *_, last = mdnb.play(file, "1sec", symbol="X")
    known = last.view["1sec"]
    assert known[["open", "close"]].equals(live[["open", "close"]].loc[: known.index[-1]])
    assert len(known) >= len(live) - 1


def test_between_two_runs_of_a_recording_the_line_was_not_there(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    rows = [trade(number / 2, 100.0 + number, number=number) for number in (0, 1, 5, 2, 3, 4, 6)]
    for part in (rows[:2], rows[2:]):
        with Recorder(file, "mdnb", ["X"], append=True) as recorder:
            for row in part:
                recorder.frame(row[0], json.dumps({"e": "trades", "s": "X", "r": [row]}))
    *_, last = mdnb.play(file, "1sec", symbol="X")
    known = last.view["1sec"]
    assert known["open"].to_list() == [100.0, 102.0, 104.0, 106.0][: len(known)]
    assert known["close"].to_list() == [101.0, 103.0, 105.0, 106.0][: len(known)]
