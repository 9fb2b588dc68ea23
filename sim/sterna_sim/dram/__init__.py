"""A DRAM with AXI4 ports for simulations: C++ inside the Verilator binary."""

from .build import build_with_dram, dram_arguments, dram_sources, top_with_dram
from .config import DramConfig, Region
from .handle import Dram, PortCounters, Totals

__all__ = [
    "Dram",
    "DramConfig",
    "PortCounters",
    "Region",
    "Totals",
    "build_with_dram",
    "dram_arguments",
    "dram_sources",
    "top_with_dram",
]
