"""The control of a gearbox: which operation comes now, and whether it can run.

A frame's operations repeat with a short period, but for the last one. So the state is a place in
the period and a count of operations left. The operation that follows is decoded one ahead into
registers; the decision to run the present one, which depends on ``valid`` and on credits, then only
enables them.

A flush, which gives the rest of a frame without taking anything, runs beside the first operation of
the next frame: that one gives nothing itself, so the two never compete for the output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amaranth.hdl import Module, Mux, Signal

if TYPE_CHECKING:
    from .gearbox import GearboxConfig

__all__ = ["GearboxControl"]


class GearboxControl:
    """Registers and decisions, built into the gearbox's own module.

    Attributes
    ----------
    i_valid, available : driven by the gearbox
        Whether a beat is offered, and whether the queue has a place.
    i_ready, take, give, flush : :class:`Signal`
        Decisions of this cycle: readiness, a beat is taken, a beat is given, which is a flush.
    ends : :class:`Signal`
        Whether the beat that is given is the last of a frame.
    position : :class:`Signal`
        In which lane of the wide beat (in grains) the narrow beat begins.
    takes : :class:`Signal`
        Whether the present operation takes a beat.
    new, old : :class:`Signal`
        Narrowing: lanes that come from the arriving and from the held beat.
    """

    def __init__(self, m: Module, config: GearboxConfig) -> None:
        positions, program = config.positions, config.program
        count = len(program) - config.has_flush
        self.available, self.i_valid, self.i_ready = Signal(), Signal(), Signal()
        self.take, self.give, self.flush, self.ends = Signal(), Signal(), Signal(), Signal()

        # What the t-th operation after a frame's start does; the last one may differ.
        narrow = min(config.input_count, config.output_count) // config.grain
        places = [t * narrow % positions for t in range(positions)]
        crosses = [at + narrow > positions or at == 0 for at in places]
        fills = [at + narrow >= positions for at in places]
        takes = crosses if config.narrows else [True] * positions
        gives = [True] * positions if config.narrows else fills

        def decode(t: int, is_last: bool) -> tuple[int, bool, bool, int, int]:
            does_take, does_give = program[count - 1] if is_last else (takes[t], gives[t])
            at = places[t]
            new = sum(1 << lane for lane in range(positions) if does_take and (lane < at or not at))
            old = sum(1 << lane for lane in range(positions) if at and lane >= at)
            return at, does_take, does_give, new, old

        first = decode(0, count == 1)
        self.position = Signal(range(positions), init=first[0])
        self.takes = Signal(init=first[1])
        gives_now = Signal(init=first[2])
        self.new = Signal(positions, init=first[3])
        self.old = Signal(positions, init=first[4])
        is_last = Signal(init=count == 1)
        now = (self.position, self.takes, gives_now, self.new, self.old)

        ahead = Signal(range(positions), init=1 % positions if count > 1 else 0)
        left = Signal(range(count), init=count - 2 if count > 1 else 0)
        ahead_is_last = Signal()
        m.d.comb += ahead_is_last.eq(left == 0)
        fire, pending = Signal(), Signal()
        with m.If(fire):
            with m.Switch(ahead):
                for t in range(positions):
                    with m.Case(t):
                        if count > 1:
                            m.d.sync += [s.eq(value) for s, value in zip(now, decode(t, False))]
            last_position = (count - 1) % positions
            with m.If(ahead_is_last):
                m.d.sync += [s.eq(v) for s, v in zip(now, decode(last_position, True))]
            m.d.sync += [
                is_last.eq(ahead_is_last),
                left.eq(Mux(ahead_is_last, count - 1, left - 1)),
                ahead.eq(Mux(ahead_is_last | (ahead == positions - 1), 0, ahead + 1)),
            ]

        # A flush goes beside the next frame's first operation, which gives nothing itself.
        m.d.comb += [
            self.i_ready.eq(self.takes & (self.available | (~gives_now & ~pending))),
            self.take.eq(self.i_ready & self.i_valid),
            fire.eq((self.i_valid | ~self.takes) & (self.available | (~gives_now & ~pending))),
            self.flush.eq(pending & self.available),
            self.give.eq((fire & gives_now) | self.flush),
            self.ends.eq(self.flush if config.has_flush else is_last),
        ]
        if config.has_flush:
            with m.If(fire & is_last):
                m.d.sync += pending.eq(1)
            with m.Elif(self.flush):
                m.d.sync += pending.eq(0)
