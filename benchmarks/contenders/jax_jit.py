"""JAX: the whole step under ``jit``, and many steps in one call by ``lax.scan``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks import models
from benchmarks.contenders.base import Contender, Step
from benchmarks.contenders.jax_models import LOSSES, adam
from benchmarks.workloads import Problem, Workload

__all__ = ["JaxJit", "JaxScan"]


def functions(workload: Workload) -> tuple[Any, Any]:
    """``infer(layers, x)`` and ``train(state, x, y) -> (state, loss)``, not yet compiled."""
    import jax
    import jax.numpy as jnp

    activation = jnp.tanh if workload.activation == "tanh" else jax.nn.relu

    def infer(layers: Any, x: Any) -> Any:
        for w, b in layers[:-1]:
            x = activation(x @ w + b)
        w, b = layers[-1]
        return x @ w + b

    def loss(layers: Any, *batch: Any) -> Any:
        if workload.model != "mlp":
            return LOSSES[workload.model](layers, workload, *batch)
        x, y = batch
        out = infer(layers, x)
        if workload.loss == "mse":
            return jnp.mean((out - y) ** 2)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(out), y[:, None], axis=1))

    def train(state: Any, *batch: Any) -> Any:
        layers, velocities = state
        value, grads = jax.value_and_grad(loss)(layers, *batch)
        if workload.optimizer != "sgd":
            return adam(workload, state, grads), value
        if not workload.momentum:
            return (jax.tree.map(lambda p, g: p - workload.lr * g, layers, grads), velocities), value
        velocities = jax.tree.map(lambda v, g: workload.momentum * v + g, velocities, grads)
        layers = jax.tree.map(lambda p, v: p - workload.lr * v, layers, velocities)
        return (layers, velocities), value

    return infer, train


def start(problem: Problem) -> Any:
    """The parameters, weights as (in, out), and zero velocities, or what Adam keeps."""
    import jax
    import jax.numpy as jnp

    if problem.workload.model != "mlp":
        params = {k: jnp.asarray(a) for k, a in models.parameters(problem.workload).items()}
        return params, (jnp.zeros(()), *(jax.tree.map(jnp.zeros_like, params) for _ in range(2)))
    layers = [(jnp.asarray(w.T.copy()), jnp.asarray(b)) for w, b in problem.layers]
    return layers, jax.tree.map(jnp.zeros_like, layers)


class JaxJit(Contender):
    """One jitted call a step, its state donated."""

    title = "JAX jit"
    library = "jax"
    compiles = True
    models = frozenset({"mlp", "gpt", "lstm", "pinn"})

    def setup(self, problem: Problem) -> Step:
        import jax
        import jax.numpy as jnp

        infer, train = functions(problem.workload)
        self.state: Any = start(problem)
        self.batches = [tuple(jnp.asarray(a) for a in batch) for batch in problem.batches]
        self.jitted: Any = jax.jit(train, donate_argnums=0)
        if problem.workload.kind == "infer":
            jitted, layers = jax.jit(infer), self.state[0]
            # A caller of inference needs the answer, so each call waits for it.
            return lambda x: jitted(layers, x).block_until_ready()
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
        _, train = functions(problem.workload)
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
