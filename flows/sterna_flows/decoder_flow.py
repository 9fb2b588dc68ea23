"""Decoders on the command line: which one is meant, building it, estimates, what is said of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sterna.decoder.building import build_decoder
from sterna.decoder.design import DECODER_FILE, DecoderDesign
from sterna.decoder.hardware import DecoderHardware, recommended_hardware
from sterna.decoder.source import DecoderSource, find_decoder
from sterna.output_folder import fresh_folder
from sterna_hw.base import find_device
from sterna_models import text_zoo

from .boards import board_for, write_board
from .decoder_estimate import Workload, estimate_decoder
from .decoder_regression import write_decoder_regression
from .generation import Generation
from .hand_over import check_wrapper, write_hand_over
from .report_file import extend_report, read_report
from .vivado import PARTS, vivado_script

__all__ = [
    "build_decoder_folder",
    "build_with_choices",
    "choose_hardware",
    "estimate",
    "find_model",
    "summary",
]


def find_model(model: str, *, layers: int | None = None) -> DecoderSource | None:
    """The decoder that a user names: a folder, ``synthetic:NAME``, or one of the zoo; None if it is
    no decoder."""
    found = find_decoder(model, layers=layers)
    if found is None and not Path(model).exists() and model in text_zoo.names():
        return find_decoder(str(text_zoo.folder(model)), layers=layers)
    return found


def choose_hardware(
    source: DecoderSource, target: str, choices: Mapping[str, Any]
) -> DecoderHardware:
    """The device's recommended choices, but for those given (None is not given).

    Raises
    ------
    ValueError
        If there is no such device.
    """
    given = {name: value for name, value in choices.items() if value is not None}
    recommended = recommended_hardware(find_device(target), source.checkpoint.shape)
    return replace(recommended, **given)


def build_decoder_folder(
    source: DecoderSource,
    target: str,
    out: str | Path,
    *,
    hardware: DecoderHardware | None = None,
    wrapper: str = "none",
    board: str | None = None,
) -> DecoderDesign:
    """`sterna.decoder.building.build_decoder`, with the driver for boards, a regression that runs
    by ``make`` in the folder, what other tools take (`hand_over`, with a ``wrapper`` if wished),
    the top of a ``board`` if wished (`boards`) and, for Xilinx devices, a Vivado script.

    Raises
    ------
    ValueError
        If the device or the wrapper is unknown, the folder cannot be written, or the decoder does
        not fit.
    """
    check_wrapper(wrapper)
    found = None if board is None else board_for(board, target)
    with fresh_folder(Path(out), mark=DECODER_FILE) as folder:
        record = build_decoder(source, target, folder, hardware=hardware).record
        name = record["name"]
        made = write_decoder_regression(folder)
        table = json.loads((folder / "registers.json").read_text())
        clock, title = find_device(target).clock_mhz, f"{record['model']}, made by Sterna"
        made += write_hand_over(folder, name, target, clock, table, title, wrapper)
        if found is not None:
            made += write_board(folder, name, found)
        if target in PARTS:
            made.append(f"{name}.tcl")
            (folder / made[-1]).write_text(vivado_script(name, target))
        extend_report(folder, {"files": sorted([*read_report(folder)["files"], *made])})
    return DecoderDesign(Path(out))


def build_with_choices(
    source: DecoderSource,
    target: str,
    output: Path,
    choices: Mapping[str, Any],
    wrapper: str = "none",
    board: str | None = None,
) -> list[str]:
    """Builds a decoder with the device's recommended choices, but for those given; gives lines that
    say what was made."""
    hardware = choose_hardware(source, target, choices)
    design = build_decoder_folder(
        source, target, output, hardware=hardware, wrapper=wrapper, board=board
    )
    report = json.loads((output / "report.json").read_text())
    used = ", ".join(
        f"{amount:.0f} {kind}" for kind, amount in report["estimated"].items() if amount
    )
    kind = " (random weights)" if report["synthetic"] else ""
    where = "on the chip" if hardware.memory == "on-chip" else "outside"
    return [
        f"{source.name}{kind} for {target}: {hardware.lanes} token lanes, {hardware.ports} memory"
        f" ports, {hardware.tables} tables by {hardware.queries} queries",
        f"Estimated: {used}",
        f"Memory {where}: {design.layout.memory_bytes * hardware.ports / 1e6:.2f} MB, of it"
        f" {design.layout.image_bytes * hardware.ports / 1e6:.2f} MB image",
        f"Files: {output}",
    ]


def estimate(
    model: str,
    target: str,
    *,
    lanes: int | None = None,
    ports: int | None = None,
    best: int | None = None,
    layers: int | None = None,
    prompt: int | None = None,
    position: int | None = None,
    clock: float | None = None,
    bandwidth: float | None = None,
    latency: int | None = None,
    gap: int | None = None,
) -> dict[str, Any]:
    """What `sterna estimate` tells, as plain data (docs/report.md, "Estimates"); arguments are its
    options. Nothing is built.

    Raises
    ------
    ValueError
        If the model is no decoder, there is no such device, or an option means nothing.
    """
    device = find_device(target)
    source = find_model(model, layers=layers)
    if source is None:
        names = ", ".join((*text_zoo.names(), "synthetic:bitnet-0.7b"))
        raise ValueError(f"Model must be a decoder's folder or one of {names}, not {model!r}")
    workload = Workload(
        device.clock_mhz if clock is None else clock, prompt, position, bandwidth, latency, gap
    )
    hardware = choose_hardware(source, target, {"lanes": lanes, "ports": ports, "best_count": best})
    checkpoint = source.checkpoint
    return estimate_decoder(
        source.name, checkpoint.shape, target, hardware, workload, synthetic=checkpoint.synthetic
    )


def summary(made: Generation) -> list[str]:
    """Lines about a generation."""
    line = f"{len(made.tokens)} tokens in {made.seconds:.1f} s"
    if made.first_cycles is not None:
        milliseconds = made.first_cycles / made.clock_mhz / 1e3
        line += f"; first token after {made.first_cycles:,} cycles ({milliseconds:.2f} ms)"
    rate = made.tokens_per_second
    if rate is not None and made.roofline is not None:
        begin = "the hardware would reach" if made.estimated else "then"
        line += (
            f"; {begin} {rate:,.0f} tokens/s at {made.clock_mhz:.0f} MHz ({made.source}),"
            f" {made.roofline:.0%} of the memory roofline"
        )
    lines = [line]
    if made.context is not None:
        lines.append(
            f"The text ends after {len(made.tokens)} of {made.wanted} tokens:"
            f" the context of {made.context} is full"
        )
    if made.expected is not None and not made.differences:
        lines.append("All tokens as the golden model says")
    return lines
