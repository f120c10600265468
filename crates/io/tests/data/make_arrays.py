"""Writes the npy and npz files beside this script (numpy, scipy)."""
import gzip
import pathlib
import zipfile

import numpy as np
import scipy.sparse as sp

here = pathlib.Path(__file__).parent
grid = np.arange(12).reshape(4, 3)
for code in "b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8".split():
    np.save(here / f"npy/{code}.npy", grid.astype("<" + code))
    np.save(here / f"npy/{code}_big_fortran.npy", np.asfortranarray(grid.astype(">" + code)))
with gzip.GzipFile(here / "npy/f4.npy.gz", "wb", mtime=0) as out:
    np.save(out, grid.astype("<f4"))
np.save(here / "npy/labels_text.npy", np.array(["b", "a", "a"]))
several = dict(
    a=np.arange(6.0).reshape(3, 2), b=np.arange(12, dtype="u2").reshape(3, 4),
    label=np.array([7, 3, 7]), name=np.array(["x", "y", "ž"]),
)
np.savez_compressed(here / "several.npz", **several)
np.savez(here / "several_stored.npz", **several)
with zipfile.ZipFile(here / "several_zip64.npz", "w", zipfile.ZIP_DEFLATED) as out:
    for name, array in several.items():
        with out.open(f"{name}.npy", "w", force_zip64=True) as member:
            np.save(member, array)
np.savez(here / "alone.npz", only=np.arange(6, dtype="f4").reshape(3, 2), row=np.arange(3))
sparse = sp.csr_matrix(np.array([[0, 1, 0, 0], [0, 0, 2, 0], [3, 0, 0, 4.0]]))
sp.save_npz(here / "csr.npz", sparse)
sp.save_npz(here / "csc.npz", sparse.tocsc())
sp.save_npz(here / "coo.npz", sparse.tocoo())
