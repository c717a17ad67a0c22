"""The data sets: their files found, fetched, checked and read."""

from __future__ import annotations

import gzip
import io
import pickle
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import rushlight as rl
from rushlight.data.sources import DataFile, Source
from rushlight.errors import DataError
from rushlight.vision import datasets, transforms
from rushlight.vision.datasets import mnist as mnist_module
from rushlight.vision.datasets.archives import md5, unpack_archive
from rushlight.vision.datasets.cifar import read_pickle
from rushlight.vision.images import Picture
from tests.data.conftest import Mirror
from tests.vision.conftest import idx_files, python2_batch

TRAIN, TEST = 30, 10


def small(kind: type[datasets.MNIST], files: dict[str, bytes], *mirrors: str) -> type[datasets.MNIST]:
    """A class like `kind` over few pictures."""
    found = {}
    for part, name, count in (("train", "train", TRAIN), ("test", "t10k", TEST)):
        for what, shape in (("images-idx3", (count, 28, 28)), ("labels-idx1", (count,))):
            file = f"{name}-{what}-ubyte"
            found[f"{part}-{what[:6]}"] = DataFile(file, shape, md5(files[file]))
    source = Source("small", ("MNIST/raw", "mnist"), mirrors, found)
    return type("MNIST", (kind,), {"source": source})


def put(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


@pytest.fixture
def digits(nowhere: Path) -> type[datasets.MNIST]:
    files = idx_files(TRAIN, TEST)
    put(nowhere / "MNIST" / "raw", files)
    return small(datasets.MNIST, files)


def test_mnist_in_torchvisions_folders(digits: type[datasets.MNIST], nowhere: Path) -> None:
    train, test = digits(str(nowhere)), digits(nowhere, train=False)
    assert (len(train), len(test)) == (TRAIN, TEST)
    assert train.data.shape == (TRAIN, 28, 28)
    assert train.data.dtype == rl.uint8
    assert train.targets.dtype == rl.int64
    picture, target = train[3]
    assert isinstance(picture, Image.Image)
    assert picture.mode == "L"
    assert np.array_equal(np.asarray(picture), train.data[3].numpy())
    assert type(target) is int
    assert train.class_to_idx["3 - three"] == 3
    assert train.raw_folder == str(nowhere / "MNIST" / "raw")
    with pytest.warns(UserWarning, match="renamed targets"):
        assert train.train_labels is train.targets


def test_without_pillow_there_are_pictures_too(
    digits: type[datasets.MNIST], nowhere: Path, no_pillow: None
) -> None:
    picture, _ = digits(nowhere)[0]
    assert isinstance(picture, Picture)
    assert picture.size == (28, 28)
    steps = [transforms.RandomCrop(24), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    assert digits(nowhere, transform=transforms.Compose(steps))[0][0].shape == (1, 24, 24)


def test_a_repr(digits: type[datasets.MNIST], nowhere: Path) -> None:
    data = digits(nowhere, transform=transforms.Compose([transforms.ToTensor()]), target_transform=float)
    assert repr(data) == (
        f"Dataset MNIST\n    Number of datapoints: 30\n    Root location: {nowhere}\n    Split: Train\n"
        "    StandardTransform\n    Transform: Compose(\n                   ToTensor()\n               )\n"
        "    Target transform: <class 'float'>"
    )


NORMAL = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
CHAINS = [
    transforms.ToTensor(),
    NORMAL,
    transforms.Compose([NORMAL, transforms.Resize(14), transforms.CenterCrop(10), transforms.Pad(1)]),
    transforms.Compose([transforms.ToTensor(), transforms.Lambda(lambda x: x.flatten())]),
    transforms.Compose([transforms.Pad(2), transforms.ToTensor()]),
    lambda picture: rl.tensor(np.asarray(picture)),
]


@pytest.mark.parametrize("transform", CHAINS)
def test_a_batch_is_its_samples(digits: type[datasets.MNIST], nowhere: Path, transform: Any) -> None:
    data = digits(nowhere, transform=transform)
    inputs, targets = data.gather([4, 0, 29])
    alone = [data[i] for i in (4, 0, 29)]
    assert np.allclose(inputs.numpy(), np.stack([x.numpy() for x, _ in alone]), atol=1e-6)
    assert targets.tolist() == [t for _, t in alone]
    assert targets.dtype == rl.int64
    (first, _), *_ = rl.data.DataLoader(data, batch_size=8)
    assert first.shape == (8, *alone[0][0].shape)
    subset = rl.data.Subset(data, [7, 4])
    assert np.array_equal(subset.gather([1])[0].numpy(), data.gather([4])[0].numpy())


def test_what_a_program_changes_is_heeded(digits: type[datasets.MNIST], nowhere: Path) -> None:
    data = digits(nowhere, transform=NORMAL, target_transform=lambda t: t / 2)
    assert data.gather([1])[1].tolist() == [int(data.targets[1]) / 2]
    data.target_transform = None
    chosen = data.targets == data.targets[0]
    data.data, data.targets = data.data[chosen], data.targets[chosen]
    assert len(data) == int(chosen.sum())
    data.targets = [5] * len(data)
    assert data.gather([0])[1].tolist() == [5]

    class Indexed(digits):  # type: ignore[valid-type, misc]
        def __getitem__(self, index: int) -> Any:
            return (*super().__getitem__(index), index)

    assert Indexed(nowhere, transform=NORMAL).gather([6, 2])[2].tolist() == [6, 2]


def test_absent_files(nowhere: Path) -> None:
    for kind in (datasets.MNIST, datasets.FashionMNIST, datasets.KMNIST, datasets.CIFAR10, datasets.CIFAR100):
        with pytest.raises(RuntimeError, match="download=True") as caught:
            kind(nowhere)
        assert isinstance(caught.value, DataError)
    with pytest.raises(RuntimeError, match="download=True"):
        datasets.EMNIST(nowhere, "letters")
    with pytest.raises(ValueError, match="'byclass'"):
        datasets.EMNIST(nowhere, "capitals")


def test_mnist_is_fetched(nowhere: Path, mirror: Mirror) -> None:
    files = idx_files(TRAIN, TEST)
    mirror.files = {f"{name}.gz": gzip.compress(data) for name, data in files.items()}
    data = small(datasets.MNIST, files, mirror.url)(nowhere, download=True)
    assert len(data) == TRAIN
    assert sorted(p.name for p in (nowhere / "MNIST" / "raw").iterdir()) == [
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
    ]
    small(datasets.MNIST, files)(nowhere)


def test_another_file_is_refused(digits: type[datasets.MNIST], nowhere: Path) -> None:
    path = nowhere / "MNIST" / "raw" / "train-images-idx3-ubyte"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(RuntimeError, match="MD5"):
        digits(nowhere)
    path.write_bytes(data[:-1])
    with pytest.raises(RuntimeError, match="truncated"):
        digits(nowhere)


def test_files_whose_packed_sum_is_known(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {name: gzip.compress(data, mtime=0) for name, data in idx_files(TRAIN, TEST).items()}
    known = {key: replace(f, shape=(TRAIN, *f.shape[1:])) for key, f in datasets.KMNIST.source.files.items()}
    known = {key: replace(f, packed_md5=md5(files[f.name])) for key, f in known.items()}
    monkeypatch.setattr(datasets.KMNIST, "source", replace(datasets.KMNIST.source, files=known))
    put(nowhere / "KMNIST" / "raw", {f"{name}.gz": data for name, data in files.items()})
    assert len(datasets.KMNIST(nowhere)) == TRAIN
    path = nowhere / "KMNIST" / "raw" / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), mtime=1))
    with pytest.raises(RuntimeError, match="MD5"):
        datasets.KMNIST(nowhere)


def test_emnist_out_of_its_archive(nowhere: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(mnist_module._SPLITS, "letters", (TRAIN, TEST, ["N/A", *"abcdefghi"]))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in idx_files(TRAIN, TEST).items():
            name = name.replace("train", "emnist-letters-train").replace("t10k", "emnist-letters-test")
            archive.writestr(f"gzip/{name}.gz", gzip.compress(data))
        archive.writestr("gzip/../../outside", b"no")
    mirror.files = {"gzip.zip": stream.getvalue()}
    monkeypatch.setattr(datasets.EMNIST, "url", mirror.url + "gzip.zip")
    with pytest.raises(RuntimeError, match="MD5"):
        datasets.EMNIST(nowhere, "letters", download=True)
    monkeypatch.setattr(datasets.EMNIST, "md5", md5(stream.getvalue()))
    data = datasets.EMNIST(nowhere, split="letters", train=False, download=True)
    assert len(data) == TEST
    assert data.classes[:2] == ["N/A", "a"]
    assert len(datasets.EMNIST(nowhere, "letters")) == TRAIN
    assert not (nowhere.parent / "outside").exists()


def cifar_files() -> dict[str, bytes]:
    random = np.random.default_rng(1)
    found = {}
    for number, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        pixels = random.integers(0, 256, (4, 3072), np.uint8)
        found[name] = python2_batch(pixels, {"labels": [number % 3, 0, 1, 2], "batch_label": "a"})
    found["batches.meta"] = pickle.dumps({"label_names": ["cat", "dog", "frog"], "num_vis": 3072}, 2)
    return found


def small_cifar(files: dict[str, bytes], url: str = "") -> type[datasets.CIFAR10]:
    sums = {name: md5(data) for name, data in files.items()}
    facts = {
        "train_list": [[f"data_batch_{n}", sums[f"data_batch_{n}"]] for n in range(1, 6)],
        "test_list": [["test_batch", sums["test_batch"]]],
        "meta": {**datasets.CIFAR10.meta, "md5": sums["batches.meta"]},
        "url": url,
    }
    return type("CIFAR10", (datasets.CIFAR10,), facts)


def test_cifar_of_python_2s_pickles(nowhere: Path) -> None:
    files = cifar_files()
    put(nowhere / "cifar-10-batches-py", files)
    data = small_cifar(files)(nowhere)
    assert data.data.shape == (20, 32, 32, 3)
    assert data.data.dtype == np.uint8
    assert data.targets[:8] == [0, 0, 1, 2, 1, 0, 1, 2]
    assert data.classes == ["cat", "dog", "frog"]
    assert data.class_to_idx == {"cat": 0, "dog": 1, "frog": 2}
    raw = pickle.loads(files["data_batch_1"], encoding="latin1")["data"]
    assert np.array_equal(data.data[0].transpose(2, 0, 1).ravel(), raw[0])
    picture, _ = data[0]
    assert picture.mode == "RGB"
    data.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)])
    inputs, targets = data.gather([5, 1])
    assert np.allclose(inputs.numpy()[0], (data.data[5].transpose(2, 0, 1) / 255 - 0.5) / 0.5, atol=1e-6)
    assert targets.tolist() == [0, 0]
    assert len(small_cifar(files)(nowhere, train=False)) == 4


def test_cifar_is_fetched_and_nothing_else_unpacked(nowhere: Path, mirror: Mirror) -> None:
    files, stream = cifar_files(), io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, data in {**files, "../../../evil": b"no", "readme.html": b"no"}.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        link = tarfile.TarInfo("cifar-10-batches-py/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    mirror.files = {"c.tar.gz": stream.getvalue()}
    kind = small_cifar(files, mirror.url + "c.tar.gz")
    with pytest.raises(RuntimeError, match="MD5"):
        kind(nowhere, download=True)
    kind.tgz_md5 = md5(stream.getvalue())
    assert len(kind(nowhere, download=True)) == 20
    assert sorted(p.name for p in (nowhere / "cifar-10-batches-py").iterdir()) == sorted(files)
    for path in (nowhere / "cifar-10-batches-py").iterdir():
        path.unlink()
    requests = len(mirror.requests)
    assert len(kind(nowhere, download=True)) == 20  # the archive is still there
    assert len(mirror.requests) == requests


def test_cifar_100(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.arange(2 * 3072, dtype=np.uint64).astype(np.uint8).reshape(2, 3072)
    batch = python2_batch(pixels, {"fine_labels": [1, 0], "coarse_labels": [0, 0]})
    files = {"train": batch, "test": batch, "meta": pickle.dumps({b"fine_label_names": ["a", "b"]}, 2)}
    put(nowhere / "cifar-100-python", files)
    monkeypatch.setattr(datasets.CIFAR100, "train_list", [["train", md5(batch)]])
    monkeypatch.setattr(datasets.CIFAR100, "test_list", [["test", md5(batch)]])
    monkeypatch.setitem(datasets.CIFAR100.meta, "md5", md5(files["meta"]))
    assert datasets.CIFAR100(nowhere, train=False).targets == [1, 0]


PIXELS = np.zeros((2, 3072), np.uint8)
BAD_BATCHES = [
    (pickle.dumps([1, 2], 2), "not a dict"),
    (pickle.dumps({"data": PIXELS}, 2), "no list of 2"),
    (pickle.dumps({"data": PIXELS, "labels": [0, 3]}, 2), "below 3"),
    (pickle.dumps({"data": PIXELS, "labels": [0, True]}, 2), "below 3"),
    (pickle.dumps({"data": PIXELS[:, 1:], "labels": [0, 1]}, 2), r"no array \(n, 3072\)"),
    (pickle.dumps({"data": PIXELS.astype(float), "labels": [0, 1]}, 2), r"no array \(n, 3072\)"),
    (pickle.dumps({"data": [1], "labels": [0]}, 2), r"no array \(n, 3072\)"),
    (pickle.dumps({"data": Path()}, 2), "pathlib"),
    (b"cos\nsystem\n(U\x06rm -rft R.", r"os\.system"),
    (b"", "damaged"),
]


@pytest.mark.parametrize(("data", "words"), BAD_BATCHES)
def test_a_batch_that_is_none(nowhere: Path, data: bytes, words: str) -> None:
    files = {**cifar_files(), "data_batch_2": data}
    put(nowhere / "cifar-10-batches-py", files)
    with pytest.raises(RuntimeError, match=words):
        small_cifar(files)(nowhere)


def test_every_cut_of_a_pickle_is_refused() -> None:
    data = python2_batch(PIXELS[:1, :30], {"labels": [0]})
    assert read_pickle(data, "batch")["labels"] == [0]
    for n in range(len(data)):
        with pytest.raises(DataError, match="batch is damaged"):
            read_pickle(data[:n], "batch")


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_damaged_archives(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for data in (b"", b"PK\x03\x04", b"\x1f\x8b" + bytes(40), gzip.compress(bytes(2000))[:-9]):
        path.write_bytes(data)
        with pytest.raises(DataError, match="damaged|lacks x"):
            unpack_archive(path, {"x": tmp_path / "x"})
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    for name, colour in (("dog/1.png", 10), ("cat/b/2.PNG", 20), ("cat/1.jpg", 30), ("cat/note.txt", 0)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("txt"):
            path.write_text("no picture")
        else:
            Image.new("L", (4, 3), colour).save(path)
    data = datasets.ImageFolder(str(tmp_path), transform=transforms.ToTensor())
    assert data.classes == ["cat", "dog"]
    assert data.class_to_idx == {"cat": 0, "dog": 1}
    assert [(Path(path).name, t) for path, t in data.imgs] == [("1.jpg", 0), ("2.PNG", 0), ("1.png", 1)]
    assert data.targets == [0, 0, 1]
    sample, target = data[2]
    assert sample.shape == (3, 3, 4)
    assert np.allclose(sample.numpy(), 10 / 255)
    assert target == 1
    texts = datasets.DatasetFolder(tmp_path, lambda p: Path(p).read_text(), (".txt",), allow_empty=True)
    assert texts[0] == ("no picture", 0)
    by_test = datasets.ImageFolder(
        tmp_path, is_valid_file=lambda path: path.endswith("1.png"), allow_empty=True
    )
    assert len(by_test) == 1
    with pytest.raises(FileNotFoundError, match="dog"):
        datasets.DatasetFolder(tmp_path, str, ".txt")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="both or neither"):
        datasets.DatasetFolder(tmp_path, str)
    with pytest.raises(FileNotFoundError, match="class"):
        datasets.ImageFolder(tmp_path / "dog")
    with pytest.raises(FileNotFoundError, match="absent"):
        datasets.ImageFolder(tmp_path / "absent")
    (tmp_path / "dog" / "1.png").write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match="damaged"):
        data[2]


def test_fake_data() -> None:
    data = datasets.FakeData(5, (3, 8, 6), 4, transforms.ToTensor())
    before = rl.get_rng_state()
    first, target = data[1]
    assert first.shape == (3, 8, 6)
    assert 0 <= target < 4
    assert np.array_equal(first.numpy(), data[1][0].numpy())
    assert not np.array_equal(first.numpy(), data[2][0].numpy())
    assert rl.get_rng_state().tolist() == before.tolist()
    shifted = datasets.FakeData(5, (3, 8, 6), 4, transforms.ToTensor(), random_offset=1)
    assert np.array_equal(shifted[0][0].numpy(), first.numpy())
    with pytest.raises(IndexError):
        data[5]
    assert "Number of datapoints: 5" in repr(data)


def test_both_kinds_of_transforms() -> None:
    with pytest.raises(ValueError, match="one or the other"):
        datasets.VisionDataset(".", transforms=lambda a, b: (a, b), transform=str)


def test_real_mnist(mnist_root: Path, tmp_path: Path) -> None:
    data = datasets.MNIST(tmp_path, train=False, transform=NORMAL)  # found by RUSHLIGHT_DATA
    images, targets = data.gather(range(1000))
    assert targets[:5].tolist() == [7, 2, 1, 0, 4]
    assert abs(float(images.mean())) < 0.1
    ours = rl.data.MNIST(mnist_root, "test", flatten=False)
    assert np.allclose(images.numpy(), ours.inputs[:1000].numpy(), atol=1e-5)
    assert len(datasets.MNIST(mnist_root, train=False)) == 10_000


def test_a_batch_draws_for_each_picture(digits: type[datasets.MNIST], nowhere: Path) -> None:
    steps = [transforms.RandomCrop(24, padding=2), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    data = digits(nowhere, transform=transforms.Compose(steps))
    rl.manual_seed(3)
    batch, targets = data.gather([5] * 25)
    padded = np.pad(data.data[5].numpy(), 2).astype(np.float32) / 255
    windows = np.lib.stride_tricks.sliding_window_view(padded, (24, 24)).reshape(-1, 24, 24)
    both = np.concatenate([windows, windows[..., ::-1]])
    which = [np.flatnonzero((both == picture).all((1, 2))) for picture in batch.numpy()[:, 0]]
    assert all(len(found) == 1 for found in which)
    found = {int(at[0]) for at in which}
    assert len(found) > 15
    assert min(found) < len(windows) <= max(found)
    assert targets.tolist() == [int(data.targets[5])] * 25
    rl.manual_seed(3)
    assert np.array_equal(data.gather([5] * 25)[0].numpy(), batch.numpy())

    data.transform = transforms.Compose(
        [*steps, transforms.RandomErasing(1.0), transforms.RandomVerticalFlip(1.0)]
    )
    assert len(np.unique(data.gather([5] * 9)[0].numpy(), axis=0)) > 5
    data.transform = transforms.Compose([transforms.RandomCrop(40), transforms.ToTensor()])
    with pytest.raises(ValueError, match="pad_if_needed"):
        data.gather([1])


def test_a_transform_with_a_forward_of_its_own_is_asked(digits: type[datasets.MNIST], nowhere: Path) -> None:
    class Dark(transforms.RandomHorizontalFlip):
        def forward(self, img: Any) -> Any:
            return img * 0

    data = digits(nowhere, transform=transforms.Compose([transforms.ToTensor(), Dark()]))
    assert data.gather([1, 2])[0].numpy().max() == 0
