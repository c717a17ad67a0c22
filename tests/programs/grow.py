"""A network grown from raw tensors to nn.Module, optim, Dataset, DataLoader, and a CNN with Lambda layers."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.RandomState(0)
centres = rng.rand(10, 64).astype(np.float32)
labels = np.arange(160) % 10
pictures = (centres[labels] + 0.3 * rng.randn(160, 64)).astype(np.float32)
x_train, y_train, x_valid, y_valid = map(torch.tensor, (pictures[:128], labels[:128], pictures[128:], labels[128:]))
n, c = x_train.shape
bs = 16


def log_softmax(x):
    return x - x.exp().sum(-1).log().unsqueeze(-1)


def nll(input, target):
    return -input[range(target.shape[0]), target].mean()


def accuracy(out, yb):
    preds = torch.argmax(out, dim=1)
    return (preds == yb).float().mean()


def from_scratch(weights, bias, steps):
    def model(xb):
        return log_softmax(xb @ weights + bias)

    losses = []
    lr = 0.5
    for i in range(steps):
        start_i = i * bs % n
        end_i = start_i + bs
        xb = x_train[start_i:end_i]
        yb = y_train[start_i:end_i]
        loss = nll(model(xb), yb)
        loss.backward()
        with torch.no_grad():
            weights -= weights.grad * lr
            bias -= bias.grad * lr
            weights.grad.zero_()
            bias.grad.zero_()
        losses.append(loss.item())
    print(nll(model(x_train), y_train), accuracy(model(x_train), y_train))
    return losses


class Mnist_Logistic(nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(torch.randn(64, 10) / math.sqrt(64))
        self.bias = nn.Parameter(torch.zeros(10))
        self.lin = nn.Linear(10, 10)

    def forward(self, xb):
        return self.lin(xb @ self.weights + self.bias)


class Mnist_CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, kernel_size=3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(8, 8, kernel_size=3, stride=2, padding=1)
        self.conv3 = nn.Conv2d(8, 10, kernel_size=3, stride=2, padding=1)

    def forward(self, xb):
        xb = xb.view(-1, 1, 8, 8)
        xb = F.relu(self.conv1(xb))
        xb = F.relu(self.conv2(xb))
        xb = F.relu(self.conv3(xb))
        xb = F.avg_pool2d(xb, 1)
        return xb.view(-1, xb.size(1))


class Lambda(nn.Module):
    def __init__(self, func):
        super().__init__()
        self.func = func

    def forward(self, x):
        return self.func(x)


def preprocess(x, y):
    return x.view(-1, 1, 8, 8), y


class WrappedDataLoader:
    def __init__(self, dl, func):
        self.dl = dl
        self.func = func

    def __len__(self):
        return len(self.dl)

    def __iter__(self):
        for b in self.dl:
            yield (self.func(*b))


def loss_batch(model, loss_func, xb, yb, opt=None):
    loss = loss_func(model(xb), yb)
    if opt is not None:
        loss.backward()
        opt.step()
        opt.zero_grad()
    return loss.item(), len(xb)


def fit(epochs, model, loss_func, opt, train_dl, valid_dl):
    log = []
    for epoch in range(epochs):
        model.train()
        for xb, yb in train_dl:
            log.append(loss_batch(model, loss_func, xb, yb, opt)[0])
        model.eval()
        with torch.no_grad():
            losses, nums = zip(*[loss_batch(model, loss_func, xb, yb) for xb, yb in valid_dl])
        val_loss = np.sum(np.multiply(losses, nums)) / np.sum(nums)
        print(epoch, val_loss)
        log.append(float(val_loss))
    return log


def get_data(train_ds, valid_ds, bs):
    return (
        DataLoader(train_ds, batch_size=bs, shuffle=True),
        DataLoader(valid_ds, batch_size=bs * 2),
    )


def make():
    weights = torch.randn(64, 10) / math.sqrt(64)
    weights.requires_grad_()
    bias = torch.zeros(10, requires_grad=True)
    sequential = nn.Sequential(
        nn.Conv2d(1, 8, kernel_size=3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 10, kernel_size=3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        Lambda(lambda x: x.view(x.size(0), -1)),
    )
    return {"raw": (weights, bias), "logistic": Mnist_Logistic(), "cnn": Mnist_CNN(), "sequential": sequential}


def train(parts, steps=20):
    losses = from_scratch(*parts["raw"], steps)
    loss_func = F.cross_entropy
    model = parts["logistic"]
    for i in range(steps):
        xb, yb = x_train[i * bs % n:][:bs], y_train[i * bs % n:][:bs]
        loss = loss_func(model(xb), yb)
        loss.backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= p.grad * 0.5
            model.zero_grad()
        losses.append(loss.item())
    train_ds = TensorDataset(x_train, y_train)
    valid_ds = TensorDataset(x_valid, y_valid)
    train_dl, valid_dl = get_data(train_ds, valid_ds, bs)
    opt = optim.SGD(parts["cnn"].parameters(), lr=0.1, momentum=0.9)
    losses += fit(2, parts["cnn"], loss_func, opt, train_dl, valid_dl)
    train_dl = WrappedDataLoader(train_dl, preprocess)
    valid_dl = WrappedDataLoader(valid_dl, preprocess)
    opt = optim.SGD(parts["sequential"].parameters(), lr=0.1, momentum=0.9)
    return losses + fit(2, parts["sequential"], loss_func, opt, train_dl, valid_dl)


def outputs(parts):
    with torch.no_grad():
        return [parts["cnn"](x_valid), parts["sequential"](x_valid.view(-1, 1, 8, 8)), parts["raw"][0].detach()]
