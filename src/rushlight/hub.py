"""Weights that are kept on the net, as torch.hub: fetched once, and read from the disk from then on.

`ModelHubMixin`, `save_model` and `load_model` write and read folders as the Hub of Hugging Face has them.
Reading runs no code. Programs of others are not fetched: `torch.hub.load` is not here.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rushlight.errors import DataError, message, namespace
from rushlight.interop.files import write_atomically
from rushlight.interop.serialization import load as read

if TYPE_CHECKING:
    from rushlight.interop.pretrained import ModelHubMixin
    from rushlight.interop.sharded import load_model, save_model

__all__ = [
    "ModelHubMixin",
    "download_url_to_file",
    "get_dir",
    "load_model",
    "load_state_dict_from_url",
    "load_url",
    "save_model",
    "set_dir",
]

LATER = {"pretrained": "ModelHubMixin", "sharded": "load_model save_model"}

_HASH = re.compile(r"-([0-9a-f]{8,})\.")
_chosen: str | None = None


def get_dir() -> str:
    """The folder of what was fetched: that of `set_dir`, else ``$TORCH_HOME/hub``, else under ``~/.cache``.

    >>> set_dir("weights")
    >>> get_dir()
    'weights'
    >>> set_dir(None)
    """
    if _chosen is not None:
        return _chosen
    cache = os.environ.get("XDG_CACHE_HOME", os.path.join("~", ".cache"))
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return os.path.join(os.path.expanduser(home), "hub")


def set_dir(d: str | os.PathLike[str] | None) -> None:
    """Choose the folder; None takes the choice back."""
    global _chosen
    _chosen = None if d is None else os.fspath(d)


def download_url_to_file(
    url: str, dst: str | os.PathLike[str], hash_prefix: str | None = None, progress: bool = True
) -> None:
    """Fetch `url` into the file `dst`, whole or not at all.

    hash_prefix  how the SHA-256 of the file begins; DataError for one that begins otherwise.
    progress     is taken, and shows nothing.
    """
    from urllib.request import Request, urlopen

    with urlopen(Request(url, headers={"User-Agent": "rushlight"})) as answer:
        content = answer.read()
    found = hashlib.sha256(content).hexdigest()
    if hash_prefix and not found.startswith(hash_prefix):
        got = f"a file whose SHA-256 begins with {found[: len(hash_prefix)]}"
        raise DataError(message("download_url_to_file", got, hash_prefix, f"Is {url} the right one?"))
    write_atomically(Path(dst), content)


def load_state_dict_from_url(
    url: str,
    model_dir: str | os.PathLike[str] | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> Any:
    """What the file at `url` holds, from the folder `model_dir` if it is there already.

    model_dir     ``get_dir() + "/checkpoints"`` if it is None.
    check_hash    a name such as ``resnet-5c106cde.pth`` says how the SHA-256 begins; it is compared.
    file_name     what the file is called on the disk, where not as in the url.

    Raises what `urllib` raises where there is no net, and DataError for a damaged file.
    """
    folder = Path(os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir)
    name = file_name or os.path.basename(url.partition("?")[0])
    path = folder / name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        match = _HASH.search(name) if check_hash else None
        download_url_to_file(url, path, match[1] if match else None, progress)
    return read(path, map_location=map_location)


load_url = load_state_dict_from_url

if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__, LATER, "rushlight.interop")
