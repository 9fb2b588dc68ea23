"""The sizes of a vector unit, checked, and the configurations of its parts that follow from them.

Every part of the unit (control, memories, datapath, scales, loader, output queue) takes what it
needs from these few numbers, so no width or depth is written down twice. It builds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from amaranth.hdl import Shape
from amaranth.lib import data

from ..credit import CreditQueueConfig
from ..memory import MemoryStyle
from .scalar_unit import ScalarUnitConfig
from .vector_command import CONSTANT_COUNT
from .vector_control import VectorControlConfig
from .vector_datapath import VectorDatapathConfig
from .vector_kernels import ELEMENT, GATES
from .vector_scales import VectorScalesConfig
from .vector_store import VectorStoreConfig
from .word_loader import WordLoaderConfig

__all__ = ["VectorSizes"]


@dataclass(frozen=True)
class VectorSizes:
    """Sizes of a vector unit.

    Parameters
    ----------
    lanes : :class:`int`
        Token lanes, B.
    count : :class:`int`
        Elements a beat, V: 2, 4, 8 or 16.
    ports : :class:`int`
        Memory ports, 1 to 4: a word has 16 bytes of each.
    hidden : :class:`int`
        Largest number of elements of the residual, a multiple of V.
    largest : :class:`int`
        Elements of the longest vector of all kinds, a multiple of V.
    head_size : :class:`int`
        Elements of a head, a multiple of V: a position row has half as many pairs.
    activation : :class:`str`
        ``"silu"`` or ``"squared_relu"``.
    embedding_shift : :class:`int`
        s: embedding codes are multiplied by 2**s, 0 to 8.
    gate_shift : :class:`int`
        The constant G of the gate, 1 to 24.
    residual_style : ``"block"`` or ``"ultra"``
        Kind of memory of the residual.

    Raises
    ------
    ValueError
        If a field breaks its rule.
    """

    lanes: int
    count: int
    ports: int
    hidden: int
    largest: int
    head_size: int
    activation: str = "silu"
    embedding_shift: int = 0
    gate_shift: int = 10
    residual_style: MemoryStyle = "block"

    def __post_init__(self) -> None:
        def must(field: str, rule: str, value: object) -> ValueError:
            return ValueError(f"{field} must be {rule}, not {value!r}")

        if self.lanes < 1:
            raise must("Lanes", "1 or more", self.lanes)
        if self.count not in (2, 4, 8, 16):
            raise must("Elements of a beat", "2, 4, 8 or 16", self.count)
        for subject, value in (
            ("Hidden", self.hidden),
            ("Largest vector", self.largest),
            ("Head size", self.head_size),
        ):
            if value < 1 or value % self.count:
                raise must(subject, f"a positive multiple of {self.count}", value)
        # A raw result is at most 127 an input; an element of a rotated pair may be sqrt(2) times
        # as large (and a trifle more, since cosine and sine are rounded), surely less than 3/2.
        if 3 * 127 * self.hidden > 2 * ELEMENT.high:
            raise must("Hidden", "small enough for rotated results of 24 bits", self.hidden)
        least = max(self.hidden, 2 * CONSTANT_COUNT)
        if self.largest < least:
            raise must("Largest vector", f"at least {least}", self.largest)
        if self.activation not in GATES:
            raise must("Activation", f"one of {', '.join(GATES)}", self.activation)
        if not 0 <= self.embedding_shift <= 8:
            raise must("Embedding shift", "0 to 8", self.embedding_shift)
        if not 1 <= self.gate_shift <= 24:
            raise must("Gate shift", "1 to 24", self.gate_shift)
        _ = self.loader  # says what is wrong with the ports

    @property
    def largest_beats(self) -> int:
        return self.largest // self.count

    @cached_property
    def loader(self) -> WordLoaderConfig:
        return WordLoaderConfig(self.ports, self.count, self.largest_beats)

    @cached_property
    def store(self) -> VectorStoreConfig:
        return VectorStoreConfig(
            self.lanes,
            self.count,
            self.hidden // self.count,
            self.largest_beats,
            self.head_size // self.count,
            self.embedding_shift,
            self.residual_style,
        )

    @cached_property
    def datapath(self) -> VectorDatapathConfig:
        return VectorDatapathConfig(self.count, self.largest, self.activation, self.gate_shift)

    @cached_property
    def scalar(self) -> ScalarUnitConfig:
        return ScalarUnitConfig(self.datapath.arithmetic.maximum_width)

    @cached_property
    def scales(self) -> VectorScalesConfig:
        return VectorScalesConfig(self.lanes, self.count)

    @cached_property
    def queue(self) -> CreditQueueConfig:
        codes = data.ArrayLayout(Shape(8, signed=True), self.count)
        layout = data.StructLayout({"data": codes, "last": 1})
        return CreditQueueConfig(layout, self.datapath.code_latency)

    @cached_property
    def control(self) -> VectorControlConfig:
        return VectorControlConfig(
            self.lanes,
            self.largest_beats,
            self.head_size // self.count,
            self.scales.sigma_latency,
            self.datapath.statistics_latency,
        )
