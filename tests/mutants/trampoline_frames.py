"""Count mutmut's frames as the package's: a plugin of the mutant runs alone.

Each function that has mutants is called through a function of mutmut, which chooses one of them. What looks
for the line that called the package, as the warnings of users' code do, would find that function.
"""

from __future__ import annotations

from mutmut.mutation import trampoline

__all__: list[str] = []

trampoline.__name__ = "mdnb"
