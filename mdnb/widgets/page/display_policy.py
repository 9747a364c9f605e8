"""Display policy: a notebook that runs unattended keeps pictures instead of widgets.

nbclient, and with it nbconvert, papermill and nbval, write into the notebook all that widgets hold. Whoever
reads it has no kernel, and the pages that show it find no widget, or need the network for one.
"""

from __future__ import annotations

import os
import sys
from typing import Any

__all__ = ["WIDGET_VIEW", "attended", "in_notebook", "kept"]

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_LINKS = {WIDGET_VIEW, "text/plain"}
_VOILA = "VOILA_"
"""In the environment of a kernel of Voila, which runs a notebook as nbclient does, but for a page."""


def in_notebook() -> bool:
    """Return whether this runs in a Jupyter kernel; imports nothing."""
    return _kernel() is not None


def attended() -> bool:
    """Return whether somebody is at the notebook: False where nobody could answer an ``input()``.

    Whoever runs a notebook unattended says so with each cell (``allow_stdin``, see
    https://jupyter-client.readthedocs.io/en/stable/messaging.html#execute). A page that reported its theme is
    there whatever the cell says.

    Examples
    --------
    >>> attended()  # no kernel: whoever asks for a widget's bundle wants the widget
    True
    """
    kernel = _kernel()
    if kernel is None or any(name.startswith(_VOILA) for name in os.environ):
        return True
    # A kernel of another make than ipykernel may not tell what it was asked by.
    asked: Any = getattr(kernel, "get_parent", dict)() or {}
    return bool(asked.get("content", {}).get("allow_stdin", True)) or _page_spoke()


def kept(bundle: dict[str, Any]) -> dict[str, Any]:
    """Return the output as the notebook stores it: when unattended, without the link to the widget.

    Parameters
    ----------
    bundle
        By media type. One that holds nothing else to see keeps its link.
    """
    if bundle.keys() <= _LINKS or attended():
        return bundle
    return {kind: made for kind, made in bundle.items() if kind != WIDGET_VIEW}


def _kernel() -> Any:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None)


def _page_spoke() -> bool:
    page = sys.modules.get("mdnb.widgets.page.page_probe")
    return page is not None and page.page_has_spoken()
