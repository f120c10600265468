"""Writes h5ad files of an early layout: run it with anndata 0.6.4, 0.6.22 and 0.7.8."""
import pathlib
import warnings

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp

warnings.simplefilter("ignore")
here = pathlib.Path(__file__).parent / "h5ad"
version = "v" + ad.__version__.replace(".", "_")
x = np.array([[0, 1.5, 0], [2, 0, 0], [0, 0, 3], [4, 0, 5]], dtype="f4")
cells = ["c0", "c1", "c2", "c3"]
obs = pd.DataFrame(
    {
        "kind": pd.Categorical(["b", "a", None, "b"], categories=["b", "a"]),
        "level": pd.Categorical(["low", "high", "low", "low"], categories=["low", "high"], ordered=True),
        "text": ["w", "x", "y", "z"],
        "n": [3, 1, 4, 1],
        "score": [0.5, 1.0, 1.5, 2.0],
        "flag": [True, False, True, True],
    },
    index=cells,
)
var = pd.DataFrame({"symbol": ["A", "B", "C"]}, index=["g0", "g1", "g2"])


def write(name, matrix):
    data = ad.AnnData(matrix, obs=obs.copy(), var=var.copy())
    data.raw = ad.AnnData(sp.csr_matrix(x * 2), obs=obs.copy(), var=pd.DataFrame(index=["r0", "r1", "r2"]))
    if hasattr(data, "layers"):
        data.layers["counts"] = sp.csr_matrix(x * 3)
    data.obsm["X_umap"] = np.array([[i, i + 0.5] for i in range(4)])
    data.uns["kind_colors"] = np.array(["#000000", "#ffffff"])
    data.write(str(here / (version + name + ".h5ad")))


write("", x)
write("_csc", sp.csc_matrix(x))
