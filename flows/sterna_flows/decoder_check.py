"""`sterna check` for a decoder: its sizes, whether it fits a device, and what to run next.

A decoder's folder is supported if its shape and tensors can be read: the generator takes every
shape that `sterna.decoder.shape` accepts. So what is left to say is how large it is and, with a
target, what the recommended hardware is estimated to take there. Cycles are for `sterna estimate`.
"""

from __future__ import annotations

from rich.console import Console

from sterna.decoder.building import check_room
from sterna.decoder.hardware import recommended_hardware
from sterna.decoder.lowering import lower_decoder
from sterna.decoder.source import DecoderSource
from sterna_hw.base import find_device

from .tables import as_cell, print_table

__all__ = ["check_decoder"]


def check_decoder(source: DecoderSource, model: str, target: str | None, console: Console) -> None:
    """Print a decoder's sizes; with ``target`` what it is estimated to take there. ``model`` is
    what the user called it.

    Raises
    ------
    ValueError
        If the target is unknown, the checkpoint cannot be read, or it does not fit.
    """
    device = find_device(target) if target is not None else None
    checkpoint = source.checkpoint
    shape = checkpoint.shape
    heads = f"{shape.heads} of {shape.head_size}, {shape.kv_heads} for keys and values"
    rows = [
        ("layers", shape.layers),
        ("ternary weights", shape.ternary_count),
        ("hidden", shape.hidden),
        ("feed forward", f"{shape.feed_forward}, {shape.activation}"),
        ("heads", heads),
        ("vocabulary", shape.vocabulary),
        ("context", shape.context),
    ]
    weights = "random weights" if checkpoint.synthetic else "exact"
    print_table(console, f"{source.name}: decoder, supported, {weights}", ("size", ""), rows)
    if device is not None:
        integers = lower_decoder(checkpoint)
        hardware = recommended_hardware(device, shape)
        cost = check_room(integers, hardware, device)
        total = ", ".join(
            f"{as_cell(round(getattr(cost, kind)))} of {as_cell(round(device.total(kind)))}"
            f" {kind.upper()}"
            for kind in ("lut", "ff", "bram", "uram", "dsp")
            if device.total(kind)
        )
        layout = hardware.layout(shape)
        where = "on the chip" if hardware.memory == "on-chip" else "outside"
        ports = hardware.ports
        for line in (
            f"Estimated on {device.name}, {hardware.lanes} token lanes: {total}",
            f"Memory {where}: {layout.memory_bytes * ports / 1e6:.2f} MB, of it"
            f" {layout.image_bytes * ports / 1e6:.2f} MB image",
        ):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    named = f"{model} --target {target or 'xck26'}"
    console.print(
        f"Next: sterna estimate {named} (cycles, tokens a second), or sterna build {named}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
