"""From a count of thresholds to the output of a channel: turned round if descending, scaled, moved.

Where lanes change direction from beat to beat, or may after a reload, the directions are a small
distributed memory of one bit a lane, read just in time for the last level of the search.

Latency: one register, or none where the count is the output already.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from .base import Cost, Device
from .base.cost_table import logic
from .beat import shape_of
from .credit import delay
from .memory import MemoryConfig, pack_words

if TYPE_CHECKING:
    from .multi_threshold import MultiThresholdConfig

__all__ = ["ThresholdOutput"]


@dataclass(frozen=True)
class ThresholdOutput:
    """The last stage of a configuration; ``name`` names the file of the directions."""

    config: MultiThresholdConfig
    name: str

    @cached_property
    def directions(self) -> MemoryConfig | None:
        """The memory of directions; none where a lane has one direction for ever."""
        config, flags = self.config, self.config.heap[:, :, 0]
        if not config.reloadable and (flags == flags[0]).all():
            return None
        return MemoryConfig(
            self.name,
            config.beats,
            config.count,
            pack_words(flags, 1),
            "distributed",
            config.reloadable,
            read_latency=1,
        )

    @property
    def latency(self) -> int:
        config = self.config
        turns = config.reloadable or bool(config.heap[:, :, 0].any())
        return int(turns or config.low != 0 or config.step != 1)

    def cost(self, device: Device) -> Cost:
        """Estimate: one register a bit of output, what turns and moves it, and the directions."""
        if not self.latency:
            return Cost()
        bits = self.config.count * self.config.output_range.width
        total = logic(device, "threshold_output", ff=bits, bits=bits)
        return total + self.directions.cost(device) if self.directions else total

    def build(self, m: Module, counts: list[Value], beat: Value, load: Any) -> list[Value]:
        """Outputs for this cycle's counts, `latency` cycles later; ``beat`` is from the start of
        the search, ``load`` the part's reload port or None."""
        config = self.config
        if not self.latency:
            return counts
        flags = [Const(int(flag), 1) for flag in config.heap[0, :, 0]]
        if self.directions:
            m.submodules.directions = memory = self.directions.create()
            # Its read ends when the last level does.
            m.d.comb += memory.address.eq(delay(m, beat, config.pipeline_latency - 2))
            flags = list(memory.data)
            if load is not None:
                levels, width = config.level_count, config.threshold_range.width
                m.d.comb += [
                    memory.load.enable.eq(load.enable & (load.address[:levels] == 0)),
                    memory.load.address.eq(load.address[levels:]),
                    memory.load.data.eq(
                        Cat(load.data[lane * width] for lane in range(config.count))
                    ),
                ]
        top = config.threshold_count
        is_full = top + 1 == 1 << config.level_count
        outputs: list[Value] = []
        for lane, (count, flag) in enumerate(zip(counts, flags)):
            # With every place of the tree in use, K - k is k with all bits inverted.
            inverted = count ^ flag.replicate(len(count))
            turned = inverted if is_full else Mux(flag, top - count, count)
            output = Signal(shape_of(config.output_range), name=f"output{lane}", reset_less=True)
            m.d.sync += output.eq(config.low + config.step * turned)
            outputs.append(output)
        return outputs
