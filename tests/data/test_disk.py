from __future__ import annotations

import json
import math

import numpy as np
import pytest

from rushlight.core.tensor import wrap
from rushlight.data import Disk
from rushlight.errors import ArgumentError, ShapeError


def test_points_and_labels() -> None:
    disk = Disk(20000, seed=1)
    points = disk.points.numpy().astype(np.float64)
    assert points.min() >= 0
    assert points.max() < 1
    inside = ((points - 0.5) ** 2).sum(1) <= 1 / (2 * math.pi)
    np.testing.assert_array_equal(disk.labels.numpy(), inside)
    # Half of the square is disk; four deviations of a fair coin around it.
    assert abs(inside.mean() - 0.5) < 4 * 0.5 / math.sqrt(20000)
    assert math.isclose(math.pi * Disk.RADIUS**2, 0.5)
    # Every ninth of the square gets its share.
    cells = np.histogram2d(*points.T, bins=3)[0] / 20000
    np.testing.assert_allclose(cells, 1 / 9, atol=0.01)


def test_inputs_are_normalised_by_the_training_statistics() -> None:
    train, test = Disk(1000, seed=3), Disk(1000, seed=3, split="test")
    raw = train.points.numpy().astype(np.float64)
    np.testing.assert_allclose(train.inputs.numpy().mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(train.inputs.numpy().std(0), 1, atol=1e-6)
    expected = (test.points.numpy().astype(np.float64) - raw.mean(0)) / raw.std(0)
    np.testing.assert_allclose(test.inputs.numpy(), expected, atol=1e-6)
    np.testing.assert_array_equal(test.mean.numpy(), train.mean.numpy())
    np.testing.assert_array_equal(test.normalise(test.points).numpy(), test.inputs.numpy())
    np.testing.assert_array_equal(test.normalise(test.points.tolist()).numpy(), test.inputs.numpy())


def test_a_test_set_of_another_size_keeps_the_training_statistics() -> None:
    train = Disk(200, seed=3)
    test = Disk(1000, seed=3, split="test", train_size=200)
    np.testing.assert_array_equal(test.std.numpy(), train.std.numpy())


def test_streams() -> None:
    one, again, other = Disk(100, 5), Disk(100, 5), Disk(100, 6)
    np.testing.assert_array_equal(one.points.numpy(), again.points.numpy())
    assert not np.intersect1d(one.points.numpy(), other.points.numpy()).size
    assert not np.intersect1d(one.points.numpy(), Disk(100, 5, "test").points.numpy()).size
    np.testing.assert_array_equal(Disk(50, 5).points.numpy(), one.points.numpy()[:50])


def test_dtypes_hold_the_same_points() -> None:
    narrow, wide = Disk(100), Disk(100, dtype="float64")
    assert wide.inputs.dtype == wide.targets.dtype == np.float64
    assert narrow.inputs.dtype == narrow.targets.dtype == np.float32
    np.testing.assert_array_equal(wide.points.numpy(), narrow.points.numpy())
    np.testing.assert_array_equal(wide.labels.numpy(), narrow.labels.numpy())


def test_targets() -> None:
    labels = Disk(100).labels.numpy()
    scalar, signed, one_hot, kind = (Disk(100, targets=t).targets.numpy() for t in Disk.TARGETS)
    np.testing.assert_array_equal(scalar, labels[:, None])
    np.testing.assert_array_equal(signed, 2 * labels[:, None] - 1)
    np.testing.assert_array_equal(one_hot, np.stack([1 - labels, labels], 1))
    np.testing.assert_array_equal(kind, labels)
    assert kind.dtype == np.int64
    assert {scalar.dtype, signed.dtype, one_hot.dtype} == {np.dtype("float32")}


def test_without_normalisation() -> None:
    disk = Disk(100, normalize=False)
    np.testing.assert_array_equal(disk.inputs.numpy(), disk.points.numpy())
    assert disk.mean.tolist() == [0, 0]
    assert disk.std.tolist() == [1, 1]


def test_one_point() -> None:
    assert np.isfinite(Disk(1).inputs.numpy()).all()


def test_describe_makes_it_again() -> None:
    facts = Disk(60, 2, "test", "one_hot", train_size=80).describe()
    assert json.loads(json.dumps(facts)) == facts
    again = Disk(**{key: facts[key] for key in ("n", "seed", "split", "targets", "normalize", "train_size")})
    assert again.describe() == facts


def test_label_takes_any_shape() -> None:
    grid = np.zeros((4, 5, 2))
    assert Disk.label(grid).shape == (4, 5)
    assert Disk.label(wrap(np.array([0.5, 0.89]))).item() == 1
    assert Disk.label([0.5, 0.9]).item() == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 0}, "n=0"),
        ({"n": 2.5}, "n=2.5"),
        ({"split": "validation"}, "'train', 'test'"),
        ({"targets": "soft"}, "'scalar', 'signed', 'one_hot', 'class'"),
        ({"seed": 2**64}, "seed"),
        ({"train_size": 0}, "train_size=0"),
        ({"dtype": "int64"}, "floating"),
    ],
)
def test_options_are_checked(options: dict[str, object], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        Disk(**options)  # type: ignore[arg-type]


def test_points_of_three_coordinates_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(1, 3\)"):
        Disk(10).normalise([[1.0, 2.0, 3.0]])
