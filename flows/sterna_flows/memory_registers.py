"""Moves registers behind ECP5 block memories into the memories' own output registers.

A block memory of ECP5 takes 5.6 to 5.8 ns from clock to output, and about 1 ns if its own output
register is on, which costs one more cycle of latency. Yosys never turns it on: the second register
of a memory stays in flip-flops. This pass edits the netlist that Yosys wrote, before placement.
Where every output of a read port that anybody reads goes to one plain flip-flop and nowhere else,
those flip-flops go and the port's register takes their place. Each still holds what the port read
a cycle before, so every cycle's values stay the same.

A flip-flop is plain if it has the port's clock and edge, no enable and no reset, and starts at 0 as
the memory's register does. A port qualifies if it only reads, in every cycle, without reset; one
of which any output does not fit is left alone whole. In the mode of 36 bits the two ports are one:
they read by the clock of port B, and both registers are on, which is how nextpnr treats the
primitive PDPW16KD. That primitive itself, which Yosys 0.70 does not use, is left alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

__all__ = ["absorb_output_registers"]

Cell = dict[str, Any]
Users = Mapping[int, list[tuple[str, str]]]

OUTPUTS_OF_A_SIDE = 18
WIDE = 36


def absorb_output_registers(netlist: Mapping[str, Any]) -> int:
    """Edits a netlist (Yosys' JSON after ``synth_ecp5``) in place.

    Returns how many flip-flops went into memories.
    """
    modules = netlist["modules"].values()
    return sum(_absorb(module) for module in modules if not _is_library(module))


def _is_library(module: Mapping[str, Any]) -> bool:
    """Whether a module is the outside of a primitive rather than a part of the design."""
    return not {"blackbox", "whitebox"}.isdisjoint(module.get("attributes", {}))


def _absorb(module: Mapping[str, Any]) -> int:
    cells: dict[str, Cell] = module["cells"]
    users = _users(module)
    removed: set[int] = set()
    absorbed = 0
    for name in sorted(name for name, cell in cells.items() if cell["type"] == "DP16KD"):
        memory = cells[name]
        for sides, reader in _ports(memory):
            if not _only_reads(memory, sides, reader):
                continue
            for output, register in _registers(memory, sides, reader, cells, users).items():
                removed.update(memory["connections"][output])
                memory["connections"][output] = cells.pop(register)["connections"]["Q"]
                for side in sides:
                    memory["parameters"][f"REGMODE_{side}"] = "OUTREG"
                    memory["connections"][f"OCE{side}"] = ["1"]
                absorbed += 1
    for net in module.get("netnames", {}).values():
        # Names of nets that nothing drives any more would be taken for nets.
        net["bits"] = ["x" if bit in removed else bit for bit in net["bits"]]
    return absorbed


def _users(module: Mapping[str, Any]) -> Users:
    """For each net (a number), the cell inputs that read it; outputs of the module count too."""
    users: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for name, cell in module["cells"].items():
        for pin, bits in cell["connections"].items():
            if cell["port_directions"].get(pin) != "output":
                for bit in bits:
                    users[bit].append((name, pin))
    for name, port in module["ports"].items():
        if port["direction"] != "input":
            for bit in port["bits"]:
                users[bit].append(("", name))
    return users


def _ports(memory: Cell) -> list[tuple[str, str]]:
    """The read ports of a memory: the sides of its outputs, and the side whose clock they have."""
    if _number(memory["parameters"].get("DATA_WIDTH_A", OUTPUTS_OF_A_SIDE)) == WIDE:
        return [("AB", "B")]
    return [("A", "A"), ("B", "B")]


def _number(parameter: str | int) -> int:
    return int(parameter, 2) if isinstance(parameter, str) else parameter


def _only_reads(memory: Cell, sides: str, reader: str) -> bool:
    """Whether a port reads in every cycle and neither writes nor resets, without a register yet.

    A pin that is not connected has the level that nextpnr gives it, which is the one wanted here.
    A wide memory's side A has the pins that write; its output enable, which Yosys ties low, means
    nothing before the register is on.
    """
    parameters = memory["parameters"]
    tied = {f"CE{reader}": "1", f"OCE{reader}": "1", f"WE{reader}": "0"}
    tied |= {f"RST{side}": "0" for side in sides}
    tied |= {f"CS{reader}{index}": "0" for index in range(3)}
    return (
        all(memory["connections"].get(pin, [level]) == [level] for pin, level in tied.items())
        and all(parameters.get(f"{pin}MUX", pin) == pin for pin in tied)
        and parameters.get(f"CSDECODE_{reader}", "0b000") == "0b000"
        and all(parameters.get(f"REGMODE_{side}", "NOREG") == "NOREG" for side in sides)
    )


def _registers(
    memory: Cell, sides: str, reader: str, cells: Mapping[str, Cell], users: Users
) -> dict[str, str]:
    """The flip-flop behind each output that is read; none unless all of them can be replaced."""
    found: dict[str, str] = {}
    for side in sides:
        for index in range(OUTPUTS_OF_A_SIDE):
            output = f"DO{side}{index}"
            read_by = [user for bit in memory["connections"].get(output, []) for user in users[bit]]
            if not read_by:
                continue
            name, pin = read_by[0]
            if len(read_by) > 1 or pin != "DI" or name not in cells:
                return {}
            if not _is_plain(cells[name], memory, reader):
                return {}
            found[output] = name
    return found


def _is_plain(register: Cell, memory: Cell, reader: str) -> bool:
    """Whether a cell is a flip-flop that does just what the memory's output register does."""
    pins, parameters = register["connections"], register["parameters"]
    # Yosys marks text that could be taken for a binary number by a space behind it.
    enable = parameters.get("CEMUX", "1").strip()
    clock = parameters.get("CLKMUX", "CLK"), memory["parameters"].get(f"CLK{reader}MUX")
    return (
        register["type"] == "TRELLIS_FF"
        and "keep" not in register.get("attributes", {})
        and pins["CLK"] == memory["connections"][f"CLK{reader}"]
        and clock in (("CLK", f"CLK{reader}"), ("INV", "INV"))
        and (enable == "1" or (enable == "CE" and pins.get("CE") == ["1"]))
        and pins.get("LSR", ["0"]) == ["0"]
        and parameters.get("LSRMUX", "LSR") == "LSR"
        and parameters.get("LSRMODE", "LSR") == "LSR"
        and parameters.get("REGSET", "RESET") == "RESET"
        and parameters.get("GSR") == memory["parameters"].get("GSR")
    )
