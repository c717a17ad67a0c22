"""Checkpoints: whole or not there, checked before anything changes, no code run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn, optim
from rushlight.errors import CheckpointError
from rushlight.interop import safetensors
from rushlight.train import History, load_checkpoint, read_checkpoint, save_checkpoint
from rushlight.train.position import Position
from tests.train.kill_worker import fit, make_trainer, outcome


def parts(width: int = 3, kind: type = optim.Adam) -> dict[str, Any]:
    model = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 1))
    optimizer = kind(model.parameters(), lr=0.01)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 2)
    return {"model": model, "optimizer": optimizer, "scheduler": scheduler, "history": History()}


def work(made: dict[str, Any]) -> None:
    """One step by hand."""
    loss = made["model"](rl.rand(4, 2)).square().mean()
    made["optimizer"].zero_grad()
    loss.backward()
    made["optimizer"].step()
    made["scheduler"].step()
    made["history"].append(loss=loss.item())


def image(made: dict[str, Any]) -> str:
    """Everything that loading could change, as text."""
    states = {name: part.state_dict() for name, part in made.items()}
    arrays: dict[str, Any] = {}
    from rushlight.interop.packing import pack

    tree = pack(states, arrays, "")
    values = {name: array.tolist() for name, array in arrays.items()}
    return json.dumps([tree, values, rl.get_rng_state().tolist()])


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    made = parts()
    work(made)
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, **made, epoch=3, note=("a", [1.5, None]))
    return path


def test_round_trip_continues_a_loop_by_hand(tmp_path: Path) -> None:
    made, path = parts(), tmp_path / "c.safetensors"
    work(made)
    work(made)
    save_checkpoint(path, **made, epoch=3, note=("a", [1.5, None], {7: rl.tensor([1, 2])}))
    work(made)
    other = parts()
    rl.manual_seed(123)
    values = load_checkpoint(path, **other)
    assert values["epoch"] == 3
    assert values["note"][:2] == ("a", [1.5, None])
    assert values["note"][2][7].tolist() == [1, 2]
    work(other)
    assert image(other) == image(made)


def test_missing_and_unwritable(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="absent"):
        load_checkpoint(tmp_path / "absent.safetensors")
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot write"):
        save_checkpoint(tmp_path / "file" / "c.safetensors", epoch=1)
    with pytest.raises(CheckpointError, match="note is a object"):
        save_checkpoint(tmp_path / "c.safetensors", note=object())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


@pytest.mark.parametrize("where", ["empty", "header", "middle", "end", "bit", "metadata", "longer"])
def test_damage_is_found_and_changes_nothing(saved: Path, where: str) -> None:
    data = bytearray(saved.read_bytes())
    header = int.from_bytes(data[:8], "little")
    if where == "bit":
        data[-3] ^= 1
    elif where == "metadata":
        place = data.index(b"epoch")
        data[place : place + 5] = b"epocH"
    elif where == "longer":
        data += b"\0"
    else:
        data = data[: {"empty": 0, "header": 20, "middle": 8 + header + 5, "end": len(data) - 1}[where]]
    saved.write_bytes(data)
    made = parts()
    before = image(made)
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(saved, **made)
    assert image(made) == before


def test_other_architecture_lists_everything(saved: Path) -> None:
    other = parts(width=5)
    other["model"].append(nn.Linear(1, 1))
    other["optimizer"] = optim.SGD(other["model"].parameters(), lr=0.1)
    before = image(other)
    with pytest.raises(CheckpointError) as refused:
        load_checkpoint(saved, **other, loader=rl.data.DataLoader(rl.data.Disk(10)))
    text = str(refused.value)
    assert "model: 0.weight has shape (3, 2) in the file, (5, 2) in the model" in text
    assert "model: 2.weight has shape" in text
    assert "model: 3.weight is missing in the file" in text
    assert "optimizer: saved from Adam, to be loaded into SGD" in text
    assert "loader: not in the file" in text
    assert "nothing was changed" in text
    assert image(other) == before


def test_other_optimizer_groups_and_dtype(saved: Path) -> None:
    other = parts()
    other["optimizer"] = optim.Adam(list(other["model"].parameters())[:2])
    other["model"][0].double()
    with pytest.raises(CheckpointError, match=r"0\.weight has dtype float32 in the file, float64") as refused:
        load_checkpoint(saved, **other)
    assert "optimizer:" in str(refused.value)


def test_a_failure_while_loading_is_undone(saved: Path) -> None:
    class Stubborn(History):
        def load_state_dict(self, state: Any) -> None:
            super().load_state_dict(state)
            if state["rows"]:
                raise ValueError("no")

    Stubborn.__name__ = "History"
    made = {**parts(), "history": Stubborn()}
    before = image(made)
    with pytest.raises(CheckpointError, match="nothing was changed: no"):
        load_checkpoint(saved, **made)
    assert image(made) == before


def test_files_of_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    safetensors.save_file({"a": rl.ones(2)}, path)
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        read_checkpoint(path)
    safetensors.save_file({}, path, {"format": "rushlight.checkpoint", "version": "99"})
    with pytest.raises(CheckpointError, match="format 99"):
        read_checkpoint(path)


def test_a_failed_write_leaves_the_old_file(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left"):
        save_checkpoint(saved, epoch=4)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_trainer_refuses_other_parts(tmp_path: Path) -> None:
    fit(make_trainer(tmp_path), epochs=1)
    other = make_trainer(tmp_path)
    other.scheduler = None
    before = outcome(other)
    with pytest.raises(CheckpointError, match="scheduler: in the file, but none was given"):
        fit(other, epochs=2)
    other = make_trainer(tmp_path)
    other.metrics.items.clear()
    with pytest.raises(CheckpointError, match="metrics: accuracy is in the file but was not given"):
        fit(other, epochs=2)
    assert outcome(make_trainer(None)) == before


def test_trainer_refuses_other_data(tmp_path: Path) -> None:
    fit(make_trainer(tmp_path), epochs=1)
    other = make_trainer(tmp_path)
    before = outcome(other)
    loader = rl.data.DataLoader(rl.data.Disk(100), batch_size=30, shuffle=True, seed=3)
    checks = rl.data.DataLoader(rl.data.Disk(50, split="test"), batch_size=20, shuffle=True)
    with pytest.raises(CheckpointError, match="samples 200"):
        other.fit(loader, 2, validation=checks, resume=True)
    assert outcome(other) == before


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("position", "epoch", "3"),
        ("position", "epoch", 1.5),
        ("position", "stopped", 1),
        ("position", "batch", -1),
        ("history", "rows", None),
        ("history", "rows", [{"epoch": []}]),
        ("history", "rows", [3]),
        ("stopping", "waited", None),
        ("stopping", "weights", 5),
        ("stopping", "weights", {"a": 1}),
        ("schedule", "base_lrs", 0.1),
        ("schedule", "gamma", {}),
    ],
)
def test_state_of_another_kind_is_refused(tmp_path: Path, part: str, name: str, value: Any) -> None:
    """Whole and signed, but not what such a part saves."""
    optimizer = optim.SGD([nn.Parameter(rl.zeros(1))], lr=0.1)
    made = {
        "position": Position(),
        "history": History([{"epoch": 1, "loss": np.float32(0.5)}]),  # type: ignore[dict-item]
        "stopping": rl.train.EarlyStopping(),
        "schedule": optim.lr_scheduler.StepLR(optimizer, 1),
    }
    save_checkpoint(tmp_path / "c", **made)
    load_checkpoint(tmp_path / "c", **made)
    assert type(made["history"].rows[0]["loss"]) is float  # type: ignore[attr-defined]
    before = image(made)
    state = {**made[part].state_dict(), name: value}  # type: ignore[attr-defined]
    liar = type(type(made[part]).__name__, (), {"state_dict": lambda self: state})()
    save_checkpoint(tmp_path / "c", **{**made, part: liar})
    with pytest.raises(CheckpointError, match="nothing was changed"):
        load_checkpoint(tmp_path / "c", **made)
    assert image(made) == before


def test_state_without_end_is_refused(tmp_path: Path) -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    with pytest.raises(CheckpointError, match="nested without end"):
        save_checkpoint(tmp_path / "c", s=endless)
