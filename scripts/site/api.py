"""The API by topic: which public names stand on which page of the site."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

__all__ = ["Topic", "entries", "names", "pages", "topics"]


@dataclass(frozen=True)
class Topic:
    """A page: a title, the package whose names it shows, and of these the ones of some files."""

    title: str
    file: str
    package: str
    files: str = ""
    """Files of the package, in the order of the page; all that no other topic has, if left out."""
    opening: str = ""

    @property
    def path(self) -> str:
        return f"api/{self.file}.md"


TOPICS = (
    Topic("Tensor", "tensor", "Tensor", opening="Nearly all functions of tensors are methods, too."),
    Topic("Making tensors", "creation", "", "creation making ranges memory facts typed storages convert"),
    Topic("Random numbers", "random", "", "core.random random draws shuffle gamma_draws"),
    Topic("Mathematics", "math", "", "arithmetic composed inplace elementwise exponential trigonometry reals "
          "numbers erfs gammas bessel activation softmax"),
    Topic("Reductions, order, counting", "reductions", "", "reduce extremes norm scans order counting"),
    Topic("Comparing and choosing", "choosing", "", "select compare logic"),
    Topic("Shape", "shape", "", "movement arranging join strided grid grids border"),
    Topic("Indexing", "indexing", "", "gather index lookup writing"),
    Topic("Products and linear algebra", "products", "", "matmul einsum algebra matrices distances "
          "lowrank bilinear_form"),
    Topic("linalg", "linalg", "linalg"),
    Topic("special", "special", "special"),
    Topic("Everything else of the root", "root", ""),
    Topic("Linear layers and containers", "layers", "nn", "module linear mlp containers bilinear_form "
          "parameters buffer lazy uninitialized tensor parallel"),
    Topic("Convolution, padding", "convolution", "nn", "conv lazy_conv padding folding"),
    Topic("Pooling and resizing", "pooling", "nn", "pooling adaptive unpooling upsampling"),
    Topic("Normalisation and dropout", "normalisation", "nn", "normalization dropout dropping"),
    Topic("Activations", "activations", "nn", "activation nonlinear"),
    Topic("Recurrence", "recurrence", "nn", "recurrent recurrent_cells"),
    Topic("Attention and Transformer", "attention", "nn", "multihead attention transformer"),
    Topic("Embeddings and distances", "embeddings", "nn", "embedding distance"),
    Topic("Losses", "losses", "nn", "loss margin adaptive_softmax linear_loss"),
    Topic("nn, the rest", "nn", "nn"),
    Topic("nn.functional", "functional", "nn.functional"),
    Topic("nn.init", "init", "nn.init"),
    Topic("nn.utils", "nn-utils", "nn.utils"),
    Topic("optim", "optim", "optim"),
    Topic("optim.lr_scheduler", "lr-scheduler", "optim.lr_scheduler"),
    Topic("data", "data", "data"),
    Topic("train", "train", "train"),
    Topic("train.callbacks", "callbacks", "train.callbacks"),
    Topic("autograd", "autograd", "autograd"),
    Topic("func", "func", "func"),
    Topic("distributions", "distributions", "distributions"),
    Topic("plot", "plot", "plot"),
    Topic("hub: weights", "hub", "hub"),
    Topic("interop: files", "interop", "interop"),
    Topic("onnx", "onnx", "onnx"),
    Topic("sklearn", "sklearn", "sklearn"),
    Topic("tabular: tables", "tabular", "tabular"),
    Topic("distributed", "distributed", "distributed"),
    Topic("vision.datasets", "datasets", "vision.datasets"),
    Topic("vision.transforms", "transforms", "vision.transforms"),
    Topic("sparse", "sparse", "sparse"),
    Topic("amp", "amp", "amp"),
    Topic("errors", "errors", "errors"),
)  # fmt: skip


def topics() -> tuple[Topic, ...]:
    """Those that have something to show."""
    return tuple(topic for topic in TOPICS if topic.package == "Tensor" or names(topic))


@cache
def _documented(package: str) -> dict[str, Any]:
    """The public functions and classes of a package, by name, that have a docstring of their own."""
    where = f"rushlight.{package}".rstrip(".")
    if importlib.util.find_spec(where) is None:
        return {}
    module = importlib.import_module(where)
    found = {name: getattr(module, name) for name in module.__all__ if hasattr(module, name)}
    kept = {
        name: value for name, value in found.items() if inspect.isclass(value) or inspect.isfunction(value)
    }
    return {name: value for name, value in kept.items() if _identifier(value) and inspect.getdoc(value)}


def _source(value: Any) -> Any:
    """The function as it stands in its file, without what gives it `out`."""
    value = inspect.unwrap(value)
    return getattr(value, "__globals__", {}).get("_function", value)


def _identifier(value: Any) -> str | None:
    """The dotted path of where it is defined."""
    value = _source(value)
    module, name = getattr(value, "__module__", None) or "", getattr(value, "__qualname__", "")
    if (
        not module.startswith("rushlight")
        or "." in name
        or getattr(sys.modules.get(module), name, None) is None
    ):
        return None
    return f"{module}.{name}"


def _file(topic: Topic, value: Any) -> str:
    module = _source(value).__module__.removeprefix("rushlight.")
    return module if module.startswith("core.random") else module.rpartition(".")[2]


def names(topic: Topic) -> dict[str, Any]:
    """The names of a topic's page, in its order."""
    if topic.package == "Tensor":
        return {}
    all_of = {name: value for name, value in _documented(topic.package).items() if _belongs(topic, value)}
    if topic.files:
        order = topic.files.split()
        chosen = {name: value for name, value in all_of.items() if _file(topic, value) in order}
        return dict(sorted(chosen.items(), key=lambda item: (order.index(_file(topic, item[1])), item[0])))
    taken = {f for other in TOPICS if other.package == topic.package for f in other.files.split()}
    return dict(sorted((n, v) for n, v in all_of.items() if _file(topic, v) not in taken))


def _belongs(topic: Topic, value: Any) -> bool:
    """Not what another topic's package shows: a function of `nn.functional` in the root, say."""
    if topic.package not in ("", "nn") or str(_identifier(value)).startswith("rushlight.ops."):
        return True
    return _identifier(value) not in _elsewhere(topic.package)


@cache
def _elsewhere(package: str) -> set[str | None]:
    """What the packages of the other topics show."""
    others = {topic.package for topic in TOPICS} - {"Tensor", "", package}
    return {_identifier(value) for other in others for value in _documented(other).values()}


def entries() -> dict[str, str]:
    """For each public name as one writes it, `nn.Linear`, the path of the object that the site describes."""
    found: dict[str, str] = {}
    for topic in topics():
        for name, value in names(topic).items():
            found[f"{topic.package}.{name}".lstrip(".")] = str(_identifier(value))
    return found


def pages() -> dict[str, str]:
    """The Markdown of all pages, by path."""
    made, seen = {}, set()
    for topic in topics():
        if topic.package == "Tensor":
            made[topic.path] = f"# Tensor\n\n{topic.opening}\n\n" + _entry(
                "Tensor", "rushlight.core.tensor.Tensor", ""
            )
            seen.add("rushlight.core.tensor.Tensor")
            continue
        where = f"rushlight.{topic.package}".rstrip(".")
        lines = [f"# {topic.title}", "", _opening(topic, where), ""]
        for name, value in names(topic).items():
            path = str(_identifier(value))
            shown = f"{topic.package}.{name}".lstrip(".")
            if path in seen:
                lines.append(f"**{shown}**: see [`{path.rpartition('.')[2]}`][{path}].\n")
                continue
            seen.add(path)
            lines.append(_entry(shown, path, "" if _is_wide(value) else "      members: false\n"))
        made[topic.path] = "\n".join(lines) + "\n"
    made["api/index.md"] = _index()
    return made


def _is_wide(value: Any) -> bool:
    """Whether the methods of a class are what it is used by; of a layer it is only the call."""
    from rushlight import nn, optim

    if not inspect.isclass(value):
        return False
    if issubclass(value, optim.Optimizer):
        return value is optim.Optimizer
    return not issubclass(value, nn.Module) or value in (nn.Module, nn.MLP)


def _entry(heading: str, path: str, more: str) -> str:
    return f'::: {path}\n    options:\n      heading: "{heading}"\n      toc_label: "{heading}"\n{more}'


def _opening(topic: Topic, where: str) -> str:
    if topic.opening:
        return topic.opening
    if topic.package == "" or topic.files:
        written = "rl" if topic.package == "" else topic.package
        return f"Written `{written}.NAME`, after `import rushlight as rl`" + (
            "." if written == "rl" else f" and `from rushlight import {written}`."
        )
    text = (importlib.import_module(where).__doc__ or "").strip().split("\n\n")[0]
    return re.sub(r"``", "`", " ".join(text.split())) + f"\n\nThe module `{where}`."


def _index() -> str:
    rows = []
    for topic in topics():
        listed = list(names(topic))
        few = ", ".join(f"`{name}`" for name in listed[:8]) + (", ..." if len(listed) > 8 else "")
        rows.append(f"| [{topic.title}]({topic.file}.md) | {few} |")
    return "\n".join(["# API by topic", "", "| page | names |", "|---|---|", *rows]) + "\n"
