"""What a market receives is recorded while it goes on, and plays again as the same market."""

from __future__ import annotations

from pathlib import Path

import pytest

import mdnb
from mdnb.runtime.process.bridge import call
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
