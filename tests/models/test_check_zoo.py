"""The comparison with a whole data set: it passes where all is right and names what is not."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from sterna_models import RECIPES, zoo
from sterna_models.check_zoo import check_network

NAME = "shuttle_anomaly_mlp"


def altered(**arrays):
    """The recipe with other data; arrays are functions of what is there."""
    recipe = RECIPES[NAME]
    data = recipe.data()
    changed = {part: change(getattr(data, part).copy()) for part, change in arrays.items()}
    return replace(recipe, load_data=lambda: replace(data, **changed), _cache={})


def turned(values):
    values[-1] = values[-1] ^ 1
    return values


def test_accuracy_is_that_of_the_card():
    assert check_network(RECIPES[NAME]) == zoo.card(NAME).accuracy["quantized"]


def test_other_samples_are_found():
    with pytest.raises(ValueError, match="^Committed samples of shuttle_anomaly_mlp must be the "):
        check_network(altered(test_codes=turned))


def test_other_labels_are_found():
    def all_the_same(labels):
        return np.zeros_like(labels)

    with pytest.raises(ValueError, match="^Committed samples of shuttle_anomaly_mlp must be the "):
        check_network(altered(test_labels=all_the_same))


def test_wrong_accuracy_is_found(monkeypatch):
    card = zoo.card(NAME)
    wrong = replace(card, accuracy={**card.accuracy, "golden": card.accuracy["golden"] - 1e-4})
    monkeypatch.setattr(zoo, "card", lambda name: wrong)
    with pytest.raises(ValueError, match="^Card of shuttle_anomaly_mlp must state the golden "):
        check_network(RECIPES[NAME])


def test_wrong_count_is_found(monkeypatch):
    card = zoo.card(NAME)
    monkeypatch.setattr(
        zoo, "card", lambda name: replace(card, data={**card.data, "test_count": 1})
    )
    with pytest.raises(ValueError, match="^Card of shuttle_anomaly_mlp must state [0-9]+ test sam"):
        check_network(RECIPES[NAME])


@pytest.mark.parametrize(
    ("name", "environment", "status", "text"),
    [
        (NAME, {}, 0, "test samples, as its card says"),
        ("nothing", {}, 2, "Recipe must be one of"),
        (
            "fashion_ternary_cnn",
            {"STERNA_FASHION_MNIST": "none", "XDG_DATA_DIRS": "none"},
            2,
            "Files of Fashion-MNIST must be installed: apt-get install dataset-fashion-mnist",
        ),
    ],
    ids=["right", "no such network", "no data"],
)
def test_command(name, environment, status, text):
    paths = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "sterna_models.check_zoo", name]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**paths, **environment}, check=False
    )
    assert done.returncode == status, done.stderr
    assert text in done.stdout + done.stderr
