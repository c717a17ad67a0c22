"""A notebook's tour of tensors: made, indexed, reshaped, broadcast, changed in place, printed."""

import io
from contextlib import redirect_stdout

import numpy as np
import torch


def cells():
    data = [[1, 2], [3, 4]]
    x_data = torch.tensor(data)
    print(x_data, x_data.dtype, x_data.shape, x_data.device)
    np_array = np.array(data)
    x_np = torch.from_numpy(np_array)
    x_ones = torch.ones_like(x_data)
    print(f"Ones Tensor: \n {x_ones} \n")
    print(f"Zeros Tensor: \n {torch.zeros((2, 3,))} \n", x_np)
    x_float = torch.full_like(x_data, 0.5, dtype=torch.float)
    print(x_float, x_float.size(), x_float.size(0), x_float.numel(), len(x_float), x_float.ndim)

    x = torch.arange(12, dtype=torch.float32)
    X = x.reshape(3, 4)
    print(X, X[-1], X[1:3], X.sum(), X.mean(dim=0), x.reshape(-1, 4).shape)
    X[1, 2] = 17
    X[:2, :] = 12
    print(X)
    print(torch.exp(x / 6), x.std(), x.var(unbiased=False), x.cumsum(0))
    print(torch.tensor([[2.0, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]]) == X)
    a = torch.arange(3).reshape((3, 1))
    b = torch.arange(2).reshape((1, 2))
    print(a + b, a * b, a / (b + 1), a // 2, a % 2, -a ** 2)
    before = id(X)
    X += x.view(3, 4)
    print(id(X) == before, X.T, X.t().is_contiguous(), X.stride(), X.t().contiguous().stride())
    A = X.numpy()
    B = torch.tensor(A)
    print(type(A).__name__, type(B).__name__, B.tolist()[0])
    a = torch.tensor([3.5])
    print(a, a.item(), float(a), int(a))

    t = torch.tensor([[1.0, -1.0, 2.0], [0.5, 3.0, -2.5]])
    print(t.max(), t.max(1), t.argmax(dim=1), t.sort(descending=True), t.topk(2), t.min(dim=0).values)
    print(t[t > 0], t[:, [0, 2]], t[..., -1], t[None].shape, t[:, None, :].shape, torch.where(t > 0, t, 0.0))
    print(t.clamp(-1, 1), t.abs().sum(), t.norm(), t.pow(2).mean().sqrt(), t.prod(1), t.round(), t.floor().int())
    print(torch.cat([t, t], dim=0).shape, torch.stack((t, t), dim=-1).shape, torch.cat([t, t], 1))
    print(t.unsqueeze(0).squeeze().shape, t.flatten(), t.permute(1, 0).shape, t.expand(2, 2, 3).shape, t.repeat(1, 2))
    print(torch.chunk(t, 3, dim=1), t.split([1, 2], dim=1)[1], t.unbind(0)[0])
    print(torch.einsum("ij,kj->ik", t, t), torch.einsum("bi,bj->bij", t, t).shape, t @ t.T, torch.dot(t[0], t[1]))
    print(torch.matmul(torch.ones(2, 1, 3, 4), torch.ones(5, 4, 2)).shape, torch.outer(t[0], t[1]))
    print(torch.linspace(0, 1, 5), torch.arange(0, 1, 0.25), torch.eye(3), torch.logspace(0, 2, 3))
    print(torch.triu(torch.ones(3, 3)), torch.tril(torch.ones(3, 3), diagonal=-1), torch.diag(torch.tensor([1, 2])))
    print(t.gather(1, torch.tensor([[0, 2], [1, 1]])), torch.zeros(2, 3).scatter_(1, torch.tensor([[2], [0]]), 1.0))
    print(t.to(torch.int64), t.double(), t.half(), t.bool(), t.long().float().dtype, t.type())
    print(t.add_(1), t.mul_(2), t.sub(1).div_(2), t.zero_(), t.fill_(7), t.copy_(torch.arange(6).view(2, 3)))
    print(torch.tensor(3.0), torch.tensor([]), torch.tensor(True), torch.tensor([1e-8, 1.0]), torch.tensor([1e10, 1]))
    print(torch.tensor([float("nan"), float("inf"), -float("inf")]), torch.tensor([1, 2, 3], dtype=torch.uint8))
    print(torch.zeros(1000), torch.arange(1200).view(30, 40)[::10, ::20], torch.rand(0, 3))
    print(torch.tensor([[1.5, 2.25], [3.125, 1000.0]], dtype=torch.float64), torch.tensor([[True, False]]))
    print(t.eq(3).any(), t.ne(3).all(), torch.equal(t, t.clone()), torch.allclose(t, t + 1e-9), torch.isnan(t).sum())
    print(t.unique(), torch.bincount(torch.tensor([0, 1, 1, 3])), torch.roll(t, 1, 1), torch.flip(t, [0]))
    print(t.narrow(1, 0, 2), t.index_select(0, torch.tensor([1])), t.masked_select(t > 2), t.nonzero())
    print(torch.linalg.inv(torch.tensor([[2.0, 0.0], [0.0, 4.0]])), torch.linalg.norm(t), torch.det(torch.eye(2)))
    print(f"{t[0, 1]:.2f} {t.sum():.3e}", "{:.1f}".format(t.mean()), "%d" % t[1, 2], round(t.std().item(), 4))
    for row in t:
        print(row, end=" ")
    i, j = torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")
    print(i, j, torch.cartesian_prod(torch.arange(2), torch.arange(2)))
    print(torch.promote_types(torch.int32, torch.float16), torch.result_type(t, 1), torch.finfo(torch.float32).eps)

    w = torch.tensor([1.0, 2.0], requires_grad=True)
    y = (w**2).sum()
    z = w * 3 + 1
    print(w, y, z, z.grad_fn is not None, z.detach(), w.is_leaf, z.requires_grad)
    y.backward()
    print(w.grad, w.grad.dtype)
    with torch.no_grad():
        w -= 0.1 * w.grad
    w.grad.zero_()
    print(w, torch.nn.Linear(2, 3), torch.nn.Parameter(torch.ones(2)))
    print(torch.Size([2, 3]), tuple(t.shape), t.shape[-1], t.shape == (2, 3), torch.float32, torch.device("cpu"))
    try:
        torch.ones(2, 3) @ torch.ones(2, 3)
    except RuntimeError:
        print("shapes cannot be multiplied")
    try:
        torch.ones(3).reshape(2, 2)
    except RuntimeError as error:
        print("invalid shape", "3" in str(error))
    try:
        torch.zeros(2)[5]
    except IndexError:
        print("index out of range")


def outputs(parts):
    text = io.StringIO()
    with redirect_stdout(text):
        cells()
    return text.getvalue().split("\n")
