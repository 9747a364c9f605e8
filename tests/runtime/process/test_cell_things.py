"""What a cell has registered goes when it runs again: in a kernel, and in a terminal's shell."""

from __future__ import annotations

import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import IPython
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from mdnb.runtime.process.cell_things import CellThings, cell_things
from tests.runtime.process.test_registry import asked, in_a_kernel


class Thing:
    """What a cell registers."""

    def __init__(self) -> None:
        self.active = True

    def off(self) -> None:
        self.active = False


def terminal(monkeypatch: pytest.MonkeyPatch) -> InteractiveShell:
    """Return a shell without a kernel; its history is in no file."""
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    return shell


def test_in_a_terminal_an_input_that_is_run_again_replaces_what_it_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shell = terminal(monkeypatch)
    held, made = CellThings(), [Thing() for _ in range(7)]
    shell.user_ns.update(held=held, left=iter(made))
    twice = "held.add(next(left)); held.add(next(left))"
    for code in (twice, "held.add(next(left))", twice):
        shell.run_cell(code, store_history=True)
    assert [each.active for each in made[:5]] == [False, False, True, True, True]
    # A run that makes nothing is not seen there: the one before is kept.
    shell.run_cell("held", store_history=True)
    assert [each.active for each in made[:5]] == [False, False, True, True, True]


def test_of_so_many_cells_the_newest_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = terminal(monkeypatch)
    held, made = CellThings(), [Thing() for _ in range(1_003)]
    shell.user_ns.update(held=held, left=iter(made))
    for cell in (*range(1_001), 0, 1_000):
        shell.run_cell(f"held.add(next(left))  # {cell}", store_history=True)
    # The first one was forgotten, and what it made goes on.
    assert made[0].active
    assert [at for at, each in enumerate(made) if not each.active] == [1_000]


def test_what_no_cell_registers_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IPython, "get_ipython", lambda: None)
    held, made = CellThings(), [Thing(), Thing()]
    held.add(made[0])
    held.add(made[1], made[0])
    assert all(each.active for each in made)


# In a kernel's cells, of which each names itself.
THINGS = """
from mdnb.runtime.process.cell_things import cell_things

class Thing:
    active = True

    def off(self):
        self.active = False

def register(by=None):
    made.append(Thing())
    cell_things().add(made[-1], by)

made, seen = [], []
manager.kernel.shell.user_ns.update(register=register, made=made)

def cell(name, code):
    run(code, cellId=name)
    seen.append([each.active for each in made])

"""


def test_in_a_kernel_a_cell_that_begins_again_takes_away_what_it_made(tmp_path: Path) -> None:
    script = """
cell("a", "register(); register()")
cell("b", "register()")
cell("a", "register()")
cell("a", "# nothing any more")
cell("a", "# and again nothing")
print(seen)
"""
    assert in_a_kernel(THINGS + script, tmp_path) == [
        [True, True],
        [True, True, True],
        [False, False, True, True],
        [False, False, True, False],
        [False, False, True, False],
    ]


def test_what_a_handler_registers_is_its_cells_while_that_run_lasts(tmp_path: Path) -> None:
    script = """
cell("a", "register()")
cell("b", "register(by=made[0])")  # the handler is called while another cell runs
cell("b", "# nothing")
cell("a", "register()")
cell("b", "register(by=made[0])")  # by the one that is gone
cell("b", "register(by=made[2])")
cell("a", "# nothing")
print(seen)
"""
    assert in_a_kernel(THINGS + script, tmp_path) == [
        [True],
        [True, True],
        [True, True],
        [False, False, True],
        [False, False, True, False],
        [False, False, True, False, True],
        [False, False, False, False, False],
    ]


class Notebook:
    """A real shell of IPython that has what a kernel tells of the cell that runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shell: Any = terminal(monkeypatch)
        self.shell.kernel = SimpleNamespace(get_parent=lambda: self._request)
        self._request: dict[str, Any] = {}
        self._runs = 0
        self.held = CellThings()
        self.made: list[Thing] = []
        self.shell.user_ns.update(register=self.register, made=self.made)

    def register(self, by: object = None) -> None:
        self.made.append(Thing())
        self.held.add(self.made[-1], by)

    def run(self, cell: str, code: str) -> list[bool]:
        """Run a cell; return which of what was made is there."""
        self._runs += 1
        self._request = asked({"cellId": cell}, code, self._runs)
        self.shell.run_cell(code).raise_error()
        return [each.active for each in self.made]

    def press(self, code: str) -> None:
        """Run code that no cell asked for."""
        self._request = {"header": {"msg_type": "comm_msg", "msg_id": "pressed"}}
        self.shell.run_cell(code).raise_error()


def test_what_a_cell_made_goes_when_it_begins_again_and_stays_while_others_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    book = Notebook(monkeypatch)
    assert book.run("a", "register(); register()") == [True, True]
    assert book.run("b", "register()") == [True, True, True]
    book.press("pass")
    assert book.run("c", "pass") == [True, True, True]
    assert book.run("a", "register()") == [False, False, True, True]
    assert book.run("a", "pass") == [False, False, True, False]
    assert book.run("a", "pass") == [False, False, True, False]
    assert book.run("a", "register(); register()") == [False, False, True, False, True, True]
    assert book.run("b", "pass") == [False, False, False, False, True, True]
    # The shell is watched once, however much is registered in it.
    assert len(book.shell.events.callbacks["pre_run_cell"]) == 1


def test_what_a_handler_registers_belongs_to_the_run_that_registered_the_handler(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    book = Notebook(monkeypatch)
    book.run("a", "register()")
    assert book.run("b", "register(made[0])") == [True, True]
    assert book.run("b", "pass") == [True, True]
    # By the handler of a handler, too.
    assert book.run("b", "register(made[1])") == [True, True, True]
    assert book.run("a", "register()") == [False, False, False, True]
    assert book.run("b", "register(made[0])") == [False, False, False, True, False]
    assert book.run("b", "register(made[3])") == [False, False, False, True, False, True]
    assert book.run("a", "pass") == [False] * 6
    book.press("register()")
    assert book.run("a", "pass") == [False] * 6 + [True]


def test_what_a_cell_made_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    book = Notebook(monkeypatch)
    book.run("a", "register()")
    left = weakref.ref(book.made.pop())
    assert left() is None


def test_a_process_has_one_account_of_its_cells() -> None:
    assert cell_things() is cell_things()
    assert isinstance(cell_things(), CellThings)
