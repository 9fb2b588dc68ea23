"""What a kernel must not do, told in one line with the kernel's name and the line of its source.

A kernel is plain Python that is run once with stand-ins for its values. What cannot become hardware
(a branch, a float, a loop whose length depends on a value) shows when Python asks a stand-in for a
truth value, a float or an index. Whoever is asked knows the rule; only the traceback knows the
line. So the rule is raised as a `KernelError` without a place, and `located` adds the place when
the error leaves the kernel's function.
"""

from __future__ import annotations

from types import CodeType, TracebackType

__all__ = ["KernelError", "located"]


class KernelError(ValueError):
    """``<Subject>[ in kernel <name>, line <line>,] must be <rule>, not <found>``."""

    def __init__(self, subject: str, rule: str, found: object, place: str = "") -> None:
        self.parts = (subject, rule, found)
        self.place = place
        super().__init__(f"{subject}{place} must be {rule}, not {found}")


def located(error: Exception, name: str, code: CodeType) -> KernelError:
    """The same error with the kernel's name and the innermost line of its source file."""
    place = f" in kernel {name}, line {_line(error.__traceback__, code)},"
    if isinstance(error, KernelError):
        if error.place:
            return error
        subject, rule, found = error.parts
        return KernelError(subject, rule, found, place)
    return KernelError("Operation", "one that kernels have", f"refused: {error}", place)


def _line(traceback: TracebackType | None, code: CodeType) -> int:
    line = code.co_firstlineno
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == code.co_filename:
            # The outermost frames of that file may belong to whoever called the kernel: the
            # innermost one is the line that was refused.
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
