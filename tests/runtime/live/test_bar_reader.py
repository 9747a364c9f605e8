"""Frames that are kept for whoever asks again."""

from __future__ import annotations

import itertools

from mdnb.instruments import Instrument
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.merge_bars import merge_bars
from mdnb.sessions import Sessions
from mdnb.stores.columns import columns_from_rows
from tests.manager.hand import SECOND, START, HandFeed, minutes, open_market


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


def test_a_bar_of_trades_whose_closing_nobody_noted_is_known_once_the_next_has_begun() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["3tick"])
    begins = [START + second * SECOND for second in (0, 7, 9, 30)]
    merge_bars(engine, "3tick", columns_from_rows([(at, 9.0, 9.0, 9.0, 9.0, 3.0, 3, 27.0) for at in begins]))
    moments = [at + engine.grace_ns + more for at in begins for more in (-1000, 0, 1000)]
    for moment in [*moments, START + 3600 * SECOND]:
        over = [at for at, following in itertools.pairwise(begins) if following + engine.grace_ns <= moment]
        assert [at.value for at in engine.known("3tick", moment).index] == over
