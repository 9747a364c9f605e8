"""Widgets take no attribute that they do not have: a misspelt one would change nothing, without a word."""

from __future__ import annotations

import inspect
from typing import Any

from traitlets.traitlets import MetaHasTraits

from mdnb.wrong_names import not_to_be_set_on_widgets

__all__ = ["MadeWhole", "check_attribute"]

_MADE = "_mdnb_made"


class MadeWhole(MetaHasTraits):
    """The class of widgets that are to know when they are made: until then they may set what they want."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make a widget, by the constructor of its own class."""
        made = super().__call__(*args, **kwargs)
        vars(made)[_MADE] = True
        return made


def check_attribute(widget: object, name: str, value: object) -> None:
    """Refuse an attribute that a widget does not have, or that is there to be called.

    Private ones pass, as do traits, and whatever the libraries below define and set.

    Raises
    ------
    AttributeError
        With the name that was probably meant.
    """
    if name.startswith("_") or _MADE not in vars(widget) or name in vars(widget):
        return
    there = inspect.getattr_static(type(widget), name, None)
    is_ours = inspect.isfunction(there) and there.__module__.startswith("mdnb.")
    if is_ours or (there is None and not hasattr(type(widget), name)):
        raise AttributeError(not_to_be_set_on_widgets(widget, name, value))
