"""rl.onnx.export: names, dynamic axes, options, refusals."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.capture.results import tensors_of
from rushlight.errors import ArgumentError, DTypeError, NotSupportedError
from tests.example_files import example
from tests.onnx.layers import Net
from tests.onnx.peers import check, close, onnx, run

F = nn.functional


def dims(value: Any) -> list[Any]:
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


def test_names_are_those_of_modules_parameters_and_arguments() -> None:
    net = Net()
    model = rl.onnx.export(net, rl.ones(3, 4), output_names=["a", "b", "c"]).model_proto
    graph = model.graph
    assert {t.name for t in graph.initializer} == set(net.state_dict())
    assert [v.name for v in graph.input] == ["x"]
    assert [v.name for v in graph.output] == ["a", "b", "c"]
    gemms = [n.name for n in graph.node if n.op_type == "Gemm"]
    assert gemms == ["/layers/0/Gemm", "/layers/1/Gemm", "/head/Gemm", "/head/Gemm_1"]
    known = {v.name: dims(v) for v in graph.value_info}
    assert {name for node in graph.node for name in node.output} - set("abc") <= set(known)
    assert known["/layers/0/Gemm_output_0"] == [3, 4]
    assert model.producer_name == "rushlight"


class GPT(nn.Module):
    """A small one as people write it, with a mask that is cut and positions that count up."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(20, 8), nn.Embedding(16, 8)
        self.norm, self.qkv, self.out = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8)
        self.head = nn.Linear(8, 20, bias=False)
        self.register_buffer("mask", rl.tril(rl.ones(16, 16)))

    def forward(self, tokens: rl.Tensor) -> rl.Tensor:
        batch, time = tokens.shape
        x = self.words(tokens) + self.places(rl.arange(time))
        parts = self.qkv(self.norm(x)).split(8, 2)
        q, k, v = (t.view(batch, time, 2, 4).transpose(1, 2) for t in parts)
        weights = q @ k.transpose(-2, -1) / 2
        weights = weights.masked_fill(self.mask[:time, :time] == 0, float("-inf")).softmax(-1)
        y = (weights @ v).transpose(1, 2).contiguous().view(batch, time, 8)
        return self.head(x + self.out(y))


class Reads(nn.Module):
    """A recurrent classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.LSTM(3, 4, batch_first=True, bidirectional=True), nn.Linear(8, 2)

    def forward(self, x: rl.Tensor) -> Any:
        out, (h, c) = self.layer(x)
        return self.head(out[:, -1]), h, c


class Gathers(nn.Module):
    """The batch may have as many rows as the index, by chance."""

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return rl.gather(x, 1, rl.tensor([[0, 1, 2], [2, 1, 0]]))


class Attends(nn.Module):
    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return F.scaled_dot_product_attention(x, x, x, is_causal=True) / x.size(1)


def conv() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.GroupNorm(2, 4),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip


def words(*shape: int) -> rl.Tensor:
    return rl.randint(0, 20, shape)


DYNAMIC: dict[str, tuple[Callable[[], nn.Module], rl.Tensor, dict[int, str], list[rl.Tensor], list[Any]]] = {
    "MLP": (lambda: nn.MLP(4, [5], 2), rl.randn(1, 4), {0: "n"}, [rl.randn(7, 4)], ["n", 2]),
    "GPT": (GPT, words(2, 5), {0: "n", 1: "t"}, [words(3, 7), words(1, 16), words(1, 1)], ["n", "t", 20]),
    "LSTM": (Reads, rl.randn(2, 5, 3), {0: "n", 1: "t"}, [rl.randn(3, 9, 3)], ["n", 2]),
    "GRU": (lambda: nn.GRU(3, 4), rl.randn(5, 2, 3), {0: "t", 1: "n"}, [rl.randn(9, 3, 3)], ["t", "n", 4]),
    "gather": (Gathers, rl.randn(2, 5), {0: "n"}, [rl.randn(4, 5)], [2, 3]),
    "attention": (Attends, rl.randn(2, 5, 4), {0: "n", 1: "t"}, [rl.randn(3, 9, 4)], ["n", "t", 4]),
    "convolutions": (
        conv, rl.randn(2, 1, 8, 8), {0: "n", 2: "h", 3: "w"},
        [rl.randn(5, 1, 12, 16), rl.randn(1, 1, 9, 11)], ["n", 3],
    ),
    "Transformer": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 2),
        rl.randn(2, 5, 4), {0: "n", 1: "t"}, [rl.randn(3, 9, 4)], ["n", "t", 4],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DYNAMIC)
def test_dynamic_axes(name: str) -> None:
    make, example, axes, others, shape = DYNAMIC[name]
    net = make().eval()
    model = rl.onnx.export(net, example, input_names=["x"], dynamic_axes={"x": axes}).model_proto
    assert dims(model.graph.input[0])[0] in ("n", "t")
    assert dims(model.graph.output[0]) == shape
    onnx.checker.check_model(model, full_check=True)
    again = rl.onnx.load(model)
    for x in (example, *others):
        with rl.no_grad():
            expected = tensors_of(net(x))
            close(run(model, x), expected)
            close(tensors_of(again(x)), expected)


def test_forms_of_dynamic_axes() -> None:
    net, x = nn.Linear(4, 3), rl.ones(2, 4)
    for options in (
        {"dynamic_axes": {"input": [0]}},
        {"dynamic_axes": {"input": {-2: "n"}, "output": {0: "n"}}},
        {"dynamic_shapes": {"input": {0: "n"}}},
        {"dynamic_shapes": ({0: "n"},)},
    ):
        model = rl.onnx.export(net, x, **options).model_proto
        assert isinstance(dims(model.graph.output[0])[0], str)


def test_axes_that_cannot_be_dynamic_are_refused() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(8, 2))
    with pytest.raises(NotSupportedError, match="does not run with other sizes of 'w'"):
        rl.onnx.export(net, rl.ones(2, 8), dynamic_axes={"input": {1: "w"}})

    class Unrolled(nn.Module):
        def forward(self, x: rl.Tensor) -> rl.Tensor:
            total = x[0]
            for row in x[1:]:
                total = total.tanh() + row
            return total

    with pytest.raises(NotSupportedError, match="another one for another size of n"):
        rl.onnx.export(Unrolled(), rl.ones(3, 2), dynamic_axes={"x": {0: "n"}})
    with pytest.raises(ArgumentError, match="dynamic axes of 'y'"):
        rl.onnx.export(net, rl.ones(2, 8), dynamic_axes={"y": {0: "n"}})
    with pytest.raises(ArgumentError, match="axis 5"):
        rl.onnx.export(net, rl.ones(2, 8), dynamic_axes={"input": {5: "n"}})


def test_what_has_no_counterpart_is_named_with_its_module() -> None:
    class Gamma(nn.Module):
        def forward(self, x: rl.Tensor) -> rl.Tensor:
            return rl.lgamma(x)

    net = nn.Sequential(nn.Linear(2, 2), Gamma())
    with pytest.raises(NotSupportedError, match=r"the operation 'lgamma' in /1; .* Leave that part out"):
        rl.onnx.export(net, rl.ones(1, 2))

    class Decides(nn.Module):
        def forward(self, x: rl.Tensor) -> rl.Tensor:
            return x if x.sum().item() > 0 else -x

    with pytest.raises(NotSupportedError, match=r"item.*test_export\.py"):
        rl.onnx.export(Decides(), rl.ones(2))


def test_training_and_evaluation() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout(0.5))
    x = rl.randn(4, 2)
    before = {name: t.clone() for name, t in net.state_dict().items()}
    check(rl.onnx.export(net, x).model_proto, net.eval(), x)
    net.train()
    rl.onnx.export(net, x)
    assert net.training
    assert net[1].training
    with pytest.warns(UserWarning, match="does not update the module's buffers"):
        rl.onnx.export(net, x, training=rl.onnx.TrainingMode.TRAINING)
    assert all((t == before[name]).all() for name, t in net.state_dict().items())


def test_arguments_of_all_kinds() -> None:
    class Takes(nn.Module):
        def forward(self, pair: Any, scale: float, *, shift: rl.Tensor, names: dict[str, rl.Tensor]) -> Any:
            return (pair[0] * scale + pair[1]) * names["w"] + shift

    args = ([rl.ones(2), rl.ones(2)], 3.0)
    model = rl.onnx.export(
        Takes(), args, kwargs={"names": {"w": rl.ones(2)}, "shift": rl.ones(2)}
    ).model_proto
    assert [v.name for v in model.graph.input] == ["pair_0", "pair_1", "names_0", "shift"]
    close(run(model, *[rl.ones(2)] * 4), [rl.tensor([5.0, 5.0])])


def test_a_result_that_is_an_input_a_weight_or_there_twice() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(rl.ones(2))

        def forward(self, x: rl.Tensor) -> Any:
            y = x + 1
            return x, self.w, y, y, rl.zeros(2)

    check(rl.onnx.export(Odd(), rl.zeros(2)).model_proto, Odd(), rl.zeros(2))


def test_functions_files_and_programs(tmp_path: Path) -> None:
    x = rl.rand(2, 3)
    program = rl.onnx.export(lambda x: rl.erf(x).sum(1), x, tmp_path / "a.onnx", verify=True)
    stream = io.BytesIO()
    program.save(stream)
    assert stream.getvalue() == (tmp_path / "a.onnx").read_bytes()
    close([program(x)], [rl.erf(x).sum(1)])
    assert "Erf" in {n.op_type for n in program.model_proto.graph.node}


@pytest.mark.parametrize("version", [18, 20, 23])
def test_operator_sets(version: int) -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.GELU(), nn.LayerNorm(4), nn.Unflatten(1, (1, 4)), nn.AvgPool1d(2))
    x = rl.randn(2, 4)
    model = rl.onnx.export(net, x, opset_version=version).model_proto
    assert model.opset_import[0].version == version
    check(model, net, x)
    with pytest.raises(ArgumentError, match="opset_version=9"):
        rl.onnx.export(net, x, opset_version=9)


class Named(nn.Module):
    """Arguments and results are called as its weights are."""

    def __init__(self) -> None:
        super().__init__()
        self.x = nn.Parameter(rl.ones(2))
        self.output = nn.Parameter(rl.ones(2))

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return self.x * x + self.output


def test_weights_keep_their_names() -> None:
    net = Named()
    model = rl.onnx.export(net, rl.zeros(2)).model_proto
    assert [v.name for v in (*model.graph.input, *model.graph.output)] == ["x_", "output_"]
    check(model, net, rl.zeros(2))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"input_names": ["weight"]}, "'weight' in input_names"),
        ({"input_names": [""]}, "input_names with ''"),
        ({"output_names": ["bias"]}, "'bias' in output_names"),
        ({"input_names": ["x"], "output_names": ["x"]}, "'x' in output_names"),
    ],
)
def test_names_that_others_have(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        rl.onnx.export(nn.Linear(2, 2), rl.zeros(1, 2), **options)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"args": 3}, "args with a int; expected args with a tensor"),
        ({"args": "x"}, "args with a str"),
        ({"args": None}, "args with a NoneType"),
        ({"args": (rl.zeros(1, 2), rl.zeros(1, 2))}, r"2 args .*those that Linear takes, \(input"),
        ({"model": "net"}, "got a str; expected a Module or a function"),
        ({"kwargs": 3}, "kwargs=3; expected a dict"),
        ({"dynamic_axes": 3}, "dynamic_axes=3; expected a dict"),
        ({"input_names": "x"}, "input_names='x'; expected a list of words"),
        ({"output_names": 3}, "output_names=3"),
        ({"f": 3}, "f=3; expected a path or a file"),
    ],
)
def test_arguments_of_another_kind(changed: dict[str, Any], text: str) -> None:
    options = {"model": nn.Linear(2, 2), "args": rl.zeros(1, 2), **changed}
    with pytest.raises(DTypeError, match=text):
        rl.onnx.export(options.pop("model"), options.pop("args"), **options)
    with pytest.raises(TypeError, match="'verfy'. Did you mean 'verify'"):
        rl.onnx.export(nn.Linear(2, 2), rl.zeros(1, 2), verfy=True)
    rl.onnx.export(nn.Linear(2, 2), rl.zeros(1, 2), do_constant_folding=False)


def test_bools() -> None:
    class Mixed(nn.Module):
        def forward(self, a: rl.Tensor, b: rl.Tensor) -> Any:
            return a + b, a * b, rl.maximum(a, b), rl.minimum(a, b), a + 1

    pair = rl.tensor([True, False, True]), rl.tensor([True, False, False])
    check(rl.onnx.export(Mixed(), pair).model_proto, Mixed(), *pair)


def test_dtypes() -> None:
    x = rl.randn(2, 4, dtype=rl.float64)
    net = nn.Linear(4, 3).double()
    check(rl.onnx.export(net, x).model_proto, net, x)
    half = nn.Sequential(nn.Linear(4, 3), nn.ReLU()).half()
    model = rl.onnx.export(half, x.half()).model_proto
    with rl.no_grad():
        close(run(model, x.half()), [half(x.half())], 1e-2)


def test_shared_weights_stay_one() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    net[2].weight = net[0].weight
    model = rl.onnx.export(net, rl.ones(1, 4)).model_proto
    assert {t.name for t in model.graph.initializer} == {"0.weight", "0.bias", "2.bias"}
    check(model, net, rl.ones(1, 4))


def test_the_alias_of_pytorch(tmp_path: Path) -> None:
    import rushlight as torch

    torch.onnx.export(
        nn.Linear(2, 1), (torch.ones(1, 2),), str(tmp_path / "b.onnx"), dynamo=True, verbose=False
    )
    assert torch.onnx.load(tmp_path / "b.onnx")(torch.ones(1, 2)).shape == (1, 1)


def test_a_saved_model_from_the_command_line(tmp_path: Path) -> None:
    """Raw points and pictures in, probabilities out, as `rushlight predict` gives them."""
    from rushlight.cli.saved import SavedModel, build_model
    from rushlight.cli.settings import from_options
    from tests.cli_helpers import call

    rl.manual_seed(0)
    raw = {"disk": rl.rand(3, 2), "mnist": rl.rand(3, 28, 28) * 255}
    facts = {
        "disk": {"classes": ["outside", "inside"], "mean": [0.4, 0.5], "std": [0.3, 0.2]},
        "mnist": {"classes": list("0123456789"), "mean": 0.1307, "std": 0.3081},
    }
    for dataset, given in raw.items():
        settings = from_options(dataset, {"hidden": "4"})
        saved = SavedModel(build_model(settings), settings, facts[dataset])
        folder = tmp_path / dataset
        folder.mkdir()
        saved.save(folder / "model.safetensors")
        done = call("export", folder, "--to", "onnx")
        assert done.code == 0, done.err
        assert "probabilities" in done.out
        inputs = saved.normalise(given) if dataset == "disk" else rl.data.MNIST.prepare(given)
        found = run((folder / "model.onnx").read_bytes(), given)
        close(found, [saved.probabilities(inputs).float()], 1e-4)
        assert "exists" in call("export", folder).err
        assert call("export", folder, "--overwrite", "--out", tmp_path / "m.onnx").code == 0
    assert "expected onnx" in call("export", tmp_path / "disk", "--to", "tflite").err


EXAMPLES: dict[str, tuple[Callable[[Any], Any], Callable[[int], rl.Tensor]]] = {
    "char_gpt": (lambda m: m.GPT(20, 16, 8, 2, 2), lambda n: words(n, 5)),
    "lenet_mnist": (lambda m: m.LeNet(), lambda n: rl.randn(n, 1, 28, 28)),
    "lstm_adding": (lambda m: m.Adder(8), lambda n: rl.randn(n, 6, 2)),
    "neural_ode": (lambda m: m.Field(8), lambda n: rl.randn(n, 2)),
    "ppo_cartpole": (lambda m: m.ActorCritic(8), lambda n: rl.randn(n, 4)),
    "resnet_fashion": (lambda m: m.Block(4, 8, 2), lambda n: rl.randn(n, 4, 8, 8)),
    "vae_mnist": (lambda m: m.VAE(2, 8).encoder, lambda n: rl.rand(n, 784)),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_nets(name: str) -> None:
    make, draw = EXAMPLES[name]
    net = make(example(name)).eval()
    model = rl.onnx.export(net, draw(2), input_names=["x"], dynamic_axes={"x": {0: "n"}}).model_proto
    for count in (2, 5):
        check(model, net, draw(count))
