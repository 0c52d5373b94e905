#!/usr/bin/env python3
"""Writes internal/version/testdata/*.txt: what the real tools say of versions and constraints.

    versions.py pep440 > internal/version/testdata/pep440.txt      (needs packaging, or the copy inside pip)
    versions.py specifiers > …/specifiers.txt
    versions.py maven MAVEN_ARTIFACT_JAR > …/maven.txt             (java; the jar is Maven's maven-artifact)
    versions.py conda > …/conda.txt                                (needs conda)

An order file has one version a line, lowest first, after the number of its class: equal numbers are equal versions.
"""
import functools
import random
import subprocess
import sys

R = random.Random(20261124)


def pick(*a):
    return R.choice(a)


def number():
    return pick("0", "1", "2", "3", "10", "01", "199", "200", "255", "999", "1000", "2024", "20240131", "123456789012345678901234567890", "00")


def release():
    return ".".join(number() for _ in range(pick(1, 1, 2, 2, 3, 3, 3, 4, 6)))


def pep440():
    s = pick("", "", "", "v", "1!", "0!", "01!", "20!") + release()
    if R.random() < .4:
        s += pick("", ".", "-", "_") + pick("a", "b", "c", "rc", "alpha", "beta", "pre", "preview", "A", "RC", "Alpha") + pick("", number(), "." + number(), "-" + number())
    if R.random() < .3:
        s += pick("", ".", "-", "_") + pick("post", "rev", "r", "POST") + pick("", number(), "_" + number()) if R.random() < .7 else "-" + number()
    if R.random() < .3:
        s += pick("", ".", "-", "_") + pick("dev", "DEV") + pick("", number(), "." + number())
    if R.random() < .25:
        s += "+" + pick("cu113", "1", "abc", "ubuntu.1", "1.abc", "01", "10", "ABC-5", "a_b", "2")
    if R.random() < .05:
        s = " " + s + " "
    if R.random() < .04:
        s += pick("-", ".", "x", "+", "..1", "a b")
    return s


def write(versions, compare):
    key = functools.cmp_to_key(compare)
    versions = sorted(versions)
    versions.sort(key=key)
    rank = 0
    for i, v in enumerate(versions):
        if i and compare(versions[i - 1], v):
            rank += 1
        print(f"{rank}\t{v}")


def main_pep440():
    V, S = packaging()
    good, bad = [], []
    for v in sorted({pep440() for _ in range(1600)}):
        try:
            V(v)
            good.append(v)
        except ValueError:
            bad.append(v)
    write(good, lambda a, b: (V(a) > V(b)) - (V(a) < V(b)))
    for v in bad:
        print(f"-\t{v}")


def packaging():
    try:
        from packaging.specifiers import SpecifierSet
        from packaging.version import Version
    except ImportError:
        from pip._vendor.packaging.specifiers import SpecifierSet
        from pip._vendor.packaging.version import Version
    return Version, SpecifierSet


def small():
    s = pick("", "", "", "", "1!") + ".".join(pick("0", "1", "2", "3") for _ in range(pick(1, 2, 2, 3)))
    if R.random() < .25:
        s += pick("a", "b", "rc") + pick("1", "2")
    if R.random() < .25:
        s += ".post" + pick("0", "1")
    if R.random() < .2:
        s += ".dev" + pick("0", "1")
    return s


def main_specifiers():
    V, S = packaging()
    for _ in range(1200):
        parts = []
        for _ in range(pick(1, 1, 1, 2, 2, 3)):
            op = pick("==", "!=", "<", "<=", ">", ">=", "~=", "===", "<", ">")
            v = small()
            if op in ("==", "!=") and R.random() < .4:
                v = v.split(".dev")[0] + ".*"
            elif op in ("==", "!=", "===") and R.random() < .3:
                v += pick("+l", "+1")
            elif R.random() < .03:
                v += pick(".*", "+x", "z")
            parts.append(op + pick("", " ") + v)
        text = pick(",", ", ").join(parts)
        try:
            spec = S(text)
        except ValueError:
            print(f"{text}\terror")
            continue
        inside, outside = [], []
        for _ in range(12):
            v = small() + (pick("+l", "+1", "+2.l") if R.random() < .25 else "")
            try:
                (inside if spec.contains(v) else outside).append(v)
            except ValueError:  # packaging reads ===1.0.* but cannot use it
                break
        else:
            print(f"{text}\t{' '.join(inside)}\t{' '.join(outside)}")


def maven():
    s = ".".join(pick("0", "1", "2", "10", "01", "2024", "12345678901", "123456789012345678901234") for _ in range(pick(1, 2, 2, 3, 3, 4)))
    for _ in range(pick(0, 0, 1, 1, 1, 2)):
        word = pick("alpha", "beta", "milestone", "rc", "cr", "snapshot", "ga", "final", "release", "sp", "SNAPSHOT", "RELEASE", "Final", "a", "b", "m", "x",
                    "foo", "jre", "android", "incubating", "pre", "hadoop", "scala", "spark")
        s += pick("-", "-", "-", ".", "") + word + pick("", "", "1", "2", "-1", "-2", ".1", "10", "-0")
    if R.random() < .2:
        s += pick("-1", "-2.0", "-0", "-1.1", "_2.12", "-20240131.120000-1")
    return s


def main_maven(jar):
    versions = sorted({maven() for _ in range(600)})
    # ComparableVersion's main compares each argument with the one before it; a merge sort asks for whole rounds at once.
    known = {}

    def ask(pairs):
        for i in range(0, len(pairs), 300):
            part = pairs[i:i + 300]
            args = [v for p in part for v in p]
            out = subprocess.run(["java", "-cp", jar, "org.apache.maven.artifact.versioning.ComparableVersion", *args], capture_output=True,
                                 text=True, check=True).stdout
            signs = [l.split()[1] for l in out.splitlines() if len(l.split()) == 3 and l.split()[1] in ("<", "==", ">") and l.startswith("  ")]
            for p, s in zip(part, signs[::2]):
                known[p] = {"<": -1, "==": 0, ">": 1}[s]

    pairs = [(R.choice(versions), R.choice(versions)) for _ in range(1300)]
    pairs += list(zip(versions, versions[1:]))
    ask(pairs)
    for (a, b), c in sorted(known.items()):
        print(f"{a}\t{'<=>'[c + 1]}\t{b}")


if __name__ == "__main__":
    globals()["main_" + sys.argv[1]](*sys.argv[2:])
