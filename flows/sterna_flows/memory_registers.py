"""Moves registers behind ECP5 block memories into the memories themselves.

A block memory of ECP5 has a register at its outputs that is much quicker than the memory array, but
Yosys uses none: what the Verilog registers a second time stays in flip-flops, and the array's
5.6 ns limit the clock to some 130 MHz. This pass edits the netlist that Yosys wrote, before
placement: where every used output of a memory port goes to one flip-flop of the same clock and
nowhere else, with neither enable nor reset, the port's own register takes their place. The vendor's
tools do the same. A cycle later is a cycle later, so the function stays the same but for contents
before the first clock edges, which no design here reads.

In the 36 bit wide mode a memory has one read port over both halves of the outputs, clocked by B.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

__all__ = ["absorb_output_registers"]

Cell = dict[str, Any]


def absorb_output_registers(netlist: Mapping[str, Any]) -> int:
    """Edits the flat top module of a netlist (Yosys' JSON) in place.

    Returns how many flip-flops were taken into memories.
    """
    (module,) = (item for item in netlist["modules"].values() if "top" in item["attributes"])
    cells: dict[str, Cell] = module["cells"]
    users = _users(module)
    absorbed = 0
    for name in sorted(cells):
        cell = cells.get(name)
        if cell is None or cell["type"] != "DP16KD":
            continue
        wide = int(cell["parameters"]["DATA_WIDTH_A"], 2) == 36
        halves = [("AB", "B")] if wide else [("A", "A"), ("B", "B")]
        for letters, clock in halves:
            outputs = [f"DO{letter}{index}" for letter in letters for index in range(18)]
            registers = _registers(cell, outputs, clock, cells, users)
            for output, register in registers.items():
                cell["connections"][output] = cells.pop(register)["connections"]["Q"]
            for letter in letters if registers else "":
                cell["parameters"][f"REGMODE_{letter}"] = "OUTREG"
                cell["connections"][f"OCE{letter}"] = ["1"]
            absorbed += len(registers)
    return absorbed


def _users(module: Mapping[str, Any]) -> dict[int, list[tuple[str, str]]]:
    """For each net (a number), the cell inputs that read it; the module's ports count as well."""
    users: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for name, cell in module["cells"].items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"].get(port) != "output":
                for bit in bits:
                    users[bit].append((name, port))
    for port in module["ports"].values():
        if port["direction"] != "input":
            for bit in port["bits"]:
                users[bit].append(("", "port"))
    return users


def _registers(
    cell: Cell,
    outputs: list[str],
    clock: str,
    cells: Mapping[str, Cell],
    users: Mapping[int, list[tuple[str, str]]],
) -> dict[str, str]:
    """The flip-flop behind each used output; empty unless the port's register can replace all."""
    if cell["parameters"].get(f"CLK{clock}MUX") != f"CLK{clock}":
        return {}
    found = {}
    for output in outputs:
        bits = cell["connections"].get(output, [])
        readers = users.get(bits[0], []) if bits else []
        if not readers:
            continue
        if len(readers) != 1 or readers[0][1] != "DI":
            return {}
        register = cells[readers[0][0]]
        if not _is_plain(register, cell["connections"][f"CLK{clock}"]):
            return {}
        found[output] = readers[0][0]
    return found


def _is_plain(register: Cell, clock: list[Any]) -> bool:
    """Whether a flip-flop has the given clock, its rising edge, and neither enable nor reset."""
    parameters, wires = register["parameters"], register["connections"]
    return (
        register["type"] == "TRELLIS_FF"
        and wires["CLK"] == clock
        and parameters.get("CLKMUX", "CLK") == "CLK"
        and (parameters.get("CEMUX", "1").strip() == "1" or wires.get("CE") == ["1"])
        and wires.get("LSR", ["0"]) == ["0"]
        and parameters.get("LSRMUX", "LSR") == "LSR"
    )
