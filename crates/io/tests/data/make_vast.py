"""Writes small files that declare far more than they hold, beside this script, into vast/."""
import pathlib
import zipfile

import h5py
import numpy as np

here = pathlib.Path(__file__).parent / "vast"
here.mkdir(exist_ok=True)
ROWS = 1_000_000


def axis(file, name, n):
    """An obs or var of n names that were never written."""
    group = file.create_group(name)
    group.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.2.0", "_index": "_index"})
    group.attrs["column-order"] = np.array([], dtype="f8")
    index = group.create_dataset("_index", (n,), h5py.string_dtype(), chunks=(1024,))
    index.attrs.update({"encoding-type": "string-array", "encoding-version": "0.2.0"})


with h5py.File(here / "dense.h5ad", "w") as file:
    file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
    x = file.create_dataset("X", (ROWS, ROWS), "f4", chunks=(64, 64))
    x.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
    axis(file, "obs", ROWS)
    axis(file, "var", ROWS)

with h5py.File(here / "csr.h5ad", "w") as file:
    file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
    x = file.create_group("X")
    x.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
    x.attrs["shape"] = np.array([2**40, 2**40])
    x.create_dataset("data", (2**50,), "f4", chunks=(1024,))
    x.create_dataset("indices", (2**50,), "i8", chunks=(1024,))
    x.create_dataset("indptr", (2**40 + 1,), "i8", chunks=(1024,))
    axis(file, "obs", 2**40)
    axis(file, "var", 2**40)

with zipfile.ZipFile(here / "dense.npz", "w", zipfile.ZIP_DEFLATED) as archive:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({ROWS}, {ROWS}), }}"
    header = header.ljust(117) + "\n"
    archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
