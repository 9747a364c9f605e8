"""Of which contracts bars on disk are: the small file beside them, and what is told where it fails."""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from mdnb.errors import DataExportError
from mdnb.feeds.rolls import ContractHistory
from mdnb.market import LiveMarket
from mdnb.runtime import contracts_on_disk
from mdnb.runtime.cache_folder import CacheFolder
from mdnb.runtime.contracts_on_disk import keep_contracts, learn_contracts
from mdnb.runtime.feed_on_disk import mark_of
from tests.manager.hand import MINUTE, START, HandFeed, minutes, open_market

KEPT = {"max_bars_per_timeframe": 5, "enable_disk_overflow": True, "auto_cleanup": False}


def of_contract(name: str) -> HandFeed:
    feed = HandFeed(minutes(-30, 30))
    feed.contracts = ContractHistory()
    feed.contracts.begin("X", name)
    return feed


@pytest.fixture
def market(tmp_path: Path) -> Iterator[LiveMarket]:
    """A market of one contract with 25 bars on disk."""
    with open_market(of_contract("Z25"), "1min", "5min", disk_cache_path=str(tmp_path), **KEPT) as made:
        yield made


def folder_of(market: LiveMarket, path: Path) -> CacheFolder:
    return CacheFolder("X", [], market.data.config.replace(disk_cache_path=str(path)), mark_of(HandFeed()))


def test_nothing_is_written_before_there_are_bars_and_then_up_to_the_last(
    market: LiveMarket, tmp_path: Path
) -> None:
    path = tmp_path / "X" / "contracts.json"
    keep_contracts(market.data.engine)
    assert not path.exists()
    market.data.cleanup_old_data()
    told = json.loads(path.read_text())
    assert [name for _, name in told["spans"]] == ["Z25"]
    assert told["until_ns"] == START - 6 * MINUTE


def test_of_a_symbol_that_is_no_contract_nothing_is_written(tmp_path: Path) -> None:
    with open_market(HandFeed(minutes(-30, 30)), "1min", disk_cache_path=str(tmp_path), **KEPT) as market:
        assert market.data.cleanup_old_data().bars_written == 25
    assert not list(tmp_path.rglob("contracts.json"))


def test_what_cannot_be_written_is_told_of_and_no_failure(
    market: LiveMarket, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "X" / "contracts.json").mkdir()
    with caplog.at_level(logging.WARNING, "mdnb"):
        assert market.data.cleanup_old_data().bars_written > 0
    [said] = caplog.messages
    before = "X: of which contracts the bars on disk are is not kept: "
    assert said.startswith(before)
    assert "contracts.json" in said.removeprefix(before)
    (tmp_path / "X" / "contracts.json").rmdir()


@pytest.mark.parametrize("error", [DataExportError("no room"), OSError(errno.EIO, "Input/output error")])
def test_whatever_the_disk_says_is_told_of(
    error: Exception, market: LiveMarket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    market.data.cleanup_old_data()

    def fail(_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(contracts_on_disk, "atomic_write", fail)
        keep_contracts(market.data.engine)
    assert caplog.messages == [f"X: of which contracts the bars on disk are is not kept: {error}"]


def write(path: Path, size: int = 0) -> Path:
    file = path / "X" / "contracts.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    told = {"spans": [[START - 90 * MINUTE, "U25"]], "until_ns": START - 31 * MINUTE}
    file.write_text(json.dumps(told).ljust(size))
    return file


@pytest.mark.parametrize(
    ("size", "names"), [(0, ["U25", "Z25"]), (262_144, ["U25", "Z25"]), (262_145, ["Z25"])]
)
def test_what_a_folder_says_is_taken_over_where_it_is_no_larger_than_any_of_ours(
    size: int, names: list[str], market: LiveMarket, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "other", size)
    folder = folder_of(market, tmp_path / "other")
    learn_contracts(market.data.engine, folder)
    assert [name for _, name in market.data.engine.contracts.stretches("UTC")] == names
    assert caplog.messages == []


def test_a_temporary_folder_says_nothing(market: LiveMarket) -> None:
    folder = CacheFolder("X", [], type(market.data.config)(), mark_of(HandFeed()))
    write(folder.root)
    learn_contracts(market.data.engine, folder)
    folder.close()
    assert [name for _, name in market.data.engine.contracts.stretches("UTC")] == ["Z25"]


def test_a_folder_without_the_file_says_nothing_and_one_that_is_damaged_is_told_of(
    market: LiveMarket, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "other" / "X").mkdir(parents=True)
    folder = folder_of(market, tmp_path / "other")
    learn_contracts(market.data.engine, folder)
    assert caplog.messages == []
    file = write(tmp_path / "other")
    file.write_text("[]")
    learn_contracts(market.data.engine, folder)
    [said] = caplog.messages
    before = f"X: {file} does not say of which contracts the bars are: "
    assert said.startswith(before)
    assert "object" in said.removeprefix(before)
