"""Small parts of known behaviour, good and faulty, on which the benches themselves are tested."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class AddOne(wiring.Component):
    """Adds one to each beat, through a queue of two places; latency 1, one beat per cycle.

    ``fault`` plants one mistake: ``drops_valid`` takes a beat back when it is not taken at once,
    ``changes`` alters a waiting beat, ``comb_valid`` shows the input within the cycle,
    ``comb_ready`` lets ``o.ready`` through to ``i.ready``, ``extra`` repeats a beat once,
    ``waits_for_ready`` offers only to a sink that is ready, ``no_reset`` keeps its contents through
    a reset, ``uses_junk`` adds up payloads that were not valid.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, width: int = 8, fault: str = "") -> None:
        self._width = width
        self._fault = fault
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(width))),
                "o": Out(stream.Signature(unsigned(width))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        fault = self._fault
        kept = fault == "no_reset"
        places = [Signal(self._width, name=f"place{k}", reset_less=kept) for k in range(2)]
        level = Signal(2, reset_less=kept)
        gives, takes = Signal(), Signal()
        m.d.comb += [
            self.o.payload.eq(places[0]),
            self.o.valid.eq(level != 0),
            self.i.ready.eq(level != 2),
            takes.eq(self.i.valid & self.i.ready),
            gives.eq(self.o.valid & self.o.ready),
        ]
        new = Signal(self._width)
        m.d.comb += new.eq(self.i.payload + 1)
        m.d.sync += level.eq(level + takes - gives)
        with m.If(gives):
            m.d.sync += places[0].eq(places[1])
        with m.If(takes):
            m.d.sync += Array(places)[level - gives].eq(new)

        if fault == "drops_valid":
            seen = Signal()
            m.d.sync += seen.eq(self.o.valid & ~self.o.ready & ~seen)
            m.d.comb += self.o.valid.eq((level != 0) & ~seen)
        elif fault == "changes":
            with m.If(self.o.valid & ~self.o.ready):
                m.d.sync += places[0].eq(places[0] ^ 1)
        elif fault == "comb_valid":
            m.d.comb += self.o.valid.eq((level != 0) | self.i.valid)
        elif fault == "comb_ready":
            m.d.comb += self.i.ready.eq((level != 2) | self.o.ready)
        elif fault == "extra":
            repeated = Signal()
            with m.If(gives & (places[0] == 3) & ~repeated):
                m.d.sync += [repeated.eq(1), level.eq(level + takes), places[0].eq(places[0])]
        elif fault == "waits_for_ready":
            m.d.comb += self.o.valid.eq((level != 0) & self.o.ready)
        elif fault == "uses_junk":
            total = Signal(self._width)
            m.d.sync += total.eq(total + self.i.payload)
            m.d.comb += new.eq(self.i.payload + total)
        return m
