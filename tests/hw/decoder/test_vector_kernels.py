"""The kernels of the vector unit: their meaning against the page's numbers, and their ranges."""

import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from sterna_hw.base import IntegerRange
from sterna_hw.decoder.vector_kernels import (
    SHIFT_LIMIT,
    VectorArithmetic,
    add_residual,
    apply_scale,
    gate_silu,
    gate_squared_relu,
    make_code,
    rotate,
)

from . import vector_telling as telling

LOW, HIGH = -(2**23), 2**23 - 1


def element(generator):
    if generator.random() < 0.2:
        return generator.choice([LOW, HIGH, 0, 1, -1])
    return generator.randrange(LOW, HIGH + 1) >> generator.randrange(24)


@pytest.mark.parametrize("seed", range(4), ids=lambda s: f"seed{s}")
def test_apply_scale(seed):
    """The limit of the shift, where everything is 0, changes nothing of the page's 63."""
    generator = random.Random(seed)
    for _ in range(2000):
        value, exponent = element(generator), generator.randrange(-70, 5)
        mantissa = generator.choice([generator.randrange(2**15, 2**16), 2**15, 2**16 - 1])
        shift = min(max(-exponent, 0), SHIFT_LIMIT)
        expected = telling.clip(telling.apply(value, (mantissa, exponent), 0), 24)
        assert apply_scale(value, mantissa, shift) == expected
    assert apply_scale(element(generator), 0, 0) == 0


@pytest.mark.parametrize("seed", range(4), ids=lambda s: f"seed{s}")
def test_gates(seed):
    generator = random.Random(seed)
    for _ in range(2000):
        scale = generator.randrange(2**15, 2**16), generator.randrange(-50, -15)
        gate, up, shift = element(generator), element(generator), generator.randrange(1, 25)
        given = telling.clip(telling.apply(gate, scale, 10), 24)
        for kernel, name in ((gate_silu, "silu"), (gate_squared_relu, "squared_relu")):
            expected = telling.gate(gate, up, scale, name, shift)
            assert kernel(given, up, shift=shift) == expected


def test_silu_over_all_inputs():
    z = np.arange(-(2**15), 2**15)
    found = gate_silu(z, np.full_like(z, 1 << 10), shift=10)
    exact = z / 1024 / (1 + np.exp(-z / 1024)) * 1024 * 16
    # In units of z: the table ends at 8, and 32 * sigmoid(-8) is 11 of them.
    assert np.max(np.abs(found - exact) / 16) < 11.1


@pytest.mark.parametrize("seed", range(4), ids=lambda s: f"seed{s}")
def test_codes(seed):
    generator = random.Random(seed)
    for _ in range(200):
        width = generator.randrange(1, 39)
        vector = [generator.randrange(-(2**width), 2**width + 1) for _ in range(8)]
        # Next to a full maximum, where the aligned element is one beyond the aligned maximum.
        vector += [2**width - 1, -(2**width - 1)] if generator.random() < 0.5 else []
        largest = max(abs(value) for value in vector)
        length = largest.bit_length()
        reciprocal = 127 * 2**24 // telling.align(largest, length) if largest else 12345
        codes, _ = telling.quantise(vector)
        assert [make_code(value, length, reciprocal) for value in vector] == codes


@pytest.mark.parametrize("seed", range(4), ids=lambda s: f"seed{s}")
def test_rotation_and_sum(seed):
    generator = random.Random(seed)
    for _ in range(500):
        a, b = (generator.randrange(-5_900_000, 5_900_001) for _ in range(2))
        cosine = generator.randrange(-(2**14), 2**14 + 1)
        sine = int((2**28 - cosine**2) ** 0.5) * generator.choice((-1, 1))
        first, second = rotate(a, b, cosine, sine).values()
        assert [first, second] == telling.rotate([a, b], [(cosine, sine)])
        a, b = element(generator), element(generator)
        assert add_residual(a, b) == telling.clip(a + b, 24)


@pytest.mark.parametrize("activation", ["silu", "squared_relu"])
def test_ranges(activation):
    """Whatever goes on in 24 bits has them; the rest is what the unit's registers are made for."""
    arithmetic = VectorArithmetic(4, activation, 10)
    whole = IntegerRange(LOW, HIGH)
    for name in ("apply", "add", "gate"):
        assert getattr(arithmetic, name).outputs == {"data": whole}
    assert arithmetic.rotate.outputs == {"first": whole, "second": whole}
    assert arithmetic.maximum_width == 39
    assert arithmetic.code.outputs["data"] == IntegerRange(-128, 127)
    assert all(pipeline.held_latency == 0 for pipeline in (arithmetic.apply, arithmetic.code))


@pytest.mark.parametrize("name", ["apply", "rotate", "gate", "code"])
def test_pipelines(name):
    """Gateware of each kernel, a new beat every cycle, against the function itself."""
    generator = random.Random(name)
    config = getattr(VectorArithmetic(2, "silu", 10), name)
    held = {
        input_name: generator.randrange(values.low, values.high + 1)
        for input_name, values in config.inputs.items()
        if input_name in config.held
    }
    if name == "apply":
        held["shift"] = 18
    if name == "code":
        held["length"] = 36
    free = [input_name for input_name in config.inputs if input_name not in held]
    beats = [
        {
            input_name: [
                generator.randrange(
                    config.inputs[input_name].low, config.inputs[input_name].high + 1
                )
                for _ in range(config.count)
            ]
            for input_name in free
        }
        for _ in range(40)
    ]
    part, found = config.create(), []

    async def bench(ctx):
        for input_name, value in held.items():
            ctx.set(part.i[input_name], value)
        for beat in beats + beats[:1] * config.latency:
            for input_name, values in beat.items():
                for place, value in enumerate(values):
                    ctx.set(part.i[input_name][place], value)
            found.append(
                {
                    output: [ctx.get(part.o[output][place]) for place in range(config.count)]
                    for output in config.outputs
                }
            )
            await ctx.tick()

    simulator = Simulator(part)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    for beat, result in zip(beats, found[config.latency :], strict=True):
        for place in range(config.count):
            given = {**held, **{input_name: values[place] for input_name, values in beat.items()}}
            expected = config.compute(*(given[input_name] for input_name in config.inputs))
            expected = expected if isinstance(expected, dict) else {"data": expected}
            assert {output: values[place] for output, values in result.items()} == expected
