"""A model of a table as a model of ONNX: raw columns in, labels and probabilities or numbers out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import rushlight as rl
from rushlight import nn, onnx
from rushlight.optional import load as load_package
from rushlight.tabular.features import CLIP, FARTHEST, PARTS, Feature

if TYPE_CHECKING:
    from rushlight.tabular.model import TabularModel

__all__ = ["input_words", "output_names", "proto_of"]

DAY = 86_400.0
"""Seconds."""
ML = "ai.onnx.ml", 2
"""Where LabelEncoder is, and the version that maps words to numbers."""
INPUTS = {
    "number": "float; NaN: missing",
    "wide number": "double; NaN: missing",
    "category": "string; empty: missing",
    "date": "double, seconds since 1970-01-01 UTC; NaN: missing",
}
"""What a column of each kind is given as, [N, 1]."""
ENDLESS = 9.2e12
"""Seconds that no date reaches in microseconds of 64 bits. NumPy's NaT does, which is cast to the least whole
number."""
COARSE, LARGE = 1e4, 1e37
"""Up to so many deviations from 0, float32 tells a thousandth of one apart; the largest that it can hold."""


class Whole(nn.Module):
    """From raw columns (N, 1), categories as their codes, to what is predicted.

    Classes give the number of the likeliest (N,) and probabilities (N, classes); else the number (N, 1) in
    the target's unit, in float64 if float32 is too coarse for it.
    """

    def __init__(self, model: TabularModel) -> None:
        super().__init__()
        self.network, self._target = model.network, model.target
        self._features = model.encoder.features

    def forward(self, *columns: Any) -> Any:
        numbers = [columns[0][:, :0].float()]
        codes = []
        for feature, column in zip(self._features, columns, strict=True):
            if feature.width:
                codes.append(column)
            else:
                numbers += _encoded(feature, column)
        given = [part for part in numbers if part.shape[1]] or numbers[:1]
        out = self.network(rl.cat(given, 1), *([rl.cat(codes, 1)] if codes else [])).double()
        if not self._target.labels:
            found = out.mean(1) * self._target.std + self._target.mean
            return found if _wide(self._target.mean, self._target.std) else found.float()
        chances = out.softmax(2).mean(1)
        return chances.argmax(1), chances.float()


def _wide(centre: float, scale: float) -> bool:
    return abs(centre) > COARSE * scale or abs(centre) + scale > LARGE


def _kind(feature: Feature) -> str:
    """The key of INPUTS."""
    wide = feature.kind == "number" and feature.scale and _wide(feature.centre, feature.scale)
    return "wide number" if wide else feature.kind


def _encoded(feature: Feature, column: Any) -> list[Any]:
    """What `Feature.numbers` gives, in tensor operations."""
    if feature.kind == "category":
        return [(column == rl.arange(1, len(feature.words) + 1)).float()]
    raw = column.double() / DAY if feature.kind == "date" else column.double()
    absent = raw.isnan() | (raw.abs() >= ENDLESS / DAY if feature.kind == "date" else raw.isinf())
    known = rl.where(absent, feature.fill, raw)
    found = []
    if feature.scale:
        scaled = ((known - feature.centre) / feature.scale).clamp(-FARTHEST, FARTHEST)
        bent = scaled / CLIP
        found.append((scaled / (1.0 + bent * bent).sqrt()).float())
    for part in feature.parts:
        turns = known / PARTS[part]
        angle = ((turns - turns.floor()) * (2.0 * math.pi)).float()
        found += [rl.where(absent, 0.0, angle.sin()), rl.where(absent, 0.0, angle.cos())]
    if feature.indicator:
        found.append(absent.float())
    return found


def proto_of(model: TabularModel, opset_version: int | None = None) -> Any:
    """The ModelProto."""
    features, names = model.encoder.features, output_names(model)
    dtypes = {"number": rl.float32, "wide number": rl.float64, "date": rl.float64, "category": rl.int64}
    proto = onnx.export(
        Whole(model),
        tuple(rl.zeros(1, 1, dtype=dtypes[_kind(feature)]) for feature in features),
        input_names=[feature.name for feature in features],
        output_names=names,
        opset_version=opset_version,
        dynamic_axes={feature.name: {0: "N"} for feature in features},
    ).model_proto
    helper = load_package("onnx", "rushlight.onnx").helper
    words = [feature for feature in features if feature.kind == "category"]
    if words:
        _read_words(proto.graph, words, helper)
        proto.opset_import.append(helper.make_opsetid(*ML))
        proto.ir_version = helper.find_min_ir_version_for(list(proto.opset_import))
    if model.target.labels:
        _name_labels(proto.graph, names[0], list(model.target.labels), helper)
    for given, feature in zip(proto.graph.input, features, strict=True):
        given.doc_string = INPUTS[_kind(feature)]
    return proto


def _read_words(graph: Any, features: Sequence[Feature], helper: Any) -> None:
    """Have the inputs of categories take words, whose codes the graph then reads."""
    codes = {feature.name: _free(f"{feature.name}/code", graph) for feature in features}
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name in codes:
                node.input[place] = codes[name]
    made = []
    for feature in features:
        places = {word: place for place, word in enumerate(feature.words, 1) if word is not None}
        if None in feature.words:  # a tensor of strings has no other word for it
            places.setdefault("", feature.words.index(None) + 1)
        attrs = {"keys_strings": [*places], "values_int64s": [*places.values()], "default_int64": 0}
        name, code = feature.name, codes[feature.name]
        made.append(helper.make_node("LabelEncoder", [name], [code], code, domain=ML[0], **attrs))
    before = list(graph.node)
    del graph.node[:]
    graph.node.extend([*made, *before])
    for given in graph.input:
        if given.name in codes:
            graph.value_info.add(name=codes[given.name], type=given.type)
            given.type.tensor_type.elem_type = 8  # string


def _name_labels(graph: Any, output: str, labels: list[Any], helper: Any) -> None:
    """Have the first output give labels, not the numbers of classes."""
    number, table = _free("label/number", graph), _free("label/names", graph)
    kinds = {str: 8, bool: 9, int: 7}
    kind = kinds.get(type(labels[0]), 11) if len({type(label) for label in labels}) == 1 else 11
    values = [label.encode() for label in labels] if kind == 8 else labels
    graph.initializer.append(helper.make_tensor(table, kind, [len(labels)], values))
    for node in graph.node:
        for place, name in enumerate(node.output):
            if name == output:
                node.output[place] = number
    graph.value_info.add(name=number, type=graph.output[0].type)
    graph.node.append(helper.make_node("Gather", [table, number], [output], "label/Gather"))
    graph.output[0].type.tensor_type.elem_type = kind


def _free(name: str, graph: Any) -> str:
    """The name, or a longer one if something in the graph has it."""
    taken = {v.name for v in (*graph.input, *graph.initializer)}
    taken |= {out for node in graph.node for out in node.output}
    while name in taken:
        name += "_"
    return name


def output_names(model: TabularModel) -> list[str]:
    """What the results are called: as skl2onnx calls them, unless a column has that name."""
    found = ["label", "probabilities"] if model.target.labels else ["variable"]
    for place, name in enumerate(found):
        while found[place] in model.columns:
            found[place] = name = f"{name}_"
    return found


def input_words(model: TabularModel) -> list[tuple[str, str]]:
    """Each input of the graph, and what it takes."""
    return [(feature.name, INPUTS[_kind(feature)]) for feature in model.encoder.features]
