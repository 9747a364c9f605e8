"""Feeds by name: what a name may say, and what is said of one that says something else."""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from mdnb.errors import FeedError, OptionError
from mdnb.feeds import registry
from mdnb.feeds.base import Channel, Feed, OnFrame, OnStatus
from mdnb.feeds.registry import BUILT_IN, ENVIRONMENT, known_feeds, make_feed
from mdnb.feeds.simulator import SimulatorFeed


class Foreign(Feed):
    """A feed of another package, with an option of each kind."""

    def __init__(
        self,
        exchange: str,
        depth: int = 5,
        fast: bool = False,
        pause: float | None = None,
        mode: Literal["spot", "future"] = "spot",
        hook: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self.got = (exchange, depth, fast, pause, mode, hook)

    async def open(self, symbols: Sequence[str]) -> None:
        raise NotImplementedError

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        raise NotImplementedError

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        raise NotImplementedError

    async def unsubscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another package that registers feeds: a good one, one that is no feed, one that is gone."""
    points = [
        importlib.metadata.EntryPoint("foreign", f"{__name__}:Foreign", registry.ENTRY_POINTS),
        importlib.metadata.EntryPoint("nofeed", "pathlib:Path", registry.ENTRY_POINTS),
        importlib.metadata.EntryPoint("gone", "a_package_that_is_gone:Feed", registry.ENTRY_POINTS),
    ]

    def entry_points(**selected: Any) -> importlib.metadata.EntryPoints:
        return importlib.metadata.EntryPoints(points).select(**selected)

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    monkeypatch.setitem(
        __import__("sys").modules, __name__, __import__("types").SimpleNamespace(Foreign=Foreign)
    )


def test_without_a_name_the_environment_decides_and_then_the_simulator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert isinstance(make_feed(), SimulatorFeed)
    monkeypatch.setenv(ENVIRONMENT, "sim://?seed=99")
    made = make_feed()
    assert isinstance(made, SimulatorFeed)
    assert made.seed == 99
    assert make_feed("sim").seed == 7  # type: ignore[attr-defined]
    monkeypatch.setenv(ENVIRONMENT, "")
    assert make_feed().seed == 7  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["sim?speed=60&seed=7", "sim:?speed=60&seed=7", "sim://?speed=60&seed=7&"])
def test_all_spellings_are_one(name: str) -> None:
    assert repr(make_feed(name)) == "SimulatorFeed(seed=7, speed=60, start='now', hours='auto', rate=1)"


def test_options_are_typed_and_overrides_win() -> None:
    made = make_feed("sim://?speed=0.5&start=2025-11-19T15:00%2B00:00&hours=venue&rate=3", seed=11, rate=2)
    assert repr(made) == (
        "SimulatorFeed(seed=11, speed=0.5, start='2025-11-19T15:00+00:00', hours='venue', rate=2)"
    )
    # A plus sign is a plus sign: it is not the blank of a web form.
    assert make_feed("sim?start=2025-11-19T15:00+00:00").start == "2025-11-19T15:00+00:00"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "overrides", "reason"),
    [
        ("simm", {}, "there is no feed 'simm'. Did you mean 'sim'? Allowed: "),
        ("", {"sped": 1}, "feed 'sim' has no option 'sped'. Did you mean 'speed'?"),
        ("sim?sped=60", {}, "feed 'sim' has no option 'sped'. Did you mean 'speed'? Allowed: seed, speed,"),
        ("sim?patience=3", {}, "has no option 'patience'"),
        ("sim?speed=fast", {}, "option 'speed' of feed 'sim' must be a number; got 'fast'"),
        ("sim?speed=nan", {}, "must be a number; got 'nan'"),
        ("sim?seed=1.5", {}, "option 'seed' of feed 'sim' must be a whole number; got '1.5'"),
        ("sim?hours=open", {}, "option 'hours' of feed 'sim' must be 'auto' or 'venue'; got 'open'"),
        ("sim://MNQ?seed=1", {}, "feed 'sim' takes nothing between its name and its options; got 'MNQ'"),
        ("replay", {}, "feed 'replay' needs"),
        ("42", {}, "'42' is not the name of a feed"),
        ("?seed=1", {}, "'' is not the name of a feed"),
        ("x" * 500, {}, "x..."),
    ],
)
def test_what_is_wrong_is_said_with_what_is_allowed(
    name: str, overrides: dict[str, Any], reason: str
) -> None:
    with pytest.raises(FeedError) as caught:
        make_feed(name, **overrides)
    if len(name) < 100:
        assert reason in str(caught.value)
    assert len(str(caught.value)) < 700


def test_a_value_out_of_range_is_an_option_error() -> None:
    with pytest.raises(OptionError, match="speed must be above 0"):
        make_feed("sim?speed=-1")


def test_a_replay_takes_a_path(tmp_path: Path) -> None:
    from mdnb.feeds.replay import ReplayFeed

    recording = tmp_path / "a day.json"
    recording.write_text("[[1700000000000,1.0,2.0,0.5,1.5,10.0],[1700000060000,1.5,2.0,1.0,1.5,9.0]]")
    assert isinstance(make_feed(f"replay:{recording}?speed=10"), ReplayFeed)
    assert isinstance(make_feed(f"replay://{recording}"), ReplayFeed)


@pytest.mark.usefixtures("installed")
def test_other_packages_register_feeds() -> None:
    assert set(known_feeds()) == {*BUILT_IN, "foreign", "gone", "nofeed"}
    made = make_feed("foreign:bybit?depth=3&fast=Yes&pause=1.5&mode=future")
    assert isinstance(made, Foreign)
    assert made.got == ("bybit", 3, True, 1.5, "future", ())
    assert make_feed("foreign:bybit", hook=(1,)).got == ("bybit", 5, False, None, "spot", (1,))  # type: ignore[attr-defined]
    for name, reason in [
        ("foreign", "feed 'foreign' needs 'exchange': write 'foreign:EXCHANGE'"),
        ("foreign:x?fast=maybe", "must be true or false; got 'maybe'"),
        ("foreign:x?mode=swap", "must be 'spot' or 'future'; got 'swap'"),
        ("foreign:x?hook=1", "given as an argument of make_feed"),
        ("nofeed", "does not derive from mdnb.feeds.base.Feed"),
        ("gone", "cannot be loaded: No module named 'a_package_that_is_gone'"),
        ("foriegn:x", "Did you mean 'foreign'?"),
    ]:
        with pytest.raises(FeedError) as caught:
            make_feed(name)
        assert reason in str(caught.value), name


def test_annotations_for_the_type_checker_alone_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(Foreign):
        def __init__(self, depth: int = 5, hook: Nowhere | None = None) -> None:  # type: ignore[name-defined]  # noqa: F821
            super().__init__("x", depth=depth)

    monkeypatch.setattr(registry, "feed_class", lambda name: Late)
    assert make_feed("late?depth=3").got[1] == 3  # type: ignore[attr-defined]
    with pytest.raises(FeedError, match="must be a whole number"):
        make_feed("late?depth=x")


def test_that_a_wrong_name_is_the_environments_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, "simm")
    with pytest.raises(
        FeedError, match=r"no feed 'simm'.* The feed is named by MDNB_FEED of the environment\.$"
    ):
        make_feed()
    with pytest.raises(FeedError, match=r"no feed 'simm'.*, sim\.$"):
        make_feed("simm")


def test_what_a_feed_raises_has_a_name_that_can_be_caught() -> None:
    for name in BUILT_IN:
        registry.feed_class(name)
    kinds = [FeedError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert not [kind for kind in kinds if kind.__name__.startswith("_")]


def test_a_feed_that_was_made_but_never_run_can_be_closed() -> None:
    asyncio.run(make_feed("sim").close())


def test_what_may_be_a_credential_is_not_repeated() -> None:
    with pytest.raises(FeedError, match="'key' of feed 'alpaca' must be given as an argument") as caught:
        make_feed("alpaca://?key=s3cret&secret=s3cret")
    assert "s3cret" not in str(caught.value)
    assert str(caught.value).endswith(
        "not in its name: feed=mdnb.make_feed('alpaca', key=...), or in a variable of the environment, which "
        "'mdnb feeds' names"
    )


def test_an_option_that_is_given_twice_is_refused() -> None:
    with pytest.raises(FeedError, match="its option 'speed' twice"):
        make_feed("sim://?speed=60&seed=7&speed=3")
