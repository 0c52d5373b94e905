"""The list of fixtures: every generator adds to it, generate.py writes it down."""
import collections

Fixture = collections.namedtuple("Fixture", "path data family technique gives loader on canary note accepted_by")
FIXTURES = []
_paths = set()

# Interpreters that a pickle fixture is tried on; each with its C and its pure-Python unpickler.
ALL = ["2.7", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13"]
PY3 = ALL[1:]


def add(path, data, technique, gives="execute", loader="pickle", on=None, canary="file", note="", accepted_by=""):
    """Registers one file. canary is how the verifier knows that it fired: file (weir-canary exists), connect (a
    connection or name look-up was tried), read (the decoy weir-secret was opened), gone (it was removed), stdout (the word weir-canary was printed),
    crash (killed by a signal, by memory or by time), import (the named module was imported), trace (see the note)."""
    assert path not in _paths, path
    _paths.add(path)
    FIXTURES.append(Fixture(path, bytes(data), path.split("/")[0], technique, gives, loader, list(on or ALL), canary, note, accepted_by))
