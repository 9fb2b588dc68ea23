"""What the attention unit is doing: the command at work and the phase that it has reached.

=========== ============ ==============================================================
phase       words taken  ends
=========== ============ ==============================================================
idle                     with a command
keys        K            with the last word; some cycles later the weights start
values      V            with the last word; some cycles later the results start
results                  when the last beat of results has left
rows        head         with the last word; some cycles later the list may leave
list                     when the last of the best logits has left
=========== ============ ==============================================================

Each phase is one flip-flop. The cycles in between are counted by one counter.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .attention_command import AttentionKind, attention_command_layout, index_shape

__all__ = ["AttentionPhases", "AttentionPhasesConfig"]


@dataclass(frozen=True)
class AttentionPhasesConfig:
    """Layout of the command, and the cycles (2 or more) between phases."""

    ports: int
    lanes: int
    slots: int
    keys_settle: int
    values_settle: int
    rows_settle: int

    def create(self) -> AttentionPhases:
        return AttentionPhases(self)


class AttentionPhases(wiring.Component):
    """The phases.

    Attributes
    ----------
    command : stream of `attention_command_layout`, in
    lane, last_slot, last_port, is_head : out
        Of the command at work, from ``begin`` on.
    begin : out
        A new command is there; words are taken from the next cycle on.
    takes_keys, takes_values, takes_rows : out
    words_end : in
        The last word of the phase is taken.
    starts_weights, starts_results, starts_list : out
        The settled moment after keys, values, rows.
    has_left : in
        The last beat of results or best logits leaves.
    idle : out
    """

    command: stream.Interface
    lane: Signal
    last_slot: Signal
    last_port: Signal
    is_head: Signal
    begin: Signal
    takes_keys: Signal
    takes_values: Signal
    takes_rows: Signal
    words_end: Signal
    starts_weights: Signal
    starts_results: Signal
    starts_list: Signal
    has_left: Signal
    idle: Signal

    def __init__(self, config: AttentionPhasesConfig) -> None:
        self.config = config
        layout = attention_command_layout(config.lanes, config.slots, config.ports)
        flags = ("is_head", "begin", "takes_keys", "takes_values", "takes_rows", "idle")
        flags += ("starts_weights", "starts_results", "starts_list")
        super().__init__(
            {
                "command": In(stream.Signature(layout)),
                "lane": Out(index_shape(config.lanes)),
                "last_slot": Out(index_shape(config.slots)),
                "last_port": Out(index_shape(config.ports)),
                "words_end": In(1),
                "has_left": In(1),
                **{name: Out(1) for name in flags},
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        is_idle = Signal(init=1)
        m.d.comb += [self.command.ready.eq(is_idle), self.idle.eq(is_idle)]
        m.d.sync += self.begin.eq(is_idle & self.command.valid)
        with m.If(is_idle & self.command.valid):
            command = self.command.payload
            m.d.sync += [
                is_idle.eq(0),
                self.lane.eq(command.lane),
                self.last_slot.eq(command.last_slot),
                self.last_port.eq(command.last_port),
                self.is_head.eq(command.kind == AttentionKind.HEAD),
            ]
        with m.Elif(self.has_left):
            m.d.sync += is_idle.eq(1)
        with m.If(self.begin):
            m.d.sync += [self.takes_keys.eq(~self.is_head), self.takes_rows.eq(self.is_head)]
        with m.Elif(self.words_end):
            m.d.sync += [
                self.takes_keys.eq(0),
                self.takes_values.eq(self.takes_keys),
                self.takes_rows.eq(0),
            ]

        largest = max(config.keys_settle, config.values_settle, config.rows_settle)
        left = Signal(range(largest))
        settled = Signal()
        m.d.sync += settled.eq(left == 1)
        with m.If(self.words_end):
            after_attention = Mux(self.takes_keys, config.keys_settle - 1, config.values_settle - 1)
            m.d.sync += left.eq(Mux(self.is_head, config.rows_settle - 1, after_attention))
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        m.d.comb += [
            self.starts_weights.eq(settled & self.takes_values),
            self.starts_results.eq(settled & ~self.takes_values & ~self.is_head),
            self.starts_list.eq(settled & self.is_head),
        ]
        return m
