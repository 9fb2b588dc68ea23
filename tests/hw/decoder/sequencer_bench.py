"""A sequencer between units that only take commands: each is busy for a random while.

`expected_work` retells what a program means, as plain lists: transfers from memory with their
routes, and the commands of every unit, in order. `run` plays passes and records what really leaves,
with the cycle in which it did.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator

from sterna_hw.decoder.attention_command import AttentionKind
from sterna_hw.decoder.instruction import Instruction, Opcode
from sterna_hw.decoder.pass_layout import Route
from sterna_hw.decoder.sequencer import SequencerConfig
from sterna_hw.decoder.vector_command import Destination, VectorKind

UNITS = ("vector", "matrix", "drain", "attention", "cache")
ERRORS = ("illegal", "past_end", "range_error", "operand_error")


@dataclass(frozen=True)
class Pass:
    """Tokens from a position on."""

    position: int
    tokens: tuple[int, ...]
    result: bool = False
    first: bool = False


@dataclass
class Work:
    """Transfers as (byte address, words, route), commands by unit as dictionaries of fields; where
    they were observed, the cycle of each. ``meetings`` numbers the transfers that must wait until
    the writes of their pass and layer are acknowledged."""

    transfers: list[tuple[int, int, Route]] = field(default_factory=list)
    commands: dict[str, list[dict[str, int]]] = field(default_factory=lambda: defaultdict(list))
    transfer_cycles: list[int] = field(default_factory=list)
    command_cycles: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    busy_until: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    meetings: list[int] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)
    errors: set[str] = field(default_factory=set)
    place: int = 0


def expected_work(program: Sequence[Instruction], passes: Sequence[Pass], ports: int) -> Work:
    work = Work()
    for one in passes:
        if one.first:
            work.transfers.append((0, 1, Route.HEADER))
        _pass(work, program, one, ports)
    return work


def _pass(work: Work, program: Sequence[Instruction], one: Pass, ports: int) -> None:
    place, layer, pointer = 0, 0, 0
    lanes = range(len(one.tokens))
    while True:
        now = program[place]
        place += 1

        def transfer(address: int, words: int, route: Route) -> None:
            work.transfers.append((16 * address, words, route))

        def command(unit: str, **fields: int) -> None:
            work.commands[unit].append(fields)

        def vector(kind: VectorKind, beats: int, lane: int = 0, constant: int = 0,
                   destination: Destination = Destination.ACTIVATION) -> None:  # fmt: skip
            command(
                "vector", kind=kind.value, lane=lane, beats=beats, constant=constant,
                destination=destination.value,
            )  # fmt: skip

        match now.opcode:
            case Opcode.STREAM:
                pointer = now["address"]
            case Opcode.EMBED | Opcode.ROTATION:
                is_embed = now.opcode is Opcode.EMBED
                for lane in lanes:
                    row = one.tokens[lane] if is_embed else one.position + lane
                    transfer(now["address"] + row * now["words"], now["words"], Route.VECTOR)
                    vector(VectorKind.EMBED if is_embed else VectorKind.ROPE, now["beats"], lane)
            case Opcode.CONSTANTS | Opcode.GAINS:
                transfer(pointer, now["words"], Route.VECTOR)
                pointer += now["words"]
                vector(VectorKind[now.opcode.name], now["beats"])
            case Opcode.NORM:
                for lane in lanes:
                    vector(VectorKind.NORM, now["beats"], lane)
            case Opcode.MATMUL:
                transfer(pointer, now["words"], Route.MATRIX)
                pointer += now["words"]
                command(
                    "matrix", input_blocks=now["input_blocks"], output_blocks=now["output_blocks"]
                )
            case Opcode.QUERY | Opcode.VALUE | Opcode.KEY | Opcode.ADD | Opcode.GATE:
                kind, constant, destination = {
                    Opcode.QUERY: (VectorKind.ROPE_QUANTISE, 0, Destination.QUERY),
                    Opcode.VALUE: (VectorKind.QUANTISE, 1, Destination.VALUE),
                    Opcode.KEY: (VectorKind.ROPE_QUANTISE, 2, Destination.KEY),
                    Opcode.ADD: (VectorKind.ADD, None, Destination.ACTIVATION),
                    Opcode.GATE: (VectorKind.GATE, 4, Destination.ACTIVATION),
                }[now.opcode]
                if constant is None:
                    constant = now["constant"]
                for lane in lanes:
                    beats = now["blocks"] // (2 if now.opcode is Opcode.GATE else 1)
                    command(
                        "drain", lane=lane, first_block=now["first_block"], blocks=now["blocks"]
                    )
                    vector(kind, beats, lane, constant, destination)
                    if now.opcode in (Opcode.VALUE, Opcode.KEY):
                        is_value = now.opcode is Opcode.VALUE
                        slot, port = divmod(one.position + lane, ports)
                        address = now["address"] + (2 * layer + is_value) * now["region"]
                        command(
                            "cache", lane=lane, is_key=int(not is_value), port=port,
                            address=16 * (address + slot * now["record"]),
                        )  # fmt: skip
            case Opcode.ATTEND:
                keys = now["address"] + 2 * layer * now["region"]
                for lane in lanes:
                    slot, port = divmod(one.position + lane, ports)
                    words = (slot + 1) * now["record"]
                    old = one.position // ports * now["record"] if lane == 0 else 0
                    if old:
                        transfer(keys, old, Route.ATTENTION)
                    if lane == 0:
                        work.meetings.append(len(work.transfers))
                    transfer(keys + old, words - old, Route.ATTENTION)
                    transfer(keys + now["region"], words, Route.ATTENTION)
                    command(
                        "attention", kind=AttentionKind.ATTEND.value, lane=lane, last_slot=slot,
                        last_port=port,
                    )  # fmt: skip
                    vector(VectorKind.ATTENTION_NORM, now["beats"], lane)
            case Opcode.FINAL_NORM:
                vector(VectorKind.NORM, now["beats"], lanes[-1], 0, Destination.QUERY)
            case Opcode.HEAD:
                transfer(pointer, now["words"], Route.ATTENTION)
                pointer += now["words"]
                command(
                    "attention", kind=AttentionKind.HEAD.value, lane=lanes[-1],
                    last_slot=now["last_slot"], last_port=now["last_port"],
                )  # fmt: skip
            case Opcode.REPEAT:
                layer += 1
                if layer < now["times"]:
                    place = now["target"]
            case Opcode.FINISH:
                if not (now["unless_result"] and one.result):
                    return


def run(
    config: SequencerConfig,
    passes: Sequence[Pass],
    seed: int,
    *,
    memory_words: int = (1 << 28) - 1,
    most_busy: int = 25,
    stalls: float = 0.3,
    cycles: int = 20_000,
    load: Sequence[int] = (),
) -> Work:
    """What leaves a sequencer until all passes are finished, or it has raised an error.

    ``load`` is written into the program memory first. Units are busy for up to ``most_busy``
    cycles, transfers are taken with a chance of ``1 - stalls`` in each cycle.
    """
    choose = random.Random(seed)
    sequencer = config.create()
    module = Module()
    module.domains += ClockDomain("sync")
    module.submodules.sequencer = sequencer
    work = Work()
    busy = dict.fromkeys(UNITS, 0)
    waiting = list(passes)
    tokens = [(number, token) for number, one in enumerate(passes) for token in one.tokens]
    routes: list[Route] = []

    async def play(ctx) -> None:
        ctx.set(sequencer.memory_words, memory_words)
        ctx.set(sequencer.load.enable, 1)
        for place, word in enumerate(load):
            ctx.set(sequencer.load.address, place)
            ctx.set(sequencer.load.data, word)
            await ctx.tick()
        ctx.set(sequencer.load.enable, 0)
        transfers: list[tuple[int, int]] = []
        for cycle in range(cycles):
            pass_valid = bool(waiting) and choose.random() < 0.7
            if waiting and (pass_valid or ctx.get(sequencer.passes.valid)):
                one = waiting[0]
                slot, port = divmod(one.position, config.executor.ports)
                ctx.set(sequencer.passes.valid, 1)
                ctx.set(
                    sequencer.passes.payload,
                    {
                        "position": one.position, "slot": slot, "port": port,
                        "active": len(one.tokens), "first": one.first, "result": one.result,
                    },
                )  # fmt: skip
            else:
                ctx.set(sequencer.passes.valid, 0)
            if tokens:
                ctx.set(sequencer.tokens.valid, 1)
                ctx.set(sequencer.tokens.payload, tokens[0][1])
            else:
                ctx.set(sequencer.tokens.valid, 0)
            ctx.set(sequencer.command.ready, choose.random() >= stalls)
            ctx.set(sequencer.route.ready, choose.random() >= stalls)
            for name in UNITS:
                ctx.set(getattr(sequencer, name).ready, busy[name] == 0)
            ctx.set(sequencer.units_idle, not any(busy[name] for name in UNITS if name != "cache"))
            ctx.set(sequencer.cache_idle, busy["cache"] == 0)

            if ctx.get(sequencer.passes.valid) and ctx.get(sequencer.passes.ready):
                waiting.pop(0)
            if ctx.get(sequencer.tokens.valid) and ctx.get(sequencer.tokens.ready):
                tokens.pop(0)
            if ctx.get(sequencer.command.valid) and ctx.get(sequencer.command.ready):
                command = sequencer.command.payload
                transfers.append((ctx.get(command.address), ctx.get(command.words)))
                work.transfer_cycles.append(cycle)
            if ctx.get(sequencer.route.valid) and ctx.get(sequencer.route.ready):
                routes.append(ctx.get(sequencer.route.payload))
            for name in UNITS:
                unit = getattr(sequencer, name)
                if busy[name]:
                    busy[name] -= 1
                elif ctx.get(unit.valid):
                    fields = unit.payload.shape().members
                    view = unit.payload.shape().from_bits(ctx.get(unit.payload.as_value()))
                    work.commands[name].append({one: _plain(view[one]) for one in fields})
                    work.command_cycles[name].append(cycle)
                    busy[name] = choose.randint(0, most_busy)
                    work.busy_until[name].append(cycle + busy[name])
            if ctx.get(sequencer.finished):
                work.finished.append(cycle)
            work.errors |= {name for name in ERRORS if ctx.get(getattr(sequencer, name))}
            if work.errors or len(work.finished) == len(passes):
                break
            await ctx.tick()
        else:
            raise AssertionError(f"{len(work.finished)} of {len(passes)} passes finished")
        await ctx.tick().repeat(2)
        work.place = ctx.get(sequencer.place)
        work.transfers = [(*pair, route) for pair, route in zip(transfers, routes)]

    simulator = Simulator(module)
    simulator.add_clock(1e-6)
    simulator.add_testbench(play)
    simulator.run()
    return work


def _plain(value: object) -> int:
    return int(getattr(value, "value", value))  # type: ignore[arg-type]
