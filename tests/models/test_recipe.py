"""Recipes are readable without torch, name what exists, and refuse what makes no sense."""

import subprocess
import sys

import numpy as np
import pytest

from sterna_models import RECIPES, quantizers
from sterna_models.recipe import Activation, ResidualBlock

EXPECTED = {
    "digits_ternary_mlp",
    "digits_binary_mlp",
    "digits_int4_mlp",
    "digits_shift_mlp",
    "digits_ternary_cnn",
    "digits_ternary_residual",
    "digits_int4_separable",
    "fashion_ternary_cnn",
    "vowels_ternary_cnn",
    "can_intrusion_mlp",
    "shuttle_anomaly_mlp",
}


def test_registry_is_keyed_by_name():
    assert set(RECIPES) == EXPECTED
    assert all(recipe.name == name for name, recipe in RECIPES.items())


def test_registry_needs_no_torch():
    program = (
        "import sys\n"
        "for name in ('torch', 'brevitas', 'sklearn', 'river', 'mlxtend', 'sktime'):\n"
        "    sys.modules[name] = None\n"
        "from sterna_models import RECIPES\n"
        "inputs, labels = RECIPES['can_intrusion_mlp'].test_inputs()\n"
        "assert len(inputs) == len(labels)\n"
    )
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_input_quantiser_has_the_data_on_its_grid_or_coarser(name):
    recipe = RECIPES[name]
    inputs, _ = recipe.test_inputs()
    step = recipe.network.input_activation.step
    assert step >= recipe.data().scale
    codes = np.round(inputs / np.float32(step))
    assert codes.max() <= recipe.network.input_activation.largest_magnitude + 1


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_quantiser_exists(name):
    assert RECIPES[name].network.weight_quantizer in quantizers.__all__


@pytest.mark.parametrize(
    ("activation", "step", "largest"),
    [
        (Activation(4, 1.0), 1 / 16, 15),
        (Activation(1, 2.0), 1.0, 1),
        (Activation(8, 2.0, signed=True), 1 / 64, 128),
        (Activation(2, 4.0), 1.0, 3),
    ],
)
def test_activation(activation, step, largest):
    assert (activation.step, activation.largest_magnitude) == (step, largest)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1.0), "Bit width must be from 1 to 8, not 0"),
        ((9, 1.0), "Bit width must be from 1 to 8, not 9"),
        ((4, 0.0), "Full scale must be a power of two, not 0.0"),
        ((4, 3.0), "Full scale must be a power of two, not 3.0"),
        ((4, -2.0), "Full scale must be a power of two, not -2.0"),
    ],
)
def test_activation_refuses(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Activation(*arguments)


def test_residual_block_refuses():
    signed, unsigned = Activation(4, 4.0, signed=True), Activation(4, 4.0)
    with pytest.raises(ValueError, match="^Kernel of a residual block must be odd, not 2$"):
        ResidualBlock(4, signed, kernel=2)
    with pytest.raises(ValueError, match="^Branch activation of a residual block must be signed"):
        ResidualBlock(4, unsigned)
