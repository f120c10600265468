"""Writes the h5ad files beside this script (anndata; h5py for the layouts of early versions)."""
import pathlib
import warnings

import anndata as ad
import h5py
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

# The layout of anndata 0.7: categories apart, encoding attributes on tables and sparse groups.
with h5py.File(here / "v07.h5ad", "w") as f:
    group = f.create_group("X")
    csr = sp.csr_matrix(x)
    group.attrs["encoding-type"], group.attrs["encoding-version"] = "csr_matrix", "0.1.0"
    group.attrs["shape"] = csr.shape
    for name in ("data", "indices", "indptr"):
        group[name] = getattr(csr, name)
    text = h5py.string_dtype()
    for name, index in (("obs", obs.index), ("var", var.index)):
        frame = f.create_group(name)
        frame.attrs["_index"] = "_index"
        frame.attrs["encoding-type"], frame.attrs["encoding-version"] = "dataframe", "0.1.0"
        frame["_index"] = np.array(index, dtype=text)
    frame = f["obs"]
    frame.attrs["column-order"] = np.array(["kind", "score"], dtype=text)
    frame["__categories/kind"] = np.array(["b", "a"], dtype=text)
    frame["kind"] = np.array([0, 1, -1, 0], dtype="i1")
    frame["kind"].attrs["categories"] = frame["__categories/kind"].ref
    frame["score"] = obs["score"].to_numpy()
    f["var"].attrs["column-order"] = np.array([], dtype="f8")

# The layout of anndata before 0.7: records, categories under uns, "raw.X".
with h5py.File(here / "v06.h5ad", "w") as f:
    f["X"] = x
    obs_type = [("index", "S2"), ("kind", "i1"), ("n", "i8"), ("score", "f4"), ("flag", "?")]
    f["obs"] = np.array(
        [(b"c0", 0, 3, 0.5, True), (b"c1", 1, 1, 1, False), (b"c2", 1, 4, 1.5, True), (b"c3", 0, 1, 2, True)],
        dtype=obs_type,
    )
    f["uns/kind_categories"] = np.array([b"b", b"a"])
    f["var"] = np.array([(b"g0",), (b"g1",), (b"g2",)], dtype=[("index", "S2")])
    f["obsm"] = np.array([((i, i + 0.5),) for i in range(4)], dtype=[("X_umap", "f8", (2,))])
    group = f.create_group("raw.X")
    group.attrs["h5sparse_format"], group.attrs["h5sparse_shape"] = "csr", csr.shape
    for name in ("data", "indices", "indptr"):
        group[name] = getattr(csr, name)
    f["raw.var"] = np.array([(b"r0",), (b"r1",), (b"r2",)], dtype=[("index", "S2")])
