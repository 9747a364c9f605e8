"""Compares frames with all that they say of themselves."""

from __future__ import annotations

import pandas as pd

__all__ = ["assert_same_frames"]


def assert_same_frames(mine: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Compare values, index and ``attrs``: which bars are partial is told by these alone."""
    pd.testing.assert_frame_equal(mine, expected)
    assert mine.attrs == expected.attrs
