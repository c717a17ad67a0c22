"""Parametrizations that exist: weights of given norms, of spectral norm 1, and orthogonal ones."""

from __future__ import annotations

from typing import Any

from rushlight import ops
from rushlight.core.state import no_grad
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, NotSupportedError, ShapeError, message
from rushlight.nn.functional.normalization import normalize
from rushlight.nn.module import Module
from rushlight.nn.utils.parametrize import register_parametrization
from rushlight.ops.factors import qr
from rushlight.ops.solving import householder_product, matrix_exp, solve

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def norm_except(weight: Tensor, dim: int) -> Tensor:
    """The norms of the slices along the axis `dim`, which stays alone; of the whole tensor for -1.

    >>> import rushlight as rl
    >>> norm_except(rl.tensor([[3.0, 4.0], [6.0, 8.0]]), 0)
    tensor([[ 5.],
            [10.]])
    """
    if dim == -1:
        return ops.norm(weight)
    return ops.norm(weight, 2, [d for d in range(weight.ndim) if d != dim % weight.ndim], True)


def scaled_to(weight: Tensor, size: Tensor, dim: int) -> Tensor:
    """`weight` with the norms `size` along `dim`."""
    return weight * (size / norm_except(weight, dim))


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return scaled_to(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """w = g v / ‖v‖: the norm g and the direction v of each slice along `dim` are trained apart; returns the
    module.

    dim   None: one norm for the whole weight.

    ``parametrizations.<name>.original0`` is g, ``original1`` v. (Salimans and Kingma, 2016.)

    >>> import rushlight as rl
    >>> layer = rl.nn.utils.parametrizations.weight_norm(rl.nn.Linear(20, 40))
    >>> tuple(layer.parametrizations.weight.original0.shape)
    (40, 1)
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    module.register_load_state_dict_pre_hook(_OldNames(name))
    return module


class _OldNames:
    """Takes states that the older `nn.utils.weight_norm` saved."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, module: Module, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        for old, new in (("g", "original0"), ("v", "original1")):
            if f"{prefix}{self.name}_{old}" in state:
                value = state.pop(f"{prefix}{self.name}_{old}")
                state[f"{prefix}parametrizations.{self.name}.{new}"] = value


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The weight with the axis `dim` in front, and the others as one."""
    return (weight if dim == 0 else weight.movedim(dim, 0)).flatten(1)


@no_grad()
def iterate(matrix: Tensor, u: Tensor, v: Tensor, times: int, eps: float) -> None:
    """Bring u and v nearer to the first singular vectors of the matrix, in place (von Mises and
    Pollaczek-Geiringer, 1929)."""
    for _ in range(times):
        u.copy_(normalize(matrix @ v, dim=0, eps=eps))
        v.copy_(normalize(matrix.T @ u, dim=0, eps=eps))


class _SpectralNorm(Module):
    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        if n_power_iterations <= 0:
            got = f"n_power_iterations={n_power_iterations}"
            raise ArgumentError(message("spectral_norm", got, "a number above 0"))
        if not -weight.ndim <= dim < weight.ndim:
            got = f"dim={dim} of a weight of {weight.ndim} axes"
            raise ShapeError(message("spectral_norm", got, "one of the axes"))
        self.n_power_iterations = n_power_iterations
        self.dim = dim % weight.ndim
        self.eps = eps
        if weight.ndim > 1:
            with no_grad():
                matrix = as_matrix(weight.detach(), self.dim)
                u, v = (normalize(ops.randn(n, dtype=weight.dtype), dim=0, eps=eps) for n in matrix.shape)
                iterate(matrix, u, v, 15, eps)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            iterate(matrix.detach(), self._u, self._v, self.n_power_iterations, self.eps)
        # Copies: the next call writes these.
        u, v = self._u.clone(), self._v.clone()
        return weight / (u * (matrix @ v)).sum()

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """w / σ(w): the weight, seen as a matrix with the axis `dim` in front, gets the largest singular value 1;
    returns the module.

    Each forward in training goes `n_power_iterations` steps towards the first singular vectors, which are
    buffers. `dim` is 0 by default, 1 for transposed convolutions. (Miyato et al., 2018.)

    >>> import rushlight as rl
    >>> layer = rl.nn.utils.parametrizations.spectral_norm(rl.nn.Linear(20, 40))
    >>> abs(rl.linalg.svdvals(layer.weight.detach())[0].item() - 1) < 0.1
    True
    """
    weight = _tensor("spectral_norm", module, name)
    dim = default_dim(module) if dim is None else dim
    return register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))


def default_dim(module: Module) -> int:
    """The axis of a layer's weight that belongs to its outputs."""
    return 1 if any("ConvTranspose" in kind.__name__ for kind in type(module).__mro__) else 0


def _tensor(where: str, module: Module, name: str) -> Tensor:
    value = getattr(module, name, None)
    if not isinstance(value, Tensor):
        got = f"the name {name!r} of {type(module).__name__}"
        raise ArgumentError(message(where, got, "a parameter or buffer"))
    return value


class _Orthogonal(Module):
    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        self.shape = tuple(weight.shape)
        self.orthogonal_map = orthogonal_map
        self.use_trivialization = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        wide = x.shape[-2] < x.shape[-1]
        x = x.mT if wide else x
        rows, columns = x.shape[-2:]
        q = self._of_householder(x) if self.orthogonal_map == "householder" else self._of_skew(x)
        q = q[..., :columns] if rows != columns else q
        if self.use_trivialization and self.base is not None:
            q = self.base @ q
        return q.mT if wide else q

    def _of_skew(self, x: Tensor) -> Tensor:
        """exp(A) or the Cayley map (I - A/2)⁻¹(I + A/2) of the skew A = x - xᵀ, with x below the diagonal."""
        rows, columns = x.shape[-2:]
        low = x.tril()
        if rows != columns:
            low = ops.cat([low, low.new_full((*low.shape[:-1], rows - columns), 0.0)], -1)
        skew = low - low.mT
        if self.orthogonal_map == "matrix_exp":
            return matrix_exp(skew)
        one = ops.eye(rows, dtype=x.dtype)
        return solve(one - skew * 0.5, one + skew * 0.5)

    def _of_householder(self, x: Tensor) -> Tensor:
        """The product of reflections, whose vectors are the columns of x below the diagonal, which is 1."""
        low = x.tril(-1)
        tau = 2.0 / (1.0 + (low * low).sum(-2))
        signs = ops.einsum("...ii->...i", x[..., : x.shape[-1], :]).trunc()
        return householder_product(low, tau) * signs.detach().unsqueeze(-2)

    @no_grad()
    def right_inverse(self, q: Tensor) -> Tensor:
        if tuple(q.shape) != self.shape:
            raise ShapeError(message("orthogonal", f"a tensor of shape {q.shape}", f"{self.shape}"))
        if not self.use_trivialization:
            raise NotSupportedError(
                message("orthogonal", "an assignment without use_trivialization", "use_trivialization=True")
            )
        wide = q.shape[-2] < q.shape[-1]
        q = q.mT if wide else q
        rows, columns = q.shape[-2:]
        if rows != columns:
            more = ops.randn(*q.shape[:-2], rows, rows - columns, dtype=q.dtype)
            q = ops.cat([q, more], -1)
        self.base = (q.clone() if _is_orthogonal(q) else _made_orthogonal(q)).detach()
        # Of minus 1 on the diagonal all three maps make the unit matrix.
        return (-ops.eye(self.shape[-2], self.shape[-1], dtype=q.dtype)).expand(self.shape).clone()


def _is_orthogonal(q: Tensor) -> bool:
    one = ops.eye(q.shape[-1], dtype=q.dtype)
    gap = (q.mT @ q - one).abs().max().item()
    return bool(gap <= 10.0 * q.shape[-1] * (1e-6 if q.element_size() <= 4 else 1e-15))


def _made_orthogonal(a: Tensor) -> Tensor:
    """The orthogonal factor of a = q r with a positive diagonal of r."""
    q, r = qr(a)
    return q * ops.einsum("...ii->...i", r).sign().unsqueeze(-2)


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """The weight is orthogonal: its columns, or its rows where it is wide, have norm 1 and are orthogonal to
    each other; returns the module.

    orthogonal_map      "matrix_exp", "cayley" or "householder"; by default the first for square weights and
                        the last for others.
    use_trivialization  the map is taken around the weight at registration, or what is assigned later; without
                        it the weight starts elsewhere, and cannot be assigned to. (Lezcano-Casado, 2019.)

    Raises ShapeError for a weight of fewer than two axes, ArgumentError for another map.

    >>> import rushlight as rl
    >>> layer = rl.nn.utils.parametrizations.orthogonal(rl.nn.Linear(3, 5))
    >>> bool((layer.weight.T @ layer.weight - rl.eye(3)).abs().max() < 1e-5)
    True
    """
    weight = _tensor("orthogonal", module, name)
    if weight.ndim < 2:
        raise ShapeError(message("orthogonal", f"a weight of shape {weight.shape}", "two axes or more"))
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.shape[-2] == weight.shape[-1] else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        got = f"orthogonal_map={orthogonal_map!r}"
        raise ArgumentError(message("orthogonal", got, "'matrix_exp', 'cayley' or 'householder'"))
    made = _Orthogonal(weight, orthogonal_map, use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)
