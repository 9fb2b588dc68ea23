"""The buses for boards, on a board made of Python: frames, registers, memory, and faults."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sterna.driver import (
    AcceleratorDriver,
    Bus,
    BusError,
    DecoderDriver,
    DriverError,
    MemoryBus,
    PynqBus,
    run,
)
from sterna.driver.memory_bus import open_words

from .fake_board import BASE, RECORD, Accelerator, DmaWords, FakePynq, RegisterWords

CODES = np.random.default_rng(1).integers(0, 256, (7, 4))
SUMS = [list(int(row.sum()).to_bytes(2, "little")) for row in CODES]


def memory_board() -> tuple[MemoryBus, Accelerator, DmaWords]:
    accelerator, memory = Accelerator(), np.full(0x4000, 0xAA, np.uint8)
    dma = DmaWords(accelerator, memory)
    bus = MemoryBus(RegisterWords(accelerator), dma, memory, BASE, output_bytes=2, patience=0.01)
    return bus, accelerator, dma


def pynq_board(monkeypatch: pytest.MonkeyPatch) -> tuple[PynqBus, Accelerator, FakePynq]:
    pynq = FakePynq()
    monkeypatch.setitem(sys.modules, "pynq", pynq)  # pyright: ignore[reportArgumentType]
    bus = PynqBus.of_streams("design.bit", RECORD)
    bus.patience = 0.01
    return bus, pynq.accelerator, pynq


@pytest.fixture(params=["memory", "pynq"])
def board(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> tuple[Bus, Accelerator]:
    parts: Any = memory_board() if request.param == "memory" else pynq_board(monkeypatch)
    return parts[0], parts[1]


@pytest.mark.parametrize("ahead", [0, 1])
def test_frames_and_registers(board: tuple[Bus, Accelerator], ahead: int) -> None:
    bus, accelerator = board
    driver = AcceleratorDriver(RECORD)
    run(bus, driver.identify())
    assert run(bus, driver.infer(CODES, ahead=ahead)).tolist() == SUMS
    assert run(bus, driver.infer(CODES, ahead=ahead)).tolist() == SUMS
    accelerator.words[driver.registers.offset("frames_in")] = 14
    assert run(bus, driver.read_counters()) == {"frames_in": 14}
    run(bus, driver.clear_counters())
    assert accelerator.words[driver.registers.offset("control")] == 0b10


def test_errors_are_named(board: tuple[Bus, Accelerator]) -> None:
    bus, accelerator = board
    driver = AcceleratorDriver(RECORD)
    accelerator.words[driver.registers.offset("error")] = 0b0101
    with pytest.raises(DriverError, match="not short_frame, element_range: clear_errors"):
        run(bus, driver.infer(CODES))
    accelerator.words[driver.registers.offset("build_hash")] = 7
    with pytest.raises(DriverError, match="build_hash must read 0x1234, as in the build, not 0x7"):
        run(bus, driver.identify())


def test_a_design_that_does_not_drain(board: tuple[Bus, Accelerator]) -> None:
    bus, accelerator = board
    driver = AcceleratorDriver(RECORD)
    with pytest.raises(DriverError, match="must drain for a reload"):
        run(bus, driver.reload({0: [1]}))
    assert accelerator.words[driver.registers.offset("control")] == 0


def test_a_result_that_was_not_asked_for(board: tuple[Bus, Accelerator]) -> None:
    bus, _ = board
    with pytest.raises(BusError, match="under way"):
        bus.receive(2)


def test_memory_of_a_decoder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Both buses put an image at an address that the registers are told."""
    content = bytes(range(200)) * 30
    (tmp_path / "port0.bin").write_bytes(content)
    (tmp_path / "port1.bin").write_bytes(content[::-1])
    import hashlib

    files = [
        {
            "name": path.name,
            "bytes": len(content),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(tmp_path.iterdir())
    ]
    from sterna_hw.decoder.decoder_map import DecoderIdentity, decoder_map
    from sterna_hw.registers import driver_table

    memory = {"kind": "external", "bytes": 0x1800, "files": files}
    registers = driver_table(decoder_map(DecoderIdentity()))
    driver = DecoderDriver({"registers": registers, "memory": memory})
    small, accelerator, _ = memory_board()
    bases = run(small, driver.load_image(tmp_path))
    assert small.buffer is not None and bases == [BASE, BASE + 0x2000]
    assert small.buffer[: len(content)].tobytes() == content
    assert not small.buffer[len(content) : 0x1800].any()
    table = driver.registers
    assert accelerator.words[table.offset("base1_low")] == BASE + 0x2000
    assert accelerator.words[table.offset("memory_words")] == 0x180
    with pytest.raises(BusError, match="must have 24576 bytes, not 16384"):
        small.allocate(0, 0x2000)
    pynq = FakePynq()
    monkeypatch.setitem(sys.modules, "pynq", pynq)  # pyright: ignore[reportArgumentType]
    bases = run(PynqBus.of_memory("design.bit"), driver.load_image(tmp_path))
    assert bases == [buffer.device_address for buffer in pynq.buffers]
    assert pynq.buffers[1].tobytes() == content[::-1] + bytes(0x1800 - len(content))
    (tmp_path / "port1.bin").write_bytes(content)
    with pytest.raises(DriverError, match="port1.bin must be as it was built"):
        run(small, driver.load_image(tmp_path))
    (tmp_path / "port0.bin").write_bytes(content[1:])
    with pytest.raises(DriverError, match="port0.bin must have 6000 bytes, not 5999"):
        run(small, driver.load_image(tmp_path))


def test_faults_of_the_dma() -> None:
    bus, _, dma = memory_board()
    dma.is_faulty = True
    with pytest.raises(BusError, match="Sending a frame must end without a fault of the DMA"):
        run(bus, AcceleratorDriver(RECORD).infer(CODES))


@pytest.mark.parametrize("method", ["send", "allocate"])
def test_what_a_bus_lacks(method: str) -> None:
    bus = MemoryBus(RegisterWords(Accelerator()))
    arguments = {"send": (b"1",), "allocate": (0, 16)}[method]
    with pytest.raises(BusError, match="must be given to the bus"):
        getattr(bus, method)(*arguments)


def test_pages_of_memory_are_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file stands for physical memory; a u-dma-buf is described in files of the kernel."""
    path = tmp_path / "mem"
    path.write_bytes(bytes(4096) + bytes(range(64)) + bytes(4096))
    words = open_words(4096, 64, str(path))
    assert words[1] == 0x07060504
    words[2] = 0xFFFFFFFF
    assert path.read_bytes()[4104:4108] == b"\xff" * 4
    opened: list[Any] = []

    def fake(base: int, byte_count: int, path: str = "/dev/mem") -> np.ndarray:
        opened.append((base, byte_count, path))
        return np.zeros(byte_count // 4, np.uint32)

    facts = {"phys_addr": "0x70000000\n", "size": "8192\n"}
    monkeypatch.setattr("sterna.driver.memory_bus.open_words", fake)
    monkeypatch.setattr(Path, "read_text", lambda self: facts[self.name])
    bus = MemoryBus.open(0x4000_0000, dma_base=0x4040_0000, buffer="udmabuf0", output_bytes=2)
    assert [what[2] for what in opened] == ["/dev/udmabuf0", "/dev/mem", "/dev/mem"]
    assert bus.allocate(0, 10) == 0x7000_0000
    assert isinstance(bus.dma, np.ndarray) and (bus.dma[0], bus.dma[12]) == (1, 1)


def test_errors_of_a_bus_are_raised_in_the_steps() -> None:
    """A driver can clean up behind itself."""
    seen: list[str] = []

    def steps() -> Any:
        try:
            yield from AcceleratorDriver(RECORD).registers.read("status")
        except OSError as error:
            seen.append(str(error))
        return "done"

    def refuse(address: int) -> int:
        raise BusError(f"no {address:#x}")

    bus: Any = SimpleNamespace(read32=refuse)
    assert run(bus, steps()) == "done" and seen == ["no 0x14"]
