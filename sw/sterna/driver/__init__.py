"""The host's side of an accelerator: one driver for boards, and for benches in simulation.

A build folder carries a copy of this package, `sterna_driver`, and what it must know of the design
in `driver.json`. It needs numpy and nothing of Sterna, so it goes to a board as it is:

    from sterna_driver import AcceleratorDriver, PynqBus, read_record, run

    record = read_record("driver.json")
    accelerator = AcceleratorDriver(record)
    bus = PynqBus.of_streams("design.bit", record)
    labels = run(bus, accelerator.classify(samples))

What a driver does is written as generators: each step yields a request (read a register, send a
frame), is given the answer, and the last value is the result. `run` carries the steps out on a bus
whose calls block, as on a board; `run_awaiting` on one whose calls are awaited, as cocotb's. So the
code that a regression verifies is the code that runs on the board, to the last line.
"""

from .accelerator import AcceleratorDriver
from .bus import (
    Allocate,
    AwaitingBus,
    Bus,
    BusError,
    DriverError,
    Read32,
    Receive,
    Send,
    Steps,
    WaitInterrupt,
    Write32,
    WriteMemory,
    run,
    run_awaiting,
)
from .decoder import DecoderDriver, DecoderRun
from .edges import Edge
from .memory_bus import MemoryBus
from .pynq_bus import PynqBus
from .record import read_record
from .registers import Registers
from .serial_bus import SerialBus

__all__ = [
    "AcceleratorDriver",
    "Allocate",
    "AwaitingBus",
    "Bus",
    "BusError",
    "DecoderDriver",
    "DecoderRun",
    "DriverError",
    "Edge",
    "MemoryBus",
    "PynqBus",
    "Read32",
    "Receive",
    "Registers",
    "Send",
    "SerialBus",
    "Steps",
    "WaitInterrupt",
    "Write32",
    "WriteMemory",
    "read_record",
    "run",
    "run_awaiting",
]
