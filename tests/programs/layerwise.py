"""A framework of layers over plain tensors: forward, backward and param by hand, convolution by fold and unfold."""

import math

import torch
from torch import empty
from torch.nn.functional import fold, unfold

torch.set_grad_enabled(False)


class Module(object):
    def forward(self, *input):
        raise NotImplementedError

    def backward(self, *gradwrtoutput):
        raise NotImplementedError

    def param(self):
        return []

    def zero_grad(self):
        for _, g in self.param():
            g.zero_()


class Linear(Module):
    def __init__(self, in_features, out_features):
        std = 1 / math.sqrt(in_features)
        self.weight = empty(out_features, in_features).normal_(0, std)
        self.bias = empty(out_features).fill_(0)
        self.dw = empty(self.weight.size()).zero_()
        self.db = torch.empty_like(self.bias).zero_()

    def forward(self, x):
        self.x = x
        return x.mm(self.weight.t()) + self.bias

    def backward(self, grad):
        self.dw.add_(grad.t().mm(self.x))
        self.db += grad.sum(0)
        return grad @ self.weight

    def param(self):
        return [(self.weight, self.dw), (self.bias, self.db)]


class Conv2d(Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        self.kernel_size = (kernel_size, kernel_size)
        self.stride, self.padding, self.out_channels = stride, padding, out_channels
        bound = 1 / math.sqrt(in_channels * kernel_size**2)
        self.weight = empty(out_channels, in_channels, *self.kernel_size).uniform_(-bound, bound)
        self.bias = empty(out_channels).uniform_(-bound, bound)
        self.dw, self.db = torch.zeros_like(self.weight), torch.zeros_like(self.bias)

    def forward(self, x):
        self.shape = x.shape
        self.unfolded = unfold(x, self.kernel_size, padding=self.padding, stride=self.stride)
        out = self.weight.view(self.out_channels, -1) @ self.unfolded + self.bias.view(1, -1, 1)
        height = (x.shape[2] + 2 * self.padding - self.kernel_size[0]) // self.stride + 1
        return out.view(x.shape[0], self.out_channels, height, -1)

    def backward(self, grad):
        g = grad.reshape(grad.shape[0], self.out_channels, -1)
        self.dw += g.bmm(self.unfolded.transpose(1, 2)).sum(0).view_as(self.dw)
        self.db += g.sum(dim=(0, 2))
        back = self.weight.view(self.out_channels, -1).t() @ g
        return fold(back, self.shape[2:], self.kernel_size, padding=self.padding, stride=self.stride)

    def param(self):
        return [(self.weight, self.dw), (self.bias, self.db)]


class ReLU(Module):
    def forward(self, x):
        self.mask = (x > 0).float()
        return x * self.mask

    def backward(self, grad):
        return grad.mul(self.mask)


class Tanh(Module):
    def forward(self, x):
        self.y = x.tanh()
        return self.y

    def backward(self, grad):
        return grad * (1 - self.y.pow(2))


class Sigmoid(Module):
    def forward(self, x):
        self.y = x.sigmoid()
        return self.y

    def backward(self, grad):
        return grad * self.y * (1 - self.y)


class Flatten(Module):
    def forward(self, x):
        self.size = x.size()
        return x.reshape(x.size(0), -1)

    def backward(self, grad):
        return grad.view(self.size)


class Upsample(Module):
    """Each pixel four times."""

    def forward(self, x):
        return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)

    def backward(self, grad):
        n, c, h, w = grad.shape
        return grad.view(n, c, h // 2, 2, w // 2, 2).sum((3, 5))


class MSE(Module):
    def forward(self, pred, target):
        self.diff = pred - target
        return self.diff.pow(2).mean()

    def backward(self):
        return 2 * self.diff / self.diff.numel()


class Sequential(Module):
    def __init__(self, *modules):
        self.modules = modules

    def forward(self, x):
        for m in self.modules:
            x = m.forward(x)
        return x

    def backward(self, grad):
        for m in reversed(self.modules):
            grad = m.backward(grad)
        return grad

    def param(self):
        return [p for m in self.modules for p in m.param()]


class SGD(object):
    def __init__(self, params, lr):
        self.params, self.lr = params, lr

    def step(self):
        for p, g in self.params:
            p.sub_(g, alpha=self.lr)


def generate_disc_set(nb):
    input = empty(nb, 2).uniform_(0, 1)
    target = (input - 0.5).pow(2).sum(1).sub(1 / (2 * math.pi)).sign().sub(1).div(-2).long()
    return input, target


def make():
    mlp = Sequential(Linear(2, 25), ReLU(), Linear(25, 25), Tanh(), Linear(25, 2))
    cnn = Sequential(Conv2d(1, 3, 3, stride=2, padding=1), ReLU(), Upsample(), Conv2d(3, 1, 3, padding=1), Sigmoid())
    return mlp, cnn


def train(models, steps=20):
    torch.set_grad_enabled(False)
    mlp, cnn = models
    train_input, train_target = generate_disc_set(200)
    mean, std = train_input.mean(), train_input.std()
    train_input.sub_(mean).div_(std)
    one_hot = empty(200, 2).zero_().scatter_(1, train_target.view(-1, 1), 1.0)
    criterion, optimizer = MSE(), SGD(mlp.param(), 0.1)
    losses = []
    for e in range(steps // 2):
        for b in range(0, train_input.size(0), 100):
            output = mlp.forward(train_input.narrow(0, b, 100))
            loss = criterion.forward(output, one_hot.narrow(0, b, 100))
            mlp.zero_grad()
            mlp.backward(criterion.backward())
            optimizer.step()
            losses.append(loss.item())
    pictures = empty(6, 1, 8, 8).uniform_()
    optimizer = SGD(cnn.param(), 1.0)
    for e in range(steps):
        loss = criterion.forward(cnn.forward(pictures), pictures)
        cnn.zero_grad()
        cnn.backward(criterion.backward())
        optimizer.step()
        losses.append(loss.item())
    return losses


def outputs(models):
    torch.set_grad_enabled(True)
    input, target = generate_disc_set(50)
    predicted = models[0].forward(input).max(1)[1]
    errors = (predicted != target).sum().item()
    # autograd agrees with the layers
    conv = models[1].modules[0]
    x = torch.rand(2, 1, 8, 8, requires_grad=True)
    y = torch.nn.functional.conv2d(x, conv.weight, conv.bias, stride=2, padding=1)
    torch.testing.assert_close(conv.forward(x.detach()), y.detach())
    y.sum().backward()
    torch.testing.assert_close(conv.backward(torch.ones_like(y.detach())), x.grad)
    return {"errors": errors, "weights": [p for p, _ in models[0].param()]}
