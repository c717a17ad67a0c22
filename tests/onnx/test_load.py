"""rl.onnx.load: a module that runs, trains and compiles; and what it refuses."""

from __future__ import annotations

import copy
import pickle
import random
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import ArgumentError, DataError, DTypeError, NotSupportedError, RushlightError
from tests.damage import damaged
from tests.onnx.layers import LAYERS
from tests.onnx.peers import check, close, onnx


def lenet() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.BatchNorm2d(6), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5),
        nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(400, 84), nn.Tanh(), nn.Linear(84, 10),
        nn.LogSoftmax(1),
    )  # fmt: skip


def test_a_lenet_is_exported_opened_trained_and_compiled(tmp_path: Path) -> None:
    rl.manual_seed(0)
    first = lenet().eval()
    x, target = rl.randn(64, 1, 28, 28), rl.randint(0, 10, (64,))
    rl.onnx.export(first, x[:1], tmp_path / "lenet.onnx", dynamic_axes={"input": {0: "n"}})
    net = rl.onnx.load(tmp_path / "lenet.onnx")
    assert set(net.state_dict()) == set(first.state_dict()) - {"1.num_batches_tracked"}
    assert {name for name, _ in net.named_parameters()} == {name for name, _ in first.named_parameters()}
    with rl.no_grad():
        close([net(x)], [first(x)])

    optimizer = rl.optim.Adam(net.parameters(), lr=0.01)

    @rl.compile
    def step(x: rl.Tensor, target: rl.Tensor) -> rl.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.nll_loss(net(x), target)
        loss.backward()
        optimizer.step()
        return loss

    losses = [step(x[k : k + 16], target[k : k + 16]).item() for _ in range(4) for k in range(0, 64, 16)]
    assert sum(losses[-4:]) < 0.5 * sum(losses[:4])
    # Out again, and in again: what it has learned goes along.
    check(rl.onnx.export(net, x[:2]).model_proto, net, x[:2])


def test_the_gradients_are_those_of_the_net() -> None:
    rl.manual_seed(0)
    first = nn.Sequential(nn.Linear(4, 5), nn.LayerNorm(5), nn.GELU(), nn.Linear(5, 3))
    x = rl.randn(6, 4)
    net = rl.onnx.load(rl.onnx.export(first, x).model_proto)
    for module in (first, net):
        (module(x) ** 2).sum().backward()
    for (name, a), (other, b) in zip(first.named_parameters(), net.named_parameters(), strict=True):
        assert name == other
        close([b.grad], [a.grad])


@pytest.mark.parametrize("name", ["MLP", "LSTM of 2 layers", "TransformerEncoder", "Conv2d", "LayerNorm"])
def test_round_trips(name: str) -> None:
    """Out, in, out again: the second file computes the same, and has the same weights."""
    make, inputs = LAYERS[name]
    net = make().eval()
    first = rl.onnx.export(net, inputs).model_proto
    opened = rl.onnx.load(first)
    second = rl.onnx.export(opened, inputs).model_proto
    weights = [{t.name: t.raw_data for t in model.graph.initializer} for model in (first, second)]
    assert weights[0] == weights[1]
    check(second, net, *inputs)


def test_states_copies_and_pickles() -> None:
    first = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).eval()
    x = rl.randn(4, 2)
    net = rl.onnx.load(rl.onnx.export(first, x).model_proto)
    assert [name for name, _ in net.named_buffers()] == ["1.running_mean", "1.running_var"]
    with rl.no_grad():
        first[0].weight.mul_(2.0)
    state = first.state_dict()
    net.load_state_dict({name: state[name] for name in net.state_dict()})
    for module in (net, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        with rl.no_grad():
            close([module(x)], [first(x)])
    assert "input -> output" in repr(net)


def small() -> Any:
    return rl.onnx.export(nn.Linear(2, 3), rl.ones(1, 2)).model_proto


def test_sources(tmp_path: Path) -> None:
    model = small()
    data = model.SerializeToString()
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    with path.open("rb") as stream:
        nets = [rl.onnx.load(source) for source in (model, data, path, str(path), stream)]
    x = rl.ones(1, 2)
    assert len({tuple(net(input=x).tolist()[0]) for net in nets}) == 1
    with pytest.raises(ArgumentError, match="expected the inputs input"):
        nets[0](x, x)
    with pytest.raises(DTypeError, match="a path, bytes, a file or a ModelProto"):
        rl.onnx.load(3)
    with pytest.raises(FileNotFoundError):
        rl.onnx.load(tmp_path / "none.onnx")


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.onnx"
    for data in (b"", b"no model", small().SerializeToString()[:-40]):
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"bad\.onnx"):
            rl.onnx.load(path)
    luck, good = random.Random(0), small().SerializeToString()
    refused = 0
    for _ in range(150):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rl.onnx.load(damaged(good, b"", luck))
        except RushlightError:
            refused += 1
    assert refused > 50


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    for call in (lambda: rl.onnx.load(b""), lambda: rl.onnx.export(nn.ReLU(), rl.ones(1))):
        with pytest.raises(ImportError, match=r"^rushlight\.onnx needs onnx: pip install onnx$"):
            call()


def test_what_is_not_here_is_named() -> None:
    helper = onnx.helper
    node = helper.make_node("StringSplit", ["x"], ["y", "z"], name="cuts")
    text = helper.make_tensor_value_info("x", onnx.TensorProto.STRING, [2])
    out = [
        helper.make_tensor_value_info("y", onnx.TensorProto.STRING, [2, None]),
        helper.make_tensor_value_info("z", onnx.TensorProto.INT64, [2]),
    ]
    model = helper.make_model(helper.make_graph([node], "g", [text], out))
    with pytest.raises(NotSupportedError, match=r"ai\.onnx\.StringSplit \(node 'cuts'\)"):
        rl.onnx.load(model)


def test_metadata_are_not_believed() -> None:
    for text in ("[" * 100_000, "{", "[[1]]"):
        model = rl.onnx.export(nn.Linear(2, 2), rl.zeros(1, 2)).model_proto
        model.metadata_props[0].value = text
        with pytest.raises(DataError, match="cannot be read"):
            rl.onnx.load(model)


def test_a_range_without_a_step() -> None:
    helper = onnx.helper
    numbers = [helper.make_tensor(name, 7, [], [value]) for name, value in (("a", 0), ("b", 5), ("c", 0))]
    sides = [[helper.make_tensor_value_info(name, 7, ["n"])] for name in "xy"]
    graph = helper.make_graph([helper.make_node("Range", ["a", "b", "c"], ["y"])], "g", *sides, numbers)
    with pytest.raises(ArgumentError, match="a step of 0"):
        rl.onnx.load(helper.make_model(graph))(rl.zeros(1))


def test_names_that_attributes_cannot_have() -> None:
    """Initialisers may be called anything: what a module uses itself, or a tree that is not one."""
    helper = onnx.helper
    names = ["training", "a", "a.b", ".c", "forward", "x/y:0", "_modules", "_program", "a.b.c"]
    values = [helper.make_tensor(name, 1, [2], [1.0, 2.0]) for name in names]
    nodes = [helper.make_node("Sum", ["in", *names], ["out"])]
    sides = [[helper.make_tensor_value_info(name, 1, [2])] for name in ("in", "out")]
    net = rl.onnx.load(helper.make_model(helper.make_graph(nodes, "g", *sides, initializer=values)))
    assert len(list(net.parameters())) == len(names)
    close([net(rl.zeros(2))], [rl.tensor([9.0, 18.0])])


def test_loops_branches_and_functions_of_a_model() -> None:
    """What Python decides: a compiled program follows a count that is fixed, and refuses one that is not."""
    text = """
        <ir_version: 9, opset_import: ["" : 20, "own" : 1]>
        g (float[2] x) => (float[2] y) {
            count = Constant <value = int64 {3}> ()
            yes = Constant <value = bool {1}> ()
            total = Loop (count, yes, x) <body = b (int64 i, bool c, float[2] s) => (bool k, float[2] t) {
                k = Identity (c)
                t = own.twice <by = 2.0> (s)
            }>
            low = ReduceMin <keepdims = 0> (total)
            zero = Constant <value = float {0}> ()
            some = Greater (low, zero)
            y = If (some) <then_branch = p () => (float[2] u) { u = Identity (total) },
                           else_branch = q () => (float[2] v) { v = Neg (total) }>
        }
        <domain: "own", opset_import: ["" : 20]>
        twice <by> (a) => (b) {
            factor = Constant <value_float: float = @by> ()
            b = Mul (a, factor)
        }
    """
    net = rl.onnx.load(onnx.parser.parse_model(text))
    close([net(rl.tensor([1.0, 2.0]))], [rl.tensor([8.0, 16.0])])
    close([net(rl.tensor([-1.0, 2.0]))], [rl.tensor([8.0, -16.0])])


def test_shapes_are_numbers_in_compiled_functions() -> None:
    """Reshape by what Shape, Gather and Concat give, as exporters write it."""
    text = """
        <ir_version: 9, opset_import: ["" : 20]>
        g (float[n, 3, 4] x) => (float[n, 12] y) {
            s = Shape (x)
            zero = Constant <value = int64 {0}> ()
            n = Gather (s, zero)
            at = Constant <value = int64[1] {0}> ()
            row = Unsqueeze (n, at)
            rest = Constant <value = int64[1] {-1}> ()
            shape = Concat <axis = 0> (row, rest)
            y = Reshape (x, shape)
        }
    """
    net = rl.onnx.load(onnx.parser.parse_model(text))
    x = rl.randn(2, 3, 4)
    close([rl.compile(net)(x)], [x.reshape(2, 12)])


def test_scikit_learn() -> None:
    skl2onnx = pytest.importorskip("skl2onnx", reason="needs skl2onnx: pip install -e .[dev]")
    pytest.importorskip("sklearn")
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 4)).astype(np.float32)
    classes, values = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0.5), x @ np.ones((4, 2), np.float32)
    models = [
        (MLPClassifier((8, 8), max_iter=5), classes),
        (make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=5, activation="tanh")), classes > 0),
        (make_pipeline(MinMaxScaler(), LogisticRegression()), classes),
        (MLPRegressor(hidden_layer_sizes=(8,), max_iter=5, activation="logistic"), values),
    ]
    for model, wanted in models:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # five rounds are few
            model.fit(x, wanted)
            net = rl.onnx.load(skl2onnx.to_onnx(model, x[:1]))
            found = net(rl.tensor(x))
        expected = [model.predict(x)]
        if hasattr(model, "predict_proba"):
            expected.append(model.predict_proba(x))
        for a, b in zip(found if isinstance(found, tuple) else (found,), expected, strict=True):
            np.testing.assert_allclose(a.detach().numpy().reshape(b.shape), b, rtol=1e-4, atol=1e-5)
        if isinstance(model, MLPClassifier):
            assert len(list(net.parameters())) == 6
