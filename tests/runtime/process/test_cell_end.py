"""What is to be called when a cell has ended, by a real IPython."""

from __future__ import annotations

import IPython
import pytest
from IPython.core.interactiveshell import InteractiveShell

from mdnb.runtime.process.cell_end import after_this_cell


def test_it_is_called_once_and_after_the_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = InteractiveShell()
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    said: list[str] = []
    shell.user_ns.update(after_this_cell=after_this_cell, said=said)
    shell.run_cell("after_this_cell(lambda: said.append('over')); said.append('in the cell')")
    assert said == ["in the cell", "over"]
    shell.run_cell("said.append('another one')")
    assert said == ["in the cell", "over", "another one"]


def test_where_no_cell_runs_it_is_for_the_caller_to_say_when(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IPython, "get_ipython", lambda: None)
    assert not after_this_cell(lambda: pytest.fail("nobody's cell has ended"))
