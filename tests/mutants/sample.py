"""A sample of the mutants, the same at each run: those whose numbers end in given digits."""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch

__all__ = ["EVERY", "Sample", "read_sample"]


@dataclasses.dataclass(frozen=True)
class Sample:
    """Mutants whose number ends so; all of them without endings.

    A number has as many zeros before it as an ending asks for: 7 ends with 07. So each ending of two digits
    takes some of every function's first mutants, too, and the hundred of them together take each mutant once.
    """

    endings: tuple[str, ...] = ()

    def patterns(self) -> list[str]:
        """Return patterns of the names that mutmut gives mutants."""
        written = [f"*__mutmut_*{ending}" for ending in self.endings]
        short = [f"*__mutmut_{int(ending)}" for ending in self.endings if ending.startswith("0")]
        return written + short

    def takes(self, name: str) -> bool:
        """Whether a mutant is one of the sample."""
        return not self.endings or any(fnmatch.fnmatchcase(name, one) for one in self.patterns())


EVERY = Sample()


def read_sample(text: str) -> Sample:
    """Read endings separated by commas.

    Raises
    ------
    argparse.ArgumentTypeError
        Where one of them is not made of digits.
    """
    endings = tuple(ending.strip() for ending in text.split(","))
    for ending in endings:
        if not (ending.isascii() and ending.isdigit()):
            raise argparse.ArgumentTypeError(
                f"{ending!r} is no ending of a number: give digits, such as 7, or several, such as 07,57"
            )
    return Sample(endings)
