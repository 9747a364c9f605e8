"""Of which feed a folder's bars are, in words and in its small file."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest

from mdnb.errors import DataExportError
from mdnb.feeds.offers import Offers
from mdnb.runtime.feed_on_disk import FeedMark, check_feed, keep_feed, mark_of
from tests.manager.hand import HandFeed

KRAKEN, OTHER = FeedMark("Kraken", "trades"), FeedMark("Other", "bars")


class Named(HandFeed):
    """Has a venue's name."""

    offers = Offers(title="Some Venue", history="none")


def test_a_feed_is_known_by_its_venue_or_its_class_and_by_what_its_bars_are_made_of() -> None:
    assert mark_of(Named()) == FeedMark("Some Venue", "trades")
    feed = HandFeed()
    feed.source = "bars"
    assert mark_of(feed) == FeedMark("HandFeed", "bars")
    assert str(mark_of(feed)) == "HandFeed (its own bars)"
    assert str(KRAKEN) == "Kraken (bars of trades)"


def test_a_folder_is_refused_where_it_holds_bars_of_another_feed(tmp_path: Path) -> None:
    keep_feed(tmp_path, KRAKEN)
    assert (tmp_path / "feed.json").read_bytes() == b'{"name":"Kraken","source":"trades"}'
    check_feed(tmp_path, OTHER)
    (tmp_path / "1min").mkdir()
    (tmp_path / "1min" / "lock").touch()
    check_feed(tmp_path, OTHER)
    (tmp_path / "1min" / "bars-1.arrow").touch()
    check_feed(tmp_path, KRAKEN)
    with pytest.raises(DataExportError) as caught:
        check_feed(tmp_path, OTHER)
    assert str(caught.value) == (
        f"{tmp_path} holds bars of Kraken (bars of trades), and these are of Other (its own bars): they would"
        " be mixed. Give another folder (disk_cache_path), or delete that one."
    )


def test_what_is_written_already_is_not_written_again(tmp_path: Path) -> None:
    keep_feed(tmp_path, KRAKEN)
    os.utime(tmp_path / "feed.json", (5, 5))
    keep_feed(tmp_path, KRAKEN)
    assert (tmp_path / "feed.json").stat().st_mtime == 5
    keep_feed(tmp_path, OTHER)
    assert (tmp_path / "feed.json").read_bytes() == b'{"name":"Other","source":"bars"}'


@pytest.mark.parametrize("text", [b"", b"[1]", b'{"name":5,"source":"trades"}'])
def test_a_file_that_says_nothing_is_told_of_and_anybodys(
    text: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "feed.json"
    path.write_bytes(text)
    (tmp_path / "1min").mkdir()
    (tmp_path / "1min" / "bars-1.arrow").touch()
    with caplog.at_level(logging.WARNING, "mdnb"):
        check_feed(tmp_path, OTHER)
    [said] = caplog.messages
    assert said.startswith(f"{path} does not say of which feed the bars are: ")
    assert said.removeprefix(f"{path} does not say of which feed the bars are: ") not in ("", "None")


@pytest.mark.parametrize(("size", "is_read"), [(4096, True), (4097, False)])
def test_a_file_that_is_larger_than_any_of_ours_is_not_read(size: int, is_read: bool, tmp_path: Path) -> None:
    (tmp_path / "feed.json").write_bytes(b'{"name":"Kraken","source":"trades"}'.ljust(size))
    (tmp_path / "1min").mkdir()
    (tmp_path / "1min" / "bars-1.arrow").touch()
    if is_read:
        with pytest.raises(DataExportError):
            check_feed(tmp_path, OTHER)
    else:
        check_feed(tmp_path, OTHER)


def test_a_mark_that_cannot_be_written_is_told_of_and_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with caplog.at_level(logging.WARNING, "mdnb"):
        keep_feed(tmp_path, KRAKEN)
    [said] = caplog.messages
    assert said.startswith(f"of which feed the bars in {tmp_path} are is not kept: ")
    assert "No space left on device" in said
    assert not (tmp_path / "feed.json").exists()
