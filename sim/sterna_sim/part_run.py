"""What a bench asks of a part and what it saw: the types that both benches share.

`sterna_sim.part_bench` (Amaranth's simulator) and `sterna_sim.rtl_part_bench` (Verilator) take the
same inputs and return the same `PartRun`, so a test can demand that the two are equal, cycle by
cycle. Cycles count from the first one in which ``rst`` is low (cycle 0); after a reset in mid-frame
they count from 0 again, and only what happened after it is in the result.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["BenchError", "PartRun"]


class BenchError(AssertionError):
    """A part broke a stream rule, or did not deliver in time."""


@dataclass
class PartRun:
    """The transfers of one run.

    Parameters
    ----------
    outputs : dict of port to list of (:class:`int`, :class:`int`)
        For each output port, the cycle and the payload of every transfer.
    taken : dict of port to list of :class:`int`
        For each input port, the cycle of every transfer.
    violations : list of :class:`str`
        Stream rules broken, in words with cycle and port.
    """

    outputs: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    taken: dict[str, list[int]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def payloads(self, port: str = "o") -> list[int]:
        """The payloads of an output port, in order."""
        return [payload for _, payload in self.outputs[port]]

    def cycles(self, port: str) -> list[int]:
        """The cycles of a port's transfers, input or output."""
        if port in self.taken:
            return list(self.taken[port])
        return [cycle for cycle, _ in self.outputs[port]]
