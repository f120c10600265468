"""Writes the h5ad files of the present layout beside this script."""
import pathlib
import warnings

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp

warnings.simplefilter("ignore")
here = pathlib.Path(__file__).parent / "h5ad"
here.mkdir(exist_ok=True)
x = np.array([[0, 1.5, 0], [2, 0, 0], [0, 0, 3], [4, 0, 5]], dtype="f4")
obs = pd.DataFrame(
    {
        "kind": pd.Categorical(["b", "a", None, "b"], categories=["b", "a", "unused"]),
        "level": pd.Categorical(["low", "high", "low", "low"], categories=["low", "high"], ordered=True),
        "batch": pd.Categorical([2, 1, 1, 2]),
        "text": ["w", "x", "y", "ž"],
        "count": [3, 1, 4, 1],
        "score": [0.5, np.nan, 1.5, 2.5],
        "flag": [True, False, True, True],
        "maybe_count": pd.array([7, None, 9, 10], dtype="Int64"),
        "maybe_flag": pd.array([True, None, False, True], dtype="boolean"),
    },
    index=["c0", "c1", "c2", "c3"],
)
var = pd.DataFrame({"symbol": ["A", "B", "C"], "n": [1, 2, 3]}, index=["g0", "g1", "g2"])


def whole(matrix):
    data = ad.AnnData(matrix, obs=obs.copy(), var=var.copy())
    data.layers["counts"] = sp.csr_matrix(x * 2)
    data.layers["dense"] = x.astype("f8") * 3
    data.obsm["X_pca"] = np.arange(8, dtype="f4").reshape(4, 2)
    data.obsm["frame"] = pd.DataFrame({"u": [1.0, 2, 3, 4]}, index=obs.index)
    data.raw = ad.AnnData(
        sp.csr_matrix(np.hstack([x, x[:, :1]])), obs=obs.copy(), var=pd.DataFrame(index=["r0", "r1", "r2", "r3"])
    )
    return data


whole(x).write_h5ad(here / "dense.h5ad")
whole(sp.csr_matrix(x)).write_h5ad(here / "csr.h5ad", compression="gzip")
whole(sp.csc_matrix(x)).write_h5ad(here / "csc.h5ad", compression="lzf")
ad.AnnData(x.astype("i8"), obs=obs[[]].copy(), var=var[[]].copy()).write_h5ad(here / "bare.h5ad")
ad.AnnData(x, obs=pd.DataFrame(index=obs.index), var=pd.DataFrame(index=var.index)).write_h5ad(
    here / "latest.h5ad", convert_strings_to_categoricals=False
)
