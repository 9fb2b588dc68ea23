"""From a text recipe to files and card, on a corpus of one sentence; the errors on the way."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from sterna.decoder.checkpoint import DecoderCheckpoint
from sterna.decoder.shape import DecoderShape
from sterna_flows.cli import run
from sterna_models import train_text
from sterna_models.card import file_digest
from sterna_models.data.shakespeare import CHARACTERS, TextCorpus, decode, encode
from sterna_models.text_card import TextCard
from sterna_models.text_recipe import DecoderTraining, TextRecipe
from sterna_models.train_text import (
    TEXT_RECIPES,
    find_text_recipe,
    train_text_to_folder,
    unigram_loss,
    with_golden_loss,
)

SENTENCE = "Out, out, brief candle!\nLife's but a walking shadow.\n\n"


def _corpus() -> TextCorpus:
    tokens = encode(SENTENCE * 20)
    return TextCorpus("one", "a test", "none", "twice the same", CHARACTERS, tokens, tokens[:200])


TOY = TextRecipe(
    name="toy_text",
    summary="one sentence",
    load_corpus=_corpus,
    shape=DecoderShape(
        layers=1,
        hidden=32,
        feed_forward=48,
        heads=2,
        kv_heads=1,
        head_size=32,
        vocabulary=65,
        context=32,
        name="toy_text",
    ),
    prompt="Out, out",
    training=DecoderTraining(phases=((30, 4, 32),), compiled=False, warm_up=3),
)


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(TEXT_RECIPES, "toy_text", TOY)
    return TOY


def test_writes_model_text_and_card(toy, tmp_path):
    lines = []
    card = train_text_to_folder("toy_text", tmp_path, seed=3, progress=lines.append)
    written = (tmp_path / "toy_text.json").read_text()
    assert written == card.to_json() == TextCard.from_json(written).to_json()
    files = tmp_path / "toy_text"
    assert {path.name for path in files.iterdir()} == set(card.size["sha256"])
    assert all(file_digest(files / name) == value for name, value in card.size["sha256"].items())
    assert DecoderCheckpoint.read(files).shape == toy.shape
    assert (files / "validation.txt").read_text() == decode(_corpus().validation)
    assert lines[-1].startswith("step 30/30: loss ")
    assert card.loss["quantised"] < card.loss["unigram"]
    assert card.loss["golden_sampled"] is None
    assert (card.loss["windows"], card.loss["sampled_windows"]) == (6, 6)
    assert card.loss["quantised"] == card.loss["quantised_sampled"]
    assert card.size["ternary_weights"] == toy.shape.ternary_count
    assert card.retrain == "sterna train toy_text --seed 3"
    assert len(card.sample["greedy"]) == 32 - len(toy.prompt)
    assert with_golden_loss(card, 1.25).loss["golden_sampled"] == 1.25


def test_a_failed_run_writes_nothing(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(train_text, "_LARGEST_DIFFERENCE", -1.0)
    with pytest.raises(ValueError, match="Logits of toy_text must be the same from its files"):
        train_text_to_folder("toy_text", tmp_path)
    assert not list(tmp_path.iterdir())


def test_unigram_loss_is_the_entropy_of_a_text_of_its_own():
    tokens = np.array([0, 1] * 5000, dtype=np.uint8)
    corpus = replace(_corpus(), train=tokens, validation=tokens)
    assert unigram_loss(corpus) == pytest.approx(np.log(2), abs=0.01)


def test_refuses_other_names():
    with pytest.raises(
        ValueError,
        match="Text recipe must be one of shakespeare_ternary, shakespeare_tiny, not 'x'",
    ):
        find_text_recipe("x")


def test_command_says_errors_in_one_line():
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-m", "sterna_models.train_text", "milton"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert (
        "Text recipe must be one of shakespeare_ternary, shakespeare_tiny, not 'milton'"
        in done.stderr
    )


def test_recipes_are_read_without_torch():
    program = (
        "import sys\n"
        "for name in ('torch', 'brevitas', 'shksprdata'):\n"
        "    sys.modules[name] = None\n"
        "from sterna_models.train_text import TEXT_RECIPES\n"
        "assert TEXT_RECIPES['shakespeare_ternary'].shape.ternary_count == 1622016\n"
    )
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def test_sterna_train_knows_text_recipes(toy, tmp_path, capsys):
    assert run(["train", "toy_text", "-o", str(tmp_path)]) == 0
    assert "toy_text: float " in capsys.readouterr().out
    assert (tmp_path / "toy_text" / "weights.safetensors").is_file()
