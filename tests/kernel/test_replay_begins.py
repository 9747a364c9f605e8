"""A replay as fast as possible, in a real kernel: it begins when the cell that wants it has ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kernel.driver import running_kernel

pytestmark = pytest.mark.kernel

_MAKE = """
import mdnb
live = mdnb.live("GC", ["1min", "5min"], feed="replay:dataset:gold-ticks?speed=max", initial_days=0)
told, received = [], live.accounting().received
"""


def test_a_handler_is_called_from_the_first_bar_on_once_its_cell_has_ended(tmp_path: Path) -> None:
    with running_kernel(tmp_path) as kernel:
        assert kernel.run(_MAKE).error == ""
        # Neither what the Tab key looks at nor the card is a wish for data.
        for code in ('live["1min"].', 'live["1min"]["', "live."):
            kernel.client.complete(code)
            kernel.client.get_shell_msg(timeout=120)
        assert "no data yet" in kernel.value("print(live)")
        assert kernel.value("print(live.accounting().received)") == "0"
        registered = """
def look(event):
    told.append((event.time, live["1min"].frame.index[-1] <= event.view.time))
live.on("bars_closed", look)
for _ in range(100_000):
    pass
print(len(told), live.accounting().received)
"""
        assert kernel.value(registered) == "0 0"
        assert kernel.run("live.wait_ended(120)").error == ""
        assert kernel.value("print(len(told), all(ok for _, ok in told))") == "1327 True"
