"""Text can be read on every colour it stands on: WCAG's contrast, computed here anew."""

from __future__ import annotations

import pytest

from mdnb.errors import OptionError
from mdnb.widgets.page.theme import PALETTES, contrast_text, theme_of


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("name", ["dark", "light"])
def test_contrast(name: str, palette: str) -> None:
    theme = theme_of(name, palette)
    assert _contrast(theme.text, theme.background) >= 7
    assert _contrast(theme.muted, theme.background) >= 4.5
    for colour in (theme.up, theme.down):
        assert _contrast(contrast_text(colour), colour) >= 4.5
        assert _contrast(contrast_text(colour), colour) == max(
            _contrast(text, colour) for text in ("#000000", "#ffffff")
        )


def test_unknown_names_are_told() -> None:
    with pytest.raises(OptionError, match="dark"):
        theme_of("drak")
    with pytest.raises(OptionError, match="colorblind"):
        theme_of("dark", "colourblind")
