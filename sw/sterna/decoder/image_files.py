"""Files of a memory image as a host receives them, and the check before they go into a memory.

An accelerator looks at the header of each port only: it cannot know what should follow. So whoever
puts an image into memory (the simulation, a driver on a board) compares each file's size and sha256
with those that the build recorded, and a file that is missing, cut off, longer, of another port, of
another image, or changed is refused by name. The digests are those that ``sha256sum`` prints.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .layout import MAGIC, VERSION

__all__ = ["ImageFile", "WrittenImage", "check_files", "check_headers", "port_file"]

CHUNK = 1 << 22


def port_file(folder: Path, port: int) -> Path:
    """Where the image of a port is."""
    return folder / f"port{port}.bin"


@dataclass(frozen=True)
class ImageFile:
    """What a file of an image must be: name, size in bytes, and sha256 in hexadecimal."""

    name: str
    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> ImageFile:
        """What a file is."""
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
        return cls(path.name, path.stat().st_size, digest.hexdigest())

    @classmethod
    def restore(cls, record: Mapping[str, Any]) -> ImageFile:
        """From what `record` gave."""
        return cls(record["name"], record["bytes"], record["sha256"])

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True)
class WrittenImage:
    """An image that was written: the hash in its headers, and what its files are."""

    hash: int
    files: tuple[ImageFile, ...]


def check_headers(folder: Path, ports: int, image_hash: int, least: int) -> None:
    """That the files of all ports begin as those of the image with that hash, each on its own port,
    and have ``least`` bytes or more.

    Raises
    ------
    ValueError
        If one does not; the message names the file.
    """
    for port in range(ports):
        path = port_file(folder, port)
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                head = file.read(16)
        except OSError as error:
            raise ValueError(
                f"Memory image {path} must be a readable file: {error.strerror}"
            ) from None
        if size < least:
            raise ValueError(f"Memory image {path} must have {least} bytes, not {size}: cut off")
        magic, version, found, place = struct.unpack("<4I", head)
        if (magic, version) != (MAGIC, VERSION):
            raise ValueError(
                f"Memory image {path} must begin with a header of version {VERSION},"
                f" not {head[:8]!r}"
            )
        if found != image_hash:
            raise ValueError(
                f"Memory image {path} must be that of this design ({image_hash:08x}), not of"
                f" another model, layout or build ({found:08x})"
            )
        if place != port:
            raise ValueError(
                f"Memory image {path} must be that of port {port}, not of port {place}: swapped"
            )


def check_files(folder: Path, files: Iterable[ImageFile]) -> None:
    """That files are what they must be, to the last byte.

    Raises
    ------
    ValueError
        If one is missing, shorter, longer or changed; the message names it.
    """
    for wanted in files:
        path = folder / wanted.name
        if not path.is_file():
            raise ValueError(f"Memory image {path} must be there, not missing")
        size = path.stat().st_size
        if size != wanted.bytes:
            how = "cut off" if size < wanted.bytes else "something was added"
            raise ValueError(
                f"Memory image {path} must have {wanted.bytes} bytes, not {size}: {how}"
            )
        if ImageFile.of(path).sha256 != wanted.sha256:
            raise ValueError(
                f"Memory image {path} must be as it was built, not changed: its sha256 differs"
            )
