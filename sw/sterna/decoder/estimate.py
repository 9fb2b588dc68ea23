"""How many cycles a pass takes: the program, instruction by instruction, with the units' own
cycles.

The estimate walks through the same program as the hardware. A fetcher asks for transfers, an
executor gives commands; each command ends as many cycles later as its unit's configuration says, or
later if its words came late (`memory_stream`) or another unit's results did. What is known of a
unit is asked of that unit; here is only how they wait for each other. The result is not exact
(words are followed in small groups, not one by one) but within 1 % of simulation under an ideal or
a capped memory, which tests hold it to.

`DecoderEstimate.run` is a host's run: passes of a prompt, then tokens. It says when each pass ended
and how long each kind of instruction took.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sterna_hw.decoder.attention_sizes import BEGIN_CYCLES
from sterna_hw.decoder.decoder_core import DecoderCoreConfig
from sterna_hw.decoder.executor import (
    FIRST_COMMAND_CYCLES,
    NEXT_LANE_CYCLES,
    RECORD_CYCLES,
    REST_CYCLES,
    SHORTEST_CYCLES,
)
from sterna_hw.decoder.instruction import INSTRUCTIONS, Fetch, Instruction, Opcode
from sterna_hw.decoder.vector_command import Destination, VectorKind

from .assembler import disassemble
from .memory_stream import MemoryTiming, WordStream

__all__ = ["DecoderEstimate", "PassTimes", "RunTimes"]

# Measured from the gateware: see `tests/sw/decoder/test_estimate.py`.
_FETCH_CYCLES = 6
_ROW_CYCLES = 6
_CACHE_CYCLES = 10
_PASS_CYCLES = 8
_TOKEN_CYCLES = 4
_DRAW_CYCLES = 6
_RELEASE_CYCLES = 7
_CHUNK_BEATS = 16


@dataclass(frozen=True)
class PassTimes:
    """One pass: when it was begun and ended, its position and lanes, and the cycles that passed in
    each kind of instruction."""

    position: int
    lanes: int
    begin: float
    end: float
    by_opcode: dict[str, float]

    @property
    def cycles(self) -> float:
        return self.end - self.begin


@dataclass(frozen=True)
class RunTimes:
    """A run: its passes, and the memory words that they took."""

    passes: tuple[PassTimes, ...]
    words: int

    @property
    def cycles(self) -> float:
        """From the start to the end of the last pass."""
        return self.passes[-1].end


@dataclass
class _State:
    """Where fetcher, executor and units are."""

    words: WordStream
    fetch: float = 0.0
    work: float = 0.0
    vector: float = 0.0
    engine: float = 0.0
    attention: float = 0.0
    released: float = 0.0
    pointer: int = 0
    by_opcode: dict[str, float] = field(default_factory=dict)


class DecoderEstimate:
    """Cycles of one accelerator with one memory.

    Parameters
    ----------
    core : :class:`DecoderCoreConfig`
        With the program that it runs.
    memory : :class:`MemoryTiming`
    """

    def __init__(self, core: DecoderCoreConfig, memory: MemoryTiming) -> None:
        self.core, self.memory = core, memory
        self.program = disassemble(core.program)

    def run(self, prompt: int, generate: int = 1, position: int = 0) -> RunTimes:
        """A prompt of so many tokens at a position, then so many tokens drawn.

        The first pass begins when the host's start reaches the run control; `PassTimes.end` is
        the end of the last instruction, of a pass with a result that of the head's list.
        """
        state = _State(WordStream(self.core.reads, self.memory))
        state.fetch = float(prompt + _PASS_CYCLES)
        state.words.ask(0, 1, state.fetch)
        state.words.take(1, 0)
        passes: list[PassTimes] = []
        while prompt:
            lanes = min(prompt, self.core.lanes)
            prompt -= lanes
            has_result = not prompt and generate > 0
            passes.append(self._pass(state, position, lanes, has_result))
            position += lanes
        for _ in range(generate - 1):
            state.fetch = state.work + _DRAW_CYCLES + _PASS_CYCLES
            passes.append(self._pass(state, position, 1, True))
            position += 1
        return RunTimes(tuple(passes), state.words.taken)

    def decode(self, position: int) -> PassTimes:
        """A single token at a position, with memory that has nothing ahead."""
        return self.run(1, 1, position).passes[0]

    def _pass(self, state: _State, position: int, lanes: int, has_result: bool) -> PassTimes:
        begin, state.by_opcode = state.work, {}
        place = layer = 0
        while True:
            instruction = self.program[place]
            place += 1
            opcode = instruction.opcode
            if opcode is Opcode.REPEAT:
                layer += 1
                if layer < instruction["times"]:
                    place = instruction["target"]
                continue
            if opcode is Opcode.FINISH:
                if instruction["unless_result"] and has_result:
                    continue
                break
            before = state.work
            self._fetch(state, instruction, position, lanes, layer)
            self._execute(state, instruction, position, lanes)
            taken = state.work - before
            state.by_opcode[opcode.name] = state.by_opcode.get(opcode.name, 0.0) + taken
        state.work += FIRST_COMMAND_CYCLES
        return PassTimes(position, lanes, begin, state.work, state.by_opcode)

    def _fetch(
        self, state: _State, instruction: Instruction, position: int, lanes: int, layer: int
    ) -> None:
        """What the fetcher asks for, and when."""
        state.fetch += _FETCH_CYCLES
        match INSTRUCTIONS[instruction.opcode].fetch:
            case Fetch.NOTHING:
                if instruction.opcode is Opcode.STREAM:
                    state.pointer = instruction["address"]
            case Fetch.STREAM:
                words = instruction["words"]
                state.fetch = state.words.ask(16 * state.pointer, words, state.fetch)
                state.pointer += words
            case Fetch.TOKEN_ROWS | Fetch.POSITION_ROWS:
                for lane in range(lanes):
                    # Which token it is makes no difference but for 4 KB borders.
                    row = position + lane
                    address = instruction["address"] + row * instruction["words"]
                    state.fetch += _ROW_CYCLES
                    state.fetch = state.words.ask(16 * address, instruction["words"], state.fetch)
            case Fetch.CACHE:
                self._fetch_cache(state, instruction, position, lanes, layer)

    def _fetch_cache(
        self, state: _State, instruction: Instruction, position: int, lanes: int, layer: int
    ) -> None:
        record, region = instruction["record"], instruction["region"]
        keys = instruction["address"] + 2 * layer * region
        for lane in range(lanes):
            words = ((position + lane) // self.core.ports + 1) * record
            old = position // self.core.ports * record if lane == 0 else 0
            state.fetch += _CACHE_CYCLES
            if old:
                state.fetch = state.words.ask(16 * keys, old, state.fetch) + _FETCH_CYCLES
            if lane == 0:
                state.fetch = max(state.fetch, state.released + _FETCH_CYCLES)
            state.fetch = state.words.ask(16 * (keys + old), words - old, state.fetch)
            state.fetch += _FETCH_CYCLES
            state.fetch = state.words.ask(16 * (keys + region), words, state.fetch)

    def _execute(self, state: _State, instruction: Instruction, position: int, lanes: int) -> None:
        """What the executor offers, until all units rest."""
        opcode = instruction.opcode
        if opcode is Opcode.STREAM:
            state.work += FIRST_COMMAND_CYCLES - 1
            return
        once = opcode in (
            Opcode.CONSTANTS, Opcode.GAINS, Opcode.MATMUL, Opcode.FINAL_NORM, Opcode.HEAD
        )  # fmt: skip
        writes = opcode in (Opcode.VALUE, Opcode.KEY)
        offer = state.work + FIRST_COMMAND_CYCLES + writes * RECORD_CYCLES
        accepted = offer
        for lane in range(1 if once else lanes):
            accepted = self._command(state, instruction, position + lane, offer)
            offer = accepted + NEXT_LANE_CYCLES + writes * RECORD_CYCLES
        rest = max(state.vector, state.engine, state.attention)
        if opcode is Opcode.KEY:
            state.released = self._written(state.vector)
        state.work = max(accepted + SHORTEST_CYCLES, rest + REST_CYCLES)

    def _command(
        self, state: _State, instruction: Instruction, position: int, offer: float
    ) -> float:
        """One lane's commands; returns when the last of them is accepted."""
        opcode = instruction.opcode
        if opcode is Opcode.MATMUL:
            state.engine = self._matmul(state, instruction, max(offer, state.engine))
            return offer
        if opcode is Opcode.HEAD:
            state.attention = self._head(state, instruction, max(offer, state.attention))
            return offer
        accepted = max(offer, state.vector)
        if opcode is Opcode.ATTEND:
            begin = max(offer, state.attention)
            state.attention = self._attend(state, instruction, position, begin)
            last = state.attention
            beats = instruction["beats"]
            cycles = self.core.vector.cycles(VectorKind.ATTENTION_NORM, beats)
            # The norm's first pass ends with attention's last beat; its second one follows.
            begins = self.core.vector.control.first_beat(VectorKind.ATTENTION_NORM)
            state.vector = max(accepted + cycles, last + cycles - begins - beats + 1)
            return max(accepted, begin)
        if "blocks" in instruction.operands:
            return self._drain(state, instruction, offer)
        kind, destination = {
            Opcode.EMBED: (VectorKind.EMBED, Destination.ACTIVATION),
            Opcode.ROTATION: (VectorKind.ROPE, Destination.ACTIVATION),
            Opcode.CONSTANTS: (VectorKind.CONSTANTS, Destination.ACTIVATION),
            Opcode.GAINS: (VectorKind.GAINS, Destination.ACTIVATION),
            Opcode.NORM: (VectorKind.NORM, Destination.ACTIVATION),
            Opcode.FINAL_NORM: (VectorKind.NORM, Destination.QUERY),
        }[opcode]
        beats = instruction["beats"]
        cycles = self.core.vector.cycles(kind, beats, destination)
        state.vector = accepted + cycles
        if "words" in instruction.operands:
            words = instruction["words"]
            pace = max(1.0, beats / words)
            ready = accepted + cycles - beats
            last = state.words.take(words, ready + pace - 1, pace)
            state.vector = max(state.vector, last + 1)
        return accepted

    def _drain(self, state: _State, instruction: Instruction, offer: float) -> float:
        """Sums of one lane to the vector unit."""
        kind, destination = {
            Opcode.QUERY: (VectorKind.ROPE_QUANTISE, Destination.QUERY),
            Opcode.VALUE: (VectorKind.QUANTISE, Destination.VALUE),
            Opcode.KEY: (VectorKind.ROPE_QUANTISE, Destination.KEY),
            Opcode.ADD: (VectorKind.ADD, Destination.ACTIVATION),
            Opcode.GATE: (VectorKind.GATE, Destination.ACTIVATION),
        }[instruction.opcode]
        core, blocks = self.core, instruction["blocks"]
        beats = blocks // 2 if instruction.opcode is Opcode.GATE else blocks
        accepted = max(offer, state.vector)
        drained = max(offer, state.engine)
        first = drained + core.matmul.drain_cycles(0)
        begins = accepted + core.vector.control.first_beat(kind)
        late = max(0.0, first - begins)
        state.vector = accepted + late + core.vector.cycles(kind, beats, destination)
        state.engine = max(drained + core.matmul.drain_cycles(blocks), begins + late + blocks)
        return max(accepted, drained)

    def _matmul(self, state: _State, instruction: Instruction, accepted: float) -> float:
        """When the engine rests after a matrix: its own cycles, with look-ups as late as
        their weights."""
        engine, trits = self.core.matmul, self.core.trits
        blocks, rows = instruction["input_blocks"], instruction["output_blocks"]
        latency = trits.pipeline_latency + trits.queue.latency
        looked: list[float] = []
        words = 0

        def look_up(block: int, first: float) -> float:
            nonlocal words
            time = accepted + first - 1
            for start in range(0, rows, _CHUNK_BEATS):
                count = min(_CHUNK_BEATS, rows - start)
                beat = block * rows + start + count
                due = trits.layout.word_count(beat)
                # The last beat may enter once the one `places` before it has left.
                behind = beat - 1 - trits.places
                room = looked[behind] + 1 if behind >= 0 else 0.0
                there = state.words.take(due - words, room - (due - words) + 1)
                words = due
                time = max(time + count, there + latency)
                looked.extend(time - count + 1 + beat for beat in range(count))
            return time - accepted

        return accepted + engine.cycles(blocks, rows, look_up)

    def _attend(
        self, state: _State, instruction: Instruction, position: int, accepted: float
    ) -> float:
        """When attention's last beat has left: words of keys, then of values, may come late."""
        sizes, record = self.core.attention, instruction["record"]
        slots = position // self.core.ports + 1
        words, walk = slots * record, sizes.words_walk
        pace = walk.record_cycles / record
        length = walk.walk_cycles(slots)
        begin = accepted + BEGIN_CYCLES
        keys = state.words.take(words, begin, pace)
        late = max(0.0, keys - (begin + length - 1))
        between = sizes.attention_cycles(position) - 2 * length - BEGIN_CYCLES
        begin = begin + length + late + sizes.keys_settle
        values = state.words.take(words, begin, pace)
        late += max(0.0, values - (begin + length - 1))
        return accepted + late + 2 * length + BEGIN_CYCLES + between + 1

    def _head(self, state: _State, instruction: Instruction, accepted: float) -> float:
        """When the last of the best logits has left."""
        sizes = self.core.attention
        rows = instruction["last_slot"] * self.core.ports + instruction["last_port"] + 1
        slots = instruction["last_slot"] + 1
        words = instruction["words"]
        length = sizes.words_walk.walk_cycles(slots, rows=True)
        begin = accepted + BEGIN_CYCLES
        last = state.words.take(words, begin, length / words)
        late = max(0.0, last - (begin + length - 1))
        return accepted + late + sizes.head_cycles(rows) + 1

    def _written(self, vector: float) -> float:
        """When memory has acknowledged a lane's keys, whose last codes left at a time."""
        record = self.core.cache.words
        write = self.core.writes.cycles([(0, record)], self.memory.write_latency)
        last_words = write - record - self.core.cache.size // 16
        return vector + max(last_words, 0) + 2 * self.memory.write_turnaround + _RELEASE_CYCLES
