"""Writes what packaging and pip themselves make of generated requirement lines and files: pip_lines.py FILE [LINES [FILES [SEED]]].

The test TestAgainstPip holds weir's readers to it. Lines are built from the grammar of dependency specifiers, good and damaged; files join lines in all
the ways that pip knows.
"""
import base64
import json
import os
import random
import sys
import tempfile
from optparse import Values

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier
from pip._internal.exceptions import RequirementsFileParseError
from pip._internal.req.req_file import RequirementsFileParser, get_line_parser

out, lines, files, seed = sys.argv[1], *(int(a) for a in (sys.argv[2:] + ["700", "150", "1"][len(sys.argv) - 2 :])[:3])
rng = random.Random(seed)
pick = rng.choice


def maybe(p, make, other=""):
    return make() if rng.random() < p else other


def name():
    return pick(["torch", "Flask", "scikit-learn", "ruamel.yaml", "zope.interface", "a", "A_b.C-d", "x2", "typing_extensions", "1d", "PyYAML", "a--b"])


def version():
    release = ".".join(str(rng.randint(0, 30)) for _ in range(rng.randint(1, 4)))
    v = maybe(0.05, lambda: "v") + maybe(0.05, lambda: f"{rng.randint(1, 3)}!") + release
    v += maybe(0.15, lambda: pick(["a1", "b2", "rc1", ".rc2", "-alpha3", "c", "pre4", "_beta_2", "preview"]))
    v += maybe(0.1, lambda: pick([".post1", "-1", "post", ".rev3", "-r4"]))
    v += maybe(0.1, lambda: pick([".dev0", "dev", "-dev3"]))
    v += maybe(0.12, lambda: pick(["+cu113", "+local.1", "+a-b_c"]))
    return v + maybe(0.12, lambda: ".*")


def clause():
    return pick(["==", ">=", "<=", "~=", "!=", "<", ">", "===", "=="]) + maybe(0.2, lambda: pick([" ", "  ", "\t"])) + version()


def clauses():
    s = pick([",", ", ", " , "]).join(clause() for _ in range(rng.randint(1, 3)))
    s += maybe(0.03, lambda: ",")
    return f"({s})" if rng.random() < 0.1 else s


def extras():
    return "[" + pick([",", ", "]).join(pick(["gpu", "all", "A_b", "x.y"]) for _ in range(rng.randint(0, 3))) + "]"


def operand():
    return pick(["python_version", "sys_platform", "os_name", "os.name", "extra", "platform_machine", "implementation_name", "'3.8'", '"linux"', "'nt'", "python_full_version"])


def marker(depth=0):
    m = f"{operand()}{pick([' ', '', '  '])}{pick(['<', '==', '>=', '!=', ' in ', ' not in ', ' not  in ', '~=', '==='])}{pick([' ', ''])}{operand()}"
    if depth < 3 and rng.random() < 0.3:
        m = f"({m})" if rng.random() < 0.5 else m
        m += pick([" and ", " or "]) + marker(depth + 1)
    return m


def url():
    return pick([
        "https://index.example.org/torch-1.0-py3-none-any.whl", "https://index.example.org/x.zip#sha256=00", "git+https://git.example.org/a/b@v1#egg=b",
        "file:///opt/a-1.0.tar.gz", "./a-1.0.tar.gz", "https://u:p@index.example.org/a?b=c;d",
    ])


def line():
    s = name() + maybe(0.2, lambda: pick(["", " "]) + extras())
    if rng.random() < 0.12:
        s += pick([" @ ", "@", " @", "@ "]) + url() + maybe(0.3, lambda: pick([" ;", " ; ", ";"]) + marker())
    else:
        s += maybe(0.85, lambda: pick(["", " "]) + clauses()) + maybe(0.25, lambda: pick([";", " ; ", "; "]) + marker())
    if rng.random() < 0.25:  # damage
        i = rng.randrange(len(s) + 1)
        s = pick([s[:i], s[i:], s[:i] + pick(list("=<>!~;,()[]@ .-_*$'\"#")) + s[i:], s[:i] + s[i + 1 :], s.replace("==", "=", 1), s.replace(",", " ", 1)])
    return s.strip()


def judged(s):
    try:
        r = Requirement(s)
    except (InvalidRequirement, InvalidSpecifier):
        return {"line": s, "ok": False}
    return {
        "line": s, "ok": True, "name": r.name, "extras": sorted(r.extras), "url": r.url or "", "marker": r.marker is not None,
        "clauses": sorted(f"{c.operator}{c.version}" for c in r.specifier),
    }


def statement():
    r = rng.random()
    if r < 0.6:
        s = name() + maybe(0.8, lambda: "==" + version().replace(".*", "")) + maybe(0.2, lambda: pick([" --hash=sha256:00", " --hash sha256:00 --hash=sha256:11", " \\\n    --hash=sha256:00 \\\n    --hash=sha256:11"]))
    elif r < 0.9:
        s = pick([
            "-r other.txt", "-rother.txt", "--requirement=other.txt", "--req other.txt", "-c cons.txt", "--constraint  cons.txt", "-i https://index.example.org/simple",
            "--index-url=https://index.example.org/a", "--extra-index https://index.example.org/b", "--extra-index-url 'https://index.example.org/c'", "--no-index",
            "-f ./wheels", "--find-links=https://index.example.org/d", "--trusted-host index.example.org", "--trusted-host=index.example.org:8080", "--trusted 127.0.0.1", "--pre", "--no-binary :all:",
            "-e git+https://git.example.org/a/b#egg=b", "-e ./local", "-e git+https://git.example.org/a/b -i https://index.example.org/g", "--pre -c cons.txt -r other.txt",
            "-r other.txt --extra-index-url https://index.example.org/h", '-f "./a\\b"', "-f ./a\\ b", "--only-binary=:all: --pre", "-i https://index.example.org/e --extra-index-url https://index.example.org/f",
        ])
    else:
        s = pick(["", "# comment", "   # comment", "# comment \\", "\\"])
    return maybe(0.1, lambda: pick([" ", "\t", "   "])) + s + maybe(0.15, lambda: pick([" # why", "\t# why", " #", "  ", "\u00a0# why", "\x1f# why"])) + maybe(0.06, lambda: " \\")


def text():
    s = ""
    for _ in range(rng.randint(1, 7)):
        s += statement() + pick(["\n"] * 8 + ["\r\n", "\r", "\n\n", "\x0b", "\x0c", "\u2028", "\x1e", "\x85"])
    return s


def read(content):
    """What pip takes out of a file, as [kind, value, number of hashes]; None of a file that pip refuses. Whatever else goes wrong ends the script."""
    with tempfile.NamedTemporaryFile(suffix=".txt", delete=False) as f:
        f.write(content)
    got = []
    try:
        for p in RequirementsFileParser(None, get_line_parser(None))._parse_file(f.name, False):
            o: Values = p.opts
            if p.requirement is not None:  # of what else stands in such a line, pip heeds the hashes alone
                hashes = sum(len(v) for v in (o.hashes or {}).values())
                got.append(["editable" if p.is_editable else "requirement", p.requirement, hashes])
                continue
            if o.requirements or o.constraints:  # pip follows one file and heeds nothing beside it
                got.append(["include", o.requirements[0], 0] if o.requirements else ["constraint", o.constraints[0], 0])
                continue
            for kind, values in (
                ("index.url", [o.index_url] if o.index_url else []), ("index.extra", o.extra_index_urls),
                ("index.find-links", o.find_links), ("index.trusted-host", o.trusted_hosts), ("index.none", ["true"] if o.no_index else []),
            ):
                got += [[kind, v, 0] for v in values or []]
    except RequirementsFileParseError:
        return None
    finally:
        os.unlink(f.name)
    return got


wholes = []
while len(wholes) < files:
    t = text()
    content = pick([lambda s: s.encode()] * 6 + [lambda s: b"\xef\xbb\xbf" + s.encode(), lambda s: s.encode("utf-16"), lambda s: b"\xfe\xff" + s.encode("utf-16-be"), lambda s: s.encode("utf-32")])(t)
    got = read(content)
    if got is not None:
        wholes.append({"content": base64.b64encode(content).decode(), "got": got})
vectors = {"lines": [judged(line()) for _ in range(lines)], "files": wholes}
with open(out, "w") as f:
    f.write(json.dumps(vectors, separators=(",", ":")).replace('},{"line"', '},\n{"line"').replace('},{"content"', '},\n{"content"') + "\n")
