"""Puts a design and the DRAM into one Verilator binary.

`dram_sources` gives the SystemVerilog module ``sterna_dram`` for a number of ports: flat AXI4
signals ``p0_araddr``, ``p0_arvalid`` and so on, which one imported C++ function serves in each
cycle. `top_with_dram` reads the ports of an emitted design, connects those of its memory interfaces
to that module, and passes all others through to a bench; `build_with_dram` compiles the lot. The
settings come from `DramConfig.write` at the start of each run. A read or write channel that the
design lacks is tied off.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from sterna_hw.verilog_ports import module_ports

from ..verilator import build_model
from .config import SETTINGS_FILE

__all__ = ["TOP", "build_with_dram", "dram_arguments", "dram_sources", "top_with_dram"]

TOP = "sterna_dram_bench"
MODEL = sorted(Path(__file__).parent.glob("dram_*.*"))

# Signals of a port: name, width of what the model is told, whether the memory drives it.
SIGNALS = (
    ("arvalid", 1, False),
    ("araddr", 64, False),
    ("arlen", 8, False),
    ("arsize", 3, False),
    ("arburst", 2, False),
    ("rready", 1, False),
    ("awvalid", 1, False),
    ("awaddr", 64, False),
    ("awlen", 8, False),
    ("awsize", 3, False),
    ("awburst", 2, False),
    ("wvalid", 1, False),
    ("wdata", 128, False),
    ("wstrb", 16, False),
    ("wlast", 1, False),
    ("bready", 1, False),
    ("arready", 1, True),
    ("rvalid", 1, True),
    ("rdata", 128, True),
    ("rresp", 2, True),
    ("rlast", 1, True),
    ("awready", 1, True),
    ("wready", 1, True),
    ("bvalid", 1, True),
    ("bresp", 2, True),
)


def dram_sources(ports: int) -> dict[str, str]:
    """File name to text of the module ``sterna_dram`` with so many ports.

    Addresses are 64 bits wide. The module has a clock ``clk`` and a synchronous reset ``rst``; the
    reset forgets transfers, not contents.

    Raises
    ------
    ValueError
        If there are not 1 to 16 ports.
    """
    if not 1 <= ports <= 16:
        raise ValueError(f"Ports of the DRAM must be within 1 to 16, not {ports!r}")
    pins = [
        f"{'output' if drives else 'input'} wire [{width - 1}:0] p{port}_{name}"
        for port in range(ports)
        for name, width, drives in SIGNALS
    ]
    arguments = [
        f"{'output' if drives else 'input'} bit [{ports * width - 1}:0] {name}"
        for name, width, drives in SIGNALS
    ]
    packed, moved = [], []
    for name, width, drives in SIGNALS:
        kind = "bit" if drives else "wire"
        following = f", next_{name}" if drives else ""
        packed.append(f"    {kind} [{ports * width - 1}:0] {name}{following};")
        for port in range(ports):
            part = f"{name}[{port * width + width - 1}:{port * width}]"
            ends = (f"p{port}_{name}", part) if drives else (part, f"p{port}_{name}")
            packed.append(f"    assign {ends[0]} = {ends[1]};")
        if drives:
            moved.append(f"        {name} <= next_{name};")
    names = [f"next_{name}" if drives else name for name, _, drives in SIGNALS]
    text = f"""\
// The simulated DRAM; see dram_state.h.
module sterna_dram (
    input wire clk,
    input wire rst,
    {_listed(pins, 4)}
);
    import "DPI-C" function chandle sterna_dram_open(input string settings, input int ports);
    import "DPI-C" function void sterna_dram_clock(
        input chandle model, input bit reset,
        {_listed(arguments, 8)});

    chandle model;
    string settings;
{_lines(packed)}

    initial begin
        if (!$value$plusargs("dram=%s", settings)) settings = "{SETTINGS_FILE}";
        model = sterna_dram_open(settings, {ports});
    end

    always @(posedge clk) begin
        sterna_dram_clock(model, rst,
            {", ".join(names)});
{_lines(moved)}
    end
endmodule
"""
    return {"sterna_dram.sv": text}


def dram_arguments() -> list[str]:
    """Arguments for Verilator that compile the model; they change with its source."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in MODEL)).hexdigest()[:16]
    # Python finds the model's functions in the running program, which must export them.
    sources = [str(path) for path in MODEL if path.suffix == ".cpp"]
    return [*sources, "-CFLAGS", f"-DSTERNA_DRAM_{digest}", "-LDFLAGS", "-rdynamic"]


def interface_name(port: int, signal: str) -> str:
    """Name of a design's port for a signal of memory port ``port``, as Amaranth flattens it."""
    return f"memory__{port}__{signal}"


def top_with_dram(
    design: str,
    verilog: str,
    ports: int,
    *,
    clock: str = "clk",
    reset: str = "rst",
    name: Callable[[int, str], str] = interface_name,
) -> str:
    """SystemVerilog of `TOP`: the design and the DRAM, all other ports of the design passed on.

    Parameters
    ----------
    design, verilog : :class:`str`
        The design's module name and the text that holds it.
    ports : :class:`int`
        Memory ports; 0 leaves the DRAM out, for a design that has its memory inside.
    clock, reset : :class:`str`
        The design's ports for them; a reset that ends in ``n`` is active low.
    name : callable
        The design's port for a signal (``"araddr"``) of a memory port.

    Raises
    ------
    ValueError
        If the module, its clock or reset, or every signal of a memory port is missing.
    """
    found = module_ports(verilog, design)
    for needed in (clock, reset):
        if needed not in found:
            raise ValueError(f"Module {design} must have a port {needed}")
    wires, dram_pins, design_pins = [], [], []
    for port in range(ports):
        if not any(name(port, signal) in found for signal, _, _ in SIGNALS):
            raise ValueError(f"Module {design} must have a port {name(port, 'araddr')}")
        for signal, width, drives in SIGNALS:
            net, own = f"p{port}_{signal}", name(port, signal)
            wires.append(f"    wire [{width - 1}:0] {net};")
            dram_pins.append(f".{net}({net})")
            if own in found:
                own_width = found.pop(own).width
                design_pins.append(f".{own}({net}[{own_width - 1}:0])")
                if not drives and own_width < width:
                    wires.append(f"    assign {net}[{width - 1}:{own_width}] = 0;")
            elif not drives:
                wires.append(f"    assign {net} = 0;")
    outside = []
    for own, port in found.items():
        outside.append(f"{port.direction} wire [{port.width - 1}:0] {own}")
        design_pins.append(f".{own}({own})")
    active = f"!{reset}" if reset.endswith("n") else reset
    dram = f"""\
    sterna_dram dram (.clk({clock}), .rst({active}),
        {_listed(dram_pins, 8)}
    );
"""
    return f"""\
module {TOP} (
    {_listed(outside, 4)}
);
{_lines(wires)}
    {design} dut (
        {_listed(design_pins, 8)}
    );
{dram if ports else ""}endmodule
"""


def build_with_dram(
    sources: Mapping[str, str],
    design: str,
    ports: int,
    *,
    clock: str = "clk",
    reset: str = "rst",
    name: Callable[[int, str], str] = interface_name,
    fast: bool = False,
) -> Path:
    """The folder of the compiled model of `TOP` for `sterna_sim.verilator.run_model`.

    ``sources`` are the files of the design, the other arguments those of `top_with_dram`; ``fast``
    spends compile time for speed. A run needs the file of `DramConfig.write` in its folder.

    Raises
    ------
    SimulatorError
        If something does not compile.
    """
    top = top_with_dram(design, sources[f"{design}.v"], ports, clock=clock, reset=reset, name=name)
    return build_model(
        {**sources, **dram_sources(ports), f"{TOP}.sv": top},
        TOP,
        fast=fast,
        arguments=dram_arguments(),
    )


def _listed(items: list[str], indent: int) -> str:
    return (",\n" + " " * indent).join(items)


def _lines(items: list[str]) -> str:
    return "\n".join(items)
