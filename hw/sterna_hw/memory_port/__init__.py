"""AXI4 memory ports: a group of read ports that gives one stream of words, and a writer."""

from .axi4 import BEAT_BYTES, command_layout, read_signature, write_signature
from .read_group import ReadGroup, ReadGroupConfig
from .write_port import WritePort, WritePortConfig

__all__ = [
    "BEAT_BYTES",
    "ReadGroup",
    "ReadGroupConfig",
    "WritePort",
    "WritePortConfig",
    "command_layout",
    "read_signature",
    "write_signature",
]
