"""Every layer as ONNX: sound by the checker, and the same numbers from ONNX Runtime and when opened again."""

from __future__ import annotations

import inspect

import pytest

import rushlight as rl
from rushlight import nn
from tests.onnx.layers import LAYERS, LEFT_OUT
from tests.onnx.peers import check


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name: str) -> None:
    make, inputs = LAYERS[name]
    rl.manual_seed(0)
    net = make().eval()
    check(rl.onnx.export(net, inputs).model_proto, net, *inputs)


def test_the_table_has_every_layer() -> None:
    named = {n for n in nn.__all__ if inspect.isclass(c := getattr(nn, n, None)) and issubclass(c, nn.Module)}
    left_out = {name for names in LEFT_OUT.values() for name in names.split()}
    found = {type(part).__name__ for make, _ in LAYERS.values() for part in make().modules()}
    assert named - found == left_out


WHOLE = {
    "Linear": ["Gemm"],
    "LogSoftmax": ["LogSoftmax"],
    "Softmax": ["Softmax"],
    "GELU": ["Gelu"],
    "LayerNorm": ["LayerNormalization"],
    "LayerNorm over 2 axes": ["LayerNormalization"],
    "BatchNorm2d": ["BatchNormalization"],
    "Conv2d": ["Conv"],
    "ConvTranspose2d": ["Add", "ConvTranspose", "Reshape"],
    "MaxPool2d": ["MaxPool"],
    "MaxPool2d, ceil_mode": ["MaxPool"],
    "AvgPool2d": ["AveragePool"],
    "AvgPool2d without pads": ["AveragePool"],
    "Embedding": ["Gather"],
    "LeakyReLU": ["LeakyRelu"],
}


@pytest.mark.parametrize("name", WHOLE)
def test_composite_operations_are_whole(name: str) -> None:
    make, inputs = LAYERS[name]
    model = rl.onnx.export(make(), inputs).model_proto
    assert sorted(n.op_type for n in model.graph.node if n.op_type != "Constant") == WHOLE[name]


@pytest.mark.parametrize(
    ("name", "op"), [("GroupNorm", "GroupNormalization"), ("RMSNorm", "RMSNormalization")]
)
def test_newer_operator_sets_have_more(name: str, op: str) -> None:
    make, inputs = LAYERS[name]
    net = make().eval()
    with rl.no_grad():
        for p in net.parameters():
            p.add_(rl.rand(p.shape))
    model = rl.onnx.export(net, inputs, opset_version=23).model_proto
    assert [n.op_type for n in model.graph.node] == [op]
    check(model, net, *inputs)


@pytest.mark.parametrize(("name", "count"), [("LSTM", 4), ("GRU", 4), ("RNN", 4)])
def test_recurrent_layers_are_whole(name: str, count: int) -> None:
    make, inputs = LAYERS["RNN" if name == "RNN" else f"{name} of 2 layers"]
    model = rl.onnx.export(make(), inputs).model_proto
    assert sum(n.op_type == name for n in model.graph.node) == count
