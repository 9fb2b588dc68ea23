"""The committed text model: complete, as its card says, readable without torch."""

import math
import subprocess
import sys

import numpy as np
import pytest

from sterna.decoder.checkpoint import DecoderCheckpoint
from sterna_models import text_zoo, zoo
from sterna_models.card import file_digest
from sterna_models.data.shakespeare import CHARACTERS, clean
from sterna_models.train_text import TEXT_RECIPES

LARGEST_FOLDER = 2 * 10**6
NAME = "shakespeare_ternary"


def test_every_recipe_has_its_model():
    assert set(text_zoo.names()) == set(TEXT_RECIPES)
    assert not set(text_zoo.names()) & set(zoo.names())


def test_reads_without_torch_and_data_packages():
    program = (
        "import sys\n"
        "for name in ('torch', 'brevitas', 'shksprdata', 'mlxtend', 'sklearn'):\n"
        "    sys.modules[name] = None\n"
        "from sterna.decoder.checkpoint import DecoderCheckpoint\n"
        "from sterna_models import text_zoo\n"
        "for name in text_zoo.names():\n"
        "    checkpoint = DecoderCheckpoint.read(text_zoo.folder(name))\n"
        "    assert checkpoint.shape.name == text_zoo.card(name).name == name\n"
        "    assert text_zoo.validation_tokens(name).max() < checkpoint.shape.vocabulary\n"
    )
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


@pytest.mark.parametrize("name", text_zoo.names())
def test_card_describes_the_files(name):
    card, folder = text_zoo.card(name), text_zoo.folder(name)
    assert card.name == name
    assert {path.name for path in folder.iterdir()} == set(card.size["sha256"])
    for file, digest in card.size["sha256"].items():
        assert file_digest(folder / file) == digest
    assert card.size["bytes"] == sum(path.stat().st_size for path in folder.iterdir())
    assert card.size["bytes"] < LARGEST_FOLDER


@pytest.mark.parametrize("name", text_zoo.names())
def test_card_describes_the_recipe(name):
    card, recipe = text_zoo.card(name), TEXT_RECIPES[name]
    shape = DecoderCheckpoint.read(text_zoo.folder(name)).shape
    assert shape == recipe.shape
    assert {**card.network, "statistic": None} == {**vars(shape), "statistic": None}
    assert card.size["ternary_weights"] == shape.ternary_count
    assert card.training["learning_rate"] == recipe.training.learning_rate
    assert card.training["phases"] == [list(phase) for phase in recipe.training.phases]
    assert card.sample["prompt"] == recipe.prompt
    assert card.data["validation_tokens"] == len(text_zoo.validation_tokens(name))


@pytest.mark.parametrize("name", text_zoo.names())
def test_matrices_are_ternary_and_not_empty(name):
    checkpoint = DecoderCheckpoint.read(text_zoo.folder(name))
    for number in range(checkpoint.shape.layers):
        for matrix in checkpoint.layer(number).matrices.values():
            assert set(np.unique(matrix)) == {-1, 0, 1}
            assert 0.2 < (matrix == 0).mean() < 0.5


def test_validation_text_is_clean_and_in_the_vocabulary():
    text = (text_zoo.folder(NAME) / text_zoo.VALIDATION_FILE).read_text()
    assert set(text) <= set(CHARACTERS)
    assert clean(text) == text
    counts = np.bincount(text_zoo.validation_tokens(NAME), minlength=65)
    assert (counts > 0).all()


@pytest.mark.parametrize("name", text_zoo.names())
def test_losses_are_in_order(name):
    loss = text_zoo.card(name).loss
    assert loss["quantised"] < 0.55 * loss["unigram"]
    # int8 activations, keys and values cost little of a network that was trained with them
    assert math.exp(abs(loss["quantised"] - loss["float"])) < 1.02


@pytest.mark.parametrize("kind", ["float", "quantised"])
def test_torch_gives_the_loss_of_the_card(kind):
    from sterna_models.decoder_files import load
    from sterna_models.decoder_training import evaluate

    card = text_zoo.card(NAME)
    decoder = load(text_zoo.folder(NAME))
    tokens = text_zoo.validation_tokens(NAME)
    found = evaluate(decoder, tokens, kind == "quantised", card.loss["sampled_windows"])
    # Other processors sum float32 in another order, and some codes then go the other way.
    assert found == pytest.approx(card.loss[f"{kind}_sampled"], abs=2e-3)


@pytest.mark.parametrize("function", [text_zoo.folder, text_zoo.card, text_zoo.validation_tokens])
def test_refuses_other_names(function):
    names = "shakespeare_ternary, shakespeare_tiny"
    with pytest.raises(ValueError, match=f"Text model must be one of {names}, not 'nothing'"):
        function("nothing")
