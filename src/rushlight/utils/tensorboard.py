"""`SummaryWriter`, which writes what TensorBoard shows, by means of the package tensorboardX."""

from __future__ import annotations

import functools
from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.errors import NotSupportedError, missing
from rushlight.optional import load

__all__ = ["SummaryWriter"]

GRAPHS = ("add_graph", "add_onnx_graph", "add_mesh", "add_openvino_graph")


class SummaryWriter:
    """Writes events for TensorBoard into the folder `log_dir`.

    log_dir          "runs/" with the time, the host and `comment` in its name, if left out.
    purge_step       events from this step on, of a run that broke, are not shown.
    max_queue, flush_secs      events are written when there are so many, and after so many seconds.
    filename_suffix  of the files of events.

    It has the methods of PyTorch's: ``add_scalar(tag, value, step)``, `add_scalars`, `add_histogram`,
    `add_image`, `add_images`, `add_figure`, `add_text`, `add_hparams`, `add_pr_curve` and others of
    tensorboardX, which gets tensors as arrays, or as numbers. A graph of a network cannot be had from it.

    Raises NotSupportedError where the package is not installed.
    """

    def __init__(
        self,
        log_dir: Any = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        self._writer = load("tensorboardX", "SummaryWriter").SummaryWriter(
            None if log_dir is None else str(log_dir),
            comment=comment,
            purge_step=purge_step,
            max_queue=max_queue,
            flush_secs=flush_secs,
            filename_suffix=filename_suffix,
        )

    @property
    def log_dir(self) -> str:
        """The folder."""
        return str(self._writer.logdir)

    def get_logdir(self) -> str:
        """The folder."""
        return self.log_dir

    def flush(self) -> None:
        """Write what is waiting."""
        self._writer.flush()

    def close(self) -> None:
        """Write what is waiting, and end."""
        self._writer.close()

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        writer = self.__dict__.get("_writer")
        if name in GRAPHS:
            raise NotSupportedError(
                f"SummaryWriter.{name}: Rushlight's graphs are not PyTorch's. Leave it out."
            )
        method = getattr(writer, name, None) if name.startswith("add_") else None
        if method is None:
            raise missing("SummaryWriter", name, dir(writer))

        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            return method(*map(_plain, args), **{key: _plain(value) for key, value in kwargs.items()})

        return call

    def __repr__(self) -> str:
        return f"SummaryWriter({self.log_dir!r})"


def _plain(value: Any) -> Any:
    """Tensors as arrays, those of one element as numbers, at any depth of lists and dicts."""
    if isinstance(value, Tensor):
        value = value.detach()
        return value.item() if not value.ndim else value.numpy()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_plain, value))
    return value
