"""Training to files: what is written loads and agrees; what is wrong is refused in one line."""

import json
import subprocess
import sys

import numpy as np
import pytest

import sterna
from sterna_models import RECIPES, train
from sterna_models.card import Card
from sterna_models.training import predict


def run(*arguments):
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "sterna_models.train", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture(scope="module")
def short():
    recipe = RECIPES["shuttle_anomaly_mlp"].shortened(epochs=4, train_count=1024, test_count=100)
    module, metrics = recipe.train(seed=3)
    assert len(np.unique(predict(module, recipe.test_inputs()[0]))) > 10  # not all one value
    return recipe, module, metrics


def test_files_agree_with_the_module(short, tmp_path):
    recipe, module, metrics = short
    card = train.write_files(recipe, 3, module, metrics, tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [f"{recipe.name}.{suffix}" for suffix in ("json", "npz", "onnx")]
    text = (tmp_path / "out" / f"{recipe.name}.json").read_text()
    assert Card.from_json(text) == card == Card.from_json(json.dumps(json.loads(text)))
    inputs, _ = recipe.test_inputs()
    outputs = sterna.load(tmp_path / "out" / f"{recipe.name}.onnx").run(inputs)
    assert np.array_equal(np.asarray(outputs, dtype=np.float32), predict(module, inputs))
    assert card.agreement["golden_word_mismatches"] == 0
    assert card.agreement["qonnx_word_mismatches"] == 0
    assert card.accuracy["quantized"] == metrics.quantized_accuracy == card.accuracy["golden"]


def test_files_are_repeatable(short, tmp_path):
    recipe, module, metrics = short
    for folder in ("a", "b"):
        train.write_files(recipe, 3, module, metrics, tmp_path / folder)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_comparison_finds_a_planted_difference(short, tmp_path):
    recipe, module, metrics = short
    train.write_files(recipe, 3, module, metrics, tmp_path)
    inputs, _ = recipe.test_inputs()
    reference = predict(module, inputs)
    reference[7, 1] = np.nextafter(reference[7, 1], np.float32(np.inf))
    agreement = train.compare_file(tmp_path / f"{recipe.name}.onnx", inputs, reference)
    assert agreement["golden_word_mismatches"] == agreement["qonnx_word_mismatches"] == 1
    assert 0 < agreement["golden_largest_difference"] < 1e-4


def test_broken_promise_writes_nothing(short, tmp_path, monkeypatch):
    recipe, module, metrics = short
    monkeypatch.setattr("sterna_models.training.predict", lambda *given: predict(*given) + 1)
    with pytest.raises(ValueError, match=f"^Outputs of {recipe.name} must equal Brevitas' in the"):
        train.write_files(recipe, 3, module, metrics, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_command_refuses_unknown_recipe(tmp_path):
    result = run("no_such_recipe", "-o", str(tmp_path))
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "Recipe must be one of digits_ternary_mlp, " in result.stderr
    assert "not 'no_such_recipe'" in result.stderr


def test_command_refuses_folder(tmp_path):
    (tmp_path / "file").write_text("in the way")
    result = run("digits_int4_mlp", "-o", str(tmp_path / "file" / "below"))
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "Output folder must be writable, not " in result.stderr
