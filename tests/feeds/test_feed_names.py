"""What can be named as a feed, and what is said of each."""

from __future__ import annotations

import importlib.metadata
import io
import xml.etree.ElementTree as ET

import pytest
from IPython.core.formatters import DisplayFormatter

import mdnb
from mdnb.feeds import registry
from mdnb.feeds.feed_names import feed_names


def test_the_table_has_a_line_for_each_feed_and_what_it_offers() -> None:
    head, *lines = feed_names().table().splitlines()
    (kraken,) = [line for line in lines if line.startswith("kraken ")]
    assert "all trades, 720 bars of each timeframe" in kraken
    assert kraken.index("Kraken") == head.index("venue")


def test_a_notebook_shows_what_each_offers() -> None:
    names = mdnb.feed_names()
    shown, _ = DisplayFormatter().format(names)
    assert shown["text/plain"] == names.table()
    rows = list(ET.parse(io.StringIO(shown["text/html"])).getroot())
    assert [row[0].text for row in rows] == ["feed", *names]


def test_names_are_a_plain_list() -> None:
    names = mdnb.feed_names()
    assert "kraken" in names
    assert repr(names) == str(list(names))
    offers = names.offers()
    assert list(offers) == names
    assert offers["alpaca"] is not None
    assert "APCA_API_KEY_ID" in offers["alpaca"].key


def test_a_feed_that_cannot_be_loaded_says_why_in_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = importlib.metadata.EntryPoint("gone", "a_package_that_is_gone:Feed", registry.ENTRY_POINTS)
    points = importlib.metadata.EntryPoints([gone])
    monkeypatch.setattr(importlib.metadata, "entry_points", points.select)
    names = mdnb.feed_names()
    assert names.offers()["gone"] is None
    (line,) = [line for line in names.table().splitlines() if line.startswith("gone ")]
    assert "a_package_that_is_gone" in line
