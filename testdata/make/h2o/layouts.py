"""Writes internal/format/h2o/layouts.txt from H2O's jars: how each version serialises each of its classes.

    python3 testdata/make/h2o/layouts.py VERSION=h2o.jar ...     (newest first)

The jars are those of PyPI's h2o (backend/bin/h2o.jar); Layouts.java reads them. A class that is the same in several versions is written once.
"""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "..", "..", "..", "internal", "format", "h2o", "layouts.txt")


def main(args):
    versions = [a.split("=", 1)[0] for a in args]
    seen = {}
    for letter, arg in zip("abcdefghijklmnopqrstuvwxyz", args):
        jar = arg.split("=", 1)[1]
        out = subprocess.run(["java", os.path.join(HERE, "Layouts.java"), jar], check=True, capture_output=True, text=True).stdout
        for line in out.splitlines():
            name, rest = line.split(" ", 1)
            seen.setdefault(name, {}).setdefault(rest, []).append(letter)
    with open(OUT, "w") as f:
        f.write("# Written by testdata/make/h2o/layouts.py from the jars of H2O-3. versions class superclass field...\n")
        f.write("versions " + " ".join(versions) + "\n")
        for name in sorted(seen):
            for rest, letters in seen[name].items():
                f.write("%s %s %s\n" % ("".join(letters), name, rest))


main(sys.argv[1:])
