"""The picture of a chart that a notebook file keeps, in a form that all notebook readers show.

SVG is sharp at any size. Jupyter shows it only in trusted notebooks, and one that was downloaded is not
(https://github.com/jupyterlab/jupyterlab/issues/9650); PNG it always shows.
"""

from __future__ import annotations

import base64
import html
import pathlib

from mdnb.widgets.page.display_policy import attended

__all__ = ["image_tag", "picture_bundle", "png_picture"]

_FONT = pathlib.Path(__file__).parents[1] / "fonts" / "DejaVuSans.ttf"
_FAMILY = "DejaVu Sans"
# What the font has: Latin, Greek, punctuation, the euro, arrows, minus, shapes.
_LETTERS = (
    (0x20, 0x7E),
    (0xA0, 0x17F),
    (0x391, 0x3A1),
    (0x3A3, 0x3CE),
    (0x2010, 0x2027),
    (0x2030, 0x203A),
    (0x20AC, 0x20AC),
    (0x2190, 0x2195),
    (0x2212, 0x2212),
    (0x25A0, 0x25CF),
)


def picture_bundle(svg: str) -> dict[str, str]:
    """Return a picture as a notebook output (a MIME bundle): PNG.

    In a notebook that is run unattended, which is often made into a page, the SVG is beside it. A page that
    is open shows neither, and is spared it.
    """
    coded = base64.b64encode(png_picture(svg)).decode("ascii")
    return {"image/png": coded} if attended() else {"image/svg+xml": svg, "image/png": coded}


def image_tag(svg: str, label: str) -> str:
    """Return a picture as an HTML element that untrusted notebooks show too: they drop SVG, and keep this.

    Parameters
    ----------
    label
        What it shows, for those who do not see it; escaped.
    """
    coded = base64.b64encode(png_picture(svg)).decode("ascii")
    return f'<img alt="{html.escape(label)}" src="data:image/png;base64,{coded}">'


def png_picture(svg: str) -> bytes:
    """Return one of our pictures as PNG, as large as it says it is.

    It is drawn in the font that comes with the package, so that it is the same everywhere. Only texts with
    letters of other scripts make it look for fonts of the system.

    Examples
    --------
    >>> png_picture('<svg xmlns="http://www.w3.org/2000/svg" width="3" height="2"/>')[1:4]
    b'PNG'
    """
    import resvg_py

    drawn = resvg_py.svg_to_bytes(
        svg_string=svg,
        skip_system_fonts=_has_letters_of(svg),
        font_files=[str(_FONT)],
        font_family=_FAMILY,
        sans_serif_family=_FAMILY,
    )
    return bytes(drawn)


def _has_letters_of(text: str) -> bool:
    codes = {ord(letter) for letter in text if letter not in "\n\t"} if not text.isascii() else set()
    return all(any(first <= code <= last for first, last in _LETTERS) for code in codes)
