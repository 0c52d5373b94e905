#!/usr/bin/env python3
"""Draws docs/scan.svg: what a terminal of 100 columns shows of a real `weir scan examples`. Run it from the repository after `make build`."""
import fcntl
import html
import os
import pty
import re
import struct
import subprocess
import termios

COLUMNS = 100
COLOURS = {"31": "#e06c75", "32": "#98c379", "33": "#e5c07b", "34": "#61afef", "35": "#c678dd", "36": "#56b6c2", "97": "#ffffff"}
BACKGROUNDS = {"41": "#be3a46", "42": "#3f7d3a", "43": "#a87a1e", "44": "#2c62a8", "45": "#7c3f98"}


def terminal(args):
    """Runs a command on a terminal of its own and gives back what it wrote there."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, COLUMNS, 0, 0))
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "CI")}
    env["TERM"] = "xterm-256color"
    p = subprocess.Popen(args, stdin=slave, stdout=slave, stderr=slave, env=env, close_fds=True)
    os.close(slave)
    out = b""
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError:
            break
        if not chunk:
            break
        out += chunk
    p.wait()
    return out.decode()


def spans(line):
    """Splits a line into pieces of one style."""
    style = set()
    for piece in re.split(r"(\x1b\[[0-9;]*m)", line):
        m = re.fullmatch(r"\x1b\[([0-9;]*)m", piece)
        if not m:
            if piece:
                yield frozenset(style), piece
            continue
        for code in (m.group(1) or "0").split(";"):
            if code == "0":
                style.clear()
            else:
                style.add(code)


def main():
    text = terminal(["bin/weir", "scan", "examples"])
    text = re.sub(r"\r\x1b\[K|\x1b\[[0-9]*[A-JL-Za-ln-z]", "", text).replace("\r\n", "\n")
    lines = ["\x1b[32m$\x1b[0m weir scan examples"] + text.rstrip("\n").split("\n")
    width, height, step = COLUMNS * 8.4 + 32, len(lines) * 19 + 36, 19
    out = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14">' % (width, height),
        '<rect width="100%" height="100%" rx="8" fill="#1e2127"/>',
    ]
    for i, line in enumerate(lines):
        y, column = 30 + i * step, 0
        for style, piece in spans(line.split("\r")[-1]):
            x = 16 + column * 8.4
            fill = next((COLOURS[s] for s in style if s in COLOURS), "#c8ccd4")
            back = next((BACKGROUNDS[s] for s in style if s in BACKGROUNDS), None)
            if back:
                out.append('<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>' % (x, y - 14, len(piece) * 8.4, step, back))
            extra = (' font-weight="bold"' if "1" in style else "") + (' opacity="0.65"' if "2" in style else "")
            out.append('<text x="%.1f" y="%d" fill="%s" textLength="%.1f" xml:space="preserve"%s>%s</text>' % (x, y, fill, len(piece) * 8.4, extra, html.escape(piece)))
            column += len(piece)
    out.append("</svg>")
    with open("docs/scan.svg", "w") as f:
        f.write("\n".join(out) + "\n")


main()
