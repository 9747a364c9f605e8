"""What a recording has as nothing that can be read counts as not understood."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mdnb
from mdnb.cli import main
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import START

HEADER = {"mdnb_recording": 1, "dialect": "mdnb", "symbols": ["X"]}


def test_unreadable_lines_are_told_and_lower_the_score(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    lines = [json.dumps(HEADER)]
    for i in range(30):
        at = START + i * 1_000_000_000
        frame = json.dumps({"e": "trades", "s": "X", "r": [[at, 100.0, 1.0, 1, 0, i]]})
        lines.append(json.dumps([at, frame]))
    for place, torn in ((31, "{ torn"), (20, "[ torn"), (10, "{}")):
        lines.insert(place, torn)
    path.write_text("\n".join(lines) + "\n")
    with mdnb.live("X", "1sec", feed=f"replay:{path}?speed=max", initial_days=0, progress=False) as live:
        live.wait_ended(LIMIT_SECONDS)
        stats = live.data.get_stats()
        assert live.accounting().received == 30
        assert live.accounting().malformed == 3
        assert stats.malformed_share == 3 / live.accounting().frames
        share = (1 - stats.rejected_share) * (1 - stats.late_share) * (1 - stats.malformed_share)
        assert stats.data_quality_score == pytest.approx(stats.completeness * share * stats.freshness)
        assert stats.data_quality_score < 100.0
        (error,) = live.data.get_validation_errors()
        assert (error.type, error.count) == ("malformed", 3)
        assert "line 11 of day.jsonl" in error.description
        assert f"malformed {stats.malformed_share:.2%}" in str(live)


@pytest.mark.parametrize(("symbol", "seconds"), [("NONE", "1"), ("MNQ", "0")])
def test_a_recording_that_cannot_begin_does_not_say_that_it_does(
    symbol: str, seconds: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["record", symbol, str(tmp_path / "r.jsonl"), "--feed", "sim://?speed=10", "--seconds", seconds]
    assert main(command) == 1
    assert "recording" not in capsys.readouterr().err.replace(str(tmp_path), "")
