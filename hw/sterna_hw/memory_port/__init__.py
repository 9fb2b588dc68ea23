"""AXI4 memory ports: a group of read ports that gives one stream of words, a writer, and a memory
on the chip for them to end in."""

from .axi4 import BEAT_BYTES, command_layout, read_signature, write_signature
from .on_chip_memory import OnChipMemory, OnChipMemoryConfig
from .read_group import ReadGroup, ReadGroupConfig
from .write_port import WritePort, WritePortConfig

__all__ = [
    "BEAT_BYTES",
    "OnChipMemory",
    "OnChipMemoryConfig",
    "ReadGroup",
    "ReadGroupConfig",
    "WritePort",
    "WritePortConfig",
    "command_layout",
    "read_signature",
    "write_signature",
]
