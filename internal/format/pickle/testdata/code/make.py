"""Pickles of functions and classes by value, with cloudpickle and dill: run here, so that no path stays in them, as
`python -c "exec(compile(open('make.py').read(), 'make.py', 'exec'))"`. The payloads only print a word."""
import os as o

import cloudpickle
import dill


def alias(x):
    return o.system(x)


class Restored:
    def __setstate__(self, state):
        o.system("echo restored")


class Constructed:
    def __init__(self):
        eval("1")


class Built:
    def __reduce__(self):
        return Constructed, ()


class Called:
    def __reduce__(self):
        return alias, ("echo called",)


def keep(name, data):
    with open(name + ".pkl", "wb") as f:
        f.write(data)


restored = Restored()
restored.x = 1
keep("cloudpickle-alias", cloudpickle.dumps(alias))
keep("cloudpickle-restored", cloudpickle.dumps(restored))
keep("cloudpickle-called", cloudpickle.dumps(Called()))
keep("cloudpickle-class", cloudpickle.dumps(Constructed))
keep("cloudpickle-built", cloudpickle.dumps(Built()))
keep("dill-alias", dill.dumps(alias, recurse=True))
keep("dill-restored", dill.dumps(restored, recurse=True))
keep("dill-called", dill.dumps(Called(), recurse=True))
