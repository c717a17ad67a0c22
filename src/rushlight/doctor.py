"""``python -m rushlight.doctor``: what is installed, what the machine can do, what is missing for what."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys

import rushlight
from rushlight.errors import RushlightError
from rushlight.optional import WANTED_FOR, install
from rushlight.settings import get_num_threads

__all__ = ["report"]


def report() -> list[tuple[str, list[tuple[str, str]]]]:
    """Titles, and under each the lines of a name and what was found.

    >>> [title for title, _ in report()]
    ['Versions', 'Machine', 'Packages']
    """
    return [("Versions", _versions()), ("Machine", _machine()), ("Packages", _packages())]


def _versions() -> list[tuple[str, str]]:
    python = f"{platform.python_version()}, {sys.executable}"
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    place = os.path.dirname(rushlight.__file__)
    return [("rushlight", f"{rushlight.__version__}, {place}"), ("Python", python), ("system", system)]


def _machine() -> list[tuple[str, str]]:
    threads = f"{os.cpu_count()}, threads in use {get_num_threads()}"
    lines = [("cores", threads), ("GPU", "none in use")]
    if importlib.util.find_spec("llvmlite") is None:
        return [*lines, ("compiler", f"missing: {install('llvmlite')}")]
    try:
        return [*lines, *_compiler()]
    except (RushlightError, ImportError, OSError, RuntimeError) as error:
        return [*lines, ("compiler", f"does not work: {error}")]


def _compiler() -> list[tuple[str, str]]:
    from rushlight.compile import host
    from rushlight.compile.explain.peak import measure

    described, peak = host.describe(), measure()
    kib = [f"{getattr(described.caches, level) >> 10} KiB" for level in ("l1", "l2", "l3")]
    vectors = f"vectors of {8 * described.width} bits, {described.registers} registers"
    double = rushlight.compile(lambda x: 2 * x)
    works = bool((double(rushlight.arange(3.0)) == rushlight.tensor([0.0, 2.0, 4.0])).all())
    return [
        ("processor", described.cpu),
        ("instructions", f"{described.isa}, {vectors}"),
        ("caches", ", ".join(kib)),
        ("peak", f"{peak.flops / 1e9:.0f} GFLOP/s a core in float32, measured"),
        ("compiler", "works" if works else "gives wrong numbers: please report this"),
        ("cache", _cache()),
    ]


def _cache() -> str:
    from rushlight.compile.native import cache

    folder = cache.folder()
    if folder is None:
        return "none: each process compiles anew"
    size = sum(f.stat().st_size for f in folder.iterdir() if f.is_file())
    return f"{folder}, {size / 2**20:.1f} of at most {cache.LIMIT >> 20} MiB"


def _packages() -> list[tuple[str, str]]:
    missing = {name: f"missing: {install(name)}; for {use}" for name, use in WANTED_FOR.items()}
    return [(name, _version(name) or missing[name]) for name in WANTED_FOR]


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _main() -> int:
    lines = report()
    wide = max(len(name) for _, rows in lines for name, _ in rows)
    print(
        "\n".join(
            "\n".join([title, *(f"  {n:<{wide}}  {found}" for n, found in rows)]) for title, rows in lines
        )
    )
    broken = [found for _, rows in lines for name, found in rows if name == "compiler" and found != "works"]
    return 1 if broken and not broken[0].startswith("missing") else 0


if __name__ == "__main__":
    raise SystemExit(_main())
