"""A log of what a simulated decoder did when: each instruction's end, each command, each transfer.

The monitor stands in the top beside the design and looks into it by hierarchical names. It writes
one line an event into a file of the run's folder, only when the run asks for it (``+events``), so
one binary serves runs with and without it. Times are cycles since the accelerator came out of
reset; `read_events` gives them from the begin of a run on, as estimates count them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sterna_hw.decoder.decoder_core import DecoderCoreConfig
from sterna_hw.decoder.pass_layout import Route
from sterna_hw.decoder.program_reader import work_layout

__all__ = ["EVENTS_FILE", "Event", "event_monitor", "read_events"]

EVENTS_FILE = "events.txt"

_UNITS = ("vector", "matrix", "drain", "attention", "cache")


@dataclass(frozen=True)
class Event:
    """Something that happened in a cycle.

    ``kind`` is one of:

    - ``begin``, ``end``: the run control leaves or reaches its rest;
    - ``done``: the executor is through with the instruction at ``first`` (its place in the
      program) of layer ``second``; FINISH ends a pass;
    - ``vector``, ``matrix``, ``drain``, ``attention``, ``cache``: the unit takes a command;
    - ``ask``: memory takes a transfer of ``first`` words;
    - ``word``, ``words``: the first and the last word of a transfer are taken by the unit
      ``first``, a number of `sterna_hw.decoder.pass_layout.Route`;
    - ``burst``: the first memory port asks for ``first`` beats; the others ask for as many;
    - ``release``: the layer's cache writes are in memory.
    """

    cycle: int
    kind: str
    first: int = 0
    second: int = 0


def event_monitor(core: DecoderCoreConfig, has_ports: bool = True) -> str:
    """SystemVerilog that writes the log; it stands in the module that holds the design ``dut``,
    which may have its memory inside and no ports."""
    layout = work_layout(core.program_depth)

    def slot(name: str) -> str:
        field = layout[name]
        return f"{executor}.work__payload[{field.offset + field.width - 1}:{field.offset}]"

    sequencer = "dut.core.sequencer"
    executor, fetcher = f"{sequencer}.executor", f"{sequencer}.fetcher"
    commands = "\n".join(
        f"        if ({executor}.{unit}__valid && {executor}.{unit}__ready)\n"
        f'            $fwrite(events_file, "%0d {unit}\\n", events_cycle);'
        for unit in _UNITS
    )
    words = "dut.core.words"
    taker = " : ".join(
        f"{words}.{route.name.lower()}__valid ? {route.value}" for route in Route if route.value
    )
    fetched = core.sequencer.fetcher
    low, high = fetched.address_width, fetched.address_width + fetched.words_width - 1
    last = f"{words}.i__payload[{128 * core.ports}]"
    bursts = """
        if (dut.m_axi0_arvalid && dut.m_axi0_arready)
            $fwrite(events_file, "%0d burst %0d\\n", events_cycle, dut.m_axi0_arlen + 32'd1);"""
    return f"""\
    integer events_file;
    reg logs, was_idle, in_transfer;
    longint events_cycle;
    initial begin
        logs = $test$plusargs("events") != 0;
        was_idle = 1;
        in_transfer = 0;
        events_cycle = 0;
        if (logs) events_file = $fopen("{EVENTS_FILE}", "w");
    end
    always @(posedge aclk) if (logs && aresetn) begin
        events_cycle <= events_cycle + 1;
        was_idle <= dut.run.idle;
        if (was_idle && !dut.run.idle) $fwrite(events_file, "%0d begin\\n", events_cycle);
        if (!was_idle && dut.run.idle) $fwrite(events_file, "%0d end\\n", events_cycle);
        if ({executor}.work__valid && {executor}.work__ready)
            $fwrite(events_file, "%0d done %0d %0d\\n", events_cycle,
                {slot("place")}, {slot("layer")});
{commands}
        if ({fetcher}.command__valid && {fetcher}.command__ready)
            $fwrite(events_file, "%0d ask %0d\\n", events_cycle,
                {fetcher}.command__payload[{high}:{low}]);
        if ({words}.i__valid && {words}.i__ready) begin
            if (!in_transfer)
                $fwrite(events_file, "%0d word %0d\\n", events_cycle, {taker} : 0);
            if ({last})
                $fwrite(events_file, "%0d words %0d\\n", events_cycle, {taker} : 0);
            in_transfer <= !{last};
        end
        {bursts if has_ports else ""}
        if ({executor}.\\release ) $fwrite(events_file, "%0d release\\n", events_cycle);
    end
    always @(posedge interrupt) if (logs) $fflush(events_file);
"""


def read_events(work: Path) -> Iterator[Event]:
    """The events that a simulation left in its folder; each run's begin is cycle 0."""
    begin = 0
    with (work / EVENTS_FILE).open() as lines:
        for line in lines:
            cycle, kind, *values = line.split()
            if kind == "begin":
                begin = int(cycle)
            yield Event(int(cycle) - begin, kind, *(int(value) for value in values))
