"""From a decoder to a folder: Verilog, the memory image, the program, figures.

    NAME.v ...          Verilog, one file a module; *.hex contents of on-chip memories
    sources.f           the Verilog files in one list
    NAME.xdc, .sdc      the clock, for other tools; NAME.lpf where nextpnr knows the device
    memory/portN.bin    what each memory port's region must hold; nothing where memory is on the
                        chip, whose contents are memoryN.hex
    program.txt         the program, as text (it is in the design already)
    registers.json      the register map, for drivers
    decoder.json        what a bench or a driver must know: shape, choices, memory map, hashes
    model/              the checkpoint, so that the golden model can be made again
    report.json         figures, extended by each command

Like all builds the folder appears whole or not at all, and the same input gives the same bytes. The
build hash in the registers names model, program and choices.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sterna_hw.base import Cost, Device, find_device
from sterna_hw.decoder.decoder_accelerator import DecoderAcceleratorConfig
from sterna_hw.memory_port import BEAT_BYTES, OnChipMemoryConfig
from sterna_hw.registers import driver_table
from sterna_hw.verilog import emit

from ..constraints import write_constraints
from ..output_folder import fresh_folder
from .assembler import decoder_program, print_program
from .design import DECODER_FILE, DECODER_VERSION, DecoderDesign
from .estimate import DecoderEstimate
from .hardware import DecoderHardware, recommended_hardware
from .image import write_image
from .image_files import ImageFile
from .integers import DecoderIntegers
from .layout import DecoderLayout
from .lowering import lower_decoder
from .report import layer_entries, predicted_cycles
from .source import DecoderSource

__all__ = ["build_decoder", "check_room"]

NAME = "decoder"

PROMPT = 32
"""Tokens of the prompt for which cycles are predicted, if the context has room for them."""


def build_decoder(
    source: DecoderSource,
    target: str,
    out: str | Path,
    *,
    hardware: DecoderHardware | None = None,
) -> DecoderDesign:
    """Build an accelerator for a decoder.

    Parameters
    ----------
    source : :class:`DecoderSource`
        The decoder.
    target : :class:`str`
        A device.
    out : path
        The folder to make.
    hardware : :class:`DecoderHardware`, optional
        Choices; those recommended for the device otherwise.

    Raises
    ------
    ValueError
        If the device is unknown, the folder cannot be written, or the decoder does not fit.
    """
    out = Path(out)
    device = find_device(target)
    model = lower_decoder(source.checkpoint)
    hardware = hardware or recommended_hardware(device, model.shape)
    layout = hardware.layout(model.shape)
    program = print_program(decoder_program(layout))
    # The hash comes with the image, which is made when all fits.
    config = _without_image(model, hardware, device)
    if hardware.memory == "on-chip":
        config = hardware.accelerator(model, NAME)
        _check_fit(config, device)
    costs = config.costs(device)
    with fresh_folder(out, mark=DECODER_FILE) as folder:
        images = folder / "memory"
        images.mkdir()
        kept: list[ImageFile] = []
        if hardware.memory == "external":
            image = write_image(model, layout, config.core.matmul, config.core.trits, images)
            kept = [replace(file, name=f"{images.name}/{file.name}") for file in image.files]
            config = replace(config, model_hash=image.hash)
        named = [source.name, config.model_hash, program, hardware.record(), target]
        digest = hashlib.sha256(json.dumps(named).encode()).digest()
        config = replace(config, build_hash=int.from_bytes(digest[:4], "little"))
        files = emit(config.create(), NAME)
        for name, text in sorted(files.items()):
            (folder / name).write_text(text)
        sources = sorted(name for name in files if name.endswith(".v"))
        (folder / "sources.f").write_text("".join(f"{name}\n" for name in sources))
        contents = (name for memory in config.memories for name in memory.files)
        kept += [ImageFile.of(folder / name) for name in contents]
        write_constraints(folder, NAME, device, device.clock_mhz)
        (folder / "program.txt").write_text(program)
        _write_json(folder / "registers.json", driver_table(config.registers))
        record = {
            "version": DECODER_VERSION,
            "name": NAME,
            "model": source.name,
            "synthetic": model.synthetic,
            "target": target,
            "source": source.keep(folder / "model"),
            "hardware": hardware.record(),
            "build_hash": config.build_hash,
            "model_hash": config.model_hash,
            "memory": {
                "bytes": layout.memory_bytes,
                "files": [file.record() for file in kept],
                "sections": {name: asdict(part) for name, part in layout.sections.items()},
            },
        }
        _write_json(folder / DECODER_FILE, record)
        made = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        files_made = sorted([*made, "report.json"])
        layers = model.shape.layers
        _write_json(folder / "report.json", _report(record, config, layers, costs, files_made))
    return DecoderDesign(out)


def check_room(model: DecoderIntegers, hardware: DecoderHardware, device: Device) -> Cost:
    """What an accelerator is estimated to take of a device; memory on the chip, whose contents need
    not be known, is counted with its block memories only.

    Raises
    ------
    ValueError
        If it does not fit.
    """
    config = _without_image(model, hardware, device)
    cost = config.cost(device)
    if hardware.memory == "on-chip":
        layout = hardware.layout(model.shape)
        rows = layout.memory_bytes // BEAT_BYTES
        for port in range(layout.ports):
            cost += OnChipMemoryConfig(f"memory{port}", rows).cost(device)
    return cost


def _without_image(
    model: DecoderIntegers, hardware: DecoderHardware, device: Device
) -> DecoderAcceleratorConfig:
    """The configuration as if memory were outside and without the image's hash; refused if it, or
    memory that is to be on the chip, does not fit."""
    config = replace(hardware, memory="external").accelerator(model, NAME, hash_bits=0)
    _check_fit(config, device)
    if hardware.memory == "on-chip":
        _check_memory(config, hardware.layout(model.shape), device)
    return config


def _check_fit(config: DecoderAcceleratorConfig, device: Device) -> None:
    """Refuses what is estimated to take more than the device has."""
    total = config.cost(device)
    excess = [
        f"{getattr(total, kind):.0f} of {device.total(kind)} {kind}"
        for kind in ("lut", "ff", "bram", "uram", "dsp")
        if getattr(total, kind) > device.total(kind)
    ]
    if excess:
        raise ValueError(f"Decoder must fit {device.name}, not take {', '.join(excess)}")


def _check_memory(config: DecoderAcceleratorConfig, layout: DecoderLayout, device: Device) -> None:
    """Refuses image and cache that do not fit the block memory that the units leave."""
    free = device.total("bram") - config.cost(device).bram
    rows = OnChipMemoryConfig.rows_in(device, free / layout.ports)
    room = layout.word_bytes * rows
    needed = layout.memory_bytes * layout.ports
    if needed > room:
        raise ValueError(
            f"Memory of a decoder on the chip of {device.name} must be at most {room} bytes, not "
            f"{needed}: make layers, vocabulary or context smaller, or keep it outside "
            "(--memory external)"
        )


def _report(
    record: dict[str, Any],
    config: DecoderAcceleratorConfig,
    layers: int,
    costs: dict[str, Cost],
    files: list[str],
) -> dict[str, Any]:
    """The first report: estimates of resources, and predicted cycles of a short run."""
    core = config.core
    units = {name: cost.as_dict() for name, cost in costs.items()}
    prompt = max(1, min(PROMPT, core.context - 1))
    memory = DecoderHardware(**record["hardware"]).memory_timing
    run = DecoderEstimate(core, memory).run(prompt, min(2, core.context + 1 - prompt))
    return {
        "report_version": 1,
        "kind": "decoder",
        "model": record["model"],
        "synthetic": record["synthetic"],
        "target": record["target"],
        "top": config.name,
        "clock_mhz": find_device(record["target"]).clock_mhz,
        "layers": layer_entries(core, layers, run.passes[-1]),
        "cycles": predicted_cycles(run, prompt, "none"),
        "units": [{"name": name, "estimated": estimated} for name, estimated in units.items()],
        "estimated": {
            kind: sum(unit[kind] for unit in units.values()) for kind in Cost().as_dict()
        },
        "files": files,
    }


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")
