"""A graph convolutional network over a sparse adjacency matrix, and one with attention over edges."""

import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.nn.modules.module import Module
from torch.nn.parameter import Parameter


class GraphConvolution(Module):
    def __init__(self, in_features, out_features, bias=True):
        super(GraphConvolution, self).__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(torch.FloatTensor(in_features, out_features))
        if bias:
            self.bias = Parameter(torch.FloatTensor(out_features))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        stdv = 1. / math.sqrt(self.weight.size(1))
        self.weight.data.uniform_(-stdv, stdv)
        if self.bias is not None:
            self.bias.data.uniform_(-stdv, stdv)

    def forward(self, input, adj):
        support = torch.mm(input, self.weight)
        output = torch.spmm(adj, support)
        if self.bias is not None:
            return output + self.bias
        else:
            return output

    def __repr__(self):
        return self.__class__.__name__ + " (" + str(self.in_features) + " -> " + str(self.out_features) + ")"


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout):
        super(GCN, self).__init__()
        self.gc1 = GraphConvolution(nfeat, nhid)
        self.gc2 = GraphConvolution(nhid, nclass)
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, self.dropout, training=self.training)
        x = self.gc2(x, adj)
        return F.log_softmax(x, dim=1)


class GraphAttentionLayer(nn.Module):
    def __init__(self, in_features, out_features, dropout, alpha, concat=True):
        super(GraphAttentionLayer, self).__init__()
        self.dropout, self.out_features, self.concat = dropout, out_features, concat
        self.W = nn.Parameter(torch.empty(size=(in_features, out_features)))
        nn.init.xavier_uniform_(self.W.data, gain=1.414)
        self.a = nn.Parameter(torch.empty(size=(2 * out_features, 1)))
        nn.init.xavier_uniform_(self.a.data, gain=1.414)
        self.leakyrelu = nn.LeakyReLU(alpha)

    def forward(self, h, adj):
        Wh = torch.mm(h, self.W)
        Wh1 = torch.matmul(Wh, self.a[:self.out_features, :])
        Wh2 = torch.matmul(Wh, self.a[self.out_features:, :])
        e = self.leakyrelu(Wh1 + Wh2.T)
        zero_vec = -9e15 * torch.ones_like(e)
        attention = torch.where(adj > 0, e, zero_vec)
        attention = F.softmax(attention, dim=1)
        attention = F.dropout(attention, self.dropout, training=self.training)
        h_prime = torch.matmul(attention, Wh)
        return F.elu(h_prime) if self.concat else h_prime


class GAT(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout, alpha, nheads):
        super(GAT, self).__init__()
        self.dropout = dropout
        self.attentions = [GraphAttentionLayer(nfeat, nhid, dropout, alpha) for _ in range(nheads)]
        for i, attention in enumerate(self.attentions):
            self.add_module("attention_{}".format(i), attention)
        self.out_att = GraphAttentionLayer(nhid * nheads, nclass, dropout, alpha, concat=False)

    def forward(self, x, adj):
        x = F.dropout(x, self.dropout, training=self.training)
        x = torch.cat([att(x, adj) for att in self.attentions], dim=1)
        return F.log_softmax(F.elu(self.out_att(x, adj)), dim=1)


def load_data(n=30):
    rng = np.random.RandomState(1)
    labels = np.arange(n) % 3
    features = np.eye(3)[labels] + rng.randn(n, 3)
    features = torch.FloatTensor(np.hstack([features, rng.rand(n, 3)]))
    edges = np.array([(i, j) for i in range(n) for j in range(i) if rng.rand() < (0.3 if labels[i] == labels[j] else 0.03)])
    dense = np.eye(n, dtype=np.float32)
    dense[edges[:, 0], edges[:, 1]] = dense[edges[:, 1], edges[:, 0]] = 1
    dense /= dense.sum(1, keepdims=True)
    rows, cols = dense.nonzero()
    indices = torch.from_numpy(np.vstack((rows, cols)).astype(np.int64))
    values = torch.from_numpy(dense[rows, cols])
    adj = torch.sparse_coo_tensor(indices, values, torch.Size((n, n)))
    idx_train, idx_test = torch.LongTensor(range(20)), torch.LongTensor(range(20, n))
    return adj, features, torch.LongTensor(labels), idx_train, idx_test


def accuracy(output, labels):
    preds = output.max(1)[1].type_as(labels)
    correct = preds.eq(labels).double()
    correct = correct.sum()
    return correct / len(labels)


def make():
    return {"gcn": GCN(6, 8, 3, 0.5), "gat": GAT(6, 4, 3, 0.3, 0.2, 2)}


def train(models, steps=20):
    adj, features, labels, idx_train, idx_test = load_data()
    losses = []
    for name, model in models.items():
        graph = adj if name == "gcn" else adj.to_dense()
        optimizer = optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
        for epoch in range(steps // 2):
            model.train()
            optimizer.zero_grad()
            output = model(features, graph)
            loss_train = F.nll_loss(output[idx_train], labels[idx_train])
            loss_train.backward()
            optimizer.step()
            model.eval()
            output = model(features, graph)
            loss_val = F.nll_loss(output[idx_test], labels[idx_test])
            losses += [loss_train.item(), loss_val.item()]
            if epoch % 5 == 0:
                print("Epoch: {:04d}".format(epoch + 1), "loss_val: {:.4f}".format(loss_val.item()),
                      "acc_val: {:.4f}".format(accuracy(output[idx_test], labels[idx_test]).item()))
    return losses


def outputs(models):
    adj, features, labels, _, idx_test = load_data()
    model = models["gcn"].eval()
    output = model(features, adj)
    return {"output": output, "accuracy": accuracy(output[idx_test], labels[idx_test]), "repr": repr(model)}
