"""scipy and networkx: sparse matrices, interpolators, distributions, trees, graphs."""
import pickle

import numpy as np
import scipy
from scipy import interpolate, optimize, signal, sparse, spatial, stats

from recorder import ENV, PROTOCOLS, add, done

np.random.seed(3)  # frozen distributions keep the global generator's state
VERSION = scipy.__version__
BASE = "scipy/%s/" % ".".join(VERSION.split(".")[:2])


def store(name, value, protocols=(2, 4), note="", framework="scipy", version=VERSION, base=BASE):
    for protocol in protocols:
        if protocol in PROTOCOLS:
            try:
                data = pickle.dumps(value, protocol)
            except Exception as e:
                print(name, protocol, repr(e))
                continue
            pickle.loads(data)
            add(base + "%s-p%d.pkl" % (name, protocol), data, "pickle", framework, version, "pickle.load", "clean", note)


m = sparse.csr_matrix(np.eye(3))
for kind in ("csr", "csc", "coo", "dok", "lil", "dia", "bsr"):
    store("matrix-" + kind, m.asformat(kind), (2, 4) if kind in ("csr", "dok", "lil") else (4,))
if hasattr(sparse, "csr_array"):
    store("arrays", [sparse.csr_array(np.eye(2)), sparse.coo_array(np.eye(2)), sparse.dok_array((2, 2)), sparse.lil_array((2, 2))], (4,))
x = np.arange(6.0)
store("interpolators", {"interp1d": interpolate.interp1d(x, x ** 2), "cubic": interpolate.CubicSpline(x, x ** 2), "pchip": interpolate.PchipInterpolator(x, x ** 2),
                        "akima": interpolate.Akima1DInterpolator(x, x ** 2), "bspline": interpolate.make_interp_spline(x, x), "ppoly": interpolate.PPoly([[1.0], [2.0]], [0, 1]),
                        "univariate": interpolate.UnivariateSpline(x, x ** 2), "grid": interpolate.RegularGridInterpolator((x, x), np.outer(x, x))})
store("scattered", [interpolate.RBFInterpolator(np.c_[x, x ** 2], x), interpolate.NearestNDInterpolator(np.c_[x, x], x)] if hasattr(interpolate, "RBFInterpolator") else [], (4,))
store("frozen", [stats.norm(0, 1), stats.gamma(2), stats.poisson(3), stats.uniform(0, 1), stats.randint(0, 5), stats.loguniform(1, 10)])
store("distributions", [stats.norm, stats.poisson], (4,))
store("multivariate", [stats.multivariate_normal([0, 0], np.eye(2)), stats.dirichlet([1.0, 2.0])], (4,))
store("kde", stats.gaussian_kde([1.0, 2.0, 4.0, 4.5]))
store("histogram", stats.rv_histogram(np.histogram([1, 2, 2, 3], 3)), (4,))
store("kdtree", spatial.KDTree(np.c_[x, x]), (4,))
store("ckdtree", spatial.cKDTree(np.c_[x, x]), (2, 4))
store("rotation", spatial.transform.Rotation.from_euler("z", 0.5), (4,))
store("optimum", optimize.minimize(lambda v: (v ** 2).sum(), [1.0], method="Nelder-Mead"), (2, 4), "an OptimizeResult")
store("bounds", [optimize.Bounds([0], [1]), optimize.LinearConstraint(np.eye(1), 0, 1)], (4,))
store("signal", [signal.TransferFunction([1.0], [1.0, 2.0]), signal.StateSpace(1, 1, 1, 1), signal.butter(2, 0.1)], (4,))
store("results", [stats.ttest_ind(x, x + 1), stats.linregress(x, x), stats.describe(x), stats.pearsonr(x, x ** 2)], (4,), "named tuples of results")
store("identity-operator", sparse.linalg.aslinearoperator(np.eye(2)) if hasattr(sparse, "linalg") else None, (4,))

if ENV == "models":
    import networkx as nx

    graphs = {"graph": nx.path_graph(4), "digraph": nx.DiGraph([(1, 2), (2, 3)]), "multigraph": nx.MultiGraph([(1, 2), (1, 2)]), "multidigraph": nx.MultiDiGraph([(1, 2)]),
              "karate": nx.karate_club_graph(), "attributes": nx.Graph(name="g")}
    graphs["attributes"].add_edge("a", "b", weight=np.float64(0.5))
    for name in sorted(graphs):
        store(name, graphs[name], (2, 4), "", "networkx", nx.__version__, "networkx/")
    store("view", nx.path_graph(4).subgraph([0, 1]).copy(), (4,), "", "networkx", nx.__version__, "networkx/")
    store("used", [g for g in (nx.path_graph(3),) if list(g.nodes) and list(g.edges) and g.adj and g.degree is not None], (4,), "cached views are part of the state",
          "networkx", nx.__version__, "networkx/")
    store("frozen-graph", nx.freeze(nx.path_graph(3)), (4,), "a frozen graph names a plain function of networkx", "networkx", nx.__version__, "networkx/")
done()
