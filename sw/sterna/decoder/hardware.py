"""What a decoder accelerator is given, and the configuration that follows for a model.

`DecoderHardware` holds the choices that are free: memory ports, token lanes, the engine's tables
and queries, how far memory is read ahead, whether memory is outside or on the chip. Everything else
(sizes of units, the program, the memory map, the hash that ties an image to its design) follows
from the model. `recommended_hardware` names choices that suit a device: on UltraScale+ four ports
and sixteen tables by eight queries, which use up trits 1.2 times as fast as four ports deliver
them, with sums in DSP blocks, of which the rest needs few; on ECP5 the least that a port can feed,
with memory on the chip.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from sterna_hw.base import Device
from sterna_hw.decoder.decoder_accelerator import DecoderAcceleratorConfig
from sterna_hw.decoder.decoder_core import DecoderCoreConfig
from sterna_hw.memory_port import BEAT_BYTES, OnChipMemoryConfig

from .assembler import assemble, decoder_program
from .image import image_hash, image_rows
from .integers import DecoderIntegers
from .layout import DecoderLayout
from .memory_timing import MemoryTiming
from .shape import DecoderShape

__all__ = ["DecoderHardware", "recommended_hardware"]


@dataclass(frozen=True)
class DecoderHardware:
    """Choices for an accelerator; units check them.

    Parameters
    ----------
    ports : :class:`int`
        Memory ports of 128 bits, 1 to 4.
    lanes : :class:`int`
        Tokens that share one pass over the weights (B), 1 to 16.
    tables, queries : :class:`int`
        T and Q of the engine with groups of three; also Q elements a beat of the vector unit.
    best_count : :class:`int`
        Logits of a result, for a host that draws tokens.
    prefetch_words : :class:`int`
        Words that memory may be ahead.
    burst_beats : :class:`int`
        Beats of a read burst.
    large_style : ``"block"`` or ``"ultra"``
        Memory that large buffers are made of.
    adders : ``"logic"``, ``"three"`` or ``"dsp"``
        What sums in the engine: carry chains of two operands, or of three, which suit Xilinx
        devices, or DSP blocks.
    memory : ``"external"`` or ``"on-chip"``
        Where the image and the cache are: behind the accelerator's AXI4 ports, or in block memory
        in the accelerator.

    Raises
    ------
    ValueError
        If ``memory`` is neither.
    """

    ports: int = 4
    lanes: int = 8
    tables: int = 16
    queries: int = 8
    best_count: int = 1
    prefetch_words: int = 4096
    burst_beats: int = 64
    large_style: Literal["block", "ultra"] = "ultra"
    adders: Literal["logic", "three", "dsp"] = "logic"
    memory: Literal["external", "on-chip"] = "external"

    def __post_init__(self) -> None:
        if self.memory not in ("external", "on-chip"):
            raise ValueError(f"Memory must be external or on-chip, not {self.memory!r}")

    @property
    def memory_timing(self) -> MemoryTiming:
        """For estimates: the memory on the chip, or one outside that keeps up with the ports."""
        if self.memory == "external":
            return MemoryTiming()
        part = OnChipMemoryConfig("memory", 2)
        return MemoryTiming(
            BEAT_BYTES * self.ports,
            part.read_latency,
            write_latency=part.write_cycles(0),
            side_by_side=True,
        )

    def layout(self, shape: DecoderShape) -> DecoderLayout:
        """The memory map of a shape."""
        return DecoderLayout(shape, self.ports, 3 * self.tables, self.queries)

    def core(self, shape: DecoderShape, **options: Any) -> DecoderCoreConfig:
        """The core for a shape; ``options`` are those that a model decides (see `accelerator`)."""
        program = assemble(decoder_program(self.layout(shape)))
        return DecoderCoreConfig(
            hidden=shape.hidden,
            feed_forward=shape.feed_forward,
            heads=shape.heads,
            kv_heads=shape.kv_heads,
            head_size=shape.head_size,
            vocabulary=shape.vocabulary,
            context=shape.context,
            ports=self.ports,
            lanes=self.lanes,
            tables=self.tables,
            group=3,
            queries=self.queries,
            activation=shape.activation,
            best_count=self.best_count,
            adders=self.adders,
            prefetch_words=self.prefetch_words,
            burst_beats=self.burst_beats,
            large_style=self.large_style,
            program=program,
            program_depth=64,
            **options,
        )

    def accelerator(
        self,
        model: DecoderIntegers,
        name: str = "decoder",
        build_hash: int = 0,
        hash_bits: int | None = None,
    ) -> DecoderAcceleratorConfig:
        """The accelerator for a model. ``hash_bits`` is the hash of its image where it is known
        already: finding it out takes a pass over all weights.

        Raises
        ------
        ValueError
            If the choices and the model do not fit each other.
        """
        core = self.core(
            model.shape, embedding_shift=model.embedding_shift, gate_shift=model.gate_shift
        )
        layout = self.layout(model.shape)
        memories: tuple[OnChipMemoryConfig, ...] = ()
        if self.memory == "on-chip":
            hash_bits, images = image_rows(model, layout, core.matmul, core.trits)
            rows, width = layout.memory_bytes // BEAT_BYTES, core.reads.address_width
            memories = tuple(
                OnChipMemoryConfig(f"memory{port}", rows, image, width)
                for port, image in enumerate(images)
            )
        elif hash_bits is None:
            hash_bits = image_hash(model, layout, core.matmul, core.trits)
        return DecoderAcceleratorConfig(name, core, build_hash, hash_bits, memories)

    def record(self) -> dict[str, Any]:
        """As JSON; ``DecoderHardware(**record)`` is the same again."""
        return asdict(self)


def recommended_hardware(device: Device, shape: DecoderShape) -> DecoderHardware:
    """Choices for a device."""
    if device.family == "xcup":
        return DecoderHardware(adders="dsp")
    return DecoderHardware(
        ports=1,
        lanes=1,
        tables=8,
        queries=4,
        prefetch_words=256,
        burst_beats=16,
        large_style="block",
        adders="logic" if device.family == "ecp5" else "three",
        memory="on-chip" if device.family == "ecp5" else "external",
    )
