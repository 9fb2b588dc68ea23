"""A decoder accelerator in simulation, as a host sees it: runs in, tokens and figures out.

`RtlDecoder` compiles the Verilog with the DRAM behind it (unless its memory is on the chip), starts
the simulation with the memory image of a board in it, and talks to a small host inside
(`host_test`), which in turn talks to the registers. Between requests simulated time stands still,
so a caller may think as long as it likes. Tokens are handed on as the accelerator produces them. As
a `sterna.decoder.engine.TokenEngine` it stands in for the golden decoder wherever one is used.
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sterna.decoder.engine import Answer
from sterna.decoder.image_files import check_headers, port_file
from sterna.decoder.layout import DecoderLayout
from sterna.driver import DecoderRun
from sterna_hw.decoder.decoder_accelerator import DecoderAcceleratorConfig
from sterna_hw.decoder.decoder_map import DECODER_COUNTERS
from sterna_hw.registers import driver_table

from ..dram.build import TOP
from ..dram.config import DramConfig, Region
from ..verilator import SimulatorError, run_model
from .bench_files import build_decoder_model

__all__ = ["RtlDecoder", "RunResult", "region_base"]

COUNTERS = tuple(name for name, _ in DECODER_COUNTERS)
PAGE = 4096


def region_base(layout: DecoderLayout, port: int) -> int:
    """Where a port's region begins in the simulated memory: one behind the other, page by page,
    the first not at zero."""
    pages = -(-layout.memory_bytes // PAGE) + 1
    return PAGE * (1 + port * pages)


@dataclass
class RunResult(DecoderRun):
    """What a run of the accelerator gave: what the driver tells, and the ``cycles`` of the tokens'
    interrupts, counted from the start of the run."""

    cycles: list[int] = field(default_factory=list)


class RtlDecoder:
    """A simulated accelerator with its memory; a context manager.

    Parameters
    ----------
    config : :class:`DecoderAcceleratorConfig`
        The hardware.
    files : mapping
        Its Verilog and the contents of its memories, by file name.
    layout : :class:`DecoderLayout`
        The memory map.
    image : :class:`pathlib.Path`
        Folder of the ports' image files; not looked at if memory is on the chip. Behind an image
        may lie a cache; whether all bytes are right is for the caller to see (`image_files`).
    head_constant : :class:`float`
        What the norm scale of a result is multiplied by to make logits real.
    dram : :class:`DramConfig`, optional
        Bandwidth, latency and so on; its regions are replaced.
    work : :class:`pathlib.Path`, optional
        Where the simulation runs and leaves its files; a temporary folder without it.
    checkpoints : :class:`bool`
        Whether codes and logits are written to files in ``work``.
    events : :class:`bool`
        Whether the log of `event_log` is written there.
    limit : :class:`int`
        Cycles after which a run without any interrupt counts as hung.
    fast : :class:`bool`
        Spend compile time for simulation speed.

    Raises
    ------
    SimulatorError
        If something does not compile, or the simulation dies.
    ValueError
        If a file of the image is missing, too short, of another image or of another port.
    """

    def __init__(
        self,
        config: DecoderAcceleratorConfig,
        files: Mapping[str, str],
        layout: DecoderLayout,
        image: Path,
        *,
        head_constant: float = 1.0,
        dram: DramConfig | None = None,
        work: Path | None = None,
        checkpoints: bool = False,
        events: bool = False,
        limit: int = 400_000_000,
        fast: bool = True,
    ) -> None:
        self.config, self.layout, self.limit = config, layout, limit
        self.context = config.core.context
        self.head_constant = head_constant
        self.position = 0
        if not config.memories:
            ports, least = config.core.ports, layout.image_bytes
            check_headers(image, ports, config.model_hash, least)
        self._own = None if work is not None else tempfile.TemporaryDirectory(prefix="sterna-rtl-")
        self.work = work or Path(self._own.name)  # pyright: ignore[reportOptionalMemberAccess]
        self.work.mkdir(parents=True, exist_ok=True)
        model = build_decoder_model(config, files, fast=fast)
        for name, text in files.items():
            if name.endswith(".hex"):
                (self.work / name).write_text(text)
        self._write_settings(image, dram)
        wishes = {"checkpoints": checkpoints, "events": events}
        self._start(model, [f"+{name}" for name, wished in wishes.items() if wished])

    def _write_settings(self, image: Path, dram: DramConfig | None) -> None:
        layout = self.layout
        has_dram = not self.config.memories
        ports = self.config.core.ports if has_dram else 0
        regions = tuple(
            Region(region_base(layout, port), port_file(image, port), layout.memory_bytes)
            for port in range(ports)
        )
        # A design with its memory inside knows by itself how large it is.
        if has_dram:
            replace(dram or DramConfig(regions), regions=regions).write(self.work)
        record = {
            "registers": driver_table(self.config.registers),
            "counters": COUNTERS,
            "best_count": self.config.core.best_count,
            "head_constant": self.head_constant,
            "memory": {"bytes": layout.memory_bytes},
        }
        settings = {
            "record": record,
            "bases": [region_base(layout, port) for port in range(ports)],
            "patience": self.limit,
        }
        (self.work / "host.json").write_text(json.dumps(settings))

    def _start(self, model: Path, wishes: list[str]) -> None:
        name = f"sterna-{os.getpid()}-{id(self)}"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(b"\0" + name.encode())
        listener.listen(1)
        listener.settimeout(0.2)
        self._failure: BaseException | None = None

        def simulate() -> None:
            try:
                run_model(
                    model,
                    TOP,
                    "sterna_sim.decoder.host_test",
                    self.work,
                    environment={"STERNA_HOST_SOCKET": name},
                    plusargs=wishes,
                )
            except BaseException as error:
                self._failure = error

        self._thread = threading.Thread(target=simulate, daemon=True)
        self._thread.start()
        while True:
            try:
                self._channel, _ = listener.accept()
                break
            except TimeoutError:
                if not self._thread.is_alive():
                    raise self._failure or SimulatorError("Simulation did not begin") from None
        listener.close()
        self._lines = self._channel.makefile("rw", encoding="utf-8")
        self._answer()

    def __enter__(self) -> RtlDecoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the simulation.

        Raises
        ------
        SimulatorError
            If it found the design at fault.
        """
        self._lines.close()
        self._channel.close()
        self._thread.join()
        if self._own is not None:
            self._own.cleanup()
        if self._failure is not None:
            raise self._failure

    def _answer(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            self._thread.join()
            raise self._failure or SimulatorError("Simulation ended early")
        return json.loads(line)

    def _ask(self, kind: str, **content: Any) -> None:
        self._lines.write(json.dumps({"kind": kind, **content}) + "\n")
        self._lines.flush()

    def read(self, register: str) -> dict[str, int]:
        """The fields of a register."""
        self._ask("read", name=register)
        return self._answer()["fields"]

    def write(self, register: str, value: int) -> None:
        """Write a register."""
        self._ask("write", name=register, value=value)
        self._answer()

    def poke(self, port: int, address: int, content: bytes) -> None:
        """Change bytes of a port's region in external memory, behind the accelerator's back."""
        place = region_base(self.layout, port) + address
        self._ask("poke", address=place, bytes=content.hex())
        self._answer()

    def produce(
        self, prompt: Sequence[int], count: int, position: int, stop: int | None = None
    ) -> Iterator[tuple[int, int] | RunResult]:
        """One run: yields (token, cycle) as they come, and at last the whole `RunResult`."""
        self._ask(
            "run",
            prompt=[int(token) for token in prompt],
            position=position,
            generate=count,
            stop=stop,
        )
        result = RunResult()
        while True:
            answer = self._answer()
            if "failed" in answer:
                raise SimulatorError(answer["failed"])
            if "token" not in answer:
                break
            result.tokens.append(answer["token"])
            result.cycles.append(answer["cycle"])
            yield answer["token"], answer["cycle"]
        result.best = [(token, logit) for token, logit in answer["best"]]
        for name in ("scale", "errors", "failed", "place", "position", "counters"):
            setattr(result, name, answer["result"][name])
        yield result

    def run_whole(
        self, prompt: Sequence[int], count: int, position: int = 0, stop: int | None = None
    ) -> RunResult:
        """One run to its end."""
        *_, result = self.produce(prompt, count, position, stop)
        assert isinstance(result, RunResult)
        self.position = result.position
        return result

    def run(self, tokens: Sequence[int]) -> Answer:
        """As `sterna.decoder.engine.TokenEngine`: append tokens, get candidates."""
        result = self.run_whole(tokens, 1, self.position)
        if result.errors:
            raise SimulatorError(f"The accelerator reports {', '.join(result.errors)}")
        self.position = result.position
        return Answer(tuple(result.best), result.scale, result.counters["busy_cycles"])
