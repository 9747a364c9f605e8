"""Pictures that notebooks keep: their letters, their size, what stands in for a picture that is not seen."""

from __future__ import annotations

import base64
import html.parser
import struct
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from mdnb.widgets.static_output import static_output as module
from mdnb.widgets.static_output.static_output import image_tag, picture_bundle, png_picture

_EVIL = '"><img src=x onerror="alert(1)">'


def _svg(text: str, width: int = 200, height: int = 40) -> str:
    made = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
    return made + f'height="{height}" font-family="system-ui,sans-serif"><text y="20">{text}</text></svg>'


def test_the_font_has_the_letters_it_is_taken_to_have() -> None:
    path = Path(module.__file__).parents[1] / "fonts" / "DejaVuSans.ttf"
    with TTFont(path) as font:
        held = set(font.getBestCmap())
    assert held == {code for first, last in module._LETTERS for code in range(first, last + 1)}


@pytest.mark.parametrize("size", [(200, 40), (920, 420)])
def test_it_is_as_large_as_the_picture_says(size: tuple[int, int]) -> None:
    assert struct.unpack(">II", png_picture(_svg("MNQ", *size))[16:24]) == size


def test_every_sign_of_ours_is_drawn() -> None:
    """A letter that the font lacks leaves the picture as empty as a blank."""
    empty = png_picture(_svg(" "))
    for sign in "△▽▲▼●·…×−€–":
        assert png_picture(_svg(sign)) != empty, sign


def test_letters_of_other_scripts_are_looked_for_on_the_system() -> None:
    assert module._has_letters_of(_svg("Größe · 5 € ▲"))
    assert not module._has_letters_of(_svg("比特币"))
    assert png_picture(_svg("比特币")).startswith(b"\x89PNG")


def test_a_page_that_is_open_is_sent_one_form(monkeypatch: pytest.MonkeyPatch) -> None:
    svg = _svg("MNQ")
    coded = base64.b64encode(png_picture(svg)).decode()
    assert picture_bundle(svg) == {"image/png": coded}
    monkeypatch.setattr(module, "attended", lambda: False)
    assert picture_bundle(svg) == {"image/png": coded, "image/svg+xml": svg}


def test_what_stands_in_for_a_picture_is_text() -> None:
    seen: list[tuple[str, dict[str, str | None]]] = []
    parser = html.parser.HTMLParser()
    parser.handle_starttag = lambda tag, attrs: seen.append((tag, dict(attrs)))  # type: ignore[method-assign]
    parser.feed(image_tag(_svg("MNQ"), _EVIL))
    ((tag, attributes),) = seen
    assert (tag, attributes["alt"], attributes.keys()) == ("img", _EVIL, {"alt", "src"})
