"""`sterna run`: inputs through a design on a board, over its serial port, compared with the model.

The driver is the one of all boards; here its bus is the serial port. Every result is compared with
the golden model's, which the build folder holds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from .terminal import CheckFailed, fail_unless_equal, telling

__all__ = ["run_on_board", "run"]


def run_on_board(
    directory: Path,
    port: str,
    inputs: np.ndarray | int,
    progress: Callable[[str], None] = lambda line: None,
    timeout: float = 5.0,
) -> tuple[np.ndarray, np.ndarray]:
    """What the board gives for samples, and what it must give: codes, int64 ``(samples, words)``.

    ``inputs`` are integer codes or real values with the sample on axis 0, or a number of samples.

    Raises
    ------
    ValueError
        If the folder is no build for a board, or the inputs do not fit it.
    OSError
        If the port does not open, or the board does not answer as it should.
    DriverError
        If another design answers, or the accelerator reports an error.
    """
    from sterna.design import Design
    from sterna.driver import AcceleratorDriver, SerialBus, read_record
    from sterna.driver import run as carry_out

    from .simulation import input_codes_of

    record = read_record(directory)
    if record["kind"] != "accelerator":
        raise ValueError(f"Design to run must be a streaming network, not {record['model']}")
    design = Design(directory)
    codes = input_codes_of(design, inputs, 0)
    bus = SerialBus.open(port, record, timeout)
    driver = AcceleratorDriver(record)
    bus.reset()
    carry_out(bus, driver.identify())
    found = []
    for number in range(len(codes)):
        progress(f"Sample {number + 1} of {len(codes)}")
        found.append(carry_out(bus, driver.infer(codes[number : number + 1], ahead=0))[0])
    return np.array(found), design.expected(codes)


def run(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A build with --board.")],
    port: Annotated[str, typer.Option(help="Serial port of the board: /dev/ttyUSB0.")],
    inputs: Annotated[str, typer.Option(help="How many samples, or a .npy file of them.")] = "8",
    output: Annotated[Path | None, typer.Option(help="Write the results: a .npy file.")] = None,
) -> None:
    """Classify a file of inputs on a board, over its serial port."""
    from sterna.driver import DriverError, read_record

    from .simulation import read_inputs

    samples, record = read_inputs(inputs), read_record(directory)
    try:
        with telling() as tell:
            found, expected = run_on_board(directory, port, samples, tell)
    except DriverError as error:
        raise CheckFailed(str(error)) from None
    if output is not None:
        np.save(output, found)
    labels = found[:, 0] if record["top_k"] else found.argmax(axis=1)
    print(f"Classes: {' '.join(map(str, labels))}")
    wrong = int((found != expected).any(axis=1).sum())
    print(f"{len(found)} samples, {len(found) - wrong} as the golden model says")
    fail_unless_equal([f"{wrong} of {len(found)} samples differ"] if wrong else [])
