"""Of what PyTorch has and Rushlight does not: why, and what is nearest.

Read only when a name is missing. A test holds it to PyTorch's names: each of them is here, or in this table.
"""

from __future__ import annotations

import fnmatch

__all__ = ["NEAREST", "nearest_thing"]

COMPLEX = "There are no complex tensors: keep real and imaginary parts side by side."
SPARSE = "Sparse tensors are in coordinate form: rl.sparse_coo_tensor, x.to_sparse()."
QUANTISED = "There are no quantised tensors: keep floats."
DEVICES = "There is the CPU only."
INSIDE = "It is a part of how PyTorch works inside."
REMOVED = "PyTorch itself refuses it by now; use rl.linalg."
PIPES = "Use Dataset, IterableDataset and DataLoader."
STORAGES = "There are no storages apart from tensors: use the tensor, or x.numpy()."
SCRIPT = "Python functions are compiled as they are: rl.compile."
AUTOCAST = "Its settings are the arguments of rl.autocast(device_type, dtype, enabled, cache_enabled)."

NEAREST: dict[str, dict[str, str]] = {
    "Tensor": {
        "as_subclass": "Tensors have no subclasses that operations keep; put one into a class of yours.",
        "ccol_indices col_indices crow_indices row_indices": SPARSE,
        "coalesce indices is_coalesced values sparse_resize* resize_as_sparse_ smm sspaddmm": SPARSE,
        "const_data_ptr": "Use data_ptr().",
        "conj_physical_": "Numbers are real: leave it out.",
        "dequantize int_repr q_* qscheme": QUANTISED,
        "dim_order": "Use stride().",
        "eig imag istft stft": COMPLEX,
        "geqrf ormqr": "Use rl.linalg.qr, and a product with its Q.",
        "grad_dtype": "A gradient is of its tensor's dtype.",
        "hardshrink prelu": "It is in rl.nn.functional.",
        "hash_tensor": "Use hash(x.numpy().tobytes()).",
        "index": "Write x[...], or use index_select.",
        "ipu mtia xpu record_stream is_distributed": DEVICES,
        "lstsq solve symeig": REMOVED,
        "map2_": "Write the operation with tensors.",
        "module_load": "Use copy_().",
        "narrow_copy": "Use narrow(...).clone().",
        "reinforce": "Use log_prob of rl.distributions, times the reward.",
        "resize resize_as": "Use reshape, or resize_ in place.",
        "slice_inverse to_padded_tensor": INSIDE,
        "storage_type": STORAGES,
        "to_mkldnn": "There is one layout; rl.compile makes programs fast.",
        "volatile": "Use rl.no_grad().",
    },
    "rushlight": {
        "complex complex32 complex64 complex128 cfloat cdouble chalf polar view_as_*": COMPLEX,
        "istft stft": "There is no FFT, as there are no complex tensors: numpy.fft takes x.numpy().",
        "conj_physical_": "Numbers are real: leave it out.",
        "bit bits* int[1-7] uint[1-7] float4* float8*": "There is no such dtype.",
        "sparse_*": SPARSE,
        "hsmm hspmm saddmm smm sspaddmm resize_as_sparse_": "Use rl.sparse.mm and rl.sparse.addmm.",
        "*_copy": "Use the function without _copy, and clone() of its result.",
        "*quant* q_* qint* quint* qscheme int_repr per_channel_* per_tensor_* fbgemm_*": QUANTISED,
        "fused_moving_avg_obs_fake_quant": QUANTISED,
        "cudnn_* miopen_* mkldnn_* is_vulkan_available get_device_module profiler_*": DEVICES,
        "batch_norm_* native_batch_norm native_group_norm native_layer_norm": "Use rl.nn.functional.",
        "native_dropout native_norm norm_except_dim": "Use rl.dropout, rl.norm, or rl.linalg.vector_norm.",
        "embedding_bag": "Use rl.nn.functional.embedding_bag.",
        "frobenius_norm nuclear_norm": "Use rl.linalg.matrix_norm.",
        "eig lstsq matrix_rank solve symeig lu": REMOVED,
        "geqrf ormqr": "Use rl.linalg.qr, and a product with its Q.",
        "lobpcg": "Use rl.linalg.eigh.",
        "segment_reduce": "Use rl.index_add or rl.scatter_reduce.",
        "cond": "In compiled functions rl.where chooses; elsewhere write if.",
        "while_loop": "Write a loop in Python.",
        "from_file": "Use rl.from_numpy(numpy.memmap(...)).",
        "to_dlpack": "Hand the tensor itself to the other library's from_dlpack.",
        "empty_permuted": "Use rl.empty(...).permute(...).",
        "hash_tensor": "Use hash(x.numpy().tobytes()).",
        "layout memory_format": "They are texts here: rl.strided, rl.channels_last.",
        "is_storage *Storage StorageBase": STORAGES,
        "*autocast*": AUTOCAST,
        "is_anomaly_* set_anomaly_enabled": "Use rl.detect_anomaly.",
        "is_warn_always_enabled set_warn_always": "Use Python's warnings.simplefilter.",
        "has_lapack has_mkl has_openmp has_spectral": "It asks how PyTorch was built.",
        "Stream Event thread_safe_generator": DEVICES,
        "ParameterDict ModuleDict BufferDict": "Use those of rl.nn.",
        "fork wait Future": SCRIPT,
        "ao builtins classes cpp cpu export library masked": "",
        "monitor mtia nested overrides package profiler quantization quasirandom return_types": "",
        "signal storage torch torch_version windows": "",
        "*": INSIDE,
    },
    "rushlight.autograd": {
        "set_multithreading_enabled is_multithreading_enabled": "Backward runs in the thread that calls it.",
        "enforce_grad_layout_policy *": INSIDE,
    },
    "rushlight.data": {"*": PIPES},
    "rushlight.fft": {"common_args factory_common_args": INSIDE},
    "rushlight.func": {
        "functionalize": "Compiled functions may write in place: rl.compile.",
        "rearrange": "Use reshape, permute, or einops.",
        "debug_unwrap": "Look at results outside of the transform.",
    },
    "rushlight.linalg": {
        "eig eigvals": "Its results are complex, and there are no complex tensors; eigh is for symmetric "
        "matrices.",
        "ldl_*": "Use cholesky of a positive definite matrix, or lu_factor.",
        "common_notes": INSIDE,
    },
    "rushlight.nn": {
        "Container": "Use Module, Sequential or ModuleList.",
        "CrossMapLRN2d": "Use LocalResponseNorm.",
        "LinearCrossEntropyOptions": "Leave options out: it only cuts PyTorch's work.",
        "NLLLoss2d": "Use NLLLoss.",
        "factory_kwargs": INSIDE,
    },
    "rushlight.nn.functional": {
        "grouped_mm": "Use rl.bmm, or a product for each group.",
        "scaled_*": "There are no dtypes of 8 bits; use matmul.",
        "*": INSIDE,
    },
    "rushlight.nn.utils": {"convert_conv*_weight_memory_format": "Leave it out: there is one memory format."},
    "rushlight.nn.utils.parametrize": {"*": INSIDE},
    "rushlight.nn.utils.rnn": {"*": INSIDE},
    "rushlight.optim": {"swap_in_optimizer_params_and_state": "Use load_state_dict."},
    "rushlight.optim.lr_scheduler": {"*": INSIDE},
    "rushlight.sparse": {
        "DType": "There is no such dtype.",
        "*SemiStructured* to_sparse_semi_structured": SPARSE,
        "as_sparse_gradcheck": "Use rl.autograd.gradcheck with a function of the values.",
        "check_sparse_tensor_invariants": "Use check_invariants= of rl.sparse_coo_tensor.",
        "sampled_addmm": "Use rl.addmm(...).sparse_mask(mask).",
        "spdiags": "Use rl.sparse_coo_tensor with the places of the diagonals.",
        "spsolve": "Use rl.linalg.solve(A.to_dense(), b).",
    },
    "rushlight.special": {
        "bessel_* modified_bessel_k* scaled_modified_bessel_* spherical_bessel_j0 airy_ai": "scipy.special "
        "has it, for x.numpy(); PyTorch's has no derivative either.",
        "modified_bessel_i?": "Use rl.special.i0 and i1.",
        "*polynomial*": "numpy.polynomial has it, for x.numpy(); PyTorch's has no derivative either.",
        "*": INSIDE,
    },
    "rushlight.utils": {
        "ThroughputBenchmark": "Use time.perf_counter.",
        "swap_tensors": "Assign the tensors, or use copy_().",
        "*": INSIDE,
    },
}
"""For each namespace patterns of names, and the words for them; of several that fit the first holds. Packages
have none."""


def nearest_thing(module: str, name: str) -> str:
    """Why `module` has no `name`, and what to use; an empty text where the table does not say.

    >>> nearest_thing("rushlight.nn", "NLLLoss2d")
    'Use NLLLoss.'
    """
    for patterns, words in NEAREST.get(module, {}).items():
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns.split()):
            return words
    return ""
