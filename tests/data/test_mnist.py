from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rushlight.core.tensor import wrap
from rushlight.data import MNIST, FashionMNIST, encode_idx
from rushlight.data.sources import FASHION_MNIST, MNIST_DIGITS
from rushlight.errors import ArgumentError, DataError, ShapeError
from tests.data.conftest import TEST, TRAIN, Mirror

Tiny = Callable[..., type[MNIST]]
Arrays = dict[str, np.ndarray]


def test_the_three_parts(tiny: Tiny, folder: Path, arrays: Arrays) -> None:
    train = tiny()(folder, validation_size=10)
    validation = tiny()(folder, split="validation", validation_size=10)
    test = tiny()(folder, split="test", validation_size=10)
    assert (len(train), len(validation), len(test)) == (TRAIN - 10, 10, TEST)
    np.testing.assert_array_equal(train.images.numpy(), arrays["train-images"][:-10])
    np.testing.assert_array_equal(validation.targets.numpy(), arrays["train-labels"][-10:])
    np.testing.assert_array_equal(test.images.numpy(), arrays["test-images"])
    assert train.targets.dtype == np.int64
    assert train.images.dtype == np.uint8
    assert train[3][1].item() == arrays["train-labels"][3]
    assert len(tiny()(folder, validation_size=0)) == TRAIN


def test_a_seed_draws_the_validation_part(tiny: Tiny, folder: Path, arrays: Arrays) -> None:
    parts = [tiny()(folder, split=s, validation_size=10, seed=3) for s in ("train", "validation")]
    both = np.concatenate([p.images.numpy() for p in parts])
    assert sorted(x.tobytes() for x in both) == sorted(x.tobytes() for x in arrays["train-images"])
    again = tiny()(folder, split="validation", validation_size=10, seed=3)
    np.testing.assert_array_equal(again.images.numpy(), parts[1].images.numpy())
    other = tiny()(folder, split="validation", validation_size=10, seed=4)
    assert (other.images.numpy() != parts[1].images.numpy()).any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_inputs(tiny: Tiny, folder: Path, arrays: Arrays, dtype: str) -> None:
    raw = arrays["test-images"].reshape(TEST, 784) / 255.0
    scaled = tiny()(folder, split="test", validation_size=0, dtype=dtype)
    np.testing.assert_allclose(scaled.inputs.numpy(), (raw - 0.1307) / 0.3081, rtol=1e-5, atol=1e-6)
    assert scaled.inputs.dtype == dtype
    plain = tiny()(folder, split="test", validation_size=0, dtype=dtype, normalize=False, flatten=False)
    assert plain.inputs.shape == (TEST, 1, 28, 28)
    np.testing.assert_allclose(plain.inputs.numpy().reshape(TEST, 784), raw, rtol=1e-6)
    assert (plain.mean, plain.std) == (0.0, 1.0)


def test_prepare_needs_no_files() -> None:
    picture = np.full((28, 28), 255, np.uint8)
    np.testing.assert_allclose(MNIST.prepare(picture).numpy(), (1 - 0.1307) / 0.3081, rtol=1e-6)
    assert MNIST.prepare(wrap(picture[None]), flatten=False).shape == (1, 1, 28, 28)
    np.testing.assert_allclose(FashionMNIST.prepare(picture).numpy(), (1 - 0.2860) / 0.3530, rtol=1e-6)
    with pytest.raises(ShapeError, match="28 x 28"):
        MNIST.prepare(np.zeros((28, 27)))
    with pytest.raises(ArgumentError, match="floating dtype"):
        MNIST.prepare(picture, dtype="int64")


def test_describe_is_plain(tiny: Tiny, folder: Path) -> None:
    facts = tiny()(folder, validation_size=10).describe()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["name"] == "tiny"
    assert facts["n"] == TRAIN - 10
    assert len(facts["classes"]) == 10


@pytest.mark.parametrize("place", ["tiny", "Tiny/raw", ""])
@pytest.mark.parametrize("gzipped", [True, False])
def test_files_are_found(
    tiny: Tiny,
    cache: Path,
    tmp_path: Path,
    arrays: Arrays,
    place: str,
    gzipped: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = tmp_path / "data" / place
    home.mkdir(parents=True)
    for key, array in arrays.items():
        data = encode_idx(array)
        (home / (key + ".gz" * gzipped)).write_bytes(gzip.compress(data) if gzipped else data)
    assert len(tiny()(tmp_path / "data", "test", validation_size=0)) == TEST
    assert len(tiny()(str(tmp_path / "data"), "test", validation_size=0)) == TEST
    with pytest.raises(DataError):
        tiny()(split="test", validation_size=0)
    monkeypatch.setenv("RUSHLIGHT_DATA", str(tmp_path / "data"))
    assert len(tiny()(split="test", validation_size=0)) == TEST


def test_the_cache_is_the_last_resort(
    tiny: Tiny, cache: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.parent.mkdir(parents=True)
    folder.rename(cache)
    monkeypatch.setenv("RUSHLIGHT_DATA", str(tmp_path / "elsewhere"))
    assert len(tiny()(split="test", validation_size=0)) == TEST
    with pytest.raises(DataError):
        tiny()(tmp_path / "elsewhere", "test", validation_size=0)


def test_absent_files_are_fetched_once(
    tiny: Tiny, cache: Path, mirror: Mirror, packed: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    mirror.files = dict(packed)
    kind = tiny("http://127.0.0.1:1/", mirror.url)
    assert len(kind(split="test", validation_size=0)) == TEST
    assert mirror.requests == ["test-images.gz", "test-labels.gz"]
    assert sorted(p.name for p in (cache / "tiny").iterdir()) == ["test-images.gz", "test-labels.gz"]
    assert "fetched test-images.gz" in capsys.readouterr().err
    assert len(kind(split="test", validation_size=0)) == TEST
    assert len(mirror.requests) == 2


def test_fetching_goes_to_the_folder_that_was_named(
    tiny: Tiny,
    cache: Path,
    mirror: Mirror,
    packed: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mirror.files = dict(packed)
    steps: list[str] = []
    kind = tiny(mirror.url)
    kind(tmp_path / "a", "test", validation_size=0, progress=lambda name, done, total: steps.append(name))
    assert (tmp_path / "a" / "tiny" / "test-images.gz").exists()
    assert set(steps) == {"test-images.gz", "test-labels.gz"}
    (tmp_path / "b").mkdir()
    monkeypatch.setenv("RUSHLIGHT_DATA", str(tmp_path / "b"))
    kind(split="test", validation_size=0)
    assert (tmp_path / "b" / "tiny" / "test-labels.gz").exists()
    assert not cache.exists()


def test_a_mirror_with_other_bytes_is_refused(
    tiny: Tiny, cache: Path, mirror: Mirror, packed: dict[str, bytes]
) -> None:
    mirror.files = packed | {"test-images.gz": packed["train-images.gz"]}
    with pytest.raises(DataError, match=r"shape \(30, 28, 28\)"):
        tiny(mirror.url)(split="test", validation_size=0)
    assert not (cache / "tiny").exists()


def test_absent_and_not_fetched_says_what_to_put_where(tiny: Tiny, cache: Path, tmp_path: Path) -> None:
    for kind, options in ((tiny(), {}), (tiny("http://127.0.0.1:1/"), {}), (tiny("x"), {"download": False})):
        with pytest.raises(DataError) as caught:
            kind(tmp_path / "none", "test", validation_size=0, **options)
        text = str(caught.value)
        for part in (
            "2 files missing",
            "test-images.gz (or test-images)",
            "test-labels.gz",
            str(tmp_path / "none"),
        ):
            assert part in text
        assert "RUSHLIGHT_DATA" in text
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[:-100], "truncated gzip file"),
        (lambda data: data + b"x", "after its end"),
        (lambda data: b"<html>not found</html>", "magic number"),
        (lambda data: gzip.compress(bytes([*gzip.decompress(data)[:-1], 0])), "MD5"),
        (lambda data: gzip.compress(encode_idx(np.zeros((TEST, 28, 28), np.int32))), "int32"),
        (
            lambda data: gzip.compress(encode_idx(np.zeros((TEST - 1, 28, 28), np.uint8))),
            r"shape \(9, 28, 28\)",
        ),
    ],
)
def test_a_damaged_file_is_refused_and_left(
    tiny: Tiny, folder: Path, mirror: Mirror, damage: Callable[[bytes], bytes], words: str
) -> None:
    path = folder / "tiny" / "test-images.gz"
    bad = damage(path.read_bytes())
    path.write_bytes(bad)
    with pytest.raises(DataError, match=words) as caught:
        tiny(mirror.url)(folder, "test", validation_size=0)
    assert str(path) in str(caught.value)
    assert (
        "left as it is" in str(caught.value)
        or "it was left" in str(caught.value)
        or "no IDX" in str(caught.value)
    )
    assert path.read_bytes() == bad
    assert mirror.requests == []


def test_labels_of_another_length_are_refused(tiny: Tiny, folder: Path, packed: dict[str, bytes]) -> None:
    (folder / "tiny" / "test-labels.gz").write_bytes(packed["train-labels.gz"])
    with pytest.raises(DataError, match=r"shape \(30,\)"):
        tiny()(folder, "test", validation_size=0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "valid"}, "'train', 'validation', 'test'"),
        ({"split": "train", "validation_size": TRAIN}, "0 to 29"),
        ({"split": "validation", "validation_size": 0}, "1 to 30"),
        ({"validation_size": 1.5}, "integer"),
        ({"seed": "a"}, "seed"),
    ],
)
def test_options_are_checked(tiny: Tiny, folder: Path, options: dict[str, object], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        tiny()(folder, **options)


def test_the_tables_of_the_real_sets() -> None:
    for source in (MNIST_DIGITS, FASHION_MNIST):
        assert all(url.startswith("http") and url.endswith("/") for url in source.mirrors)
        assert all(len(file.md5) == 32 for file in source.files.values())
        assert source.folders[0] == source.name
    assert len(FashionMNIST.classes) == 10


def test_real_mnist(mnist_root: Path) -> None:
    test = MNIST(mnist_root, "test", download=False)
    validation = MNIST(mnist_root, "validation", download=False)
    assert test.inputs.shape == validation.inputs.shape == (10000, 784)
    assert test.targets.numpy()[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    counts = np.bincount(test.targets.numpy())
    assert counts.tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert abs(float(validation.inputs.numpy().mean())) < 0.05
    assert abs(float(validation.inputs.numpy().std()) - 1) < 0.05


def test_real_mnist_in_the_place_of_fashion_is_named(mnist_root: Path, tmp_path: Path) -> None:
    source = next(p for p in (Path(mnist_root) / "mnist", Path(mnist_root)) if p.is_dir())
    for file in source.glob("t10k-*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte of mnist"):
        FashionMNIST(tmp_path, "test", download=False)
