"""The style of 2017: Variables, typed tensors, old names of initialisers and clippers, masks of bytes."""

import itertools

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.nn.init as init
from torch.autograd import Variable

POLY_DEGREE = 3
W_target = torch.linspace(-1, 1, POLY_DEGREE).unsqueeze(1)
b_target = torch.FloatTensor([2.5])


def make_features(x):
    """Builds features i.e. a matrix with columns [x, x^2, x^3]."""
    x = x.unsqueeze(1)
    return torch.cat([x ** i for i in range(1, POLY_DEGREE + 1)], 1)


def f(x):
    return x.mm(W_target) + b_target[0]


def poly_desc(W, b):
    result = "y = "
    for i, w in enumerate(W):
        result += "{:+.2f} x^{} ".format(w, len(W) - i)
    result += "{:+.2f}".format(b[0])
    return result


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super(RNN, self).__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(input_size + hidden_size, hidden_size)
        self.i2o = nn.Linear(input_size + hidden_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)
        for m in self.children():
            if isinstance(m, nn.Linear):
                init.xavier_uniform_(m.weight.data)
                m.bias.data.fill_(0.1)

    def forward(self, input, hidden):
        combined = torch.cat((input, hidden), 1)
        hidden = F.tanh(self.i2h(combined))
        output = self.softmax(self.i2o(combined))
        return output, hidden

    def initHidden(self):
        return Variable(torch.zeros(1, self.hidden_size))


def lineToTensor(line):
    tensor = torch.zeros(len(line), 1, 26)
    for li, letter in enumerate(line):
        tensor[li][0][ord(letter) - 97] = 1
    return tensor


def make():
    return {"fc": torch.nn.Linear(POLY_DEGREE, 1), "rnn": RNN(26, 12, 3)}


names = [("satoshi", 0), ("murphy", 1), ("ivanov", 2), ("kimura", 0), ("oneill", 1), ("petrov", 2)]


def train(models, steps=20):
    fc = models["fc"]
    losses = []
    for batch_idx in itertools.count(1):
        x = make_features(torch.randn(32))
        batch_x, batch_y = Variable(x), Variable(f(x))
        fc.zero_grad()
        output = F.smooth_l1_loss(fc(batch_x), batch_y)
        loss = output.item()
        output.backward()
        for param in fc.parameters():
            param.data.add_(-0.1 * param.grad)
        losses.append(loss)
        if loss < 1e-3 or batch_idx == steps:
            break
    print("Loss: {:.6f} after {} batches".format(loss, batch_idx))
    print("==> Learned function:\t" + poly_desc(fc.weight.view(-1), fc.bias))
    rnn = models["rnn"]
    criterion = nn.NLLLoss()
    for line, category in names * 2:
        line_tensor = Variable(lineToTensor(line))
        category_tensor = Variable(torch.LongTensor([category]))
        hidden = rnn.initHidden()
        rnn.zero_grad()
        for i in range(line_tensor.size()[0]):
            output, hidden = rnn(line_tensor[i], hidden)
        loss = criterion(output, category_tensor)
        loss.backward()
        for p in rnn.parameters():
            p.data.add_(p.grad.data, alpha=-0.05)
        losses.append(loss.data.item())
    dtype = torch.FloatTensor
    x = torch.linspace(-1, 1, 20).view(10, 2).type(dtype)
    y = (x.sum(1, keepdim=True) > 0).type(dtype)
    w1 = Variable(torch.ones(2, 5).type(dtype) * 0.5, requires_grad=True)
    w2 = Variable(torch.linspace(-1, 1, 5).view(5, 1).type(dtype), requires_grad=True)
    for t in range(steps):
        y_pred = F.sigmoid(x.mm(w1).clamp(min=0).mm(w2))
        loss = (y_pred - y).pow(2).sum()
        loss.backward()
        w1.data -= 0.1 * w1.grad.data
        w2.data -= 0.1 * w2.grad.data
        w1.grad.data.zero_()
        w2.grad.data.zero_()
        losses.append(loss.data.item())
    return losses


def outputs(models):
    a = torch.Tensor(2, 3).fill_(1.5)
    b = torch.ByteTensor([1, 0, 1])
    c = torch.IntTensor([[1, 2], [3, 4]])
    d = torch.from_numpy(np.arange(6).reshape(2, 3)).float()
    mask = d.gt(2)
    _, predicted = torch.max(d.data, 1)
    confusion = torch.zeros(2, 2)
    for i, j in [(0, 0), (0, 1), (1, 1)]:
        confusion[i][j] += 1
    for i in range(2):
        confusion[i] = confusion[i] / confusion[i].sum()
    return {
        "desc": poly_desc(W_target.view(-1), b_target),
        "typed": [a.type(), b.type(), c.type(), c.long().type(), d.double().type()],
        "masked": torch.masked_select(d, mask),
        "picked": c[:, 0].clone().mul_(2),
        "sum": (a + d).sum(0),
        "predicted": predicted,
        "correct": (predicted == torch.LongTensor([2, 1])).sum(),
        "confusion": confusion,
        "numpy": (d.numpy() ** 2).tolist(),
        "expanded": a.new(3).fill_(2).expand(2, 3),
        "index": d.index_select(1, Variable(torch.LongTensor([0, 2]))),
        "dot": torch.dot(d[0], d[1]),
        "renormed": torch.renorm(d, 2, 0, 1.0),
    }
