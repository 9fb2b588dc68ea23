"""What parts share that bring several streams together: their ports, and the queue behind them.

Such a part has the inputs ``i0``, ``i1``, ..., each with a range of its own and equally many
elements a beat, and one output ``o`` behind a queue that assures a place before a beat is taken.
When beats are taken, and what becomes of them, is each part's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .beat import beat_signature
from .credit import CreditQueue, CreditQueueConfig
from .stage import PortShape

__all__ = ["JoinConfig", "JoinStreams", "branch_ports"]


def branch_ports(count: int) -> tuple[str, ...]:
    """Names of so many input ports."""
    return tuple(f"i{branch}" for branch in range(count))


class JoinConfig(Protocol):
    """What such a part's configuration says."""

    @property
    def inputs(self) -> tuple[str, ...]: ...

    @property
    def port_shapes(self) -> Mapping[str, PortShape]: ...

    @property
    def queue(self) -> CreditQueueConfig: ...


class JoinStreams(wiring.Component):
    """The ports: streams ``i0``, ``i1``, ..., in, and stream ``o``, out."""

    o: stream.Interface

    def __init__(self, config: JoinConfig) -> None:
        self._join = config
        super().__init__(
            {
                port: (Out if port == "o" else In)(beat_signature(shape.values, shape.count))
                for port, shape in config.port_shapes.items()
            }
        )

    @property
    def branches(self) -> list[stream.Interface]:
        """The input streams."""
        return [getattr(self, port) for port in self._join.inputs]

    def add_queue(self, m: Module) -> CreditQueue:
        """The queue in front of ``o``."""
        m.submodules.queue = queue = self._join.queue.create()
        wiring.connect(m, wiring.flipped(self.o), queue.o)
        return queue
