"""Functions of one's own, hooks, ModuleDict, buffers, pickles, copies, an average of the weights."""

import copy
import io
import pickle
from collections import OrderedDict

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd import Function
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class MyReLU(Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return input.clamp(min=0)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        grad_input = grad_output.clone()
        grad_input[input < 0] = 0
        return grad_input


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, levels):
        ctx.levels = levels
        return (x * levels).round() / levels

    @staticmethod
    def backward(ctx, grad):
        return grad if ctx.needs_input_grad[0] else None, None


class GradientReversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, alpha):
        ctx.alpha = alpha
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.neg() * ctx.alpha, None


class Net(nn.Module):
    def __init__(self, kind="mine"):
        super().__init__()
        self.acts = nn.ModuleDict([["mine", nn.Identity()], ["prelu", nn.PReLU()], ["gelu", nn.GELU("tanh")]])
        self.layers = nn.Sequential(OrderedDict([("fc1", nn.Linear(4, 8)), ("fc2", nn.Linear(8, 8))]))
        self.head = nn.Linear(8, 2)
        self.scales = nn.ParameterList([nn.Parameter(torch.ones(8)) for _ in range(2)])
        self.extra = nn.ParameterDict({"shift": nn.Parameter(torch.zeros(2))})
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.register_buffer("noise", torch.full((4,), 0.1), persistent=False)
        self.kind = kind

    def forward(self, x):
        self.calls += 1
        x = x + self.noise
        for name, layer in self.layers.named_children():
            x = layer(x)
            x = MyReLU.apply(x) if self.kind == "mine" else self.acts[self.kind](x)
            x = x * self.scales[int(name[-1]) - 1]
        x = StraightThrough.apply(x, 64)
        return self.head(x) + self.extra["shift"]


class EMA:
    def __init__(self, model, decay):
        self.model, self.decay = model, decay
        self.shadow = {name: p.data.clone() for name, p in model.named_parameters() if p.requires_grad}

    def update(self):
        for name, param in self.model.named_parameters():
            if param.requires_grad:
                self.shadow[name] = (1.0 - self.decay) * param.data + self.decay * self.shadow[name]


def make():
    return {"mine": Net("mine"), "prelu": Net("prelu"), "gelu": Net("gelu")}


def data(n=16):
    x = torch.linspace(-1, 1, n * 4).view(n, 4).sin()
    return x, (x.sum(1) > 0.1).long()


seen = {}


def train(models, steps=20):
    x, y = data()
    losses = []
    for name, model in models.items():
        optimizer = torch.optim.NAdam(model.parameters(), lr=0.01)
        ema = EMA(model, 0.9)
        average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
        norms = []
        handles = [
            model.layers.fc1.register_forward_hook(lambda m, i, o: norms.append(o.detach().norm().item())),
            model.head.register_full_backward_hook(lambda m, gi, go: norms.append(go[0].norm().item())),
            model.layers.fc2.weight.register_hook(lambda g: g * 0.5),
            model.register_forward_pre_hook(lambda m, args: (args[0] * 1.01,)),
        ]
        for _ in range(steps // 2):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            ema.update()
            average.update_parameters(model)
            losses.append(loss.item())
        for handle in handles:
            handle.remove()
        seen[name] = {"norms": norms, "shadow": ema.shadow["head.weight"], "average": average.module.head.weight}
    return losses


def outputs(models):
    x, _ = data(4)
    model = models["prelu"].eval()
    twin = copy.deepcopy(model)
    twin.head.weight.data.zero_()
    pickled = pickle.loads(pickle.dumps(model))
    buffer = io.BytesIO()
    torch.save({"model": model.state_dict(), "step": 3, "name": "net"}, buffer)
    buffer.seek(0)
    checkpoint = torch.load(buffer, weights_only=True)
    again = Net("prelu")
    keys = again.load_state_dict(checkpoint["model"])
    for p in again.layers.parameters():
        p.requires_grad_(False)
    w = torch.ones(3, requires_grad=True)
    GradientReversal.apply(w * 2, 0.5).sum().backward()
    a = torch.tensor([1.0, 2.0], requires_grad=True)
    b = (a * a).sum()
    b.retain_grad()
    (b * 3).backward()
    return {
        "seen": seen,
        "same": [model(x), pickled(x), again(x), twin(x)],
        "calls": [model.calls, pickled.calls.item(), again.calls],
        "keys": str(keys),
        "names": [n for n, _ in model.named_parameters()] + list(model.state_dict()),
        "trainable": sum(p.numel() for p in filter(lambda p: p.requires_grad, again.parameters())),
        "step": (checkpoint["step"], checkpoint["name"]),
        "gradients": [w.grad, a.grad, b.grad],
        "repr": f"{model.layers} {model.acts}",
        "gradcheck": torch.autograd.gradcheck(MyReLU.apply, (torch.tensor([0.5, -1.0], dtype=torch.double,
                                                                         requires_grad=True),)),
    }
