"""Whose decoder reads a feed's frames, and by which names."""

from __future__ import annotations

from pathlib import Path

from mdnb.decode.renaming import RollingDecoder, roll_frame
from mdnb.feeds.recorder import Recorder
from mdnb.feeds.replay.feed import ReplayFeed
from mdnb.rows import ContractChange
from mdnb.runtime.feed_decoder import decoder_of
from tests.manager.hand import HandFeed


def test_of_a_recording_the_names_follow_a_roll(tmp_path: Path) -> None:
    file = tmp_path / "mnq.jsonl"
    with Recorder(file, "mdnb", ["MNQ"], names={"Z25": "MNQ"}, contracts={"MNQ": "Z25"}) as recorder:
        recorder.frame(5, '{"e":"trades","s":"Z25","r":[[5,9.0,1.0,1,0,1]]}')
    feed = ReplayFeed(file)
    decoder = decoder_of(feed)
    assert list(decoder.feed(['{"e":"trades","s":"Z25","r":[[5,9.0,1.0,1,0,1]]}']).trades) == ["MNQ"]
    [roll] = decoder.feed([roll_frame(ContractChange("MNQ", 7, "Z25", "H26"))]).rolls
    assert (roll.old, roll.new) == ("Z25", "H26")
    assert feed.names == {"H26": "MNQ"}
    assert list(decoder.feed(['{"e":"trades","s":"H26","r":[[8,9.5,1.0,1,0,2]]}']).trades) == ["MNQ"]


def test_a_feed_that_names_nothing_anew_has_its_dialects_decoder() -> None:
    assert not isinstance(decoder_of(HandFeed()), RollingDecoder)
    batch = decoder_of(HandFeed()).feed(['{"e":"trades","s":"X","r":[[5,9.0,1.0,1,0,1]]}'])
    assert list(batch.trades) == ["X"]
