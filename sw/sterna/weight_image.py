"""The memory image of streamed weights: what a board's memory holds before the first frame.

One file for the whole design, however many layers read from it: a header of 16 bytes (magic,
version, hash, 0; the header that decoders have, see `sterna_hw.decoder.header_check`), then a
region for each layer, in the order of their ports, each beginning at a multiple of 1,024 bytes.
A region holds one pass, the engine's rows in the order of their use, bit behind bit, or as many as
make 64 words. Bytes between regions are zero.

The hash is of all regions and of where they lie; the hardware knows it and compares it with the
header. That the rest of a file is what was hashed is for whoever puts it into memory to see: its
size and sha256 are in the design's record, and `check_image` compares them.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sterna_hw.accelerator import AcceleratorConfig
from sterna_hw.decoder.header_check import IMAGE_MAGIC, IMAGE_VERSION
from sterna_hw.memory_port import BEAT_BYTES
from sterna_hw.weight_stream import MEMORY_LATENCY

from .decoder.image_files import ImageFile, check_files

__all__ = [
    "IMAGE_FILE",
    "check_image",
    "image_bytes",
    "image_hash",
    "memory_record",
    "settling_cycles",
]

IMAGE_FILE = "weights.bin"
"""The image's name in a build folder."""


def image_hash(accelerator: AcceleratorConfig) -> int:
    """The 32 bits that name the image of an accelerator; 0 if it reads none.

    Raises
    ------
    ValueError
        If contents are not known.
    """
    if not accelerator.streams:
        return 0
    digest = hashlib.sha256()
    for config in accelerator.streams.values():
        digest.update(struct.pack("<4Q", config.offset, config.row_count, config.row_width, 0))
        digest.update(config.region())
    return int.from_bytes(digest.digest()[:4], "little")


def image_bytes(accelerator: AcceleratorConfig) -> bytes:
    """The image, with the hash that the accelerator expects.

    Raises
    ------
    ValueError
        If contents are not known.
    """
    image = bytearray(accelerator.memory.image_bytes)
    image[:16] = struct.pack("<4I", IMAGE_MAGIC, IMAGE_VERSION, accelerator.image_hash, 0)
    for config in accelerator.streams.values():
        image[config.offset : config.offset + config.region_bytes] = config.region()
    return bytes(image)


def settling_cycles(accelerator: AcceleratorConfig) -> int:
    """Cycles from the begin of the reads until everything that can be read ahead has been."""
    return max((config.settling_cycles for config in accelerator.streams.values()), default=0)


def memory_record(
    accelerator: AcceleratorConfig,
    layers: Mapping[str, str],
    passes: Mapping[str, int],
    interval: int,
    image: Path,
) -> dict[str, Any]:
    """What a design says of its image, written to ``image``: as JSON.

    ``layers`` has the layer of each stage, ``passes`` how often a frame reads that layer's weights:
    a convolution does so for each position.
    ``bytes_per_cycle`` is the mean that all ports move together at an interval of so many cycles.
    """
    ports = [
        {
            "port": port,
            "layer": layers[name],
            "offset": config.offset,
            "bytes": config.region_bytes,
            "rows": config.row_count,
            "row_width": config.row_width,
            "passes": config.passes,
            "bytes_per_frame": BEAT_BYTES * config.pass_words * passes[layers[name]],
            "cycles": config.pass_words * passes[layers[name]],
        }
        for port, (name, config) in enumerate(accelerator.streams.items())
    ]
    moved = sum(port["bytes_per_frame"] for port in ports)
    return {
        "image": ImageFile.of(image).record(),
        "hash": f"{accelerator.image_hash:08x}",
        "latency": MEMORY_LATENCY,
        "settling_cycles": settling_cycles(accelerator),
        "bytes_per_frame": moved,
        "bytes_per_cycle": round(moved / interval, 3),
        "ports": ports,
    }


def check_image(directory: Path, record: Mapping[str, Any]) -> Path:
    """The image file of a build folder, if it is what was built, by the ``memory`` of its record.

    Raises
    ------
    ValueError
        If it is missing, cut off, longer or changed; the message names it.
    """
    check_files(directory, [ImageFile.restore(record["image"])])
    return directory / record["image"]["name"]
