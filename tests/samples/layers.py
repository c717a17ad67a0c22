"""Samples of what layers are made of: normalising, looking up, dropping, bilinear forms."""

from __future__ import annotations

import numpy as np

from tests.samples.record import I, X, sample

# fmt: off

W, B3 = X(3, low=0.5, high=1.5), X(3)
NONE, OWN = (None, None), (True, 0.1, 0.1, False)

sample("layer_norm", lambda L, x: L.layer_norm(x, (3,)), X(2, 3), X(4, 2, 3), exact=False, plain=[X(0, 3)])
sample("layer_norm", lambda L, x, w, b: L.layer_norm(x, (3,), w, b, 0.1), (X(2, 3), W, B3), (X(3), W, B3),
    exact=False)
sample("layer_norm", lambda L, x, w, b: L.nn.functional.layer_norm(x, w.shape, w, b, 0.1),
    (X(2, 2, 3), X(2, 3), X(2, 3)), exact=False)
sample("layer_norm", lambda L, x, w: L.nn.functional.layer_norm(x, (3,), w), (X(2, 3), W),
    exact=False, twice=False)
sample("layer_norm", lambda L, x, w, b: L.nn.functional.layer_norm(x, (3,), w, b), (X(2, 3), W, B3),
    exact=False, twice=False)
sample("layer_norm", lambda L, x: L.layer_norm(x + 1000.0, (3,)), kinks=[X(2, 3)], exact=False, peer=False)
sample("rms_norm", lambda L, x: L.rms_norm(x, (3,)), X(2, 3), X(4, 2, 3), exact=False)
sample("rms_norm", lambda L, x, w: L.rms_norm(x, (3,), w, 0.1), (X(2, 3), W), exact=False)
sample("group_norm", lambda L, x: L.group_norm(x, 2), X(2, 4, 3), X(2, 4), exact=False)
sample("group_norm", lambda L, x, w, b: L.group_norm(x, 3, w, b), (X(2, 3, 2), W, B3), exact=False)
sample("batch_norm", lambda L, x: L.batch_norm(x, *NONE, *NONE, *OWN), X(4, 3), X(2, 3, 4), exact=False)
sample("batch_norm", lambda L, x, w, b: L.batch_norm(x, w, b, *NONE, *OWN), (X(4, 3), W, B3),
    (X(2, 3, 4), W, B3), exact=False)
sample("batch_norm", lambda L, x, w, b: L.nn.functional.batch_norm(x, *NONE, w, b, True), (X(2, 3, 4), W, B3),
    exact=False, twice=False)
sample("batch_norm", lambda L, x, w, b: L.batch_norm(x, w, b, L.tensor([0.1, 0.2, 0.3], dtype=x.dtype),
    L.tensor([1.0, 2.0, 0.5], dtype=x.dtype), False, *OWN[1:]), (X(4, 3), W, B3), exact=False)
sample("instance_norm", lambda L, x: L.instance_norm(x, *NONE, *NONE, *OWN), X(2, 3, 4), exact=False)
sample("instance_norm", lambda L, x, w, b: L.instance_norm(x, w, b, *NONE, *OWN),
    (X(2, 3, 4), W, B3), (X(2, 3, 2, 2), W, B3), exact=False)
sample("normalize", lambda L, x: L.nn.functional.normalize(x), X(2, 3), X(2, 3, 2), exact=False)
sample("normalize", lambda L, x: L.nn.functional.normalize(x, 1.0, -1), X(2, 3), exact=False)

INDEX = I(2, 3, high=4)
BAGS = [0, 3, 1, 1, 2]
# Options that change the gradient only are compared with PyTorch's, not with differences.
sample("embedding", lambda L, w: L.embedding(w, L.tensor(INDEX)), X(4, 2))
sample("embedding", lambda L, w: L.embedding(w, L.tensor(INDEX), 1, True), kinks=[X(4, 2)], exact=False)
sample("embedding", lambda L, w: L.nn.functional.embedding(L.tensor(INDEX), w, -2), kinks=[X(4, 2)])
for _mode in ("sum", "mean", "max"):
    sample("embedding_bag", lambda L, w, m=_mode: L.nn.functional.embedding_bag(L.tensor(INDEX), w, mode=m),
        X(4, 2), exact=False, twice=False)
    sample("embedding_bag", lambda L, w, m=_mode: L.nn.functional.embedding_bag(
        L.tensor(BAGS), w, L.tensor([0, 2, 2]), mode=m, padding_idx=3), X(4, 2), exact=False, twice=False)
sample("embedding_bag", lambda L, w, f: L.nn.functional.embedding_bag(
    L.tensor(BAGS), w, L.tensor([0, 2, 5]), mode="sum", per_sample_weights=f, include_last_offset=True),
    (X(4, 2), X(5)), exact=False, twice=False)

sample("bilinear", lambda L, x, y, w: L.bilinear(x, y, w, None), (X(2, 3), X(2, 4), X(5, 3, 4)), exact=False)
sample("bilinear", lambda L, x, y, w, b: L.nn.functional.bilinear(x, y, w, b),
    (X(2, 2, 3), X(2, 2, 4), X(2, 3, 4), X(2)), exact=False)

# Of what is drawn only what all generators have in common.
ONES = np.ones((3, 4, 2))
for _name in ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"):
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x, 0.5, False) * x, X(2, 3), X(2, 3, 2))
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x, 1.0, True), plain=[X(2, 3)])
    sample(f"{_name}_", lambda L, x, n=_name: getattr(L, n + "_")(x.clone(), 0.5, False) * x, X(2, 3))
    sample(f"{_name}_", lambda L, x, n=_name: getattr(L, n + "_")(x.clone(), 1.0, True), plain=[X(2, 3)])
    sample(_name, lambda L, x, n=_name: (getattr(L, n)(x, 0.5, True) * 0).sum((1, 2)), plain=[ONES],
        exact=False)
# fmt: on
