"""What holds a connection is there once: it is neither copied nor sent to another process."""

from __future__ import annotations

from typing import NoReturn

from mdnb.errors import RuntimeUseError

__all__ = ["refuse_copies"]


def refuse_copies(self: object, _protocol: object) -> NoReturn:
    """Refuse what `copy` and `pickle` ask an object: a class has it as its ``__reduce_ex__``.

    A copy would share the connection, and be closed with what it was copied from.

    Examples
    --------
    >>> import copy
    >>> class Market:
    ...     __reduce_ex__ = refuse_copies
    >>> try:
    ...     copy.copy(Market())
    ... except RuntimeUseError as error:
    ...     print(error)
    Market cannot be copied or pickled: it is there once. Give other processes live["1min"].frame.
    """
    raise RuntimeUseError(
        f"{type(self).__name__} cannot be copied or pickled: it is there once. "
        'Give other processes live["1min"].frame.'
    )
