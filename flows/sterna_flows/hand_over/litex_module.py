"""A LiteX module around a built accelerator, for `sterna build --wrapper litex`.

One Python file in the build folder, which needs LiteX and nothing of Sterna: the Verilog as an
`Instance`, the streams as LiteX endpoints, the registers as an AXI-Lite bus that a SoC takes by
`add_slave`, memory ports as AXI buses for `add_master`, and the interrupt as a signal. The module's
class is written out for the design at hand, so its widths can be read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .ports import Interface, Top

__all__ = ["class_name", "litex_module"]

_HEAD = '''"""LiteX module of the accelerator {name}. Written by `sterna build --wrapper litex`.

In a SoC:

    self.{name} = {cls}(platform)
    region = SoCRegion(origin=0x9000_0000, size={cls}.REGISTER_BYTES, cached=False)
    self.bus.add_slave("{name}", self.{name}.bus, region)
{usage}
Before the build, copy the contents of memories to where the toolchain runs:

    self.{name}.copy_memories(builder.gateware_dir)
"""

import shutil
from pathlib import Path

from litex.gen import LiteXModule
{imports}
from migen import ClockSignal, Instance, ResetSignal, Signal

HERE = Path(__file__).resolve().parent
SOURCES = [
{sources}]
MEMORIES = [{memories}]


class {cls}(LiteXModule):
    """``bus`` (registers{also}), ``interrupt``; clocked and reset by the domain ``sys``."""

    REGISTER_BYTES = {register_bytes:#x}

    def __init__(self, platform=None):
{body}
        if platform is not None:
            self.add_sources(platform)

    @staticmethod
    def add_sources(platform):
        """Adds the Verilog to a platform."""
        for name in SOURCES:
            platform.add_source(str(HERE / name))

    @staticmethod
    def copy_memories(folder):
        """Copies the contents of memories, which the Verilog names without a folder."""
        for name in MEMORIES:
            shutil.copyfile(HERE / name, Path(folder) / name)
'''


def class_name(name: str) -> str:
    """``digits_mlp`` becomes ``DigitsMlp``."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"_+", name))


def litex_module(top: Top, sources: Sequence[str], contents: Sequence[str]) -> str:
    """The text of the module's file."""
    made: list[str] = []
    pins = ["i_aclk=ClockSignal()", "i_aresetn=~ResetSignal()", "o_interrupt=self.interrupt"]
    imports, usage, also = {"axi"}, [], []
    for interface in top.interfaces:
        widths = {signal: top.width(port) for signal, port in interface.signals.items()}
        if interface.kind == "axis":
            attribute = "source" if interface.master else "sink"
            layout = [f'("{s[1:]}", {widths[s]})' for s in ("tdata", "tkeep") if s in widths]
            made.append(f"self.{attribute} = stream.Endpoint([{', '.join(layout)}])")
            imports.add("stream")
            also.append(f"``{attribute}``")
            members = {signal: f"{attribute}.{signal[1:]}" for signal in widths}
        else:
            attribute = "bus" if interface.kind == "axi4lite" else interface.prefix.strip("_")
            kind = "AXILiteInterface" if interface.kind == "axi4lite" else "AXIInterface"
            sizes = f"data_width={widths['rdata']}, address_width={widths['araddr']}"
            made.append(f"self.{attribute} = axi.{kind}({sizes})")
            if interface.kind == "axi4":
                usage.append(f'    self.bus.add_master("{attribute}", self.{top.name}.{attribute})')
                also.append(f"``{attribute}``")
            members = {signal: f"{attribute}.{_channel(signal)}" for signal in widths}
        pins += _pins(interface, members, top)
    made.append("self.interrupt = Signal()")
    body = "".join(f"        {line}\n" for line in made)
    body += "        self.specials += Instance(\n"
    body += "".join(f"            {line},\n" for line in [f'"{top.name}"', *pins])
    body += "        )"
    return _HEAD.format(
        name=top.name,
        cls=class_name(top.name),
        usage="".join(f"{line}\n" for line in usage),
        imports=f"from litex.soc.interconnect import {', '.join(sorted(imports))}",
        sources="".join(f'    "{name}",\n' for name in sources),
        memories=", ".join(f'"{name}"' for name in contents),
        also="".join(f", {name}" for name in also),
        register_bytes=1 << top.width("s_axil_awaddr"),
        body=body,
    )


def _channel(signal: str) -> str:
    """``awaddr`` is ``aw.addr`` in LiteX."""
    found = re.fullmatch(r"(aw|ar|w|r|b)(\w+)", signal)
    assert found is not None
    return f"{found[1]}.{found[2]}"


def _pins(interface: Interface, members: dict[str, str], top: Top) -> list[str]:
    pins = []
    for signal, port in interface.signals.items():
        side = "i" if top.ports[port].direction == "input" else "o"
        pins.append(f"{side}_{port}=self.{members[signal]}")
    return pins
