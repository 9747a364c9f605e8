"""The Tab key inside ``live["1min"]["``: IPython evaluates an object only where that is allowed."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["offer_keys"]

_RULE = "allowed_getitem_external"
_OURS = ("mdnb",)


def offer_keys() -> None:
    """Let IPython, where this runs in it, evaluate ``live["1min"]`` for the keys that may follow.

    To IPython an object's ``[...]`` might do anything. Ours look up, or make a view that holds nothing. What
    the user set in ``Completer.policy_overrides`` stays.
    """
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    completer: Any = getattr(shell, "Completer", None)
    held = getattr(completer, "policy_overrides", None)  # None before IPython 9.3
    if held is None:
        return
    from IPython.core.guarded_eval import EVALUATION_POLICIES

    usual = getattr(EVALUATION_POLICIES.get(completer.evaluation), _RULE, None)
    if usual is None:
        return  # a policy of everything, or of nothing
    allowed = {*held.get(_RULE, usual)}
    if _OURS not in allowed:
        completer.policy_overrides = {**held, _RULE: {*allowed, _OURS}}
