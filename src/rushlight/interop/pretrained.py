"""A mixin by which a model is saved with the arguments it was made with, and made again from its folder."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, get_type_hints

from rushlight.core.atomic import struck
from rushlight.errors import ArgumentError, DataError, message
from rushlight.interop import sharded
from rushlight.interop.cards import model_card
from rushlight.interop.files import write_atomically
from rushlight.interop.strict import parse_json
from rushlight.optional import load

__all__ = ["ModelHubMixin"]

CONFIG, CARD = "config.json", "README.md"
PATTERNS = [CONFIG, sharded.WEIGHTS, sharded.WEIGHTS + sharded.INDEX, "model-*-of-*.safetensors"]
OLDER = [CONFIG, sharded.OLDER, sharded.OLDER + sharded.INDEX, "pytorch_model-*-of-*.bin"]
Coders = Mapping[type, tuple[Callable[[Any], Any], Callable[[Any], Any]]]


class ModelHubMixin:
    """Saves and loads a Module as huggingface_hub's PyTorchModelHubMixin does, in the same folders.

    A class that derives from it remembers the arguments of its `__init__`; those that JSON can hold go into
    config.json, and dataclasses as dicts. Options of the class line describe it in the page that is written
    beside the weights, and `coders` writes and reads arguments of other types: a dict of a type and two
    functions, to what JSON has and back.

    >>> import rushlight as rl
    >>> class Net(rl.nn.Module, rl.hub.ModelHubMixin, license="mit"):
    ...     def __init__(self, hidden, out=2):
    ...         super().__init__()
    ...         self.body = rl.nn.MLP(3, [hidden], out)
    ...     def forward(self, x):
    ...         return self.body(x)
    >>> folder = tempfile.mkdtemp()
    >>> net = Net(8)
    >>> net.save_pretrained(folder)
    >>> sorted(os.listdir(folder)), json.loads(Path(folder, "config.json").read_text())
    (['README.md', 'config.json', 'model.safetensors'], {'hidden': 8, 'out': 2})
    >>> again = Net.from_pretrained(folder)
    >>> x = rl.rand(5, 3)
    >>> bool((again(x) == net(x)).all()), again.training
    (True, False)
    """

    _hub_card: ClassVar[dict[str, Any]] = {}
    _hub_coders: ClassVar[Coders] = {}
    _hub_config: dict[str, Any]

    def __init_subclass__(
        cls,
        *,
        repo_url: str | None = None,
        paper_url: str | None = None,
        docs_url: str | None = None,
        language: list[str] | str | None = None,
        library_name: str | None = None,
        license: str | None = None,
        license_name: str | None = None,
        license_link: str | None = None,
        pipeline_tag: str | None = None,
        tags: list[str] | None = None,
        coders: Coders | None = None,
        **options: Any,
    ) -> None:
        super().__init_subclass__(**options)
        given = {
            "language": language, "library_name": library_name, "license": license,
            "license_name": license_name, "license_link": license_link, "pipeline_tag": pipeline_tag,
            "tags": tags, "repo_url": repo_url, "paper_url": paper_url, "docs_url": docs_url,
        }  # fmt: skip
        cls._hub_card = {**cls._hub_card, **{key: value for key, value in given.items() if value}}
        cls._hub_coders = {**cls._hub_coders, **(coders or {})}

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        made = super().__new__(cls)
        made.__dict__["_hub_config"] = _as_config(_given(cls, args, kwargs), cls._hub_coders)
        return made

    def save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        *,
        config: Any = None,
        repo_id: str | None = None,
        push_to_hub: bool = False,
        model_card_kwargs: Mapping[str, Any] | None = None,
        max_shard_size: int | str = "5GB",
        **push_to_hub_kwargs: Any,
    ) -> str | None:
        """Write weights, config.json and, where there is none, README.md into a folder.

        config          a dict or a dataclass for config.json, in the place of the arguments of `__init__`.
        push_to_hub     send it to the Hub as well, to `repo_id` or the folder's name; gives the commit's URL.
        max_shard_size  larger models become several files with an index.
        """
        folder = Path(save_directory)
        sharded.save_model(self, folder, max_shard_size=max_shard_size)  # type: ignore[arg-type]
        settings = self._hub_config if config is None else _encoded(config, type(self)._hub_coders)
        write_atomically(folder / CONFIG, json.dumps(settings, indent=2, sort_keys=True) + "\n")
        if not (folder / CARD).exists():
            card = {**type(self)._hub_card, **(model_card_kwargs or {})}
            write_atomically(folder / CARD, model_card(type(self).__name__, card))
        if not push_to_hub:
            return None
        return self.push_to_hub(
            repo_id or folder.name,
            config=config,
            model_card_kwargs=model_card_kwargs,
            max_shard_size=max_shard_size,
            **push_to_hub_kwargs,
        )

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        force_download: bool = False,
        token: str | bool | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        local_files_only: bool = False,
        revision: str | None = None,
        map_location: Any = "cpu",
        strict: bool = False,
        **model_kwargs: Any,
    ) -> Self:
        """The model of a folder, or of a repository on the Hub ("owner/name"), in evaluation mode.

        strict          every name of the weights must be one of the model, and the other way round.
        model_kwargs    arguments of `__init__`, before those of config.json.
        map_location    is taken; everything is on the CPU.

        The Hub needs huggingface_hub, which keeps what it fetched under `cache_dir`; the other options go to
        it. Raises DataError for damaged or missing files, ArgumentError where an argument of `__init__` is
        neither in config.json nor given.
        """
        folder = Path(pretrained_model_name_or_path)
        if not folder.is_dir():
            options = {"force_download": force_download, "token": token, "cache_dir": cache_dir}
            options |= {"local_files_only": local_files_only, "revision": revision}
            folder = _fetch(str(pretrained_model_name_or_path), options)
        config = _read_config(folder / CONFIG)
        model = cls(**_arguments(cls, config, model_kwargs))
        sharded.load_model(model, folder, strict=strict)  # type: ignore[arg-type]
        return model.eval()  # type: ignore[attr-defined]

    def push_to_hub(
        self,
        repo_id: str,
        *,
        config: Any = None,
        commit_message: str = "Push model using huggingface_hub.",
        private: bool | None = None,
        token: str | None = None,
        branch: str | None = None,
        create_pr: bool | None = None,
        allow_patterns: list[str] | str | None = None,
        ignore_patterns: list[str] | str | None = None,
        delete_patterns: list[str] | str | None = None,
        model_card_kwargs: Mapping[str, Any] | None = None,
        max_shard_size: int | str = "5GB",
    ) -> str:
        """Save into a temporary folder and send that to a repository of the Hub, which is made if need be.

        Needs huggingface_hub, whose documentation has the options, and a token of yours. Gives the commit's
        URL.
        """
        api = load("huggingface_hub", "push_to_hub").HfApi(token=token)
        name = api.create_repo(repo_id=repo_id, private=private, exist_ok=True).repo_id
        if branch is not None:
            api.create_branch(repo_id=name, branch=branch, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(
                folder, config=config, model_card_kwargs=model_card_kwargs, max_shard_size=max_shard_size
            )
            sent = api.upload_folder(
                repo_id=name,
                folder_path=folder,
                commit_message=commit_message,
                revision=branch,
                create_pr=create_pr,
                allow_patterns=allow_patterns,
                ignore_patterns=ignore_patterns,
                delete_patterns=delete_patterns,
            )
        return str(sent)


def _fetch(name: str, options: dict[str, Any]) -> Path:
    hub = load("huggingface_hub", f"{name!r} is no folder here, and reading it from the Hub")
    try:
        folder = Path(hub.snapshot_download(name, allow_patterns=PATTERNS, **options))
    except Exception as error:  # whatever huggingface_hub says, it does not know that a folder was meant
        if struck(error):
            raise
        error.add_note(f"There is no folder {name!r} here, so it was looked for on the Hub.")
        raise
    if any((folder / file).is_file() for file in (sharded.WEIGHTS, sharded.WEIGHTS + sharded.INDEX)):
        return folder
    return Path(hub.snapshot_download(name, allow_patterns=OLDER, **options))


def _given(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `__init__` by name, with defaults; none if they do not fit, as `__init__` will say."""
    try:
        bound = inspect.signature(cls.__init__).bind(None, *args, **kwargs)  # type: ignore[misc]
    except TypeError:
        return {}
    bound.apply_defaults()
    kinds = {name: p.kind for name, p in bound.signature.parameters.items()}
    _, *given = bound.arguments.items()
    named = {name: value for name, value in given if kinds[name] is not inspect.Parameter.VAR_POSITIONAL}
    more = next((name for name in named if kinds[name] is inspect.Parameter.VAR_KEYWORD), None)
    extra = {} if more is None else named.pop(more)
    return named | extra


def _as_config(given: dict[str, Any], coders: Coders) -> dict[str, Any]:
    """What of the arguments JSON can hold. A dict or a dataclass called `config` is the configuration."""
    whole = given.get("config")
    if isinstance(whole, dict) or dataclasses.is_dataclass(whole):
        encoded = _encoded(whole, coders)
        return encoded if _fits_json(encoded) else {}
    encoded = {name: _encoded(value, coders) for name, value in given.items()}
    return {name: value for name, value in encoded.items() if _fits_json(value)}


def _encoded(value: Any, coders: Coders) -> Any:
    for kind, (encode, _) in coders.items():
        if isinstance(value, kind):
            return encode(value)
    is_record = dataclasses.is_dataclass(value) and not isinstance(value, type)
    return dataclasses.asdict(value) if is_record else value


def _fits_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _read_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        config = parse_json(path.read_bytes())
    except ValueError as error:
        raise DataError(f"{path} is damaged, or no JSON ({error}).") from error
    if not isinstance(config, dict):
        raise DataError(f"{path} holds a {type(config).__name__}; expected a table of arguments.")
    return config


def _arguments(cls: type[ModelHubMixin], config: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `__init__`: what is given, and from config.json what it has a name for."""
    _, *parameters = inspect.signature(cls.__init__).parameters.values()
    hints = _hints(cls.__init__)
    takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    names = {p.name for p in parameters}
    if "config" in names and "config" not in given and "config" not in config:
        given = {**given, "config": _decoded(config, hints.get("config"), cls._hub_coders)}
    found = {name: value for name, value in config.items() if takes_all or name in names}
    found = {name: _decoded(value, hints.get(name), cls._hub_coders) for name, value in found.items()} | given
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    for p in parameters:
        if p.default is p.empty and p.kind not in kinds and p.name not in found:
            got = f"no {p.name!r} in {CONFIG}"
            remedy = f"Pass it: from_pretrained(..., {p.name}=...)."
            raise ArgumentError(message(f"{cls.__name__}.from_pretrained", got, "all arguments", remedy))
    return found


def _hints(function: Any) -> dict[str, Any]:
    try:
        return get_type_hints(function)
    except (NameError, TypeError, AttributeError):
        return {}


def _decoded(value: Any, hint: Any, coders: Coders) -> Any:
    """The value as the parameter's annotation has it: a dataclass, or a type with a coder."""
    for kind in (hint, *getattr(hint, "__args__", ())):
        if kind in coders and value is not None:
            return coders[kind][1](value)
        if dataclasses.is_dataclass(kind) and isinstance(kind, type) and isinstance(value, dict):
            known = {field.name for field in dataclasses.fields(kind)}
            return kind(**{name: item for name, item in value.items() if name in known})
    return value
