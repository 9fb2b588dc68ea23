"""Devices: what they hold and how their memories are shaped.

Logic and memory counts are from the vendors' data sheets (Lattice FPGA-DS-02012 for ECP5, AMD DS891
for Zynq UltraScale+ MPSoC, DS190 for Zynq-7000, DS963 for the Alveo U280). A memory kind lists the
(depth, width) shapes that one primitive can take; a memory of any size is tiled from one shape, and
`memory_sizing` picks the shape that needs the fewest primitives.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEVICES", "Device", "MemoryKind", "find_device"]


@dataclass(frozen=True)
class MemoryKind:
    """One kind of block memory.

    ``shapes`` are (depth, width) pairs of one primitive in simple dual-port use, ``bits`` its
    capacity, ``count`` how many the device has, ``initialised`` whether contents can come with the
    bitstream, ``unit`` what one primitive counts in the resource named ``resource``.
    """

    name: str
    resource: str
    shapes: tuple[tuple[int, int], ...]
    bits: int
    count: int
    initialised: bool = True
    unit: float = 1.0


@dataclass(frozen=True)
class Device:
    """An FPGA: totals, memory kinds, and how deep one LUT memory is.

    ``lutram_depth`` is the native depth of distributed memory. ``lutrams`` are the primitives that
    it is tiled from with one write and one read port: rows, bits, and look-up tables taken.
    ``clock_mhz`` is the clock that reports assume before place and route.
    """

    name: str
    family: str
    yosys: str
    lut: int
    ff: int
    dsp: int
    memories: tuple[MemoryKind, ...]
    lutram_depth: int
    lutrams: tuple[tuple[int, int, int], ...]
    clock_mhz: float
    nextpnr: str | None = None
    package: str | None = None

    def memory(self, name: str) -> MemoryKind:
        for kind in self.memories:
            if kind.name == name:
                return kind
        names = ", ".join(kind.name for kind in self.memories)
        raise ValueError(f"Memory of {self.name} must be one of {names}, not {name!r}")

    def lutram_luts(self, width: int, rows: int) -> int:
        """Look-up tables that hold ``rows`` of ``width`` bits as distributed memory, without the
        multiplexer where one primitive is not deep enough."""
        return min(
            -(-rows // depth) * -(-width // bits) * luts for depth, bits, luts in self.lutrams
        )

    def lutram_joints(self, rows: int) -> int:
        """Memories beyond the first that one on top of the other hold so many rows."""
        return -(-rows // max(depth for depth, _, _ in self.lutrams)) - 1

    def total(self, resource: str) -> float:
        """How much of ``lut``, ``ff``, ``bram``, ``uram`` or ``dsp`` the device has."""
        if resource in ("lut", "ff", "dsp"):
            return getattr(self, resource)
        return sum(kind.count * kind.unit for kind in self.memories if kind.resource == resource)


def _ebr(count: int) -> MemoryKind:
    shapes = ((16384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18), (512, 36))
    return MemoryKind("ebr", "bram", shapes, 18432, count)


def _bram18(count: int) -> MemoryKind:
    shapes = ((16384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18), (512, 36))
    return MemoryKind("bram18", "bram", shapes, 18432, count, unit=0.5)


def _uram(count: int) -> MemoryKind:
    return MemoryKind("uram", "uram", ((4096, 72),), 294912, count, initialised=False)


def _ecp5(name: str, lut: int, dsp: int, ebr: int, nextpnr: str) -> Device:
    return Device(
        name=name,
        family="ecp5",
        yosys="synth_ecp5",
        lut=lut,
        ff=lut,
        dsp=dsp,
        memories=(_ebr(ebr),),
        lutram_depth=16,
        lutrams=((16, 4, 6),),
        clock_mhz=125.0,
        nextpnr=nextpnr,
        package="CABGA381",
    )


_LUTRAMS_OF_XCUP = ((32, 14, 8), (64, 7, 8))

DEVICES: dict[str, Device] = {
    device.name: device
    for device in (
        _ecp5("ecp5-25k", 24288, 28, 56, "--25k"),
        _ecp5("ecp5-45k", 43848, 72, 108, "--45k"),
        _ecp5("ecp5-85k", 83640, 156, 208, "--85k"),
        Device(
            name="xck26",
            family="xcup",
            yosys="synth_xilinx -family xcup",
            lut=117120,
            ff=234240,
            dsp=1248,
            memories=(_bram18(288), _uram(64)),
            lutram_depth=32,
            lutrams=_LUTRAMS_OF_XCUP,
            clock_mhz=250.0,
        ),
        Device(
            name="xc7z020",
            family="xc7",
            yosys="synth_xilinx -family xc7",
            lut=53200,
            ff=106400,
            dsp=220,
            memories=(_bram18(280),),
            lutram_depth=32,
            lutrams=((32, 6, 4), (64, 3, 4)),
            clock_mhz=125.0,
        ),
        # The die of the XCVU37P; counts as in published tables of the Virtex UltraScale+ parts.
        Device(
            name="xcu280",
            family="xcup",
            yosys="synth_xilinx -family xcup",
            lut=1303680,
            ff=2607360,
            dsp=9024,
            memories=(_bram18(4032), _uram(960)),
            lutram_depth=32,
            lutrams=_LUTRAMS_OF_XCUP,
            clock_mhz=250.0,
        ),
    )
}


def find_device(name: str) -> Device:
    """The device of that name.

    Raises
    ------
    ValueError
        If there is none; the message lists the names.
    """
    if name not in DEVICES:
        raise ValueError(f"Target must be one of {', '.join(sorted(DEVICES))}, not {name!r}")
    return DEVICES[name]
