"""A physics-informed network for u'' + u = 0 and the heat equation: derivatives of derivatives in the loss."""

import torch
import torch.nn as nn


class PINN(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = nn.ModuleList()
        for i in range(len(layers) - 1):
            self.layers.append(nn.Linear(layers[i], layers[i + 1]))
            nn.init.xavier_normal_(self.layers[-1].weight.data, gain=1.0)
            nn.init.zeros_(self.layers[-1].bias.data)
        self.activation = nn.Tanh()

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


def oscillator(model, t):
    u = model(t)
    du = torch.autograd.grad(u, t, grad_outputs=torch.ones_like(u), create_graph=True, retain_graph=True)[0]
    d2u = torch.autograd.grad(du, t, torch.ones_like(du), create_graph=True)[0]
    physics = torch.mean((d2u + u) ** 2)
    start = (u[0] - 1.0).pow(2).squeeze() + du[0].pow(2).squeeze()
    return physics + 10 * start


def heat(model, x, t):
    u = model(torch.cat([x, t], dim=1))
    u_t = torch.autograd.grad(u.sum(), t, create_graph=True)[0]
    u_x = torch.autograd.grad(u.sum(), x, create_graph=True)[0]
    u_xx = torch.autograd.grad(u_x.sum(), x, create_graph=True)[0]
    residual = u_t - 0.1 * u_xx
    initial = model(torch.hstack([x, torch.zeros_like(t)])) - torch.sin(torch.pi * x)
    return residual.square().mean() + initial.square().mean()


def make():
    return {"oscillator": PINN([1, 16, 16, 1]), "heat": PINN([2, 16, 1])}


def train(models, steps=20, compile=False):
    losses = []
    model = models["oscillator"]
    t = torch.linspace(0, 3, 24).view(-1, 1).requires_grad_(True)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.98)

    def step():
        optimizer.zero_grad()
        loss = oscillator(model, t)
        loss.backward()
        optimizer.step()
        return loss.detach()

    if compile:
        step = torch.compile(step)
    for _ in range(steps):
        losses.append(step().item())
        scheduler.step()
    model = models["heat"]
    x, t = torch.meshgrid(torch.linspace(0, 1, 6), torch.linspace(0, 1, 5), indexing="ij")
    x = x.reshape(-1, 1).requires_grad_()
    t = t.reshape(-1, 1).requires_grad_()
    lbfgs = torch.optim.LBFGS(model.parameters(), lr=1, max_iter=8, history_size=10, line_search_fn="strong_wolfe")

    def closure():
        lbfgs.zero_grad()
        loss = heat(model, x, t)
        loss.backward()
        return loss

    for _ in range(2):
        losses.append(lbfgs.step(closure).item())
    return losses


def outputs(models):
    t = torch.linspace(0, 3, 7)[:, None]
    return models["oscillator"](t)
