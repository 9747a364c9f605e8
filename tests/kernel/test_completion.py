"""The Tab key in a real kernel: what it offers, and that it takes no longer than with a plain frame."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.kernel.driver import Kernel, running_kernel

pytestmark = pytest.mark.kernel

_MAKE = """
import inspect, json, mdnb, pandas as pd
live = mdnb.live("MNQ", ["1min", "5min"], feed="sim://?speed=30", initial_days=0.1, name="tab")
bars = live["1min"]
df = bars.frame
"""
_SECONDS = 120.0
_TIMES = 7


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with running_kernel(tmp_path_factory.mktemp("tab")) as made:
        assert made.run(_MAKE).error == ""
        yield made


def completed(kernel: Kernel, code: str) -> tuple[float, list[str]]:
    """Return how long the answer took, and what it offers."""
    began = time.monotonic()
    sent = kernel.client.complete(code)
    while True:
        message = kernel.client.get_shell_msg(timeout=_SECONDS)
        if message["parent_header"].get("msg_id") == sent:
            return time.monotonic() - began, message["content"]["matches"]


def names(kernel: Kernel, code: str) -> set[str]:
    return set(completed(kernel, code)[1])


def test_after_the_dot_of_a_market(kernel: Kernel) -> None:
    public = json.loads(kernel.value("print(json.dumps([n for n in dir(live) if n[0] != '_']))"))
    assert set(public) <= names(kernel, "live.")


@pytest.mark.parametrize("code", ['live["1min"].c', 'live["MNQ"]["1min"].c', "bars.c"])
def test_a_live_frame_completes_as_a_frame_does(kernel: Kernel, code: str) -> None:
    offered = names(kernel, code)
    assert {"closed", "close"} <= offered
    assert {name for name in dir(pd.DataFrame) if name.startswith("c")} <= offered


def test_other_names_of_a_live_frame(kernel: Kernel) -> None:
    assert {"tail", "tick_count", "timeframe", "to_parquet"} <= names(kernel, 'live["1min"].t')


def test_columns_are_offered_as_keys(kernel: Kernel) -> None:
    assert names(kernel, 'live["1min"]["c') == {"close"}
    assert names(kernel, 'live["1min"]["') >= set(json.loads(kernel.value("print(json.dumps([*df]))")))
    assert {"1min", "5min"} <= names(kernel, 'live["')


def test_what_the_user_set_of_completion_stays(kernel: Kernel) -> None:
    kernel.value("from mdnb.widgets.page.key_completion import offer_keys")
    kernel.value("tab = get_ipython().Completer; kept = tab.policy_overrides")
    kernel.value(
        'tab.policy_overrides = {"allowed_getitem_external": {("mine",)}, "allow_auto_import": False}'
    )
    kernel.value("offer_keys(); offer_keys()")
    rules = kernel.value("print(sorted(tab.policy_overrides.pop('allowed_getitem_external')))")
    assert rules == "[('mdnb',), ('mine',)]"
    assert (
        kernel.value("print(tab.policy_overrides); tab.policy_overrides = kept")
        == "{'allow_auto_import': False}"
    )
    assert names(kernel, 'live["1min"]["c') == {"close"}


def test_options_are_offered_with_a_call(kernel: Kernel) -> None:
    kernel.value("given = inspect.signature(live.chart).parameters.values()")
    ask = "print(json.dumps([one.name for one in given if one.kind != one.VAR_KEYWORD]))"
    options = json.loads(kernel.value(ask))
    assert options
    assert {f"{name}=" for name in options} <= names(kernel, "live.chart(")


def test_methods_of_the_data_manager(kernel: Kernel) -> None:
    manager = json.loads(
        kernel.value("print(json.dumps([n for n in dir(live.data) if n.startswith('get_')]))")
    )
    assert set(manager) <= names(kernel, "live.data.get_")


@pytest.mark.parametrize(
    "code", ["live.", 'live["1min"].c', "bars.c", 'live["1min"]["c', "live.chart(", "live.data.get_"]
)
def test_it_takes_no_longer_than_with_a_frame(kernel: Kernel, code: str) -> None:
    # The first answers are those of a jedi that reads its sources; side by side, what else runs slows both.
    completed(kernel, "df.c")
    completed(kernel, code)
    pairs = [(completed(kernel, code)[0], completed(kernel, "df.c")[0]) for _ in range(_TIMES)]
    ours, plain = (statistics.median(column) for column in zip(*pairs, strict=True))
    assert ours < 3 * plain, f"{code} takes {ours / plain:.1f} times as long as df.c"


def test_pandas_source_is_not_read_for_it(tmp_path: Path) -> None:
    # That took seconds, once in a kernel's life and again whenever jedi forgot.
    read = "print([str(path) for held in parso.cache.parser_cache.values() for path in held])"
    with running_kernel(tmp_path) as fresh:
        assert fresh.run(_MAKE).error == ""
        assert {"close", "closed"} <= names(fresh, 'live["1min"].c')
        files = fresh.value(f"import parso.cache; {read}")
    assert "mdnb/live_frame/frame.py" in files
    assert "/pandas/" not in files
