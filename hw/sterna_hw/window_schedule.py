"""When a sliding window may move and what it gives back, step by step.

Pixels arrive in raster order, each in ``beats`` beats, and lie in a memory that goes round over as
many rows as the window spans. The window walks over the positions in raster order, for each over
the beats of the channels. *Needed* counts the beats of the frame that must have arrived before a
step; *released* those that nobody looks at any more after it. Both counts never fall, so that two
counters of beats between writer and reader are all the control there is: the reader takes the
difference of what is needed from step to step, the writer gets the difference of what is released.

Within a row the first row that ends there is released pixel by pixel, as the window passes it;
what else a row of positions releases comes at its end. So the memory needs no row more than the
window spans (but see `row_banks`), and the writer is never held up by a reader that keeps its pace.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby

from .base import Step, WindowAxis

__all__ = ["WindowSchedule"]


@dataclass(frozen=True)
class WindowSchedule:
    """The steps of one frame; ``beats`` is how many a pixel has."""

    rows: WindowAxis
    columns: WindowAxis
    beats: int

    @property
    def frame_beats(self) -> int:
        """Beats of a frame that come in."""
        return self.rows.size * self.columns.size * self.beats

    @property
    def row_banks(self) -> int:
        """Rows that the memory holds: those that the window spans. In a signal, whose rows are one
        pixel wide, two beats more, since a pixel is free two cycles after the last look at it."""
        more = -(-2 // self.beats) if self.columns.size == 1 else 0
        return self.rows.span + more

    @property
    def capacity(self) -> int:
        """Beats that the memory holds."""
        return self.row_banks * self.columns.size * self.beats

    @property
    def step_count(self) -> int:
        """Steps of a frame: output positions times beats."""
        return self.rows.outputs * self.columns.outputs * self.beats

    @cached_property
    def row_takes(self) -> tuple[int, ...]:
        """Beats newly needed by the first step of each row of positions."""
        needed = [0]
        for row in range(self.rows.outputs):
            newest = self.rows.newest(row)
            first = (newest * self.columns.size + self.columns.newest(0)) * self.beats + 1
            needed += [max(first, needed[-1]), max(self._needed_at_end(newest), needed[-1])]
        starts, ends = needed[1::2], needed[::2]
        return tuple(start - end for start, end in zip(starts, ends))

    @cached_property
    def row_moves(self) -> tuple[bool, ...]:
        """Whether later steps of a row of positions need anything new."""
        newest = [self.rows.newest(row) for row in range(self.rows.outputs)]
        return tuple(row != before for before, row in zip([-1, *newest], newest))

    @cached_property
    def column_takes(self) -> tuple[tuple[int, int], ...]:
        """Beats newly needed at each position of a row that moves: by its first step (entry 0 is
        unused, see `row_takes`), and by each of the others."""
        newest = [self.columns.newest(column) for column in range(self.columns.outputs)]
        takes = [(0, 1)]
        for before, column in zip(newest, newest[1:]):
            new = column - before
            takes.append(((new - 1) * self.beats + 1, 1) if new else (0, 0))
        return tuple(takes)

    @property
    def rest(self) -> int:
        """Beats of a frame that no step needs: they are passed before the next frame's first."""
        return self.frame_beats - self._needed_at_end(self.rows.newest(self.rows.outputs - 1))

    @cached_property
    def row_gives(self) -> tuple[int, ...]:
        """Beats released by the last step of each row of positions."""
        gives = []
        for row in range(self.rows.outputs):
            # The last one ends the frame, whatever of it the window never reached.
            rows = self.rows.kept_from(row + 1) - self.rows.kept_from(row)
            beats = rows * self.columns.size * self.beats
            gives.append(beats - self.row_passes[row] * sum(self.column_gives))
        return tuple(gives)

    @cached_property
    def row_passes(self) -> tuple[bool, ...]:
        """Whether a row of positions is the last that looks at its first row of inputs."""
        kept = [self.rows.kept_from(row) for row in range(self.rows.outputs + 1)]
        return tuple(after > before for before, after in zip(kept, kept[1:]))

    @cached_property
    def column_gives(self) -> tuple[int, ...]:
        """Beats released by the last step of each position but the last, in a row that passes."""
        kept = [0, *(self.columns.kept_from(column) for column in range(1, self.columns.outputs))]
        gives = [(after - before) * self.beats for before, after in zip(kept, kept[1:])]
        return (*gives, 0)

    @property
    def most_room(self) -> int:
        """Free beats at most: those that no window looks at are released before they come."""
        early = [
            self.rows.kept_from(row + 1) * self.columns.size * self.beats
            - self._needed_at_end(self.rows.newest(row))
            for row in range(self.rows.outputs)
        ]
        return self.capacity + max(0, *early)

    def steps(self, latency: int, release_latency: int) -> tuple[Step, ...]:
        """The reader's steps of a frame, equal neighbours together, as `Timing` takes them."""
        return _steps(self, latency, release_latency)

    def takes(self, row: int, column: int, beat: int) -> int:
        """Beats that a step needs beyond those of the steps before it."""
        if column == 0 and beat == 0:
            return self.row_takes[row]
        return self.column_takes[column][beat > 0] if self.row_moves[row] else 0

    def gives(self, row: int, column: int, beat: int) -> int:
        """Beats that a step releases."""
        if beat < self.beats - 1:
            return 0
        if column == self.columns.outputs - 1:
            return self.row_gives[row]
        return self.column_gives[column] if self.row_passes[row] else 0

    def _needed_at_end(self, newest_row: int) -> int:
        last = self.columns.newest(self.columns.outputs - 1)
        return (newest_row * self.columns.size + last + 1) * self.beats


@lru_cache(maxsize=256)
def _steps(schedule: WindowSchedule, latency: int, release_latency: int) -> tuple[Step, ...]:
    """See `WindowSchedule.steps`; remembered, since a network is mapped many times."""
    # Beats taken and given by each step, and how often in a row. Rows of one kind are alike.
    rows: dict[tuple[int, ...], list[tuple[tuple[int, int], int]]] = {}
    runs: list[tuple[tuple[int, int], int]] = []
    for row in range(schedule.rows.outputs):
        kind = (
            schedule.row_takes[row],
            schedule.row_moves[row],
            schedule.row_passes[row],
            schedule.row_gives[row],
        )
        if kind not in rows:
            plain = (
                (schedule.takes(row, column, beat), schedule.gives(row, column, beat))
                for column in range(schedule.columns.outputs)
                for beat in range(schedule.beats)
            )
            rows[kind] = [(step, len(list(run))) for step, run in groupby(plain)]
        first, *others = rows[kind]
        if runs and runs[-1][0] == first[0]:
            first = (first[0], runs.pop()[1] + first[1])
        runs += [first, *others]
    known = {
        ((take, give), repeat): Step(
            take=("stored",) * take + ("places",),
            give=(("room", release_latency),) * give + (("o", latency),),
            repeat=repeat,
        )
        for (take, give), repeat in set(runs)
    }
    steps = [known[run] for run in runs]
    if schedule.rest:
        steps.append(Step(cycles=0, take=("stored",) * schedule.rest))
    return tuple(steps)
