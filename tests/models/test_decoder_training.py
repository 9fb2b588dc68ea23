"""Training lowers the loss and is seeded; measuring and writing text do what they say."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sterna.decoder.shape import DecoderShape
from sterna_models.decoder import Decoder
from sterna_models.decoder_training import evaluate, generate, train_decoder
from sterna_models.text_recipe import DecoderTraining

SHAPE = DecoderShape(
    layers=1,
    hidden=32,
    feed_forward=48,
    heads=2,
    kv_heads=1,
    head_size=32,
    vocabulary=7,
    context=16,
)
STREAM = np.arange(4000, dtype=np.uint8) % 7
TRAINING = DecoderTraining(
    phases=((25, 8, 8), (15, 4, 16)), learning_rate=1e-2, warm_up=5, compiled=False
)


def trained(seed: int, training: DecoderTraining = TRAINING) -> tuple[Decoder, list[float]]:
    torch.manual_seed(seed)
    decoder, losses = Decoder(SHAPE), []
    train_decoder(decoder, STREAM, training, seed, lambda step, loss: losses.append(loss))
    return decoder, losses


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return trained(1)[0]


def test_learns_a_simple_text(decoder):
    torch.manual_seed(1)
    assert evaluate(Decoder(SHAPE), STREAM, limit=4) > 1.5
    assert evaluate(decoder, STREAM, limit=4) < 0.3
    assert generate(decoder, STREAM[:4], 10).tolist() == STREAM[4:14].tolist()


def test_reports_every_step_and_ends_in_exact_evaluation(decoder):
    short = replace(TRAINING, phases=((3, 2, 8), (2, 2, 16)))
    _, losses = trained(2, short)
    assert len(losses) == short.step_count == 5
    assert short.token_count == 3 * 2 * 8 + 2 * 2 * 16
    assert not decoder.training
    assert decoder.matmul_dtype == torch.float32


@pytest.mark.parametrize("seed", range(2), ids=lambda seed: f"seed{seed}")
def test_seed_fixes_the_run(seed):
    short = replace(TRAINING, phases=((4, 2, 8),))
    assert trained(seed, short)[1] == trained(seed, short)[1]
    assert trained(seed, short)[1] != trained(seed + 1, short)[1]


def test_loss_is_the_mean_over_windows(decoder):
    random = np.random.default_rng(4).integers(0, 7, 16 * 5 + 1)
    expected = []
    for start in range(0, 80, 16):
        tokens = torch.from_numpy(random[start : start + 17])[None]
        shares = decoder.quantised_logits(tokens[:, :-1]).double().log_softmax(dim=-1)
        expected += shares[0].gather(1, tokens[0, 1:, None]).flatten().tolist()
    assert evaluate(decoder, random, batch=2) == pytest.approx(-np.mean(expected), rel=1e-5)
    assert evaluate(decoder, random, quantised=False) != evaluate(decoder, random)


def test_refuses_a_stream_without_a_window(decoder):
    with pytest.raises(ValueError, match="Stream must hold more than 16 tokens, not 16"):
        evaluate(decoder, STREAM[:16])


def test_drawn_text_is_seeded(decoder):
    drawn = [generate(decoder, STREAM[:3], 12, 5.0, seed).tolist() for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(("prompt", "count"), [(0, 3), (14, 3)])
def test_refuses_prompts_that_do_not_fit(decoder, prompt, count):
    with pytest.raises(ValueError, match=f"Prompt must be from 1 to 13 tokens, not {prompt}"):
        generate(decoder, STREAM[:prompt], count)
