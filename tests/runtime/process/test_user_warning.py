"""Warnings about users' code name their line, each time anew."""

from __future__ import annotations

import re
import warnings

import pytest

from mdnb.runtime.process.user_warning import keep_warnings, tell_kept, warn_user


def test_the_same_line_is_warned_again_as_it_may_be_that_of_another_cell() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(2):
            warn_user("mind the gap")
    assert [str(each.message) for each in caught] == ["mind the gap"] * 2
    assert {each.filename for each in caught} == {__file__}
    assert len({each.lineno for each in caught}) == 1


def test_a_warning_can_be_filtered_by_the_module_that_is_warned() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", module=rf"{re.escape(__name__)}$")
        with pytest.raises(UserWarning, match="mind the gap"):
            warn_user("mind the gap")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("error", module="another")
        warn_user("mind the gap")
    assert len(caught) == 1


def test_code_of_no_module_is_warned_by_its_line() -> None:
    code = compile("\n\nwarn('mind the gap')", "a cell", "exec")
    said, token = keep_warnings()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(code, {"warn": warn_user})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tell_kept(said, token)
    assert [(str(each.message), each.filename, each.lineno) for each in caught] == [
        ("mind the gap", "a cell", 3)
    ]
    assert [each.category for each in caught] == [UserWarning]


def test_what_is_warned_of_on_a_loop_is_kept_for_whoever_waits_and_told_once() -> None:
    said, token = keep_warnings()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec("warn('first'); warn('second')", {"warn": warn_user, "__name__": "asyncio.events"})
    assert said == ["first", "second"]
    for loop in ("asyncio", "threading", "concurrent.futures.thread"):
        exec("warn('again')", {"warn": warn_user, "__name__": loop})
        assert said.pop(2) == "again"
    with pytest.warns(UserWarning, match="^mine$"):
        exec("warn('mine')", {"warn": warn_user, "__name__": "mine.asyncio"})
    assert len(said) == 2
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tell_kept(said, token)
        # Nobody waits any more.
        exec("warn('third')", {"warn": warn_user, "__name__": "asyncio.events"})
    assert [str(each.message) for each in caught] == ["first", "second", "third"]
    assert [each.filename for each in caught[:2]] == [__file__] * 2


def test_the_package_itself_is_not_to_blame_however_deep_the_module() -> None:
    deep = {"warn": warn_user, "__name__": "mdnb.some.deep.module"}
    exec("def work():\n    warn('mind the gap')", deep)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        deep["work"]()  # type: ignore[operator]  # it was made above
    assert [each.filename for each in caught] == [__file__]
