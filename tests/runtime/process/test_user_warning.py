"""Warnings about users' code name their line, each time anew."""

from __future__ import annotations

import warnings

from mdnb.runtime.process.user_warning import warn_user


def test_the_same_line_is_warned_again_as_it_may_be_that_of_another_cell() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(2):
            warn_user("mind the gap")
    assert [str(each.message) for each in caught] == ["mind the gap"] * 2
    assert {each.filename for each in caught} == {__file__}
    assert len({each.lineno for each in caught}) == 1
