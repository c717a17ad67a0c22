"""A course's way: synthetic regression, Fashion pictures, lazy layers, VGG blocks, timers, weight decay by hand."""

import collections
import inspect
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def add_to_class(Class):
    def wrapper(obj):
        setattr(Class, obj.__name__, obj)
    return wrapper


class HyperParameters:
    def save_hyperparameters(self, ignore=[]):
        frame = inspect.currentframe().f_back
        _, _, _, local_vars = inspect.getargvalues(frame)
        self.hparams = {k: v for k, v in local_vars.items()
                        if k not in set(ignore + ["self"]) and not k.startswith("_")}
        for k, v in self.hparams.items():
            setattr(self, k, v)


class Timer:
    def __init__(self):
        self.times = []
        self.start()

    def start(self):
        self.tik = time.time()

    def stop(self):
        self.times.append(time.time() - self.tik)
        return self.times[-1]


class Accumulator:
    """For accumulating sums over `n` variables."""

    def __init__(self, n):
        self.data = [0.0] * n

    def add(self, *args):
        self.data = [a + float(b) for a, b in zip(self.data, args)]

    def __getitem__(self, idx):
        return self.data[idx]


def synthetic_data(w, b, num_examples):
    X = torch.normal(0, 1, (num_examples, len(w)))
    y = torch.matmul(X, w) + b
    y += torch.normal(0, 0.01, y.shape)
    return X, y.reshape((-1, 1))


def load_array(data_arrays, batch_size, is_train=True):
    dataset = torch.utils.data.TensorDataset(*data_arrays)
    return torch.utils.data.DataLoader(dataset, batch_size, shuffle=is_train)


def linreg(X, w, b):
    return torch.matmul(X, w) + b


def squared_loss(y_hat, y):
    return (y_hat - y.reshape(y_hat.shape)) ** 2 / 2


def sgd(params, lr, batch_size):
    with torch.no_grad():
        for param in params:
            param -= lr * param.grad / batch_size
            param.grad.zero_()


def l2_penalty(w):
    return torch.sum(w.pow(2)) / 2


def dropout_layer(X, dropout):
    assert 0 <= dropout <= 1
    if dropout == 1:
        return torch.zeros_like(X)
    if dropout == 0:
        return X
    mask = (torch.rand(X.shape) > dropout).float()
    return mask * X / (1.0 - dropout)


def vgg_block(num_convs, out_channels):
    layers = []
    for _ in range(num_convs):
        layers.append(nn.LazyConv2d(out_channels, kernel_size=3, padding=1))
        layers.append(nn.ReLU())
    layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
    return nn.Sequential(*layers)


class VGG(nn.Module, HyperParameters):
    def __init__(self, arch, lr=0.1, num_classes=4):
        super().__init__()
        self.save_hyperparameters()
        conv_blks = []
        for (num_convs, out_channels) in arch:
            conv_blks.append(vgg_block(num_convs, out_channels))
        self.net = nn.Sequential(
            *conv_blks, nn.Flatten(),
            nn.LazyLinear(16), nn.ReLU(), nn.Dropout(0.5),
            nn.LazyLinear(num_classes))


@add_to_class(VGG)
def forward(self, X):
    return self.net(X)


def init_cnn(module):
    if type(module) == nn.Linear or type(module) == nn.Conv2d:
        nn.init.xavier_uniform_(module.weight)


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 3, kernel_size=5, padding=2), nn.Sigmoid(),
        nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Conv2d(3, 6, kernel_size=3), nn.BatchNorm2d(6), nn.Sigmoid(),
        nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(6 * 3 * 3, 8), nn.Sigmoid(), nn.Linear(8, 4))


def corr2d(X, K):
    h, w = K.shape
    Y = torch.zeros((X.shape[0] - h + 1, X.shape[1] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i:i + h, j:j + w] * K).sum()
    return Y


def accuracy(y_hat, y):
    if len(y_hat.shape) > 1 and y_hat.shape[1] > 1:
        y_hat = y_hat.argmax(axis=1)
    cmp = y_hat.type(y.dtype) == y
    return float(cmp.type(y.dtype).sum())


def evaluate_accuracy(net, data_iter):
    if isinstance(net, nn.Module):
        net.eval()
    metric = Accumulator(2)
    with torch.no_grad():
        for X, y in data_iter:
            metric.add(accuracy(net(X), y), y.numel())
    return metric[0] / metric[1]


def fashion(n=48):
    y = torch.arange(n) % 4
    X = torch.zeros(n, 1, 16, 16)
    for i in range(n):
        X[i, 0, 4 * (i % 4):4 * (i % 4) + 4] = 1 - 0.01 * i
    return X, y


def make():
    vgg = VGG(((1, 4), (1, 8)))
    vgg(torch.randn(2, 1, 16, 16))
    vgg.apply(init_cnn)
    net = lenet()
    net.apply(init_cnn)
    return {"vgg": vgg, "lenet": net}


def train(nets, steps=20):
    true_w = torch.tensor([2, -3.4])
    features, labels = synthetic_data(true_w, 4.2, 100)
    w = torch.normal(0, 0.01, size=(2, 1), requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    losses = []
    for X, y in load_array((features, labels), 10):
        l = squared_loss(linreg(X, w, b), y) + 0.01 * l2_penalty(w)
        l.sum().backward()
        sgd([w, b], 0.03, 10)
        with torch.no_grad():
            losses.append(float(squared_loss(linreg(features, w, b), labels).mean()))
    print(f"error in estimating w: {true_w - w.reshape(true_w.shape)}")
    timer = Timer()
    for name, net in nets.items():
        train_iter = load_array(fashion(), 12)
        optimizer = torch.optim.SGD([
            {"params": [p for n, p in net.named_parameters() if n.endswith("weight")], "weight_decay": 1e-3},
            {"params": [p for n, p in net.named_parameters() if not n.endswith("weight")]}], lr=0.1)
        loss = nn.CrossEntropyLoss(reduction="none")
        for epoch in range(3):
            metric = Accumulator(3)
            net.train()
            for X, y in train_iter:
                timer.start()
                optimizer.zero_grad()
                y_hat = net(X)
                l = loss(y_hat, y)
                l.mean().backward()
                optimizer.step()
                timer.stop()
                with torch.no_grad():
                    metric.add(l.sum(), accuracy(y_hat, y), y.shape[0])
                losses.append(metric[0] / metric[2])
        print(f"{name}: loss {metric[0] / metric[2]:.3f}, train acc {metric[1] / metric[2]:.3f}, "
              f"test acc {evaluate_accuracy(net, train_iter):.3f}, {metric[2] / sum(timer.times) > 0}")
    return losses


def outputs(nets):
    X = torch.ones((6, 8))
    X[:, 2:6] = 0
    K = torch.tensor([[1.0, -1.0]])
    Y = corr2d(X, K)
    shapes = []
    x = torch.rand(size=(1, 1, 16, 16))
    for layer in nets["vgg"].net:
        x = layer(x)
        shapes.append(layer.__class__.__name__ + " output shape:\t" + str(x.shape))
    counter = collections.Counter(type(m).__name__ for m in nets["vgg"].modules())
    lazy = nn.LazyLinear(2)
    before = repr(lazy)
    lazy(torch.ones(1, 3))
    return {
        "edges": Y,
        "same": torch.equal(Y, F.conv2d(X[None, None], K[None, None])[0, 0]),
        "shapes": shapes,
        "counter": dict(counter),
        "lazy": [before, repr(lazy)],
        "dropped": dropout_layer(torch.arange(16, dtype=torch.float32).reshape((2, 8)), 0.5),
        "numpy": np.array(Y).sum().item(),
        "probability": [accuracy(nets["lenet"].eval()(fashion()[0]), fashion()[1])],
    }
