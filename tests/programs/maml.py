"""Meta-learning of sine waves: inner steps by autograd.grad, the outer one through them; Siamese, MoE, Hessians."""

import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.func import functional_call, grad, hessian, jacrev, vmap


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.vars = nn.ParameterList()
        for n_in, n_out in ((1, 16), (16, 16), (16, 1)):
            w = nn.Parameter(torch.ones(n_out, n_in))
            torch.nn.init.kaiming_normal_(w)
            self.vars.append(w)
            self.vars.append(nn.Parameter(torch.zeros(n_out)))

    def forward(self, x, vars=None):
        if vars is None:
            vars = self.vars
        for i in range(0, len(vars), 2):
            x = F.linear(x, vars[i], vars[i + 1])
            if i + 2 < len(vars):
                x = F.relu(x, inplace=True)
        return x


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.PReLU(), nn.Linear(8, 3))

    def forward_once(self, x):
        return F.normalize(self.body(x), p=2, dim=1)

    def forward(self, *inputs):
        return tuple(self.forward_once(x) for x in inputs)


class ContrastiveLoss(torch.nn.Module):
    def __init__(self, margin=1.0):
        super().__init__()
        self.margin = margin

    def forward(self, output1, output2, label):
        euclidean_distance = F.pairwise_distance(output1, output2, keepdim=True)
        return torch.mean((1 - label) * torch.pow(euclidean_distance, 2)
                          + label * torch.pow(torch.clamp(self.margin - euclidean_distance, min=0.0), 2))


def task(k=8):
    amplitude, phase = random.uniform(0.5, 2.0), random.uniform(0, np.pi)
    x = torch.from_numpy(np.random.uniform(-3, 3, (2 * k, 1))).float()
    y = amplitude * torch.sin(x + phase)
    return x[:k], y[:k], x[k:], y[k:]


def make():
    return {"maml": Regressor(), "siamese": Siamese()}


def train(models, steps=20, compile=False):
    model = models["maml"]
    meta_optim = torch.optim.Adam(model.parameters(), lr=1e-2)

    def meta_step(tasks):
        outer = 0.0
        for x_spt, y_spt, x_qry, y_qry in tasks:
            fast_weights = list(model.vars)
            for _ in range(2):
                loss = F.mse_loss(model(x_spt, fast_weights), y_spt)
                grads = torch.autograd.grad(loss, fast_weights, create_graph=True)
                fast_weights = list(map(lambda p: p[1] - 0.01 * p[0], zip(grads, fast_weights)))
            outer = outer + F.mse_loss(model(x_qry, fast_weights), y_qry)
        meta_optim.zero_grad()
        outer.backward()
        meta_optim.step()
        return outer

    if compile:
        meta_step = torch.compile(meta_step)
    losses = []
    for _ in range(steps // 2):
        losses.append(meta_step([task(), task()]).item() / 2)
    model = models["siamese"]
    optimizer = torch.optim.RAdam(model.parameters(), lr=1e-2)
    contrastive, triplet = ContrastiveLoss(), nn.TripletMarginLoss(margin=0.5)
    cosine = nn.CosineEmbeddingLoss()
    for _ in range(steps // 2):
        a = torch.randn(6, 4)
        b, c = a + 0.1 * torch.randn(6, 4), torch.randn(6, 4)
        za, zb, zc = model(a, b, c)
        loss = contrastive(za, zc, torch.ones(6, 1)) + triplet(za, zb, zc)
        loss = loss + cosine(za, zb, torch.ones(6)) + F.kl_div(za.log_softmax(1), zb.softmax(1), reduction="batchmean")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def outputs(models):
    model = models["siamese"]
    params = {k: v.detach() for k, v in model.body.named_parameters()}
    x = torch.linspace(-1, 1, 12).view(3, 4)

    def loss(params, x):
        return functional_call(model.body, params, (x.unsqueeze(0),)).pow(2).sum()

    per_sample = vmap(grad(loss), in_dims=(None, 0))(params, x)
    quadratic = hessian(lambda v: (v**3).sum())(torch.tensor([1.0, 2.0]))
    jacobian = jacrev(lambda v: torch.stack([v.sum(), v.prod()]))(torch.tensor([2.0, 3.0]))
    jac = torch.autograd.functional.jacobian(lambda v: v.exp(), torch.zeros(2))
    return {"per_sample": per_sample, "hessian": quadratic, "jacobian": jacobian, "jac": jac}
