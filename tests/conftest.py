"""What all tests share: Hypothesis profiles, a fixed seed, the folder of real data."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# A failure must fail again for whoever looks, so no luck by default; the profile "thorough" draws anew.
settings.register_profile("default", deadline=None, max_examples=25, derandomize=True)
settings.register_profile("thorough", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep compiled programs out of the user's cache, and verify all stages of the compiler."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUSHLIGHT_VERIFY", "1")
        if "RUSHLIGHT_CACHE" not in os.environ:
            patch.setenv("RUSHLIGHT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True, scope="session")
def _small_pictures() -> Iterator[None]:
    """Draw with few pixels: to write them takes longer than what they are tested for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rushlight.plot.style.DPI", 40)
        patch.setattr("rushlight.reports.page.DPI", 40)
        yield


@pytest.fixture(autouse=True)
def _same_start() -> Iterator[None]:
    """Seed every test alike, and hold each to restoring the gradient mode."""
    import rushlight as rl

    rl.manual_seed(0)
    yield
    left_on = rl.is_grad_enabled()
    rl.set_grad_enabled(True)
    assert left_on, "the test left gradients switched off"


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Python's own Ctrl-C, whatever the test runner made of it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def mnist_root() -> Path:
    """The folder that holds ``mnist/`` with the real files, named by RUSHLIGHT_DATA."""
    named = os.environ.get("RUSHLIGHT_DATA")
    if not named:
        pytest.skip("REAL DATA NOT TESTED: set RUSHLIGHT_DATA to a folder with mnist/ and its four IDX files")
    root = Path(named).resolve()
    if not (root / "mnist").is_dir():
        pytest.fail(f"RUSHLIGHT_DATA={named} holds no folder mnist/")
    return root
