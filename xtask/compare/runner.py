"""Runs one t-SNE peer once and prints one JSON line: wall and CPU seconds, peak memory, versions.

Called by `cargo xtask compare`, which sets the thread count through the environment (OpenMP with
passive waiting) and judges the written map itself. The learning rate on the command line belongs
to the true gradient of KL, which carries a factor 4; peers without that factor get four times it.
"""

import argparse
import json
import resource
import time

import numpy as np


def sklearn_tsne(x, init, args):
    import sklearn
    from sklearn.manifold import TSNE

    # scikit-learn fixes 250 exaggerated updates.
    assert args.exaggeration_iter == 250, "scikit-learn exaggerates for 250 updates"
    model = TSNE(
        perplexity=args.perplexity,
        early_exaggeration=args.exaggeration,
        learning_rate=args.learning_rate,
        init=init,
        angle=args.angle,
        n_iter_without_progress=10**6,
        min_grad_norm=0.0,
        n_jobs=args.threads,
        **{_iteration_argument(TSNE): args.n_iter},
    )
    return (lambda: model.fit_transform(x)), sklearn.__version__


def _iteration_argument(estimator):
    import inspect

    known = inspect.signature(estimator.__init__).parameters
    return "max_iter" if "max_iter" in known else "n_iter"


def opentsne(x, init, args, method):
    import openTSNE

    model = openTSNE.TSNE(
        perplexity=args.perplexity,
        early_exaggeration=args.exaggeration,
        early_exaggeration_iter=args.exaggeration_iter,
        n_iter=args.n_iter - args.exaggeration_iter,
        learning_rate=4.0 * args.learning_rate,
        initial_momentum=0.5,
        theta=args.angle,
        initialization=init.astype(np.float64),
        negative_gradient_method=method,
        neighbors="exact",
        n_jobs=args.threads,
    )
    return (lambda: np.asarray(model.fit(x))), openTSNE.__version__


def interpretable_tsne(x, init, args, attr):
    from importlib.metadata import version

    from interpretable_tsne.tsne import TSNE

    # With attributions the package cannot start from a given map, so that run starts at random.
    model = TSNE(
        perplexity=args.perplexity,
        early_exaggeration=args.exaggeration,
        learning_rate=args.learning_rate,
        n_iter=args.n_iter,
        n_iter_without_progress=10**6,
        min_grad_norm=0.0,
        angle=args.angle,
        init=init if attr == "none" else "random",
        random_state=0,
        attr=attr,
        checkpoint_every=[250] if attr != "none" else [],
        n_jobs=args.threads,
    )

    def fit():
        out = model.fit_transform(x)
        return np.asarray(out["embeddings"][-1] if isinstance(out, dict) else out)

    return fit, version("interpretable-tsne")


PEERS = {
    "scikit-learn": sklearn_tsne,
    "opentsne-bh": lambda x, init, a: opentsne(x, init, a, "bh"),
    "opentsne-fft": lambda x, init, a: opentsne(x, init, a, "fft"),
    "interpretable-tsne": lambda x, init, a: interpretable_tsne(x, init, a, "none"),
    "interpretable-tsne-attributions": lambda x, init, a: interpretable_tsne(x, init, a, "grad_norm"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=sorted(PEERS))
    parser.add_argument("input", help="samples × features, .npy")
    parser.add_argument("init", help="initial map, .npy")
    parser.add_argument("output", help="where the map goes, .npy")
    parser.add_argument("--perplexity", type=float, default=30.0)
    parser.add_argument("--n-iter", type=int, default=1000)
    parser.add_argument("--exaggeration", type=float, default=12.0)
    parser.add_argument("--exaggeration-iter", type=int, default=250)
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--angle", type=float, default=0.5)
    parser.add_argument("--threads", type=int, required=True)
    args = parser.parse_args()

    x = np.load(args.input)
    init = np.load(args.init).astype(np.float32)
    fit, version = PEERS[args.peer](x, init, args)  # imports happen here, outside the clock
    start, cpu = time.perf_counter(), _cpu_seconds()
    y = fit()
    wall, cpu = time.perf_counter() - start, _cpu_seconds() - cpu
    np.save(args.output, np.asarray(y, dtype=np.float64))
    print(json.dumps({"wall_s": wall, "cpu_s": cpu, "peak_bytes": _peak_bytes(), "version": version}))


def _cpu_seconds():
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _peak_bytes():
    """Largest resident memory of this process; None where the system does not tell.

    Not `ru_maxrss`: Linux carries over what the starting process held, our caller with its input.
    """
    try:
        with open("/proc/self/status") as status:
            lines = dict(line.split(":", 1) for line in status)
        return int(lines["VmHWM"].split()[0]) * 1024
    except (OSError, KeyError):
        return None


if __name__ == "__main__":
    main()
