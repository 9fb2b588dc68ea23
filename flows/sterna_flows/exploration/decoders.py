"""The space of a decoder: token lanes, memory ports, the engine's tables and queries, what adds,
and where memory is.

A point is a `DecoderHardware`. Its cycles are those of the analytic model
(`sterna.decoder.estimate`), which is within 1 % of simulation: to the first token behind a prompt
of `PROMPT` tokens (``latency``), and for the token after that (``interval``), with a memory that
keeps up with the ports. Resources are the parts' estimates. Nothing of this needs weights. Choices
that do not fit each other, such as an engine that a beat of memory would overfill, are points
without a design, and say why.

The sweep begins with what is recommended for the device and goes on over all choices evenly (by the
Halton sequence): there are few enough, and no layers to trade against each other.

Energy is a proxy as for streaming networks (`energy`): bits that a token moves from and to memory,
and a sum of `SUM_WIDTH` bits for every group of three weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution

from sterna.decoder.estimate import DecoderEstimate
from sterna.decoder.hardware import DecoderHardware, recommended_hardware
from sterna.decoder.shape import DecoderShape
from sterna_hw.base import Cost, Device, find_device
from sterna_hw.decoder.decoder_accelerator import DecoderAcceleratorConfig
from sterna_hw.memory_port import BEAT_BYTES, OnChipMemoryConfig

from .energy import BIT_OPERATION, DRAM_BIT, memory_bit
from .figures import Figures
from .space import Evaluated, Outcome, Parameters, Space
from .streaming_evaluation import WHOLE

__all__ = ["PROMPT", "DecoderEvaluation", "DecoderJob", "DecoderSpace", "prompt_of"]

PROMPT = 32
"""Tokens of the prompt, if the context has room for them and two more."""

SUM_WIDTH = 16
PRIMES = (2, 3, 5, 7, 11, 13, 17, 19)


@dataclass(frozen=True)
class DecoderJob:
    """A decoder's shape as the items of its fields, a device, and its clock in MHz."""

    shape: tuple[tuple[str, Any], ...]
    target: str
    clock_mhz: float

    @classmethod
    def of(cls, shape: DecoderShape, target: str, clock_mhz: float) -> DecoderJob:
        return cls(tuple(asdict(shape).items()), target, clock_mhz)

    def evaluation(self) -> DecoderEvaluation:
        shape = DecoderShape(**dict(self.shape))
        return DecoderEvaluation(shape, find_device(self.target), self.clock_mhz)

    def space(self) -> Space:
        evaluation = self.evaluation()
        return DecoderSpace(evaluation.shape, evaluation.device)

    def record(self) -> dict[str, Any]:
        return {"shape": dict(self.shape), "target": self.target, "clock_mhz": self.clock_mhz}


class DecoderSpace:
    """The choices for a shape on a device."""

    def __init__(self, shape: DecoderShape, device: Device) -> None:
        self.shape, self.device = shape, device

    @cached_property
    def choices(self) -> dict[str, tuple[Any, ...]]:
        """What each parameter may be."""
        adders = {"ecp5": ("logic",), "xc7": ("logic", "three")}
        return {
            "lanes": (1, 2, 4, 8, 16),
            "ports": (1, 2, 4),
            "queries": (4, 8, 16, 2),
            # Tables are a power of two times as many as queries.
            "tables_per_query": (1, 2, 4, 8),
            "adders": adders.get(self.device.family, ("logic", "three", "dsp")),
            "prefetch_words": (256, 1024, 4096),
            "large_style": ("block", "ultra") if self.device.total("uram") else ("block",),
            "memory": ("external", "on-chip"),
        }

    @property
    def distributions(self) -> Mapping[str, BaseDistribution]:
        return {name: CategoricalDistribution(values) for name, values in self.choices.items()}

    @property
    def sampled(self) -> Mapping[str, BaseDistribution]:
        return self.distributions

    def sweep(
        self, start: int, count: int, finished: Sequence[Evaluated] = ()
    ) -> list[dict[str, Any]]:
        return [self.first(number) for number in range(start, start + count)]

    def first(self, number: int) -> dict[str, Any]:
        """What is recommended, then all choices evenly."""
        if number == 0:
            known = recommended_hardware(self.device, self.shape).record()
            known["tables_per_query"] = known["tables"] // known["queries"]
            return {name: known[name] for name in self.choices}
        return {
            name: values[int(_radical_inverse(number, prime) * len(values))]
            for (name, values), prime in zip(self.choices.items(), PRIMES)
        }

    def design(self, parameters: Parameters) -> dict[str, Any]:
        chosen = {**recommended_hardware(self.device, self.shape).record(), **parameters}
        chosen["tables"] = chosen["queries"] * chosen.pop("tables_per_query")
        return {"hardware": chosen}


class DecoderEvaluation:
    """Finds out what choices for a shape come to on a device."""

    def __init__(self, shape: DecoderShape, device: Device, clock_mhz: float) -> None:
        self.shape, self.device, self.clock_mhz = shape, device, clock_mhz

    def evaluate(self, design: Mapping[str, Any]) -> Outcome:
        try:
            hardware = DecoderHardware(**design["hardware"])
            cost = self.cost(hardware)
            core = hardware.core(self.shape)
            run = DecoderEstimate(core, hardware.memory_timing).run(prompt_of(self.shape), 2)
        except ValueError as error:
            return Outcome(problem=str(error))
        assert run.interval is not None
        interval = round(run.interval)
        figures = Figures.of(
            cost,
            interval,
            round(run.latency),
            self.clock_mhz * 1e6 / interval,
            self._energy(hardware, run.passes[-1].words),
        )
        excess = figures.excess(self.device)
        problem = ""
        if excess > 0:
            lacks = ", ".join(WHOLE.excess(cost, self.device))
            problem = f"Design must fit {self.device.name}: {lacks}"
        return Outcome(dict(design), figures, excess, problem)

    def cost(self, hardware: DecoderHardware) -> Cost:
        """Estimate, memory on the chip included."""
        core = hardware.core(self.shape)
        cost = DecoderAcceleratorConfig("decoder", core).cost(self.device)
        if hardware.memory == "on-chip":
            rows = hardware.layout(self.shape).memory_bytes // BEAT_BYTES
            for port in range(hardware.ports):
                cost += OnChipMemoryConfig(f"memory{port}", rows).cost(self.device)
        return cost

    def _energy(self, hardware: DecoderHardware, words: int) -> float:
        """nJ of a token by the proxy."""
        layout = hardware.layout(self.shape)
        bit = DRAM_BIT if hardware.memory == "external" else memory_bit("block", self.device)
        matrices = self.shape.matrix_sizes.values()
        weights = self.shape.layers * sum(outputs * inputs for outputs, inputs in matrices)
        moved = 8 * words * layout.word_bytes * bit
        return (moved + weights / 3 * SUM_WIDTH * BIT_OPERATION) / 1000


def prompt_of(shape: DecoderShape) -> int:
    """Tokens of the prompt that a decoder's figures are about."""
    return max(1, min(PROMPT, shape.context - 2))


def _radical_inverse(number: int, base: int) -> float:
    """The digits of a number in a base, mirrored at the point."""
    value, place = 0.0, 1.0
    while number:
        number, digit = divmod(number, base)
        place /= base
        value += digit * place
    return value
