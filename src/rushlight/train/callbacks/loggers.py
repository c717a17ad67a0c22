"""Rows of the history for programs that keep and compare runs: TensorBoard, MLflow, Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rushlight.optional import load
from rushlight.train.callbacks.base import Callback

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["MLflow", "TensorBoard", "WandB"]


def _figures(row: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in row.items() if name != "epoch"}


class TensorBoard(Callback):
    """Writes each epoch's figures as events into the folder `log_dir`, by `SummaryWriter` (tensorboardX).

    histograms  write those of the weights too.

    Raises NotSupportedError when training starts where the package is missing.
    """

    def __init__(self, log_dir: Any = None, histograms: bool = False) -> None:
        self.log_dir, self.histograms = log_dir, histograms
        self.writer: Any = None

    def on_fit_start(self, trainer: Trainer) -> None:
        from rushlight.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(self.log_dir)
        self.log_dir = self.writer.log_dir

    def on_epoch_end(self, trainer: Trainer, row: Mapping[str, Any]) -> None:
        for name, value in _figures(row).items():
            self.writer.add_scalar(name, value, row["epoch"])
        if self.histograms:
            for name, parameter in trainer.model.named_parameters():
                self.writer.add_histogram(name, parameter.detach(), row["epoch"])

    def on_fit_end(self, trainer: Trainer) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None


class MLflow(Callback):
    """Logs each epoch's figures as metrics of an MLflow run: the active one, or one that it starts and ends.

    parameters    logged once, when training starts.
    tracking_uri  where runs are kept, a folder or a server; MLflow's own setting if left out. experiment: its
                  name there. run_name: of the run.

    Raises NotSupportedError when training starts where the package is missing.
    """

    def __init__(
        self,
        parameters: Mapping[str, Any] | None = None,
        *,
        tracking_uri: str | None = None,
        experiment: str | None = None,
        run_name: str | None = None,
    ) -> None:
        self.parameters = dict(parameters or {})
        self.tracking_uri, self.experiment, self.run_name = tracking_uri, experiment, run_name
        self.run_id: str | None = None
        self._own = False

    def on_fit_start(self, trainer: Trainer) -> None:
        mlflow = self._module()
        if self.tracking_uri is not None:
            mlflow.set_tracking_uri(self.tracking_uri)
        if self.experiment is not None:
            mlflow.set_experiment(self.experiment)
        run = mlflow.active_run()
        self._own = run is None
        if run is None:
            run = mlflow.start_run(run_id=self.run_id, run_name=self.run_name)
        if self.parameters and self.run_id is None:
            mlflow.log_params(self.parameters)
        self.run_id = run.info.run_id

    def on_epoch_end(self, trainer: Trainer, row: Mapping[str, Any]) -> None:
        self._module().log_metrics(_figures(row), step=row["epoch"])

    def on_fit_end(self, trainer: Trainer) -> None:
        if self._own:
            self._module().end_run()
            self._own = False

    def _module(self) -> Any:
        return load("mlflow", "The callback MLflow")


class WandB(Callback):
    """Logs each epoch's figures to Weights & Biases: to the active run, or to one that it starts and ends by
    ``wandb.init(**options)``; ``mode="offline"`` keeps it in a folder.

    Raises NotSupportedError when training starts where the package is missing.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options
        self._own = False

    def on_fit_start(self, trainer: Trainer) -> None:
        wandb = self._module()
        self._own = wandb.run is None
        if self._own:
            wandb.init(**self.options)

    def on_epoch_end(self, trainer: Trainer, row: Mapping[str, Any]) -> None:
        self._module().log(_figures(row), step=row["epoch"])

    def on_fit_end(self, trainer: Trainer) -> None:
        if self._own:
            self._module().finish()
            self._own = False

    def _module(self) -> Any:
        return load("wandb", "The callback WandB")
