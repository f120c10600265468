"""Packs the bundled data sets from the source files named in README.md.

    python make_bundled.py FOLDER      # laid out as data.toml says
"""
import gzip
import io
import pathlib
import sys
import zipfile

import numpy as np

source, here = pathlib.Path(sys.argv[1]), pathlib.Path(__file__).parent


def save(name, **arrays):
    """An npz with the strongest deflate and no time stamps, so that the bytes are reproducible."""
    with zipfile.ZipFile(here / name, "w") as out:
        for key, array in arrays.items():
            raw = io.BytesIO()
            np.save(raw, array)
            info = zipfile.ZipInfo(f"{key}.npy")
            out.writestr(info, raw.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)


digits = np.loadtxt(gzip.open(source / "sklearn_small/digits.csv.gz"), delimiter=",")
save("digits.npz", pixels=digits[:, :64].astype("u1"), label=digits[:, 64].astype("u1"))

pbmc = np.load(source / "pbmc3k/pbmc3k_2638x1838.npz")
genes = (source / "pbmc3k/genes_1838.txt").read_text().split()
cells = [line.split(",") for line in (source / "pbmc3k/cells_2638.csv").read_text().splitlines()]
names = {int(row[cells[0].index("label")]): row[cells[0].index("cell_type")] for row in cells[1:]}
save(
    "pbmc3k.npz",
    counts=pbmc["counts"],
    total=pbmc["total_counts"],
    label=pbmc["label"],
    label_names=np.array([names[k] for k in range(len(names))], dtype="S"),
    genes=np.array(genes, dtype="S"),
)
