"""The command line, as a shell runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mdnb import cli
from mdnb.decode import decoder
from mdnb.feeds.replay import open_recording
from mdnb.notebook import doctor
from tests.limits import LIMIT_SECONDS

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(sys.platform == "win32", reason="has no pipes with a path")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_recording_that_is_stopped_is_whole_and_says_so(tmp_path: Path, number: signal.Signals) -> None:
    # What is recorded goes through a pipe, so that this test sees it come.
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "mdnb", "record", "BTC-USD", str(pipe), "--feed", "sim://?speed=60"]
    with subprocess.Popen(
        [*command, "--seconds", "inf"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as recorder:
        with pipe.open(encoding="utf-8") as lines:
            held = [next(lines) for _ in range(20)]
            recorder.send_signal(number)
            held += lines
        told, complaints = recorder.communicate(timeout=LIMIT_SECONDS)
    assert recorder.returncode == 0
    assert told.startswith(f"{len(held) - 1} frames of BTC-USD in {pipe}; ")
    assert complaints == "recording BTC-USD; Ctrl-C ends it\n"
    (tmp_path / "day.jsonl").write_text("".join(held))
    opened = open_recording(tmp_path / "day.jsonl")
    assert opened.frames is not None
    frames = [frame for _, frame in opened.frames()]
    assert (len(frames), opened.damage.count) == (len(held) - 1, 0)
    assert decoder(opened.dialect).feed(frames).malformed == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seconds", "0"], "seconds must be above 0; got 0"),
        (["--seconds", "-2"], "seconds must be above 0; got -2"),
        (["--seconds", "nan"], "seconds must be above 0; got nan"),
        (["--feed", "simm://"], "there is no feed 'simm'"),
    ],
)
def test_what_cannot_be_recorded_is_told_in_one_line(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["record", "MNQ", str(tmp_path / "day.jsonl"), *options]) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(f"mdnb record: {message}")
    assert not list(tmp_path.iterdir())


def test_a_feed_without_a_file_says_how_to_name_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["record", "kraken", "BTC/USD"]) == 1
    told = capsys.readouterr().err
    assert "'kraken' is a feed, and no file is named: mdnb record kraken BTC/USD --out FILE" in told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["MNQ"], "no file is named: mdnb record FEED MNQ --out FILE"),
        (["kraken"], "neither symbol nor file are named: mdnb record kraken SYMBOL --out FILE"),
        (["kraken", "--out", "x.mdnb"], "no symbol is named: mdnb record kraken SYMBOL --out FILE"),
        # The simulator has no such symbol.
        (["krakn", "BTC-USD"], "No feed was named: mdnb record FEED krakn --out FILE"),
        (["BTC/USD", "day.mdnb"], "mdnb record kraken BTC/USD --out btc.mdnb"),
        (["sim", "MNQ", "day.mdnb", "--out", "x.mdnb"], "name feed and file once each"),
        (["MNQ", "day.mdnb", "x.mdnb", "--feed", "sim"], "name feed and file once each"),
    ],
)
def test_what_lacks_a_name_says_how_to_give_it(
    given: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["record", *given]) == 1
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "given", [("MNQ", "--out", "day.mdnb"), ("sim", "MNQ", "day.mdnb")], ids=["an option", "in a row"]
)
def test_a_file_may_be_named_as_an_option_or_in_a_row(
    given: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["record", *given, "--seconds", "0.2"]) == 0
    assert "frames of MNQ in day.mdnb" in capsys.readouterr().out
    assert Path("day.mdnb").exists()


def test_a_recording_that_is_there_is_continued_only_when_told_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "day.jsonl"
    command = ["record", "BTCUSDT", str(file), "--feed", "replay:dataset:bitcoin-messages?speed=max"]
    assert cli.main(command) == 0
    once = file.read_text()
    assert cli.main(command) == 1
    assert "is there already" in capsys.readouterr().err
    assert cli.main(["record", "MNQ", str(file), "--append", "--feed", "sim://"]) == 1
    assert "is a recording of BTCUSDT (binance)" in capsys.readouterr().err
    assert file.read_text() == once
    assert cli.main([*command, "--append"]) == 0
    assert len(file.read_text().splitlines()) == 2 * len(once.splitlines())


def test_every_option_of_record_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["record", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for words in ("(default: 60)", "Ctrl-C", "a new file", "the same symbol", "MDNB_FEED"):
        assert words in shown


def test_ctrl_c_ends_any_command_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "examine", interrupted)
    assert cli.main(["doctor"]) == 130
    assert capsys.readouterr().err == "mdnb doctor: interrupted\n"


@pytest.mark.parametrize("command", ["demo", "doctor", "feeds", "lab", "record"])
def test_the_help_of_each_command_has_an_example_of_it(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    told = " ".join(capsys.readouterr().out.split())
    example = told.partition("For instance: ")[2]
    assert example.startswith(f"mdnb {command}"), told


def test_a_lab_that_cannot_be_opened_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["lab", str(tmp_path / "none")]) == 1
    assert "is no folder" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "jupyterlab", None)
    assert cli.main(["lab", str(tmp_path)]) == 1
    assert "JupyterLab is not installed: pip install 'mdnb[lab]'" in capsys.readouterr().err
