"""The committed networks: complete, as their cards say, readable without torch, and exact."""

import subprocess
import sys

import numpy as np
import pytest

import sterna
from sterna import ir
from sterna_models import RECIPES, zoo
from sterna_models.card import file_digest

LARGEST_TEST_SET = 2**20
ALPHABETS = {
    "digits_ternary_mlp": ("ternary", 1),
    "digits_binary_mlp": ("binary", 1),
    "digits_int4_mlp": ("ternary", 3),
    "digits_shift_mlp": ("shifts", 1),
    "digits_ternary_cnn": ("ternary", 1),
    "digits_ternary_residual": ("ternary", 1),
    "digits_int4_separable": ("ternary", 3),
    "fashion_ternary_cnn": ("ternary", 1),
    "vowels_ternary_cnn": ("ternary", 1),
    "can_intrusion_mlp": ("two_bit", 1),
    "shuttle_anomaly_mlp": ("ternary", 1),
}
COUNTS = {"fashion_ternary_cnn": (60_000, 10_000)}
"""Samples to train and to test, as published, where only a part of them is here: these networks
are compared with their whole data sets by the command `sterna_models.check_zoo`."""


def test_every_recipe_has_its_network():
    assert set(zoo.names()) == set(RECIPES)


def test_loads_without_torch_and_data_packages():
    program = (
        "import sys\n"
        "for name in ('torch', 'brevitas', 'mlxtend', 'sklearn', 'river', 'sktime', 'pandas'):\n"
        "    sys.modules[name] = None\n"
        "import sterna\n"
        "from sterna_models import zoo\n"
        "for name in zoo.names():\n"
        "    inputs, labels = zoo.test_set(name)\n"
        "    found = sterna.load(zoo.path(name)).run(inputs[:8]).argmax(axis=1)\n"
        "    assert zoo.card(name).name == name and len(found) == 8\n"
    )
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_card_describes_the_files(name):
    card = zoo.card(name)
    size = card.size
    assert card.name == name
    assert size["onnx_bytes"] == zoo.path(name).stat().st_size
    assert size["onnx_sha256"] == file_digest(zoo.path(name))
    test_set = zoo.path(name).with_suffix(".npz")
    assert size["test_set_bytes"] == test_set.stat().st_size <= LARGEST_TEST_SET
    assert size["test_set_sha256"] == file_digest(test_set)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_card_describes_the_recipe(name):
    card, recipe = zoo.card(name), RECIPES[name]
    data = recipe.data()
    assert card.data["name"] == data.name
    assert card.data["synthetic"] == data.synthetic
    assert card.data["class_names"] == list(data.class_names)
    counts = COUNTS.get(name, (len(data.train_labels), len(data.test_labels)))
    assert (card.data["train_count"], card.data["test_count"]) == counts
    assert card.network["hidden_sizes"] == list(recipe.network.hidden_sizes)
    assert card.network["weight_quantizer"] == recipe.network.weight_quantizer
    assert card.training["quantized_epochs"] == recipe.training.quantized_epochs
    assert card.training["seed"] == recipe.seed
    assert f"sterna_models.train {name}" in card.retrain
    weights = [value.numel() for value in recipe.build().parameters() if value.ndim > 1]
    assert card.size["weights"] == sum(weights)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_card_describes_the_test_set(name):
    inputs, labels = zoo.test_set(name)
    card, recipe = zoo.card(name), RECIPES[name]
    assert inputs.dtype == np.float32
    assert card.committed_count == len(labels) == len(inputs)
    assert len(labels) == (recipe.committed_samples or card.data["test_count"])
    assert card.data["input_shape"] == list(inputs.shape[1:])


@pytest.mark.parametrize("name", sorted(set(RECIPES) - set(COUNTS)))
def test_test_set_is_that_of_the_recipe(name):
    inputs, labels = zoo.test_set(name)
    recipe = RECIPES[name]
    expected_inputs, expected_labels = recipe.test_inputs()
    committed = slice(recipe.committed_samples)
    assert np.array_equal(inputs, expected_inputs[committed])
    assert np.array_equal(labels, expected_labels[committed])


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_golden_accuracy_is_that_of_the_card(name):
    inputs, labels = zoo.test_set(name)
    found = np.asarray(sterna.load(zoo.path(name)).run(inputs)).argmax(axis=1)
    card = zoo.card(name)
    accuracy = card.accuracy
    assert float((found == labels).mean()) == card.committed_accuracy
    assert accuracy["golden"] == accuracy["quantized"] > accuracy["majority"]
    if card.committed_count < card.data["test_count"]:
        return
    for label, class_name in enumerate(card.data["class_names"]):
        chosen = labels == label
        assert accuracy["recalls"][class_name] == float((found[chosen] == label).mean())


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_promised_equality_was_measured(name):
    agreement = zoo.card(name).agreement
    assert agreement["golden_label_mismatches"] == agreement["qonnx_label_mismatches"] == 0
    if RECIPES[name].network.settled:
        assert agreement["golden_word_mismatches"] == agreement["qonnx_word_mismatches"] == 0


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_weights_are_letters_of_the_intended_alphabet(name):
    graph = sterna.load(zoo.path(name))
    products = [op for op in graph.ops if isinstance(op, ir.MatMul | ir.GroupMatMul)]
    layers = [value for value in RECIPES[name].build().parameters() if value.ndim > 1]
    assert len(products) == len(layers)
    assert {(op.alphabet.name, op.planes) for op in products} == {ALPHABETS[name]}


def test_only_the_generated_set_is_called_synthetic():
    synthetic = {name for name in zoo.names() if zoo.card(name).data["synthetic"]}
    assert synthetic == {"can_intrusion_mlp"}


@pytest.mark.parametrize("function", [zoo.path, zoo.card, zoo.test_set])
def test_refuses_unknown_name(function):
    message = "^Zoo network must be one of can_intrusion_mlp, .*, not 'nothing'$"
    with pytest.raises(ValueError, match=message):
        function("nothing")


def test_written_test_set_is_repeatable(tmp_path):
    codes = np.arange(-6, 6, dtype=np.int8).reshape(4, 3)
    for file in ("a.npz", "b.npz"):
        zoo.write_test_set(tmp_path / file, codes, np.array([0, 1, 2, 1]), 0.5)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
