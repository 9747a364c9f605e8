"""Whether a venue can be reached, asked of a stand-in on real sockets."""

from __future__ import annotations

import pytest

from mdnb.errors import FeedError
from mdnb.notebook.reach import reach
from mdnb.runtime.process.bridge import call
from tests.venues.kraken_venue import KrakenDialect
from tests.venues.stand_in import StandIn, tape_of


def test_a_venue_that_answers_is_told_with_what_it_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:s3cret@proxy.example:3128")
    venue = StandIn(KrakenDialect(), tape_of(1, 1), begun=1)
    call(venue.listen())
    try:
        problems, lines = reach(f"kraken?url={venue.stream.url}&rest={venue.rest.url}")
    finally:
        call(venue.close())
    assert problems == []
    text = "\n".join(lines)
    assert "its history: 2 symbols" in text
    assert "its stream: connected" in text
    assert "HTTPS_PROXY" in text
    assert "s3cret" not in text


def test_what_is_in_the_way_is_said_of_history_and_stream() -> None:
    problems, _ = reach("kraken?url=ws://127.0.0.1:9&rest=http://127.0.0.1:9")
    assert [problem.split(":")[0] for problem in problems] == [
        *["  its history cannot be asked", "  its stream cannot be asked"]
    ]
    assert all("nothing listens on that port" in problem for problem in problems)


def test_feeds_without_a_network_need_none() -> None:
    assert reach("sim")[0] == []
    with pytest.raises(FeedError, match="Did you mean 'kraken'"):
        reach("krakn")


def test_of_a_feed_that_is_no_venue_of_ours_it_is_asked_whether_it_can_be_opened() -> None:
    pytest.importorskip("ccxt.pro", reason="the extra ccxt is not installed: pip install 'mdnb[ccxt]'")
    problems, lines = reach("ccxt:krakn")
    assert lines[0] == "CcxtFeed('krakn')"
    assert "ccxt.pro has no venue 'krakn'. Did you mean 'kraken'" in problems[0]
