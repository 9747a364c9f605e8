"""Frames that are kept for whoever asks again."""

from __future__ import annotations

from tests.manager.hand import HandFeed, minutes, open_market


def test_frames_kept_are_bounded_and_each_is_what_was_asked_for() -> None:
    rows = minutes(-200, 200)
    closes = [row[4] for row in rows]
    with open_market(HandFeed(rows), "1min", cache_frequently_accessed=True) as market:
        reader = market.data.engine.reader
        for count in range(1, 151):
            assert market.data.get_data("1min", count=count)["close"].tolist() == closes[-count:]
            assert len(reader._cache) <= 64
        assert reader.hits == 0
        for count, hits in ((150, 1), (1, 1), (150, 2)):
            assert market.data.get_data("1min", count=count)["close"].tolist() == closes[-count:]
            assert reader.hits == hits
