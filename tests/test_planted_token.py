"""A token in the path of an address is nowhere but on the way: not shown, logged, recorded or exported."""

from __future__ import annotations

import dataclasses
import logging
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.ultratb import VerboseTB

import mdnb
from mdnb.feeds.venues.kraken import KrakenFeed
from mdnb.runtime.process.bridge import call
from tests.venues import faults
from tests.venues.kraken_venue import KrakenDialect
from tests.venues.rest_server import HttpAnswer, HttpRequest
from tests.venues.stage import Stage
from tests.venues.stand_in import StandIn, tape_of

TOKEN = "t0k3n-in-the-path"
BEFORE = 50
TAPE = tape_of(BEFORE, 300)
WRONG = (faults.Drop(BEFORE + 100, 20), faults.Restart(BEFORE + 200))


class BehindProxy(StandIn):
    """Is reached by a path that has the token."""

    async def _answer(self, request: HttpRequest) -> HttpAnswer:
        head, _, rest = request.path.removeprefix("/").partition("/")
        if head != TOKEN:
            return HttpAnswer(b"{}", 401)
        return await super()._answer(dataclasses.replace(request, path=f"/{rest}"))

    def tokened(self) -> KrakenFeed:
        """Return a feed that knows the token."""
        like = self.feed()
        made = KrakenFeed(
            url=f"{self.stream.url}/{TOKEN}/v2",
            rest=f"{self.rest.url}/{TOKEN}",
            backoff=like.backoff,
            liveness=like.liveness,
        )
        made.clock = like.clock
        return made


@pytest.fixture
def seen(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Have everything logged that any library would log."""
    caplog.set_level(logging.DEBUG)
    logging.captureWarnings(True)
    yield caplog
    logging.captureWarnings(False)


def test_a_token_is_nowhere(seen: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    venue = BehindProxy(KrakenDialect(), TAPE, WRONG, begun=BEFORE)
    call(venue.listen())
    feed = venue.tokened()
    stage = Stage(venue, feed, "BTC/USD", {"1sec": 1}, TAPE)
    told: list[str] = []
    live = stage.market
    live.on("connection_status_changed", lambda event: told.append(f"{event!r} {event.data}"))
    try:
        with live.record(tmp_path / "x.jsonl"):
            stage.play()
        live.export(tmp_path / "x.parquet")
        live.export(tmp_path / "x.csv", "1sec")
        shown = [repr(live), str(live), live._repr_html_(), repr(feed), repr(feed.rest), repr(feed.address)]
        shown += [str(live.accounting()), str(live.data.get_stats()), str(live.data.get_validation_errors())]
    finally:
        stage.close()
    assert told
    # What the other end logs is not ours.
    logged = [record.getMessage() for record in seen.records if record.name != "websockets.server"]
    assert logged
    for text in (*shown, *told, *logged):
        assert TOKEN not in text
    for file in tmp_path.iterdir():
        assert TOKEN.encode() not in file.read_bytes(), file.name
    for held in (feed.address, feed.rest):
        with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
            dataclasses.asdict(held)  # type: ignore[call-overload]  # it is none, and should not be


def test_no_traceback_has_it_either() -> None:
    async def main(feed: mdnb.Feed) -> None:
        await feed.open(["BTC/USD"])

    feed = mdnb.make_feed("kraken", url=f"ws://127.0.0.1:9/{TOKEN}", rest=f"http://127.0.0.1:9/{TOKEN}")
    with pytest.raises(mdnb.FeedError, match="nothing listens on that port") as caught:
        call(main(feed))
    error = caught.value
    lines = VerboseTB().structured_traceback(type(error), error, error.__traceback__)
    assert TOKEN not in "\n".join(lines)
