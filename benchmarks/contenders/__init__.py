"""The contenders, by name: the module and class of each, imported only in the process that runs it."""

from __future__ import annotations

from importlib import import_module

from benchmarks.contenders.base import Contender

__all__ = ["CONTENDERS", "Contender", "load"]

CONTENDERS = {
    "rushlight": ("rushlight_eager", "RushlightEager"),
    "rushlight-compiled": ("rushlight_compiled", "RushlightCompiled"),
    "rushlight-scan": ("rushlight_compiled", "RushlightScan"),
    "torch": ("torch_eager", "TorchEager"),
    "torch-fused": ("torch_eager", "TorchFused"),
    "torch-compile": ("torch_eager", "TorchCompile"),
    "jax": ("jax_jit", "JaxJit"),
    "jax-scan": ("jax_jit", "JaxScan"),
    "numpy": ("numpy_hand", "NumpyByHand"),
    "sklearn": ("sklearn_mlp", "SklearnMLP"),
    "onnxruntime": ("onnx_runtime", "OnnxRuntime"),
    "rushlight-sweep": ("sweeps", "RushlightSweep"),
    "torch-loop": ("sweeps", "TorchLoop"),
    "jax-vmap": ("sweeps", "JaxVmap"),
    "jax-map": ("sweeps", "JaxMap"),
}


def load(name: str) -> type[Contender]:
    """The class of a contender. Its library is not imported by this."""
    module, class_name = CONTENDERS[name]
    found: type[Contender] = getattr(import_module(f"benchmarks.contenders.{module}"), class_name)
    return found
