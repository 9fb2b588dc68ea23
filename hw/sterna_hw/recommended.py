"""The engine, and the style of table engine, that measured best on a device's fabric.

`recommended.json` is written from the table in ``docs/engines.json``, which synthesis made
(`sterna_flows.engines`); a test holds the two together. Measured with ternary weights; for other
alphabets the group is the largest whose table still fits the rows of the recommended one, and signs
are folded only where the alphabet allows it.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from .base import TERNARY, Alphabet, Device
from .table_plan import plan_table

__all__ = ["recommended"]


def recommended(device: Device, alphabet: Alphabet = TERNARY) -> dict[str, Any]:
    """What took the fewest LUTs on a device's fabric.

    ``engine`` is ``"table"`` or ``"select"``; ``group``, ``sign_fold`` and ``buffers`` are the
    fields of `TableMatmulConfig` for a table engine, whichever won.

    Raises
    ------
    ValueError
        If nothing was measured on the device's family.
    """
    families = json.loads(resources.files("sterna_hw").joinpath("recommended.json").read_text())
    # The older Xilinx fabric has the same look-up tables and distributed memories.
    family = {"xc7": "xcup"}.get(device.family, device.family)
    if family not in families:
        raise ValueError(f"Family must be one of {', '.join(families)}, not {device.family!r}")
    engine, style = families[family]["engine"], families[family]["table"]
    if alphabet == TERNARY:
        return {"engine": engine, **style}
    rows = 1 << plan_table(TERNARY, style["group"], style["sign_fold"]).entry_width
    sign_fold = style["sign_fold"] and alphabet.symmetric
    group = 1
    while (
        len(alphabet) ** (group + 1) <= 4 * rows
        and plan_table(alphabet, group + 1, sign_fold).entry_count <= rows
    ):
        group += 1
    return {
        "engine": engine,
        "group": group,
        "sign_fold": sign_fold,
        "buffers": style["buffers"],
    }
