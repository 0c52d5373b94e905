"""Prints, for each file named on standard input, the tensors that torch or numpy itself finds in it: a JSON line of [name, dtype, shape]."""
import json, sys
import numpy, torch


def named(dtype):
    """The names that weir gives to numpy's types where numpy has none that a person would read."""
    if dtype.kind in "US":
        return ("str[%d]" % (dtype.itemsize // 4)) if dtype.kind == "U" else "bytes[%d]" % dtype.itemsize
    return str(dtype)


def walk(value, path, out):
    if isinstance(value, torch.Tensor) and value.layout == torch.strided and not value.is_quantized:
        out.append([".".join(path), str(value.dtype)[6:], list(value.shape)])
    elif isinstance(value, dict):
        for k, v in value.items():
            walk(v, path + [str(k)], out)
    elif isinstance(value, (list, tuple)):
        for i, v in enumerate(value):
            walk(v, path + [str(i)], out)


for line in sys.stdin:
    name, out = line.strip(), []
    if name.endswith((".npy", ".npz")):
        loaded = numpy.load(name, allow_pickle=True)
        arrays = {n: loaded[n] for n in loaded.files} if name.endswith(".npz") else {name.rsplit("/", 1)[1][:-4]: loaded}
        out = [[n, named(a.dtype), list(a.shape)] for n, a in arrays.items()]
    else:
        walk(torch.load(name, map_location="cpu"), [], out)
    print(json.dumps(out))
