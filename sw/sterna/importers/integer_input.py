"""Integer inputs, such as the pixels of a camera: how they are named.

An input that holds integers needs no edge that rounds: they are codes from the start. A type is the
name of an integer format, followed by a divisor where the network is given the integers divided by
something (``uint8/255``). What the lowering makes of such an input is told in
`lowering.integer_codes`.
"""

from __future__ import annotations

import re

from sterna_hw.base import IntegerRange

from ..source import IntegerInput

__all__ = ["INPUT_TYPES", "integer_input"]

INPUT_TYPES = {
    "uint8": IntegerRange(0, 255),
    "int8": IntegerRange(-128, 127),
    "uint16": IntegerRange(0, 65535),
    "int16": IntegerRange(-32768, 32767),
}
"""Integer inputs by their names."""


def integer_input(name: str | None) -> IntegerInput | None:
    """What an input type says: the name of one of `INPUT_TYPES`, followed by a divisor where the
    network is given the integers divided by something (``"uint8/255"``); ``None`` for ``None`` and
    ``"float"``, which any real fits.

    Raises
    ------
    ValueError
        If there is no such type.
    """
    if name is None or name == "float":
        return None
    kind, slash, divisor = name.partition("/")
    if kind not in INPUT_TYPES or (slash and not re.fullmatch("[1-9][0-9]*", divisor)):
        known = ", ".join(("float", *INPUT_TYPES))
        raise ValueError(
            f"Input type must be one of {known}, or one divided as in uint8/255, not {name!r}"
        )
    return IntegerInput(INPUT_TYPES[kind], 1 / int(divisor or 1))
