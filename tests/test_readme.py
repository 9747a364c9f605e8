"""What README.md and CONTRIBUTING.md say is true."""

from __future__ import annotations

import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import mdnb
from mdnb import cli
from mdnb.feeds.registry import BUILT_IN, feed_class
from mdnb.feeds.venues.kraken import KrakenFeed
from mdnb.runtime.process.bridge import call
from tests.limits import LIMIT_SECONDS
from tests.scripts import run_python
from tests.venues.played_now import kraken_now

ROOT = Path(__file__).parents[1]
_PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _examples() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", _text("README.md"), re.MULTILINE | re.DOTALL)


def _printed(code: str, folder: Path, said: str = "", **variables: str) -> str:
    """Run code as a script that neither warns nor says anything else on stderr; return what it printed."""
    done = run_python(["-c", code], folder, **variables)
    assert not [line for line in done.stderr.splitlines() if not re.fullmatch(said, line)]
    return done.stdout


def test_there_is_an_example_for_either_face() -> None:
    assert ["mdnb.live(" in code for code in _examples()].count(True) >= 1
    assert ["TradingSuite.create(" in code for code in _examples()].count(True) >= 1


_AT_A_STAND_IN = """
from mdnb.runtime.process.bridge import call
from tests.scripts import run_python
from tests.venues.played_now import kraken_here
venue = kraken_here()
{code}
call(venue.close())
"""
"""Runs an example that follows Kraken: there is no network here."""


def _follows_kraken(code: str) -> bool:
    return 'feed="kraken"' in code


@pytest.mark.parametrize(
    "code",
    [code for code in _examples() if not _follows_kraken(code)],
    ids=lambda code: code.splitlines()[0],
)
def test_the_example_runs_as_it_stands(code: str, tmp_path: Path) -> None:
    _printed(code, tmp_path)


def test_the_example_of_a_venue_runs_as_it_stands_at_a_stand_in(tmp_path: Path) -> None:
    (code,) = [code for code in _examples() if _follows_kraken(code)]
    # A busy machine begins late with the stand-in's trades, which the market tells of.
    _printed(
        _AT_A_STAND_IN.format(code=code),
        tmp_path,
        said=r"history of BTC/USD: of 5 days the venue has 1min 0\.[45]\d*|this computer's clock is .*",
    )
    assert (tmp_path / "btc.mdnb").stat().st_size > 0


def test_the_commands_about_venues_run_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = [
        each for each in re.findall(r"```sh\n(.*?)```", _text("README.md"), re.DOTALL) if "feeds" in each
    ]
    monkeypatch.chdir(tmp_path)
    venue = kraken_now()
    monkeypatch.setattr(KrakenFeed, "stream_url", venue.stream.url)
    monkeypatch.setattr(KrakenFeed, "rest_url", venue.rest.url)
    for line in block.splitlines():
        words = shlex.split(line, comments=True)[1:]
        if "--seconds" in words:
            words[words.index("--seconds") + 1] = "1"
        assert cli.main(words) == 0, capsys.readouterr()
    call(venue.close())
    printed = capsys.readouterr().out
    assert "its stream: connected" in printed
    assert "frames of BTC/USD in btc.mdnb" in printed


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name not in ("replay", "sim")])
def test_the_table_of_feeds_says_of_each_venue_what_it_offers(name: str) -> None:
    rows = [
        line.strip("| ").split(" | ") for line in _text("README.md").splitlines() if line.startswith("| `")
    ]
    (row,) = [row for row in rows if re.match(rf"`{name}[`:]", row[0])]
    offers = feed_class(name).offers
    if offers is None:
        pytest.skip(f"{name} is a feed of another package")
    _, what, history, key, binder = row
    assert what.startswith(offers.title)
    assert history == offers.history
    assert (key == "none") == (not offers.key)
    assert binder.startswith("yes" if offers.binder else "no: ")
    if offers.bars and "the same" not in what:
        assert "own bars" in what


def test_what_is_recorded_as_told_is_played_as_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (command,) = re.findall(r"`mdnb (record [^`]+) --seconds 600`", _text("README.md"))
    (played,) = re.findall(r"`(mdnb\.live\(\"BTC-USD\", feed=\"replay:[^`]+)`", _text("README.md"))
    monkeypatch.chdir(tmp_path)
    assert cli.main([*shlex.split(command), "--seconds", "5"]) == 0
    with eval(played) as live:
        live.wait_ended(LIMIT_SECONDS)
        assert live.accounting().received > 0
        # Where the recording ends its last bars close, before they are over.
        last = live.data.get_data("15min", with_times=True).iloc[-1]
        assert last["closed_at"] < last["end"]
        assert live.data.get_timeframe_stats("15min").partial >= 1


def test_the_datasets_hold_the_symbols_that_are_told() -> None:
    (told,) = re.findall(r"`mdnb\.datasets\.names\(\)`:([^.]+)\.", _text("README.md"))
    named: list[str] = []
    for name in re.findall(r"`([\w-]+)`|\b([A-Z]{2,}(?:-[A-Z]+)*)\b", told):
        if name[0]:
            named.append(name[0])
            continue
        for dataset in named:
            assert (
                next(mdnb.play(f"dataset:{dataset}", "1min", symbol=name[1])).bars["1min"].symbol == name[1]
            )
        named = []
    assert sorted(re.findall(r"`([\w-]+)`", told)) == sorted(mdnb.datasets.names())


def test_get_data_is_told_with_all_it_takes() -> None:
    (told,) = re.findall(r"`get_data\(tf, (count[^)]+)\)`", _text("README.md"))
    taken = list(inspect.signature(mdnb.SyncDataManager.get_data).parameters)
    assert [name.rstrip("=") for name in told.split(", ")] == [
        name for name in taken if name not in ("self", "timeframe", "timeout")
    ]


_CALL_EACH = """
code, seconds = {code!r}, {seconds!r}
import threading
body, end, rest = code.rpartition("live.close()")
assert end and not rest.strip(), "an example with handlers ends with live.close()"
exec(body)
for each in live._parts.session.bus.subscriptions():
    called = threading.Event()
    live.on(each.type, lambda event: called.set())
    assert called.wait(seconds), f"no event for {{each}}"
    while not each.delivered:
        live.wait_for(each.type, timeout=seconds)
    assert not each.errors, f"{{each}}: {{each.last_error!r}}"
    print("called:", each)
live.close()
"""
"""Runs an example up to its end, has each of its handlers called by a market that moves fast, and ends it."""


@pytest.mark.parametrize(
    "code", [code for code in _examples() if ".on(" in code], ids=lambda code: code.splitlines()[0]
)
def test_the_handlers_of_the_example_take_their_events(code: str, tmp_path: Path) -> None:
    # As it stands an example ends before its first bar does, and what a handler raises ends nothing.
    told = _printed(
        _CALL_EACH.format(code=code, seconds=LIMIT_SECONDS), tmp_path, MDNB_FEED="sim://?speed=600"
    )
    assert told.count("called:") == code.count(".on(")


@pytest.mark.parametrize("page", _PAGES)
def test_links_within_the_tree_lead_somewhere(page: str) -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", _text(page))
    assert not [target for target in targets if not (ROOT / target).exists()]


@pytest.mark.parametrize("page", _PAGES)
def test_make_knows_every_command_that_is_told(page: str) -> None:
    told = set(re.findall(r"`?\bmake ([a-z]+)\b(?=[`\s]*(?:`|#|$))", _text(page), re.MULTILINE))
    known = set(re.findall(r"^([a-z]+):", _text("Makefile"), re.MULTILINE))
    assert told <= known


def test_the_map_of_the_tree_names_every_room() -> None:
    tree = re.findall(r"^```\n(.*?)^```", _text("CONTRIBUTING.md"), re.MULTILINE | re.DOTALL)[0]
    named = set(re.findall(r"(\.?[a-z_]+)/(?=\s)", tree))
    rooms = {path.parent.name for path in (ROOT / "mdnb").glob("*/__init__.py")}
    rooms |= {path.parent.name for path in (ROOT / "mdnb/runtime").glob("*/__init__.py")}
    assert rooms <= named
    assert all((ROOT / name).is_dir() or any((ROOT / "mdnb").rglob(name)) for name in named)


def test_every_step_is_told_by_list() -> None:
    command = [sys.executable, "-m", "tests", "--list"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=True
    )
    checks = ("lint", "types", "imports", "docs", "doctest", "unit", "kernel", "notebooks", "browser", "soak")
    for name in checks:
        assert re.search(rf"^{name} ", done.stdout, re.MULTILINE)
