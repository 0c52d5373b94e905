"""The opcodes that pickletools sees: reads pickles like oracle.py, writes a line of name@offset a pickle, with ! behind when it fails."""
import pickletools
import struct
import sys

while True:
    head = sys.stdin.buffer.read(4)
    if len(head) < 4:
        break
    data = sys.stdin.buffer.read(struct.unpack("<I", head)[0])
    ops = []
    try:
        for op, arg, pos in pickletools.genops(data):
            ops.append("%s@%d" % (op.name, pos))
    except Exception:
        ops.append("!")
    sys.stdout.write(" ".join(ops) + "\n")
