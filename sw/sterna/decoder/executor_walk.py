"""What the executor does and when: an estimate's walk through a run, instruction by instruction.

For each lane of an instruction the units get their commands; a unit takes one when it rests, and
rests again as many cycles later as its configuration says, or later where words of the memory
stream or another unit's results came late. Cache writes go to memory (`memory_timing`), where they
stop reads, and their end lets the fetcher go on.
"""

from __future__ import annotations

from collections.abc import Sequence

from sterna_hw.decoder.attention_sizes import BEGIN_CYCLES
from sterna_hw.decoder.cache_writer import RECORD_END_CYCLES, WORD_CYCLES, WRITE_CYCLES
from sterna_hw.decoder.decoder_core import DecoderCoreConfig
from sterna_hw.decoder.executor import (
    FIRST_COMMAND_CYCLES,
    NEXT_LANE_CYCLES,
    RECORD_CYCLES,
    REST_CYCLES,
    SHORTEST_CYCLES,
    SKIP_CYCLES,
)
from sterna_hw.decoder.instruction import Instruction, Opcode
from sterna_hw.decoder.record_walk import RecordWalkConfig
from sterna_hw.decoder.run_control import AWAIT_CYCLES, END_CYCLES
from sterna_hw.decoder.unit_commands import TAKING, VECTOR_COMMANDS
from sterna_hw.decoder.vector_command import VectorKind
from sterna_hw.decoder.vector_unit import CODED_CYCLES, LOAD_CYCLES
from sterna_hw.decoder.write_release import WriteReleaseConfig
from sterna_hw.memory_port.write_port import WRITTEN_CYCLES

from .memory_stream import TimeLines, WordStream
from .memory_timing import MemoryBus, MemoryTiming
from .run_times import InstructionTimes, PassTimes, RunTimes
from .transfer_sequence import Pass, ReaderClock, RunSchedule, Work, transfers, walk_program

__all__ = ["ExecutorWalk"]

# Look-ups of a block of inputs are followed one by one if they are few, and otherwise in groups, of
# at most as many as may wait for the engine.
_FEW, _GROUPS = 128, 16
_ONCE = (Opcode.CONSTANTS, Opcode.GAINS, Opcode.MATMUL, Opcode.FINAL_NORM, Opcode.HEAD)


class ExecutorWalk:
    """One run of a core's program with a memory, as the schedule has it."""

    def __init__(
        self,
        core: DecoderCoreConfig,
        program: Sequence[Instruction],
        memory: MemoryTiming,
        schedule: RunSchedule,
    ) -> None:
        self.core, self.program, self.schedule = core, program, schedule
        self.bus = MemoryBus(memory, core.ports)
        ahead = transfers(core, self.program, self.schedule)
        self.words = WordStream(core.reads, self.bus, ahead)
        # When the units rest: until then they take no command.
        self.vector = self.engine = self.attention = self.cache = 0.0
        self.acknowledged = 0.0

    def run(self) -> RunTimes:
        """All passes."""
        schedule = self.schedule
        passes: list[PassTimes] = []
        self.words.take(1, 0)
        end = 0.0
        for number, current in enumerate(schedule.passes):
            begin = end
            instructions: list[InstructionTimes] = []
            visible = schedule.begin(number, schedule.finished)
            reader, time = ReaderClock(visible), max(end, visible)
            for work in walk_program(self.program, current.result):
                taken, words = max(time, reader.offer(work.looked)), self.words.taken
                time = self._execute(work, current, taken)
                reader.leave(time - 1)
                used = self.words.taken - words
                instruction = work.instruction.opcode
                instructions.append(InstructionTimes(instruction, work.layer, taken, time, used))
            schedule.finished.append(time - 1)
            end = time
            passes.append(
                PassTimes(current.position, current.lanes, begin, end, tuple(instructions))
            )
        drawn = tuple(schedule.results)
        return RunTimes(tuple(passes), drawn, self.words.taken, end + END_CYCLES)

    def _execute(self, work: Work, current: Pass, taken: float) -> float:
        """What the executor offers, until all units rest; returns when it takes the next
        instruction at the earliest."""
        opcode = work.instruction.opcode
        if opcode in (Opcode.STREAM, Opcode.FINISH):
            return taken + SKIP_CYCLES
        making_record = RECORD_CYCLES if opcode in TAKING["cache"] else 0
        offer = accepted = taken + FIRST_COMMAND_CYCLES + making_record
        for lane in range(1 if opcode in _ONCE else current.lanes):
            accepted = self._command(work, current.position + lane, offer)
            offer = accepted + NEXT_LANE_CYCLES + making_record
        rest = max(self.vector, self.engine, self.attention)
        following = max(accepted + SHORTEST_CYCLES, rest + REST_CYCLES)
        if opcode is Opcode.KEY:
            # The release begins to wait in the executor's last cycle of the instruction.
            idle = max(following, self.acknowledged)
            self.schedule.releases.append(idle + WriteReleaseConfig().latency)
        return following

    def _command(self, work: Work, position: int, offer: float) -> float:
        """One lane's commands; returns when the last of them is accepted."""
        instruction = work.instruction
        opcode = instruction.opcode
        if opcode is Opcode.MATMUL:
            accepted = max(offer, self.engine)
            self.engine = self._matmul(instruction, accepted)
            return accepted
        if opcode is Opcode.HEAD:
            accepted = max(offer, self.attention)
            self.attention = self._head(instruction, accepted)
            return accepted
        if opcode is Opcode.ATTEND:
            return self._attend(instruction, position, offer)
        if opcode in TAKING["drain"]:
            return self._drain(work, position, offer)
        kind, _, destination = VECTOR_COMMANDS[opcode]
        vector, beats = self.core.vector, instruction["beats"]
        accepted = max(offer, self.vector)
        if "words" in instruction.operands:
            interval = vector.loader.beats_per_word
            last = self.words.take(instruction["words"], accepted + LOAD_CYCLES, interval)
            self.vector = last + vector.loader.end_cycles(beats) + 1
        else:
            self.vector = accepted + vector.cycles(kind, beats, destination)
        return accepted

    def _drain(self, work: Work, position: int, offer: float) -> float:
        """Sums of one lane to the vector unit, and codes of keys and values to memory."""
        core, instruction = self.core, work.instruction
        kind, _, destination = VECTOR_COMMANDS[instruction.opcode]
        blocks = instruction["blocks"]
        beats = blocks // 2 if instruction.opcode is Opcode.GATE else blocks
        accepted = max(offer, self.vector)
        drained = max(offer, self.engine)
        first = drained + core.matmul.drain_cycles(0)
        begins = accepted + core.vector.control.first_beat(kind)
        late = max(0.0, first - begins)
        self.vector = accepted + late + core.vector.cycles(kind, beats, destination)
        self.engine = max(drained + core.matmul.drain_cycles(blocks), begins + late + blocks)
        if instruction.opcode not in TAKING["cache"]:
            return max(accepted, drained)
        scaled = accepted + late + core.vector.scale_cycles(kind, beats)
        recorded = max(offer, scaled, self.cache)
        self._write(work, position, recorded, beats)
        return max(accepted, drained, recorded)

    def _write(self, work: Work, position: int, recorded: float, beats: int) -> None:
        """A record to memory, its command accepted by the cache writer at a time; the vector
        unit's latest codes are its contents."""
        core, instruction = self.core, work.instruction
        begin = recorded + WRITE_CYCLES
        last_codes = self.vector - CODED_CYCLES
        beats_per_word = 16 // core.cache.count

        def offered(number: int) -> float:
            codes = last_codes - (beats - number * beats_per_word) if number else begin
            return codes + WORD_CYCLES - begin

        is_value = instruction.opcode is Opcode.VALUE
        region = instruction["address"] + (2 * work.layer + is_value) * instruction["region"]
        address = region + position // core.ports * instruction["record"]
        bursts = core.writes.splitter.split(16 * address, instruction["record"])
        counts = [count for _, count in bursts]
        for count, last_word in zip(counts, core.writes.channel_cycles(counts, offered)):
            response = self.bus.write(begin + last_word, count)
            self.acknowledged = response + WRITTEN_CYCLES
        self.cache = last_codes + RECORD_END_CYCLES

    def _matmul(self, instruction: Instruction, accepted: float) -> float:
        """When the engine rests after a matrix: its own cycles, with look-ups as late as
        their weights."""
        engine, trits = self.core.matmul, self.core.trits
        blocks, rows = instruction["input_blocks"], instruction["output_blocks"]
        latency = trits.pipeline_latency + trits.queue.latency
        step = 1 if rows <= _FEW else min(rows // _GROUPS, trits.places)
        words_of, places = trits.layout.word_count, trits.places
        looked, base, entered = TimeLines(), self.words.taken, 0

        def enter(end: int) -> None:
            """Takes the words of all beats before ``end``: a beat's last word may enter once the
            beat that is so many ``places`` before it has left."""
            nonlocal entered
            if entered < end:
                before = words_of(entered)
                start = max(
                    looked.time(beat - places) + 2 - (words_of(beat + 1) - before)
                    for beat in (entered, end - 1)
                )
                self.words.take(words_of(end) - before, start)
                entered = end

        def offered(beat: int) -> float:
            return self.words.taken_time(base + words_of(beat + 1) - 1) + latency

        def look_up(block: int, first: float) -> float:
            time = accepted + first - 1
            for beat in range(block * rows, (block + 1) * rows, step):
                last = min(beat + step, (block + 1) * rows) - 1
                enter(min(beat + places, blocks * rows))
                begin = max(time + 1, offered(beat))
                time = max(begin + last - beat, offered(last))
                looked.note(beat, begin)
                looked.note(last, time)
            return time - accepted

        return accepted + engine.cycles(blocks, rows, look_up)

    def _attend(self, instruction: Instruction, position: int, offer: float) -> float:
        """Attention of a lane and the norm of its results; words of keys, then of values, may come
        late. Returns when both units have taken their commands."""
        sizes, vector = self.core.attention, self.core.vector
        slots = position // self.core.ports + 1
        begin, accepted = max(offer, self.attention), max(offer, self.vector)
        keys = self._records(sizes.words_walk, slots, begin + BEGIN_CYCLES)
        keys_late = keys - begin - sizes.keys_end(position)
        body = keys + sizes.values_begin
        values = self._records(sizes.words_walk, slots, keys + 1, body)
        values_late = values - (body - 1 + sizes.weights_walk.walk_cycles(slots) - 1)
        last = begin + sizes.attention_cycles(position, keys_late, max(values_late, 0.0))
        self.attention = last + 1
        # The norm's first pass ends with attention's last beat; its second one follows.
        kind, _, destination = VECTOR_COMMANDS[Opcode.ATTEND]
        beats = instruction["beats"]
        cycles = vector.cycles(kind, beats, destination)
        behind = cycles - vector.control.first_beat(VectorKind.ATTENTION_NORM) - beats + 1
        self.vector = max(accepted + cycles, last + behind)
        return max(accepted, begin)

    def _records(
        self, walk: RecordWalkConfig, slots: int, begin: float, body: float | None = None
    ) -> float:
        """When the last place of a walk along records is done that may begin at a time; the places
        behind the first header not before ``body``, and a record's later than the one's before."""
        pause = walk.record_cycles - walk.record_places
        words = self.core.attention.record_words - 1
        last = begin
        for slot in range(slots):
            header = self.words.take(1, begin)
            first = header + 1
            if body is not None:
                first = max(first, body + slot * walk.record_cycles)
            last = self.words.take(words, first, walk.group) + walk.group - 1
            begin = last + 1 + pause
        return last

    def _head(self, instruction: Instruction, accepted: float) -> float:
        """When the attention unit rests after the head."""
        sizes, walk = self.core.attention, self.core.attention.words_walk
        slots = instruction["last_slot"] + 1
        rows = instruction["last_slot"] * self.core.ports + instruction["last_port"] + 1
        pause = walk.row_cycles - walk.row_words
        begin, last = accepted + BEGIN_CYCLES, 0.0
        in_time = begin + walk.walk_cycles(slots, rows=True) - 1
        at_once, times = (slots, 1) if not pause else (1, slots)
        for _ in range(times):
            last = self.words.take(at_once * walk.row_words, begin)
            begin = last + 1 + pause
        end = accepted + max(0.0, last - in_time) + sizes.head_cycles(rows) + AWAIT_CYCLES
        self.schedule.results.append(end)
        return end + 1
