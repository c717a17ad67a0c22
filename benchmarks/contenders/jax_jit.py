"""JAX: the whole step under ``jit``, and many steps in one call by ``lax.scan``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.contenders.base import ALL, Contender, Step
from benchmarks.models.base import entropy
from benchmarks.workloads import Problem, Workload

__all__ = ["JaxJit", "JaxScan"]


def functions(problem: Problem) -> tuple[Any, Any]:
    """``infer(params, x)`` and ``train(state, *batch) -> (state, loss)``, not yet compiled."""
    import jax
    import jax.numpy as jnp

    workload = problem.workload
    if workload.model == "mlp":
        infer, loss = _plain(workload)
    else:
        model = problem.model
        infer, loss = model.jax_outputs, model.jax_step

    def train(state: Any, *batch: Any) -> Any:
        params, rule, kept = state
        (value, kept), grads = jax.value_and_grad(loss, has_aux=True)(params, kept, *batch)
        if workload.clip:
            norm = jnp.sqrt(sum(jnp.vdot(g, g) for g in jax.tree.leaves(grads)))
            scale = jnp.minimum(1.0, workload.clip / (norm + 1e-6))
            grads = jax.tree.map(lambda g: g * scale, grads)
        params, rule = (sgd if workload.optimizer == "sgd" else adam)(workload, params, rule, grads)
        return (params, rule, kept), value

    return infer, train


def _plain(workload: Workload) -> tuple[Any, Any]:
    """Outputs and loss of a network of linear layers."""
    import jax
    import jax.numpy as jnp

    activation = jnp.tanh if workload.activation == "tanh" else jax.nn.relu

    def infer(layers: Any, x: Any) -> Any:
        for w, b in layers[:-1]:
            x = activation(x @ w + b)
        w, b = layers[-1]
        return x @ w + b

    def loss(layers: Any, kept: Any, x: Any, y: Any) -> Any:
        out = infer(layers, x)
        if workload.loss == "mse":
            return jnp.mean((out - y) ** 2), kept
        return entropy(out, y), kept

    return infer, loss


def sgd(workload: Workload, params: Any, velocities: Any, grads: Any) -> Any:
    """The next (parameters, velocities)."""
    import jax

    if workload.momentum:
        grads = velocities = jax.tree.map(lambda v, g: workload.momentum * v + g, velocities, grads)
    return jax.tree.map(lambda p, g: p - workload.lr * g, params, grads), velocities


def adam(workload: Workload, params: Any, kept: Any, grads: Any) -> Any:
    """The next (parameters, (steps, means, means of squares)), with AdamW's decay for ``adamw``."""
    import jax
    import jax.numpy as jnp

    count, means, squares = kept
    count = count + 1
    means = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, means, grads)
    squares = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, squares, grads)
    decay = 1 - workload.lr * 0.01 if workload.optimizer == "adamw" else 1.0

    def new(p: Any, m: Any, s: Any) -> Any:
        root = jnp.sqrt(s) / jnp.sqrt(1 - 0.999**count) + 1e-8
        return decay * p - workload.lr / (1 - 0.9**count) * m / root

    return jax.tree.map(new, params, means, squares), (count, means, squares)


def start(problem: Problem) -> Any:
    """Parameters, weights as (in, out); zero velocities, or what Adam keeps; what the model keeps."""
    import jax
    import jax.numpy as jnp

    if problem.workload.model == "mlp":
        layers = [(jnp.asarray(w.T.copy()), jnp.asarray(b)) for w, b in problem.layers]
        return layers, jax.tree.map(jnp.zeros_like, layers), {}
    model = problem.model
    arrays = {k: model.jax_weight(k, a) for k, a in model.parameters().items()}
    zeros = [{k: np.zeros_like(a) for k, a in arrays.items()} for _ in range(2)]
    state: Any = (arrays, (np.zeros((), np.float32), *zeros), model.kept())
    return jax.tree.map(jnp.asarray, state)


def batches(problem: Problem) -> list[tuple[Any, ...]]:
    """As JAX's arrays."""
    import jax.numpy as jnp

    given = problem.batches
    if problem.workload.model != "mlp":
        given = [problem.model.jax_batch(*batch) for batch in given]
    return [tuple(jnp.asarray(a) for a in batch) for batch in given]


class JaxJit(Contender):
    """One jitted call a step, its state donated."""

    title = "JAX jit"
    library = "jax"
    compiles = True
    models = ALL

    def setup(self, problem: Problem) -> Step:
        import jax

        infer, train = functions(problem)
        self.state: Any = start(problem)
        self.batches = batches(problem)
        self.jitted: Any = jax.jit(train, donate_argnums=0)
        if problem.workload.kind == "infer":
            jitted, params = jax.jit(infer), self.state[0]
            # A caller of inference needs the answer, so each call waits for it.
            return lambda x: jitted(params, x).block_until_ready()
        return self.train

    def train(self, *batch: Any) -> Any:
        """One step; the old state's memory is given to the new one."""
        self.state, loss = self.jitted(self.state, *batch)
        return loss

    def finish(self) -> None:
        import jax

        jax.block_until_ready(self.state)


class JaxScan(JaxJit):
    """Many steps in one call: ``lax.scan`` over the stacked batches, or over an index that gathers them."""

    title = "JAX scan"
    kinds = frozenset({"train"})

    def setup(self, problem: Problem) -> Step:
        import jax
        import jax.numpy as jnp

        step = super().setup(problem)
        _, train = functions(problem)
        self.passes = problem.workload.passes
        sources: Any = ()
        if problem.workload.indexed:
            sources = tuple(jnp.asarray(a) for a in problem.samples)
            over: Any = jnp.asarray(problem.index, dtype=jnp.int32)
        else:
            over = tuple(jnp.stack(part) for part in zip(*self.batches, strict=True))

        def scan(state: Any, sources: Any, over: Any, passes: int) -> Any:
            def one(s: Any, item: Any) -> Any:
                batch = tuple(jnp.take(a, item, axis=0) for a in sources) if sources else item
                return train(s, *batch)

            return jax.lax.scan(lambda s, _: jax.lax.scan(one, s, over), state, length=passes)

        jitted = jax.jit(scan, static_argnums=3, donate_argnums=0)
        self.scan: Any = lambda state, passes: jitted(state, sources, over, passes)
        return step

    def run(self, steps: int) -> int:
        a_call = self.passes * len(self.batches)
        calls = max(1, round(steps / a_call))
        for _ in range(calls):
            self.state, _ = self.scan(self.state, self.passes)
        self.finish()
        return calls * a_call

    def values(self, passes: int) -> Iterator[float]:
        self.state, losses = self.scan(self.state, passes)
        yield from np.asarray(losses).ravel().tolist()
