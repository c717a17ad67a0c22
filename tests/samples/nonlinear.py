"""Samples of the activations and losses that load later."""

from __future__ import annotations

import numpy as np

from tests.samples.record import X, forms, sample

# A table: an entry costs a line or two.
# fmt: off
for _name in ("elu", "selu", "celu", "hardtanh", "relu6", "hardswish", "hardshrink", "softshrink",
              "tanhshrink", "softsign", "logsigmoid", "mish", "rrelu"):
    sample(f"nn.functional.{_name}", lambda L, x, n=_name: getattr(L.nn.functional, n)(x), *forms()[1:],
        plain=[np.array([0.1, np.nan, 2.0])],
        kinks=[np.array([-1e3, -0.0, 1e3, np.inf])] if _name in ("relu6", "softsign", "hardswish") else [])
for _name in ("elu_", "selu_", "celu_", "hardtanh_", "relu_", "leaky_relu_", "rrelu_"):
    sample(f"nn.functional.{_name}", lambda L, x, n=_name: getattr(L.nn.functional, n)(x * 1), X(2, 3))
sample("nn.functional.threshold", lambda L, x: L.nn.functional.threshold(x, 0.1, 7.0), X(2, 3))
sample("nn.functional.hardsigmoid", lambda L, x: L.nn.functional.hardsigmoid(x), X(2, 3), peer=False)
sample("nn.functional.glu", lambda L, x: (L.nn.functional.glu(x), L.nn.functional.glu(x, 0)), X(2, 4))
sample("nn.functional.softmin", lambda L, x: L.nn.functional.softmin(x, 1), X(2, 3))
sample("nn.functional.prelu",
    lambda L, x, w: L.nn.functional.prelu(x, w), (X(2, 3), X(3)), (X(2, 3, 2), X(3)), (X(4), X(1)))
sample("nn.functional.huber_loss",
    lambda L, x, y: L.nn.functional.huber_loss(x, y, delta=0.7), (X(2, 3), X(2, 3, low=-3)), (X(3), X(3)),
    kinks=[(np.array([np.inf, -np.inf, 0.5]), X(3))])
sample("nn.functional.smooth_l1_loss",
    lambda L, x, y: L.nn.functional.smooth_l1_loss(x, y, beta=0.7), (X(2, 3), X(2, 3, low=-3)), (X(3), X(3)),
    kinks=[(np.array([np.inf, -np.inf, 0.5]), X(3))])
sample("nn.functional.soft_margin_loss",
    lambda L, x, y: L.nn.functional.soft_margin_loss(x, L.sign(y.detach())), (X(2, 3), X(2, 3)))
sample("nn.functional.hinge_embedding_loss",
    lambda L, x, y: L.nn.functional.hinge_embedding_loss(x, y.detach().sign()), (X(2, 3), X(2, 3)))
sample("nn.functional.margin_ranking_loss",
    lambda L, x, y, z: L.nn.functional.margin_ranking_loss(x, y, z.sign(), 0.3),
    (X(4), X(4, low=-3), X(4, high=1.5)))
sample("nn.functional.kl_div",
    lambda L, x, y: L.nn.functional.kl_div(x, y, reduction="batchmean"), (X(2, 3), X(2, 3, low=0.1)))
sample("nn.functional.kl_div",
    lambda L, x, y: L.nn.functional.kl_div(x, y, reduction="sum", log_target=True), (X(2, 3), X(2, 3)))
sample("nn.functional.poisson_nll_loss",
    lambda L, x, y: L.nn.functional.poisson_nll_loss(x, y, full=True), (X(2, 3), X(2, 3, low=0.2, high=4)))
sample("nn.functional.gaussian_nll_loss",
    lambda L, x, y, v: L.nn.functional.gaussian_nll_loss(x, y, v, full=True),
    (X(2, 3), X(2, 3, low=-3), X(2, 3, low=0.2)), (X(2, 3), X(2, 3, low=-3), X(2, 1, low=0.2)))
sample("nn.functional.multi_margin_loss",
    lambda L, x: L.nn.functional.multi_margin_loss(x, L.tensor([0, 2]), p=2), X(2, 3), twice=False)
sample("nn.functional.multi_margin_loss",
    lambda L, x: L.nn.functional.multi_margin_loss(x, L.tensor([0, 2])),
    X(2, 3), kinks=[np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]])], twice=False)
sample("nn.functional.multilabel_margin_loss",
    lambda L, x: L.nn.functional.multilabel_margin_loss(x, L.tensor([[2, -1, 0], [0, 1, -1]])),
    X(2, 3), kinks=[np.array([[0.0, 1.0, 1.0], [2.0, 3.0, 1.0]])], twice=False)
sample("nn.functional.multilabel_soft_margin_loss", lambda L, x: L.nn.functional.multilabel_soft_margin_loss(
    x, L.tensor([[1, 0, 1], [0, 1, 0.3]], dtype=x.dtype)), X(2, 3))
sample("nn.functional.cosine_similarity",
    lambda L, x, y: L.nn.functional.cosine_similarity(x, y), (X(2, 3), X(2, 3, low=-3)), (X(2, 3), X(3)))
sample("nn.functional.pairwise_distance",
    lambda L, x, y: L.nn.functional.pairwise_distance(x, y), (X(2, 3), X(2, 3, low=-3)))
sample("nn.functional.cosine_embedding_loss",
    lambda L, x, y: L.nn.functional.cosine_embedding_loss(x, y, L.tensor([1, -1])), (X(2, 3), X(2, 3)))
sample("nn.functional.triplet_margin_loss",
    lambda L, x, y, z: L.nn.functional.triplet_margin_loss(x, y, z, swap=True),
    (X(2, 3), X(2, 3, low=-3), X(2, 3, high=3)))
sample("nn.functional.ctc_loss",
    lambda L, x: L.nn.functional.ctc_loss(L.log_softmax(x, 2), L.tensor([[1, 1, 2], [2, 0, 0]]),
    (5, 4), (3, 1)), X(5, 2, 3), twice=False)
