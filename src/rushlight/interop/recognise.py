"""What a file is that is not what was asked for, and what to do with it."""

from __future__ import annotations

__all__ = ["recognise"]

_TORCH = (
    "rl.load reads files of torch.save, and runs no code of theirs; rl.interop.save_file writes safetensors."
)
_PAGES = (b"<!DOCTYPE", b"<!doctype", b"<html", b"<HTML", b"<?xml")
_KNOWN = (
    (b"PK\x03\x04", "a zip archive, as torch.save and numpy.savez write", _TORCH),
    (b"\x80\x02", "a Python pickle, as older torch.save writes", _TORCH),
    (b"\x80\x03", "a Python pickle", _TORCH),
    (b"\x80\x04", "a Python pickle", _TORCH),
    (b"\x80\x05", "a Python pickle", _TORCH),
    (b"\x93NUMPY", "an array of numpy.save", "Read it with numpy.load, then rl.from_numpy."),
    (b"\x89HDF", "an HDF5 file, as Keras writes", "Read it with h5py, and save_file its arrays."),
    (b"GGUF", "a GGUF file", "Convert it where it comes from."),
    (b"\x1f\x8b", "a gzip file", "Unpack it first."),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself", "Fetch it with: git lfs pull"),
    *((start, "a page of the web, perhaps of a download that failed", "Fetch it again.") for start in _PAGES),
    (b"\x89PNG", "a PNG picture", "Pass the model's file."),
    (b"\xff\xd8\xff", "a JPEG picture", "Pass the model's file."),
)


def recognise(data: bytes) -> tuple[str, str]:
    """In words, what the bytes of a file are by their beginning, and what to do; empty where that is unknown.

    >>> recognise(b"\\x93NUMPY...")
    ('an array of numpy.save', 'Read it with numpy.load, then rl.from_numpy.')
    """
    for start, what, remedy in _KNOWN:
        if data.startswith(start):
            return what, remedy
    return "", ""
