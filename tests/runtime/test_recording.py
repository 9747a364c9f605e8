"""What `mdnb record` writes: the frames of a feed, to be played again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mdnb.decode import decoder
from mdnb.errors import DataExportError
from mdnb.feeds.replay import open_recording
from mdnb.runtime.recording import record


def test_a_simulated_market_is_recorded_with_its_trades_and_quotes(tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    frames = 0
    seconds = 0.5
    while frames < 20:
        file.unlink(missing_ok=True)
        frames = asyncio.run(record("BTC-USD", file, "sim://?speed=60", seconds))
        seconds *= 2
    opened = open_recording(file)
    assert opened.frames is not None
    held = [frame for _, frame in opened.frames()]
    assert (opened.symbols, len(held)) == (("BTC-USD",), frames)
    batch = decoder(opened.dialect).feed(held)
    assert batch.malformed == []
    assert batch.trades["BTC-USD"]
    assert batch.quotes["BTC-USD"]


def test_a_file_that_is_there_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    file.write_text("mine")
    with pytest.raises(DataExportError):
        asyncio.run(record("BTC-USD", file, "sim://", 0.1))
    assert file.read_text() == "mine"
