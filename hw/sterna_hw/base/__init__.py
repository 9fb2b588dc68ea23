"""The ground floor: ranges, alphabets, rounding, devices, cost and timing. Imports numpy only."""

from .alphabet import ALPHABETS, BINARY, SHIFTS, TERNARY, TWO_BIT, Alphabet, shift_alphabet
from .cost import Cost
from .device import DEVICES, Device, MemoryKind, find_device
from .integer_range import IntegerRange
from .rounding import Rounding
from .timing import Process, Step, Timing, queue
from .window_axis import WindowAxis

__all__ = [
    "ALPHABETS",
    "BINARY",
    "DEVICES",
    "SHIFTS",
    "TERNARY",
    "TWO_BIT",
    "Alphabet",
    "Cost",
    "Device",
    "IntegerRange",
    "MemoryKind",
    "Process",
    "Rounding",
    "Step",
    "Timing",
    "WindowAxis",
    "find_device",
    "queue",
    "shift_alphabet",
]
