"""Code for a processor that is not this one: steps of the benchmarks for aarch64, as far as its assembly."""

from __future__ import annotations

import re
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile import host
from rushlight.compile.capture.trace import trace
from rushlight.compile.plan.kernels import schedule
from rushlight.compile.plan.memory import plan_memory
from rushlight.compile.write.kernel_writer import can_emit
from rushlight.compile.write.render import render

binding = pytest.importorskip("llvmlite.binding")
F = nn.functional

ARM = host.described("neoverse-n1", "+fp-armv8,+neon", "", host.Caches(64 << 10, 1 << 20))
STEPS = {
    "disk": (nn.MLP, (2, [25, 25, 25], 1), "tanh", F.mse_loss, lambda: (rl.rand(100, 2), rl.rand(100, 1))),
    "mnist": (
        *(nn.MLP, (784, [100, 100], 10), "relu", F.cross_entropy),
        lambda: (rl.rand(128, 784), rl.randint(0, 10, (128,))),
    ),
}


def graph_of(name: str) -> Any:
    kind, widths, activation, loss, batch = STEPS[name]
    model = kind(*widths, activation=activation)
    optimizer = rl.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        optimizer.step()
        return value

    return trace(step, list(batch())).graph


@pytest.mark.parametrize("name", STEPS)
def test_products_are_vector_multiply_adds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "describe", lambda: ARM)
    plan = schedule(graph_of(name), can_emit, lambda node: False)
    module = render(plan, plan_memory(plan))
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    target = binding.Target.from_triple("aarch64-linux-gnu")
    machine = target.create_target_machine(opt=2, cpu=ARM.cpu, features=ARM.features)
    products = [
        call.name
        for kernel, call in zip(plan.kernels, module.calls, strict=False)
        if kernel.kind == "product"
    ]
    assert products
    loops: list[str] = []
    for called in products:
        parsed = binding.parse_assembly(module.functions[called])
        assembly = machine.emit_assembly(parsed)
        assert machine.emit_object(parsed)[:4] == b"\x7fELF"
        assert re.search(r"fmla\s+v\d+\.4s", assembly), assembly
        loops += innermost(assembly)
    # Of a block's sums none is put aside while they are added to.
    assert loops
    assert not [body for body in loops if re.search(r"\bst[rp]\s+q.*\[sp", body)]


def innermost(assembly: str) -> list[str]:
    """The loops of one basic block that multiply and add more than anything else."""
    blocks = re.findall(r"^(\.LBB\w+):((?:(?!^\.LBB).*\n)*)", assembly, re.MULTILINE)
    parts = [
        re.split(rf"^\s+b\.\w+\s+{re.escape(label)}$", body, flags=re.MULTILINE) for label, body in blocks
    ]
    loops = [part[0] for part in parts if len(part) > 1]
    return [body for body in loops if 2 * body.count("fmla") > body.count("\n")]
