"""What Sterna cannot represent, said once and for all layers together.

An importer does not stop at the first thing it cannot take: it notes a `Problem` for each offending
layer, goes on, and raises one `UnsupportedError` with all of them before anything is built.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Problem", "UnsupportedError"]


@dataclass(frozen=True)
class Problem:
    """One layer that cannot be taken.

    Parameters
    ----------
    layer : :class:`str`
        Name of the layer in the source, or of the file where no layer is to blame.
    reason : :class:`str`
        What is wrong with it.
    remedy : :class:`str`
        What would work instead.
    """

    layer: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.layer}: {self.reason}; {self.remedy}"


class UnsupportedError(ValueError):
    """A network that cannot be represented, with every problem found in it.

    Parameters
    ----------
    problems : iterable of :class:`Problem`
        One or more problems, in the order of the layers. The error's text is a single line.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: list[Problem] = list(problems)
        super().__init__(" | ".join(str(problem) for problem in self.problems))
