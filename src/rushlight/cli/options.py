"""The options that commands share, with their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

NET, TRAINING, RUN = "The net", "Training", "The run"

Hidden = Annotated[
    str | None,
    typer.Option(
        help="Widths of the hidden layers, such as 25,25,25; none for no hidden layer.", rich_help_panel=NET
    ),
]
Activation = Annotated[
    str | None,
    typer.Option(
        help="relu, tanh, sigmoid or leaky_relu: one for all hidden layers, or a list "
        "such as relu,relu,tanh.",
        rich_help_panel=NET,
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        help="Function on the last layer: none, tanh, sigmoid, relu, softmax, log_softmax. "
        "Left out: what the loss needs.",
        rich_help_panel=NET,
    ),
]
Outputs = Annotated[
    int | None,
    typer.Option(help="disk only: 1 output, or 2 with one-hot targets.", rich_help_panel=NET),
]
Init = Annotated[
    str | None,
    typer.Option(
        help="pytorch, uniform, normal, xavier_uniform, xavier_normal, kaiming_uniform, "
        "kaiming_normal, zeros, ones; "
        "auto: Kaiming with ReLU, else Xavier.",
        rich_help_panel=NET,
    ),
]
Loss = Annotated[
    str | None,
    typer.Option(
        help="mse (disk), nll (mnist), l1, bce, bce-logits or cross-entropy.", rich_help_panel=TRAINING
    ),
]
Optimizer = Annotated[
    str | None, typer.Option(help="sgd (if left out), adam or adamw.", rich_help_panel=TRAINING)
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--lr", help="Learning rate: for sgd 0.05 (disk) or 0.02 (mnist).", rich_help_panel=TRAINING
    ),
]
Momentum = Annotated[float | None, typer.Option(help="Momentum of sgd: 0.9.", rich_help_panel=TRAINING)]
Decay = Annotated[
    float | None, typer.Option("--weight-decay", help="Weight decay: 0.", rich_help_panel=TRAINING)
]
Epochs = Annotated[
    int | None, typer.Option(help="Epochs in all: 100 (disk), 10 (mnist).", rich_help_panel=TRAINING)
]
BatchSize = Annotated[int | None, typer.Option(help="Samples in a batch: 100.", rich_help_panel=TRAINING)]
Patience = Annotated[
    int | None,
    typer.Option(
        help="Stop early after so many epochs without a better validation loss, and keep the best weights.",
        rich_help_panel=TRAINING,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        help="Decides data, weights and batches; the same seed gives the same model.", rich_help_panel=RUN
    ),
]
Runs = Annotated[
    int | None,
    typer.Option(
        help="Train so many models, with seeds from --seed on, and print statistics.", rich_help_panel=RUN
    ),
]
Threads = Annotated[
    int | None, typer.Option(help="Threads of the matrix products (1 if left out).", rich_help_panel=RUN)
]
Compile = Annotated[
    bool | None,
    typer.Option(
        "--compile/--no-compile",
        help="Train by native code, or plainly. Left out: compiled where llvmlite is installed.",
        show_default=False,
        rich_help_panel=RUN,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(help="Folder for the results; runs/NAME-1, -2 and so on if left out.", rich_help_panel=RUN),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on with the run in --out, exactly where it stopped.", rich_help_panel=RUN
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Train anew over the run that --out holds.", rich_help_panel=RUN)
]
Data = Annotated[
    str | None,
    typer.Option(help="Folder with the files of the data set (else $RUSHLIGHT_DATA).", rich_help_panel=RUN),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the result only.", rich_help_panel=RUN)]
Pictures = Annotated[
    bool, typer.Option(help="Draw pictures of data, training and result.", rich_help_panel=RUN)
]
