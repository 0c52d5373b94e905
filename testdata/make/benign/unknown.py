"""Instances of well-known libraries that weir's index does not hold: what an honest unknown looks like."""
import pickle
import warnings

warnings.simplefilter("ignore")
from recorder import add, done  # noqa: E402


def store(library, name, value, version, note="instances of its classes only", protocol=4, expect="unverified"):
    data = pickle.dumps(value, protocol)
    pickle.loads(data)
    add("unknown/%s/%s.pkl" % (library, name), data, "pickle", library, version, "pickle.load", expect, note)


import sympy  # noqa: E402

x = sympy.Symbol("x")
store("sympy", "expression", sympy.sin(x) ** 2 + sympy.Rational(1, 3) * x, sympy.__version__)
store("sympy", "matrix", sympy.Matrix([[1, x], [0, 2]]), sympy.__version__)

import shapely  # noqa: E402

store("shapely", "polygon", shapely.Polygon([(0, 0), (1, 0), (1, 1)]), shapely.__version__, "calls a plain function of its own (shapely.io.from_wkb)", expect="suspicious")

import pint  # noqa: E402

registry = pint.UnitRegistry()
pint.set_application_registry(registry)
store("pint", "quantity", 3 * registry.meter / registry.second, pint.__version__, "calls a plain function of its own (pint._unpickle)", expect="suspicious")

import lark  # noqa: E402

parser = lark.Lark('start: "a" WORD\n%import common.WORD\n%ignore " "', parser="lalr")
store("lark", "tree", parser.parse("a word"), lark.__version__)
store("lark", "token", lark.Token("WORD", "word"), lark.__version__)

import pydantic  # noqa: E402

store("pydantic", "secret", pydantic.SecretStr("not a secret"), pydantic.__version__)

import rdflib  # noqa: E402

graph = rdflib.Graph()
graph.add((rdflib.URIRef("https://example.org/a"), rdflib.RDF.type, rdflib.Literal("thing")))
store("rdflib", "terms", [rdflib.URIRef("https://example.org/a"), rdflib.Literal("3", datatype=rdflib.XSD.integer)], rdflib.__version__)

import sortedcontainers  # noqa: E402

store("sortedcontainers", "list", sortedcontainers.SortedList([3, 1, 2]), sortedcontainers.__version__)
store("sortedcontainers", "dict", sortedcontainers.SortedDict(b=1, a=2), sortedcontainers.__version__)

import arrow  # noqa: E402

store("arrow", "time", arrow.Arrow(2024, 1, 2), arrow.__version__)

import pyrsistent  # noqa: E402

store("pyrsistent", "vector", pyrsistent.v(1, 2, 3), "0.20.0", "calls a plain function of its own (pyrsistent.pvector)", expect="suspicious")

import bidict  # noqa: E402

store("bidict", "bidict", bidict.bidict(a=1, b=2), bidict.__version__, "calls a class method of its own (BidictBase._from_other)", expect="suspicious")

import intervaltree  # noqa: E402

store("intervaltree", "tree", intervaltree.IntervalTree([intervaltree.Interval(1, 3, "a")]), "3.1.0")

import nltk  # noqa: E402

store("nltk", "tree", nltk.Tree("S", [nltk.Tree("NP", ["cat"])]), nltk.__version__)
store("nltk", "frequencies", nltk.FreqDist(["a", "b", "a"]), nltk.__version__)

import yarl  # noqa: E402

store("yarl", "url", yarl.URL("https://example.org/a?b=c"), yarl.__version__)

import Bio  # noqa: E402
import Bio.Seq  # noqa: E402
import Bio.SeqRecord  # noqa: E402

store("biopython", "record", Bio.SeqRecord.SeqRecord(Bio.Seq.Seq("ACGT"), id="one"), Bio.__version__)

import numpy as np  # noqa: E402
import statsmodels  # noqa: E402
import statsmodels.api as sm  # noqa: E402

r = np.random.RandomState(0)
fit = sm.OLS(r.rand(10), sm.add_constant(r.rand(10))).fit()
fit.remove_data()
store("statsmodels", "ols", fit, statsmodels.__version__)
done()
