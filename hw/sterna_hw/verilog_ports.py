"""The ports of a module, read back from Verilog as `sterna_hw.verilog` emits it.

What stands around an accelerator (a memory in simulation, pins, the description for a vendor's
tool) is made for the module that was written, so it asks the text and not the source of the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Port", "module_ports"]


@dataclass(frozen=True)
class Port:
    """A port: ``direction`` is ``input`` or ``output``, ``width`` its bits."""

    direction: str
    width: int


def module_ports(verilog: str, module: str) -> dict[str, Port]:
    """The ports of a module by name, in their order.

    Raises
    ------
    ValueError
        If the module is not in the text.
    """
    found = re.search(rf"^module {module}\b.*?^endmodule", verilog, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"Module {module} must be in the Verilog text")
    pattern = r"(?:^|(?<=;))\s*(input|output) (?:wire |reg )?(?:\[(\d+):0\] )?(\w+);"
    return {
        name: Port(direction, int(high or 0) + 1)
        for direction, high, name in re.findall(pattern, found[0], re.MULTILINE)
    }
