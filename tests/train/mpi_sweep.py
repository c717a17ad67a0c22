"""A sweep by the ranks of MPI: ``mpiexec -n 4 python -m mpi4py.futures -m tests.train.mpi_sweep``."""

from __future__ import annotations

from mpi4py.futures import MPIPoolExecutor

from tests.train.lost_workers import CONFIGS, alone, bits, sweep

if __name__ == "__main__":
    with MPIPoolExecutor() as executor:
        result = sweep(executor)
        assert [bits(run.trainer) for run in result] == [alone(config) for config in CONFIGS]
        print(f"{len(result)} networks by {executor.num_workers} workers")
