"""`sterna estimate` for a decoder: cycles, bytes and rates before anything is built or simulated.

The analytic model (`sterna.decoder.estimate`) runs the decoder's program: a prompt, which is the
phase ``prefill``, and one token at a later position, the phase ``decode``. Figures are told by
layer and by kind of instruction, beside the memory roofline: the cycles in which memory could have
moved the bytes that had to move. Nothing here needs the weights, so a published shape takes
seconds. All figures are estimates and are called that; the model is within 1 % of simulation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from sterna.decoder.estimate import DecoderEstimate, InstructionTimes, MemoryTiming, PassTimes
from sterna.decoder.hardware import DecoderHardware
from sterna.decoder.layout import DecoderLayout
from sterna.decoder.report import layer_of
from sterna.decoder.shape import DecoderShape

__all__ = ["ESTIMATE_VERSION", "Workload", "estimate_decoder"]

ESTIMATE_VERSION = 1

DEFAULT_PROMPT = 128

_WAIT = "WAIT"


@dataclass(frozen=True)
class Workload:
    """What is asked of the accelerator, and the memory and clock that it has.

    Parameters
    ----------
    prompt : :class:`int`, optional
        Tokens of the prompt; 128, or as many as leave room for one more in the context.
    position : :class:`int`, optional
        Of the token that is decoded; that behind the prompt.
    clock_mhz : :class:`float`
        Clock of the accelerator.
    bandwidth : :class:`float`, optional
        Of the memory, in GB/s (10**9 bytes); what the ports can take without it.
    latency, gap : :class:`int`, optional
        Cycles from a read's address to its data, and cycles that a port rests between bursts.

    Raises
    ------
    ValueError
        If clock or bandwidth are not positive.
    """

    clock_mhz: float
    prompt: int | None = None
    position: int | None = None
    bandwidth: float | None = None
    latency: int | None = None
    gap: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.clock_mhz < float("inf"):
            raise ValueError(f"Clock must be a positive number of MHz, not {self.clock_mhz!r}")
        if self.bandwidth is not None and not 0 < self.bandwidth < float("inf"):
            raise ValueError(f"Bandwidth must be a positive number of GB/s, not {self.bandwidth!r}")

    def memory(self, hardware: DecoderHardware) -> MemoryTiming:
        """The memory that the hardware has inside, or the one behind its ports of 16 bytes a cycle.

        Raises
        ------
        ValueError
            If something is told of a memory that is on the chip.
        """
        told = (self.bandwidth, self.latency, self.gap)
        if hardware.memory == "on-chip":
            if any(value is not None for value in told):
                raise ValueError(
                    "Bandwidth, latency and gap must be left out where memory is on the chip"
                )
            return hardware.memory_timing
        most = Fraction(16 * hardware.ports)
        if self.bandwidth is not None:
            most = min(most, Fraction(self.bandwidth * 1000 / self.clock_mhz))
        timing = MemoryTiming(most)
        if self.latency is not None:
            timing = replace(timing, read_latency=self.latency)
        return timing if self.gap is None else replace(timing, burst_gap=self.gap)

    def tokens(self, context: int) -> tuple[int, int]:
        """Tokens of the prompt, and the position of the token that is decoded.

        Raises
        ------
        ValueError
            If they do not fit the context.
        """
        prompt = self.prompt
        if prompt is None:
            prompt = max(1, min(DEFAULT_PROMPT, context - 1))
        if not 1 <= prompt <= context:
            raise ValueError(f"Prompt must be 1 to the context of {context} tokens, not {prompt}")
        position = min(prompt, context - 1) if self.position is None else self.position
        if not 0 <= position < context:
            raise ValueError(f"Position must be 0 to {context - 1}, not {position}")
        return prompt, position


def estimate_decoder(
    name: str,
    shape: DecoderShape,
    target: str,
    hardware: DecoderHardware,
    workload: Workload,
    *,
    synthetic: bool = False,
) -> dict[str, Any]:
    """The estimate as plain data, as `sterna estimate --json` writes it.

    Raises
    ------
    ValueError
        If hardware, shape and workload do not fit each other.
    """
    layout = hardware.layout(shape)
    memory = workload.memory(hardware)
    model = DecoderEstimate(hardware.core(shape), memory)
    prompt, position = workload.tokens(shape.context)
    prefill = model.run(prompt, 1).passes
    # A token is told from the choice of the one before it to its own, so one goes ahead.
    token = model.run(1, 2, position - 1).passes[1:] if position else model.run(1, 1).passes
    phases = [
        _phase("prefill", prefill, 0, layout, memory, workload.clock_mhz),
        _phase("decode", token, position, layout, memory, workload.clock_mhz),
    ]
    return {
        "estimate_version": ESTIMATE_VERSION,
        "source": "analytic model",
        "model": name,
        "synthetic": synthetic,
        "target": target,
        "clock_mhz": workload.clock_mhz,
        "hardware": hardware.record(),
        "memory": {
            "bytes_per_cycle": float(memory.bytes_per_cycle),
            "gigabytes_per_second": float(memory.bytes_per_cycle) * workload.clock_mhz / 1e3,
            "read_latency": memory.read_latency,
            "burst_gap": memory.burst_gap,
            "write_latency": memory.write_latency,
            "write_turnaround": memory.write_turnaround,
        },
        "phases": phases,
    }


def _phase(
    name: str,
    passes: Sequence[PassTimes],
    position: int,
    layout: DecoderLayout,
    memory: MemoryTiming,
    clock_mhz: float,
) -> dict[str, Any]:
    """Figures of all passes of a phase together."""
    tokens = sum(done.lanes for done in passes)
    cycles = sum(done.cycles for done in passes)
    written = 2 * layout.shape.layers * layout.record_bytes * tokens
    moved = sum(done.words for done in passes) * layout.word_bytes + written
    roofline = moved / float(memory.bytes_per_cycle)
    instructions = [step for done in passes for step in done.instructions]
    kinds = _by_kind(instructions)
    kinds[_WAIT] = cycles - sum(kinds.values())
    return {
        "name": name,
        "position": position,
        "tokens": tokens,
        "passes": len(passes),
        "cycles": round(cycles),
        "milliseconds": cycles / clock_mhz / 1e3,
        "tokens_per_second": tokens * clock_mhz * 1e6 / cycles,
        "bytes": moved,
        "roofline_cycles": round(roofline),
        "roofline_share": roofline / cycles,
        "kinds": {kind: round(amount) for kind, amount in kinds.items()},
        "layers": _by_layer(instructions, layout),
    }


def _by_kind(instructions: Sequence[InstructionTimes]) -> dict[str, float]:
    kinds: dict[str, float] = {}
    for step in instructions:
        name = step.opcode.name
        kinds[name] = kinds.get(name, 0.0) + step.end - step.begin
    return kinds


def _by_layer(
    instructions: Sequence[InstructionTimes], layout: DecoderLayout
) -> list[dict[str, Any]]:
    """What goes before the layers, each layer, and the head with its norm."""
    groups: dict[str, list[InstructionTimes]] = {}
    for step in instructions:
        groups.setdefault(layer_of(step, layout.shape.layers), []).append(step)
    return [_layer(name, steps, layout.word_bytes) for name, steps in groups.items()]


def _layer(name: str, steps: Sequence[InstructionTimes], word_bytes: int) -> dict[str, Any]:
    kinds: Mapping[str, float] = _by_kind(steps)
    return {
        "name": name,
        "cycles": round(sum(kinds.values())),
        "bytes_read": sum(step.words for step in steps) * word_bytes,
        "kinds": {kind: round(amount) for kind, amount in kinds.items()},
    }
