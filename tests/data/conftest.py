"""A small data set of MNIST's kind and a mirror of it on this machine, so that no test needs the network."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from rushlight.data import MNIST, encode_idx
from rushlight.data.sources import DataFile, Source

TRAIN, TEST = 30, 10


@dataclass
class Mirror:
    """A web server of one folder's worth of bytes; `requests` lists what was asked."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    """Names whose transfer stops half way."""
    lengths: bool = True


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    state = Mirror("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rsplit("/", 1)[-1]
            state.requests.append(name)
            if name not in state.files:
                self.send_error(404)
                return
            body = state.files[name]
            self.send_response(200)
            if state.lengths:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if name in state.broken else body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}/pub/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def arrays() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        "train-images": random.integers(0, 256, (TRAIN, 28, 28), np.uint8),
        "train-labels": random.integers(0, 10, TRAIN, np.uint8),
        "test-images": random.integers(0, 256, (TEST, 28, 28), np.uint8),
        "test-labels": random.integers(0, 10, TEST, np.uint8),
    }


@pytest.fixture(scope="session")
def packed(arrays: dict[str, np.ndarray]) -> dict[str, bytes]:
    """The four files by name, gzipped."""
    return {f"{key}.gz": gzip.compress(encode_idx(array), mtime=0) for key, array in arrays.items()}


@pytest.fixture
def tiny(arrays: dict[str, np.ndarray]) -> Callable[..., type[MNIST]]:
    """`tiny(mirrors)` is a class like MNIST over the small arrays."""
    files = {
        key: DataFile(key, array.shape, hashlib.md5(encode_idx(array)).hexdigest())
        for key, array in arrays.items()
    }

    def make(*mirrors: str) -> type[MNIST]:
        return type("Tiny", (MNIST,), {"source": Source("tiny", ("tiny", "Tiny/raw", ""), mirrors, files)})

    return make


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the user, and no RUSHLIGHT_DATA."""
    monkeypatch.delenv("RUSHLIGHT_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "rushlight"


@pytest.fixture
def folder(tmp_path: Path, packed: dict[str, bytes]) -> Path:
    """A folder that holds the small files in a folder of their own."""
    root = tmp_path / "root"
    (root / "tiny").mkdir(parents=True)
    for name, data in packed.items():
        (root / "tiny" / name).write_bytes(data)
    return root
