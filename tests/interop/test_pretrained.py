"""Models that are saved with the arguments that they were made with, and sent to the Hub."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import ArgumentError, DataError
from rushlight.hub import ModelHubMixin
from rushlight.optional import MissingPackageError


class Net(nn.Module, ModelHubMixin, license="mit", tags=["disk"]):
    def __init__(self, hidden: int, *sizes: int, activation: Any = "tanh", **more: Any) -> None:
        self.body = nn.MLP(2, [hidden], 1, activation=activation)
        self.more = more

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return self.body(x)


@dataclasses.dataclass
class Sizes:
    hidden: int = 4
    out: int = 1


class Sized(nn.MLP, ModelHubMixin):
    def __init__(self, sizes: Sizes, scale: Path | None = None) -> None:
        super().__init__(2, [sizes.hidden], sizes.out)
        self.sizes, self.scale = sizes, scale


class Whole(nn.MLP, ModelHubMixin):
    def __init__(self, config: Sizes) -> None:
        super().__init__(2, [config.hidden], config.out)
        self.config = config


class Coded(nn.Linear, ModelHubMixin, coders={complex: (lambda z: [z.real, z.imag], lambda v: complex(*v))}):
    def __init__(self, factor: complex) -> None:
        super().__init__(2, 1)
        self.factor = factor


def config_of(folder: Path) -> Any:
    return json.loads((folder / "config.json").read_text())


def test_arguments_are_kept(tmp_path: Path) -> None:
    net = Net(5, activation="relu", depth=2)
    net.save_pretrained(tmp_path)
    assert config_of(tmp_path) == {"hidden": 5, "activation": "relu", "depth": 2}
    again = Net.from_pretrained(tmp_path)
    assert again.more == {"depth": 2}
    assert not again.training
    x = rl.rand(3, 2)
    assert again(x).tolist() == net(x).tolist()
    other = Net.from_pretrained(str(tmp_path), activation="tanh")
    assert other(x).tolist() != net(x).tolist()


def test_the_page_beside_the_weights(tmp_path: Path) -> None:
    net = Net(5)
    net.save_pretrained(tmp_path, model_card_kwargs={"pipeline_tag": "other"})
    text = (tmp_path / "README.md").read_text()
    assert text.startswith('---\nlicense: "mit"\nlibrary_name: "rushlight"\npipeline_tag: "other"\ntags: [')
    (tmp_path / "README.md").write_text("mine")
    net.save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_what_json_lacks_is_passed_again(tmp_path: Path) -> None:
    net = Net(3, activation=nn.ReLU)
    net.save_pretrained(tmp_path)
    assert config_of(tmp_path) == {"hidden": 3}
    assert isinstance(Net.from_pretrained(tmp_path, activation=nn.ReLU).body[1], nn.ReLU)
    net.save_pretrained(tmp_path, config={"comment": "none of the arguments"})
    with pytest.raises(ArgumentError, match=r"no 'hidden' in config.json.*from_pretrained\(\.\.\., hidden="):
        Net.from_pretrained(tmp_path)
    (tmp_path / "config.json").unlink()
    assert Net.from_pretrained(tmp_path, hidden=3).training is False


def test_dataclasses_and_coders(tmp_path: Path) -> None:
    Sized(Sizes(6)).save_pretrained(tmp_path / "a")
    assert config_of(tmp_path / "a") == {"sizes": {"hidden": 6, "out": 1}, "scale": None}
    assert Sized.from_pretrained(tmp_path / "a").sizes == Sizes(6)
    Whole(Sizes(6)).save_pretrained(tmp_path / "b")
    assert config_of(tmp_path / "b") == {"hidden": 6, "out": 1}
    assert Whole.from_pretrained(tmp_path / "b").config == Sizes(6)
    Coded(1 + 2j).save_pretrained(tmp_path / "c")
    assert config_of(tmp_path / "c") == {"factor": [1.0, 2.0]}
    assert Coded.from_pretrained(tmp_path / "c").factor == 1 + 2j


def test_copies_and_pickles_keep_the_arguments(tmp_path: Path) -> None:
    net = Net(5)
    for i, other in enumerate((copy.deepcopy(net), pickle.loads(pickle.dumps(net)))):
        other.save_pretrained(tmp_path / str(i))
        assert config_of(tmp_path / str(i))["hidden"] == 5
    with pytest.raises(TypeError, match="hidden"):
        Net()  # type: ignore[call-arg]


def test_it_compiles() -> None:
    pytest.importorskip("llvmlite")
    net = Net(5)
    x = rl.rand(3, 2)
    with rl.no_grad():
        assert rl.allclose(rl.compile(net)(x), net(x))


@pytest.mark.parametrize(("text", "match"), [("{", "damaged, or no JSON"), ("[1]", "holds a list")])
def test_damaged_configurations(tmp_path: Path, text: str, match: str) -> None:
    Net(5).save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(DataError, match=match):
        Net.from_pretrained(tmp_path)


class Hub:
    """What is used of huggingface_hub: repositories are folders."""

    def __init__(self, root: Path) -> None:
        self.root, self.calls = root, [("", {})]

    def HfApi(self, token: str | None) -> Any:
        return self

    def create_repo(self, **options: Any) -> Any:
        self.calls.append(("create_repo", options))
        return SimpleNamespace(repo_id=f"somebody/{options['repo_id']}")

    def create_branch(self, **options: Any) -> None:
        self.calls.append(("create_branch", options))

    def upload_folder(self, *, repo_id: str, folder_path: str, **options: Any) -> str:
        self.calls.append(("upload_folder", options))
        (self.root / repo_id).mkdir(parents=True)
        for file in Path(folder_path).iterdir():
            (self.root / repo_id / file.name).write_bytes(file.read_bytes())
        return f"https://hub/{repo_id}/commit/1"

    def snapshot_download(self, name: str, *, allow_patterns: list[str], **options: Any) -> str:
        self.calls.append(("snapshot_download", {"patterns": allow_patterns, **options}))
        return str(self.root / name)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    made = Hub(tmp_path / "hub")
    monkeypatch.setitem(sys.modules, "huggingface_hub", made)  # type: ignore[arg-type]
    monkeypatch.chdir(tmp_path)
    return made


def test_to_the_hub_and_back(hub: Hub) -> None:
    net = Net(5)
    assert net.push_to_hub("net", private=True, branch="dev") == "https://hub/somebody/net/commit/1"
    (_, made), (_, branch), (_, sent) = hub.calls[1:]
    assert made == {"repo_id": "net", "private": True, "exist_ok": True}
    assert branch == {"repo_id": "somebody/net", "branch": "dev", "exist_ok": True}
    assert sent["revision"] == "dev"
    again = Net.from_pretrained("somebody/net", revision="dev")
    name, asked = hub.calls[-1]
    assert name == "snapshot_download"
    assert asked["revision"] == "dev"
    assert "model.safetensors" in asked["patterns"]
    x = rl.rand(3, 2)
    assert again(x).tolist() == net(x).tolist()


def test_saving_and_sending_at_once(hub: Hub, tmp_path: Path) -> None:
    assert Net(5).save_pretrained(tmp_path / "mine", push_to_hub=True) == "https://hub/somebody/mine/commit/1"
    files = {"README.md", "config.json", "model.safetensors"}
    for folder in (tmp_path / "mine", tmp_path / "hub" / "somebody" / "mine"):
        assert {file.name for file in folder.iterdir()} == files


def test_repositories_with_older_weights(hub: Hub) -> None:
    net, folder = Net(5), hub.root / "a" / "b"
    net.save_pretrained(folder)
    (folder / "model.safetensors").unlink()
    rl.save(net.state_dict(), folder / "pytorch_model.bin")
    assert Net.from_pretrained("a/b").body[0].weight.tolist() == net.body[0].weight.tolist()
    assert [name for name, _ in hub.calls] == ["", "snapshot_download", "snapshot_download"]


def test_a_folder_that_is_missing_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(self: Hub, name: str, **options: Any) -> str:
        raise OSError("no such repository")

    monkeypatch.setattr(Hub, "snapshot_download", away)
    with pytest.raises(OSError, match="no such repository") as caught:
        Net.from_pretrained("runs-7")
    assert caught.value.__notes__ == ["There is no folder 'runs-7' here, so it was looked for on the Hub."]


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingPackageError, match="pip install huggingface_hub"):
        Net(5).push_to_hub("net")
    with pytest.raises(MissingPackageError, match="'some/where' is no folder here"):
        Net.from_pretrained("some/where")
