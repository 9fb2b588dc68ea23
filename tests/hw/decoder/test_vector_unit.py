"""The vector unit: random programs of commands against the page's numbers, and exact cycles."""

import random

import pytest
from amaranth.hdl import Const

from sterna_hw.decoder.vector_command import (
    Destination,
    VectorKind,
    code_layout,
    scale_report_layout,
    vector_command_layout,
)
from sterna_hw.decoder.vector_unit import VectorUnitConfig
from sterna_sim.part_bench import run_part
from sterna_sim.stalls import PROFILES

from . import vector_telling as telling

CONSTANTS = 8


class Program:
    """Commands, what they take from each port, and what must come out."""

    def __init__(self, config, generator):
        self.config, self.generator = config, generator
        self.unit = telling.Unit(
            config.lanes, config.activation, config.embedding_shift, config.gate_shift
        )
        self.commands, self.words, self.drain, self.attention = [], [], [], []
        self.codes, self.scales = [], []

    def command(self, kind, lane, beats, constant=0, destination=Destination.ACTIVATION):
        self.commands.append((kind, lane, beats, constant, destination))

    def load(self, kind, lane, numbers):
        self.command(kind, lane, len(numbers) // self.config.count)
        per_word = 8 * self.config.ports
        padding = -len(numbers) % max(per_word, self.config.count)
        junk = [self.generator.randrange(-(2**15), 2**15) for _ in range(padding)]
        padded = numbers + junk
        for place in range(0, len(padded), per_word):
            part = padded[place : place + per_word]
            word = sum((number & 0xFFFF) << (16 * k) for k, number in enumerate(part))
            self.words.append(word | self.generator.getrandbits(1) << (16 * per_word))

    def elements(self, size, limit):
        style = self.generator.random()
        if style < 0.08:
            return [0] * size
        limit = limit if style < 0.7 else self.generator.randrange(1, limit + 1)
        if style < 0.2:
            return [self.generator.choice((-limit, limit, 0, 1)) for _ in range(size)]
        return [self.generator.randrange(-limit, limit + 1) for _ in range(size)]

    def beats_of(self, numbers):
        """Payloads of beats of 24-bit numbers."""
        count, payloads = self.config.count, []
        for place in range(0, len(numbers), count):
            beat = numbers[place : place + count]
            word = sum((number & 0xFFFFFF) << (24 * k) for k, number in enumerate(beat))
            payloads.append(word | (place + count >= len(numbers)) << (24 * count))
        return payloads

    def expect(self, lane, destination, codes):
        for place in range(0, len(codes), self.config.count):
            beat = tuple(codes[place : place + self.config.count])
            last = place + self.config.count >= len(codes)
            address = place // self.config.count
            self.codes.append((beat, last, destination, lane, address))

    # The commands.

    def embed(self, lane):
        codes = self.elements(self.config.hidden, 2**15 - 1)
        self.load(VectorKind.EMBED, lane, codes)
        self.unit.embed(lane, codes)

    def rope(self, lane):
        row = [
            self.generator.choice([-(2**14), 0, 2**14, None]) for _ in range(self.config.head_size)
        ]
        row = [self.generator.randrange(-(2**14), 2**14 + 1) if n is None else n for n in row]
        # Cosine and sine lie in a circle; others would leave 24 bits.
        pairs = [
            (c, s) if c * c + s * s <= 2**28 else (c // 2, s // 2)
            for c, s in zip(row[::2], row[1::2])
        ]
        self.load(VectorKind.ROPE, lane, [number for pair in pairs for number in pair])
        self.unit.row[lane] = pairs

    def load_constants(self):
        constants = []
        for _ in range(CONSTANTS):
            mantissa = self.generator.randrange(2**15, 2**16)
            exponent = self.generator.randrange(-45, -10)
            zero = self.generator.random() < 0.1
            constants.append((0, 0) if zero else (mantissa, exponent))
        self.load(VectorKind.CONSTANTS, 0, [number for pair in constants for number in pair])
        self.unit.constants = constants

    def load_gains(self, size):
        gains = self.elements(size, 2**15 - 1)
        self.load(VectorKind.GAINS, 0, gains)
        self.unit.gains = gains

    def norm(self, lane, destination=Destination.ACTIVATION):
        self.load_gains(self.config.hidden)
        beats = self.config.hidden // self.config.count
        self.command(VectorKind.NORM, lane, beats, 0, destination)
        self.expect(lane, destination, self.unit.norm(lane))
        if destination is not Destination.ACTIVATION:
            self.scales.append((self.unit.rho[lane], destination, lane))

    def add(self, lane):
        constant = self.generator.randrange(CONSTANTS)
        y = self.elements(self.config.hidden, 2**23 - 1)
        self.command(VectorKind.ADD, lane, len(y) // self.config.count, constant)
        self.drain += self.beats_of(y)
        self.unit.add(lane, constant, y)

    def quantise(self, lane, rotated):
        constant = self.generator.randrange(CONSTANTS)
        heads = self.generator.randrange(1, self.config.largest // self.config.head_size + 1)
        size = heads * self.config.head_size
        y = self.elements(size, 127 * self.config.hidden if rotated else 2**23 - 1)
        kind = VectorKind.ROPE_QUANTISE if rotated else VectorKind.QUANTISE
        destination = self.generator.choice(list(Destination))
        self.command(kind, lane, size // self.config.count, constant, destination)
        self.drain += self.beats_of(y)
        codes, kappa = self.unit.quantised(lane, constant, y, rotated)
        self.expect(lane, destination, codes)
        if destination is not Destination.ACTIVATION:
            self.scales.append((kappa, destination, lane))

    def gate(self, lane):
        size = self.config.count * self.generator.randrange(
            1, self.config.largest // self.config.count + 1
        )
        self.load_gains(size)
        constant = self.generator.randrange(CONSTANTS)
        y = self.elements(2 * size, 2**23 - 1)
        self.command(VectorKind.GATE, lane, size // self.config.count, constant)
        self.drain += self.beats_of(y)
        self.expect(lane, Destination.ACTIVATION, self.unit.gated(lane, constant, y))

    def attention_norm(self, lane):
        size = self.config.head_size * self.generator.randrange(
            1, self.config.largest // self.config.head_size + 1
        )
        self.load_gains(size)
        x = self.elements(size, 2**23 - 1)
        self.command(VectorKind.ATTENTION_NORM, lane, size // self.config.count)
        self.attention += self.beats_of(x)
        self.expect(lane, Destination.ACTIVATION, self.unit.norm(lane, x))

    def random_step(self):
        lane = self.generator.randrange(self.config.lanes)
        kind = self.generator.choice(
            ["embed", "norm", "head", "add", "add", "rotated", "plain", "gate", "attention"]
        )
        match kind:
            case "norm":
                self.norm(lane)
            case "head":
                self.norm(lane, Destination.QUERY)
            case "rotated" | "plain":
                self.quantise(lane, kind == "rotated")
            case "attention":
                self.attention_norm(lane)
            case _:
                getattr(self, kind)(lane)

    def run(self, profile, seed, reset_at=None):
        unit = self.config.create()
        layout = vector_command_layout(self.config.lanes, self.config.largest_beats)
        names = ("kind", "lane", "beats", "constant", "destination")
        commands = [Const.cast(layout.const(dict(zip(names, row)))).value for row in self.commands]
        inputs = {
            "command": commands,
            "words": self.words,
            "drain": self.drain,
            "attention": self.attention,
        }
        outputs = {"codes": len(self.codes), "scale": len(self.scales)}
        return run_part(unit, inputs, outputs, profile, seed, reset_at=reset_at, linger_cycles=80)

    def check(self, run):
        config = self.config
        code_shape = code_layout(config.lanes, config.largest_beats, config.count)
        scale_shape = scale_report_layout(config.lanes)
        found = []
        for _, payload in run.outputs["codes"]:
            beat = code_shape.from_bits(payload)
            codes = tuple(beat.data[place] for place in range(self.config.count))
            found.append((codes, bool(beat.last), beat.destination, beat.lane, beat.address))
        assert found == self.codes
        found = []
        for _, payload in run.outputs["scale"]:
            report = scale_shape.from_bits(payload)
            scale = (report.scale.mantissa, report.scale.exponent)
            found.append((scale, report.destination, report.lane))
        assert found == self.scales


def random_config(generator):
    count = generator.choice([2, 4, 8])
    ports = generator.choice([1, 2, 3, 4] if count < 16 else [2, 4])
    hidden = 16 * generator.randrange(1, 4)
    head_size = generator.choice([16, 32])
    return VectorUnitConfig(
        lanes=generator.randrange(1, 4),
        count=count,
        ports=ports,
        hidden=hidden,
        largest=max(hidden, head_size) + 16 * generator.randrange(0, 4),
        head_size=head_size,
        activation=generator.choice(["silu", "squared_relu"]),
        embedding_shift=generator.randrange(9),
        gate_shift=generator.randrange(1, 25),
    )


def random_program(seed, steps=6):
    generator = random.Random(seed)
    program = Program(random_config(generator), generator)
    program.load_constants()
    for lane in range(program.config.lanes):
        program.embed(lane)
        program.rope(lane)
        program.norm(lane)
    for _ in range(steps):
        program.random_step()
    program.norm(0, Destination.QUERY)
    return program


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("seed", range(2), ids=lambda s: f"seed{s}")
def test_programs(profile, seed):
    """The slowest profiles get the shortest programs."""
    steps = {"one_in_eight": 2, "long_freeze": 0}.get(profile, 6)
    program = random_program(f"{profile}/{seed}", steps)
    program.check(program.run(profile, seed))


@pytest.mark.parametrize("seed", range(100, 104), ids=lambda s: f"seed{s}")
def test_cycles(seed):
    program = random_program(seed)
    run = program.run("none", seed)
    program.check(run)
    taken = run.taken["command"]
    periods = [after - before for before, after in zip(taken, taken[1:])]
    assert periods == [
        program.config.cycles(kind, beats, destination)
        for kind, _, beats, _, destination in program.commands[:-1]
    ]


@pytest.mark.parametrize("seed", range(200, 202), ids=lambda s: f"seed{s}")
def test_reset_in_the_middle(seed):
    program = random_program(seed, steps=4)
    reset_at = random.Random(seed).randrange(100, 600)
    program.check(program.run("bursts", seed, reset_at))


BASE = {"lanes": 2, "count": 4, "ports": 2, "hidden": 32, "largest": 64, "head_size": 32}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lanes": 0}, "Lanes must be 1 or more, not 0"),
        ({"count": 6}, "Elements of a beat must be 2, 4, 8 or 16, not 6"),
        ({"hidden": 30}, "Hidden must be a positive multiple of 4, not 30"),
        ({"largest": 0}, "Largest vector must be a positive multiple of 4, not 0"),
        ({"head_size": 33}, "Head size must be a positive multiple of 4, not 33"),
        ({"largest": 28}, "Largest vector must be at least 32, not 28"),
        ({"hidden": 1 << 16, "largest": 1 << 16}, "Hidden must be small enough for rotated"),
        ({"activation": "gelu"}, "Activation must be one of silu, squared_relu, not 'gelu'"),
        ({"embedding_shift": 9}, "Embedding shift must be 0 to 8, not 9"),
        ({"gate_shift": 0}, "Gate shift must be 1 to 24, not 0"),
        ({"ports": 5}, "Memory ports must be 1 to 4, not 5"),
        ({"count": 16, "ports": 3}, "Numbers of a beat must fill words of 384 bits evenly"),
    ],
)
def test_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        VectorUnitConfig(**{**BASE, **changes})
