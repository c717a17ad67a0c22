"""A table of a model: layers, output shapes, parameters, arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rushlight.core.state import no_grad
from rushlight.nn.flops import WHOLE, flops_of

__all__ = ["Layer", "Summary", "summary"]


@dataclass
class Layer:
    """One row: a module without children, as met in the forward pass."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    flops: int | None
    """Operations of one forward pass of the batch; None where the layer does not say."""


@dataclass
class Summary:
    """What `summary` found; printing it gives a table."""

    input_shape: tuple[int, ...]
    layers: list[Layer] = field(default_factory=list)
    parameters: int = 0
    trainable: int = 0
    kind: str = ""
    elsewhere: int = 0
    """Parameters that modules with parts have of their own, or of layers that were not called."""
    kinds: dict[str, str] = field(default_factory=dict)
    """The kinds of the modules that hold others, by name."""

    @property
    def flops(self) -> int:
        """Operations of one forward pass of the batch, in the layers that are counted."""
        return sum(layer.flops or 0 for layer in self.layers)

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """The table as text: layer, kind, output shape, parameters, FLOPs."""
        return [
            (row.name, row.kind, _text(row.output_shape), f"{row.parameters:,}", _count(row.flops))
            for row in self.layers
        ]

    def totals(self) -> list[str]:
        """The lines below the table."""
        batch = self.input_shape[0] if self.input_shape else 1
        frozen = self.parameters - self.trainable
        lines = [f"parameters  {self.parameters:,}" + (f" ({frozen:,} frozen)" if frozen else "")]
        lines.append(f"FLOPs       {self.flops:,} forward, for {_samples(batch)}")
        if any(layer.flops is None for layer in self.layers):
            lines.append("            (not counting the layers marked ?)")
        if self.elsewhere:
            lines.append(f"            ({self.elsewhere:,} parameters belong to no layer of the table)")
        return lines

    def __str__(self) -> str:
        table = [("layer", "kind", "output shape", "parameters", "FLOPs"), *self.rows()]
        widths = [max(len(row[i]) for row in table) for i in range(5)]
        lines = [f"input {_text(self.input_shape)}"]
        for row in table:
            left = [row[i].ljust(widths[i]) for i in range(3)]
            right = [row[i].rjust(widths[i]) for i in (3, 4)]
            lines.append("  ".join(left + right))
        return "\n".join([*lines, *self.totals()])

    def _repr_html_(self) -> str:
        from rushlight.notebook.modules import summary_html

        return summary_html(self)


def summary(model: Any, input_shape: Sequence[int], batch_size: int = 1, dtype: Any = None) -> Summary:
    """Run `model` once on zeros of shape (batch_size, *input_shape) and tell what every layer did.

    A multiplication and an addition are two operations: Linear takes 2 N in out, and N out for the bias. A
    layer of your own is counted if it has a method ``flops(input_shape, output_shape) -> int``. Modes,
    gradients and random state are left as they were.

    >>> import rushlight as rl
    >>> net = rl.nn.Sequential(rl.nn.Linear(2, 25), rl.nn.Tanh(), rl.nn.Linear(25, 1))
    >>> print(rl.train.summary(net, (2,)))
    input (1, 2)
    layer  kind    output shape  parameters  FLOPs
    0      Linear  (1, 25)               75    125
    1      Tanh    (1, 25)                0     25
    2      Linear  (1, 1)                26     51
    parameters  101
    FLOPs       201 forward, for 1 sample
    """
    import rushlight as rl

    shape = (batch_size, *input_shape)
    found = Summary(shape, kind=type(model).__name__)
    layers = dict(_layers("", model))
    found.kinds = {name: type(m).__name__ for name, m in model.named_modules() if name not in layers}
    for parameter in model.parameters():
        found.parameters += parameter.numel()
        found.trainable += parameter.numel() if parameter.requires_grad else 0
    modes = [(module, module.training) for module in model.modules()]
    random = rl.get_rng_state()
    counted: dict[int, int] = {}
    hooks = [module.register_forward_hook(_recorder(found, name, counted)) for name, module in layers.items()]
    try:
        model.eval()
        with no_grad():
            model(rl.zeros(*shape, dtype=dtype))
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes:
            module.training = mode
        rl.set_rng_state(random)
    found.elsewhere = found.parameters - sum(counted.values())
    return found


def _layers(name: str, module: Any) -> Iterator[tuple[str, Any]]:
    """The modules that have no parts, or use those they have without calling them."""
    parts = [] if type(module).__name__ in WHOLE else list(module.named_children())
    if not parts:
        yield name, module
    for key, part in parts:
        yield from _layers(f"{name}.{key}" if name else key, part)


def _recorder(found: Summary, name: str, counted: dict[int, int]) -> Any:
    def record(module: Any, inputs: tuple[Any, ...], output: Any) -> None:
        while isinstance(output, tuple | list) and output:  # a recurrent layer's outputs and states
            output = output[0]
        before, after = tuple(inputs[0].shape) if inputs else (), tuple(getattr(output, "shape", ()))
        sizes = {id(parameter): parameter.numel() for parameter in module.parameters()}
        counted.update(sizes)
        kind, keys = type(module).__name__, None
        if kind in WHOLE and len(inputs) > 1:
            keys = tuple(inputs[1].shape)
        flops = flops_of(module, before, after, keys)
        found.layers.append(Layer(name or kind, kind, after, sum(sizes.values()), flops))

    return record


def _text(shape: tuple[int, ...]) -> str:
    return str(tuple(shape))


def _count(flops: int | None) -> str:
    return "?" if flops is None else f"{flops:,}"


def _samples(batch: int) -> str:
    return "1 sample" if batch == 1 else f"{batch} samples"
