"""The colour scale of sizes: perceptually even, safe for red-green colour blindness; dark and light."""

from __future__ import annotations

import functools

import numpy as np

from mdnb.widgets.page.theme import theme_of

__all__ = ["STEPS", "ramp", "shade"]

STEPS = 64
"""Colours of a ramp."""

_ANCHORS = {
    ("dark", "colorblind"): ("#0f1115", "#132a5c", "#1b5c9e", "#2199a8", "#86cf8f", "#f6df6a", "#fffdf0"),
    ("light", "colorblind"): ("#ffffff", "#d3e8f0", "#7fbcd9", "#3182bd", "#33479e", "#231047"),
    ("dark", "default"): ("#0f1115", "#2c1457", "#761f6e", "#c43c5c", "#f47f42", "#fcd27c", "#fffbec"),
    ("light", "default"): ("#ffffff", "#fde7c2", "#f8ad6d", "#e2574c", "#921f5f", "#2a0a3c"),
}
# B. Ottosson, "A perceptual color space for image processing", 2020: linear sRGB to cone responses, and
# those, as cube roots, to OKLab.
_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def _to_lab(colour: str) -> np.ndarray:
    coded = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    return np.asarray(_TO_LAB @ np.cbrt(_TO_CONES @ linear))


def _to_hex(lab: np.ndarray) -> str:
    linear = np.clip(np.linalg.solve(_TO_CONES, np.linalg.solve(_TO_LAB, lab) ** 3), 0.0, 1.0)
    coded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * value):02x}" for value in coded)


@functools.cache
def ramp(theme: str, palette: str) -> tuple[str, ...]:
    """Return 64 perceptually even colours, from the page's background (no size) to the largest size.

    Raises
    ------
    OptionError
        When there is no such theme or palette.

    Examples
    --------
    >>> colours = ramp("dark", "colorblind")
    >>> len(colours), colours[0], colours[-1]
    (64, '#0f1115', '#fffdf0')
    """
    name = theme_of(theme, palette).name
    anchors = np.array([_to_lab(colour) for colour in _ANCHORS[name, palette]])
    fine = np.linspace(0.0, len(anchors) - 1, 2000)
    path = np.column_stack([np.interp(fine, np.arange(len(anchors)), anchors[:, i]) for i in range(3)])
    walked = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    wanted = np.linspace(0.0, walked[-1], STEPS)
    return tuple(_to_hex(np.array([np.interp(at, walked, path[:, i]) for i in range(3)])) for at in wanted)


def shade(sizes: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return the positions of sizes in the ramp, 0 to 1, and the two sizes that set its scale.

    ``log(1 + size / middle) / log(1 + top / middle)`` where ``middle`` is what a quarter exceeds and
    ``top`` what one in two hundred does: what is usual stays dim, and what stands out can be compared.

    Examples
    --------
    >>> places, middle, top = shade(np.array([0.0, 2.0, 4.0, 8.0]))
    >>> places.round(2).tolist(), middle, round(top, 1)
    ([0.0, 0.34, 0.6, 1.0], 6.0, 8.0)
    """
    some = sizes[sizes > 0]
    if not len(some):
        return np.zeros_like(sizes), 1.0, 1.0
    middle, top = float(np.quantile(some, 0.75)), float(np.quantile(some, 0.995))
    return np.clip(np.log1p(sizes / middle) / np.log1p(top / middle), 0.0, 1.0), middle, top
