"""The loss of an epoch does not depend on how the data are cut into batches."""

from __future__ import annotations

import math
from functools import partial

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.nn import functional as F

CLASSES = rl.tensor([0, 1, 2, 2, 1, 0, 2, 1, 0, 0, 1, 2])
IGNORED = rl.tensor([-100, -100, 2, 2, 1, 0, 2, -100, 0, 0, 1, 2])
WEIGHT = rl.tensor([1.0, 5.0, 0.25])


def inputs(dtype=rl.float32):
    rl.manual_seed(0)
    return rl.randn(12, 4).to(dtype)


def trainer(loss, compile=False, out=3, last=None, lr=0.1, dtype=rl.float32, **options):
    rl.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, out), *([last] if last else [])).to(dtype)
    optimizer = rl.optim.SGD(model.parameters(), lr=lr)
    return rl.train.Trainer(model, optimizer, loss, compile=compile, progress=False, **options)


def whole(made, x, y):
    with rl.no_grad():
        return made.loss(made.model(x), y).item()


CASES = [
    (nn.CrossEntropyLoss(weight=WEIGHT), CLASSES),
    (nn.CrossEntropyLoss(weight=WEIGHT), IGNORED),
    (nn.CrossEntropyLoss(), IGNORED),
    (nn.CrossEntropyLoss(ignore_index=2, weight=WEIGHT, label_smoothing=0.2), CLASSES),
    (nn.CrossEntropyLoss(), CLASSES),
    (nn.NLLLoss(weight=WEIGHT), CLASSES),
    (nn.NLLLoss(), IGNORED),
    (F.cross_entropy, IGNORED),
    (partial(F.cross_entropy, weight=WEIGHT), CLASSES),
    (partial(F.nll_loss, ignore_index=0), CLASSES),
]


@pytest.mark.parametrize("dtype", [rl.float32, rl.float64])
@pytest.mark.parametrize("case", range(len(CASES)))
def test_one_by_one_or_all_at_once(case, dtype):
    loss, y = CASES[case]
    made = trainer(loss, last=nn.LogSoftmax(1) if "NLL" in str(loss) or "nll" in str(loss) else None)
    made.model.to(dtype)
    if isinstance(loss, nn.Module):
        loss.to(dtype)
    x = inputs(dtype)
    right = whole(made, x, y) if dtype is rl.float32 or isinstance(loss, nn.Module) else None
    got = [made.evaluate((x, y), batch_size=n)["loss"] for n in (1, 5, 12)]
    if isinstance(loss, nn.Module):
        loss.to(rl.float32)
    assert right is None or got == pytest.approx([right] * 3, rel=1e-6)
    assert got == pytest.approx([got[2]] * 3, rel=1e-6)


@pytest.mark.parametrize("compile", [False, True])
def test_history_and_compiled_validation_are_weighed(compile):
    x, y = inputs(), IGNORED
    made = trainer(nn.CrossEntropyLoss(weight=WEIGHT), compile=compile, lr=0.0)
    right = whole(made, x, y)
    history = made.fit(
        (x, y),
        epochs=3,
        batch_size=1,
        shuffle=True,
        validation=[(x[i : i + 1], y[i : i + 1]) for i in range(12)],
    )
    assert history["train_loss"] == pytest.approx([right] * 3, rel=1e-6)
    assert history["validation_loss"] == pytest.approx([right] * 3, rel=1e-6)
    assert made.evaluate((x, y), batch_size=2)["loss"] == pytest.approx(right, rel=1e-6)


@pytest.mark.parametrize("compile", [False, True])
def test_a_batch_that_is_all_ignored_changes_nothing(compile):
    x = inputs()
    y = rl.full((12,), -100)
    made = trainer(nn.CrossEntropyLoss(), compile=compile)
    before = [p.detach().clone() for p in made.model.parameters()]
    history = made.fit((x, y), epochs=1, batch_size=4)
    assert math.isnan(history["train_loss"][0])
    assert all(bool((a == b).all()) for a, b in zip(before, made.model.parameters(), strict=True))
    assert math.isnan(made.evaluate((x, y))["loss"])


def test_sweeps_weigh_as_fit_does_bit_for_bit():
    def build(weight, ignore):
        return trainer(nn.CrossEntropyLoss(weight=rl.tensor(weight), ignore_index=ignore), compile="auto")

    configs = rl.grid(weight=[[1.0, 5.0, 0.3], [0.0, 1.0, 1.0]], ignore=[-100])
    data, check = (inputs(), IGNORED), (inputs()[:5], CLASSES[:5])
    found = rl.sweep(build, configs, data, 3, validation=check, batch_size=5, progress=False)
    assert found.compiled
    for run in found:
        rl.manual_seed(0)
        alone = build(**run.config)
        alone.seed = 0
        alone.fit(data, 3, validation=check, batch_size=5)
        for column in ("train_loss", "validation_loss"):
            assert run.history[column] == alone.history[column]


def test_losses_of_all_reductions():
    x, y = inputs(), rl.randn(12, 3)
    mean, total = trainer(nn.MSELoss()), trainer(nn.MSELoss(reduction="sum"))
    assert mean.evaluate((x, y), batch_size=5)["loss"] == pytest.approx(whole(mean, x, y), rel=1e-6)
    assert total.evaluate((x, y), batch_size=5)["loss"] == pytest.approx(whole(total, x, y) / 12, rel=1e-6)
    with pytest.raises(rl.errors.ShapeError, match="reduction"):
        trainer(nn.MSELoss(reduction="none")).evaluate((x, y))


def test_batches_of_sequences_of_different_lengths():
    def batch(n, length):
        return rl.randn(n, length, 4), rl.randn(n, length, 3)

    rl.manual_seed(3)
    batches = [batch(2, 5), batch(3, 1)]
    made = trainer(nn.MSELoss())
    squares = sum(((made.model(x) - y) ** 2).sum().item() for x, y in batches)
    count = sum(y.numel() for _, y in batches)
    assert made.evaluate(batches)["loss"] == pytest.approx(squares / count, rel=1e-6)


def test_a_loss_of_ones_own_says_what_its_samples_count():
    class Masked:
        def __call__(self, output, target):
            mask = target >= 0
            return (rl.where(mask, (output - target) ** 2, 0.0)).sum() / mask.sum()

        def sample_weights(self, target):
            return (target >= 0).float().sum(1)

    x, y = inputs(), rl.randn(12, 3)
    made = trainer(Masked())
    assert made.evaluate((x, y), batch_size=1)["loss"] == pytest.approx(whole(made, x, y), rel=1e-5)


def test_float_labels_are_refused_by_the_loss_itself() -> None:
    model = rl.nn.Linear(3, 2)
    trainer = rl.train.Trainer(model, rl.optim.SGD(model.parameters(), lr=0.1), rl.nn.CrossEntropyLoss())
    with pytest.raises(rl.errors.RushlightError, match="cross_entropy"):
        trainer.fit((rl.rand(8, 3), rl.zeros(8)), 1)


def test_early_stopping_is_no_number() -> None:
    model = rl.nn.Linear(3, 2)
    with pytest.raises(rl.errors.ArgumentError, match=r"EarlyStopping\(patience=3\)"):
        rl.train.Trainer(model, rl.optim.SGD(model.parameters(), lr=0.1), F.mse_loss, early_stopping=3)  # type: ignore[arg-type]
