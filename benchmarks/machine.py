"""What the figures were measured on, and how a process is held to one core."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["HELD", "caches", "cores", "describe", "environment", "peak"]

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)

HELD = {
    "avx2": {
        "RUSHLIGHT_ISA": "avx2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    },
}
"""Variables that hold every library to an instruction set; ONNX Runtime has none."""


def cores() -> list[int]:
    """The cores that this process may use; numbers only where the system cannot tell."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def environment(threads: int) -> dict[str, str]:
    """The environment of a worker: every library is told the same number of threads."""
    told = dict.fromkeys(_THREAD_VARIABLES, str(threads)) | {"JAX_PLATFORMS": "cpu"}
    # Import times are those of compiled modules, as pip leaves them, whatever the caller's setting.
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | told


def caches(folder: Path) -> dict[str, str]:
    """Variables that have every library keep what it compiled in `folder`."""
    return {
        "RUSHLIGHT_CACHE": str(folder / "rushlight"),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "torch"),
        "JAX_COMPILATION_CACHE_DIR": str(folder / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def peak() -> float:
    """The largest resident size of this process so far, in MB; 0 where the system does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM")), 0.0)


def describe() -> dict[str, Any]:
    """CPU, cores, system, Python, the date, and how busy the machine was at the start."""
    return {
        "cpu": _cpu_name() + (f", held to {isa}" if (isa := os.environ.get("RUSHLIGHT_ISA")) else ""),
        "cores": len(cores()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "pinned": hasattr(os, "sched_setaffinity"),
        "load_at_start": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
    }


def _cpu_name() -> str:
    if sys.platform.startswith("linux"):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        flags = next((line for line in lines if line.startswith("flags")), "")
        if names:
            return names[0] + (" (AVX-512)" if "avx512f" in flags else " (AVX2)" if "avx2" in flags else "")
    return platform.processor() or platform.machine()
