"""PyTorch layouts that the torch at hand cannot write, made by hand from their specification.

The old tar format (torch before 0.1.10) and the records of torch 2.x are read back by Debian's torch.load, whose readers know them; a
distributed checkpoint of torch 2.x, a TorchServe archive, an ExecuTorch header and a torch.export archive are read by nothing here.
"""
import dataclasses
import enum
import io
import json
import pickle
import struct
import sys
import tarfile
import types
import typing
import zipfile


import torch

from recorder import add, done

WEIGHTS = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
RAW = struct.pack("<6f", *WEIGHTS)


class _Global:
    """Stands for a global name in a pickle: written as the name, whatever it is here."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Pickler(pickle._Pickler):
    """The pure-Python pickler with persistent ids, and _Global objects as plain names."""

    dispatch = dict(pickle._Pickler.dispatch)

    def persistent_id(self, obj):
        return getattr(obj, "pid", None)

    def save_global_name(self, obj):
        self.write(b"c" + obj.module.encode() + b"\n" + obj.name.encode() + b"\n")
        self.memoize(obj)

    dispatch[_Global] = save_global_name


class Call:
    """Pickled as REDUCE of a global with arguments."""

    def __init__(self, function, *args):
        self.function, self.args = function, args


def save_call(self, obj):
    self.save(obj.function)
    self.save(obj.args)
    self.write(b"R")
    self.memoize(obj)


Pickler.dispatch[Call] = save_call


class Persistent:
    def __init__(self, pid):
        self.pid = pid


def dumps(value, protocol=2):
    out = io.BytesIO()
    Pickler(out, protocol).dump(value)
    return out.getvalue()


FLOAT = _Global("torch", "FloatStorage")
ORDERED = _Global("collections", "OrderedDict")


def state(storage, names=("weight",)):
    """The pickle of {name: tensor of 2x3 over storage}, as torch writes it."""
    return {n: Call(_Global("torch._utils", "_rebuild_tensor_v2"), storage, 0, (2, 3), (3, 1), False, Call(ORDERED)) for n in names}


def record(z, name, data, align=64):
    """Adds a stored record whose data begins at a multiple of align, padded by an extra field as caffe2's writer does."""
    info = zipfile.ZipInfo(name, (1980, 0, 0, 0, 0, 0))
    info.date_time = (1980, 1, 1, 0, 0, 0)
    start = z.fp.tell() + 30 + len(name) + 4
    pad = -start % align
    info.extra = b"FB" + struct.pack("<H", pad) + b"Z" * pad
    z.writestr(info, data)


def container(version, records, root="archive", align=64):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as z:
        for name, data in records:
            record(z, root + "/" + name, data, align)
    return out.getvalue()


def zip2(name, records, note, align=64, root="archive"):
    data = container("3", records, root, align)
    back = torch.load(io.BytesIO(data))
    assert back["weight"].flatten().tolist() == WEIGHTS, back
    add("torch/zip2/" + name, data, "torch-zip", "pytorch", "2.x", "torch.load", "clean", note + "; by hand, read by torch 1.13", True)


storage = Persistent(("storage", FLOAT, "0", "cpu", 6))
pkl = dumps(state(storage))
head = [("data.pkl", pkl)]
tail = [("version", b"3\n")]
ident = [(".data/serialization_id", b"0636067721154025470005034170712351017346")]
zip2("v2.1.pt", head + [("byteorder", b"little"), ("data/0", RAW)] + tail + ident, "torch 2.1: byteorder and serialization_id")
zip2("v2.7.pt", head + [(".format_version", b"1"), (".storage_alignment", b"64"), ("byteorder", b"little"), ("data/0", RAW)] + tail + ident,
     "torch 2.7: .format_version and .storage_alignment")
zip2("aligned-4096.pt", head + [(".format_version", b"1"), (".storage_alignment", b"4096"), ("byteorder", b"little"), ("data/0", RAW)] + tail + ident,
     "torch 2.7 with storages at pages", 4096)
zip2("renamed-root.pt", head + [("byteorder", b"little"), ("data/0", RAW)] + tail + ident, "the root folder has the file's own name", root="my_model")
tied = Persistent(("storage", FLOAT, "0", "cpu", 6))
zip2("v2.2-shared.pt", [("data.pkl", dumps(state(tied, ("weight", "head.weight"))))] + [("byteorder", b"little"), ("data/0", RAW)] + tail + ident,
     "two names over one storage")
params = {"weight": Call(_Global("torch._utils", "_rebuild_parameter"), state(storage)["weight"], True, Call(ORDERED))}
zip2("parameter.pt", [("data.pkl", dumps(params)), ("byteorder", b"little"), ("data/0", RAW)] + tail + ident, "_rebuild_parameter")
untyped = Persistent(("storage", _Global("torch.storage", "UntypedStorage"), "0", "cpu", 24))
v3 = {"weight": Call(_Global("torch._utils", "_rebuild_tensor_v3"), untyped, 0, (2, 3), (3, 1), False, Call(ORDERED), _Global("torch", "float8_e4m3fn"))}
add("torch/zip2/float8.pt", container("3", [("data.pkl", dumps(v3)), ("byteorder", b"little"), ("data/0", RAW)] + tail + ident),
    "torch-zip", "pytorch", "2.x", "none", "clean", "_rebuild_tensor_v3 of a dtype that torch 1.13 lacks; by hand", True)
cuda = Persistent(("storage", _Global("torch", "HalfStorage"), "0", "cuda:0", 12))
half = {"weight": Call(_Global("torch._utils", "_rebuild_tensor_v2"), cuda, 0, (2, 3), (3, 1), False, Call(ORDERED))}
add("torch/zip2/cuda-half.pt", container("3", [("data.pkl", dumps(half)), ("byteorder", b"little"), ("data/0", RAW)] + tail + ident),
    "torch-zip", "pytorch", "2.x", "none", "clean", "saved from a GPU; needs one, or map_location, to load; by hand", True)

# The tar format: sys_info, storages, tensors, pickle.
OLD_TENSOR = Persistent("7")


def member(t, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    t.addfile(info, io.BytesIO(data))


def tar(name, value, note):
    storages = dumps(1) + dumps((5, "cpu", FLOAT)) + struct.pack("<q", 6) + RAW + dumps([])
    tensors = dumps(1) + dumps((7, 5, _Global("torch", "FloatTensor"))) + struct.pack("<ii", 2, 0) + struct.pack("<4q", 2, 3, 3, 1) + struct.pack("<q", 0)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.USTAR_FORMAT) as t:
        member(t, "sys_info", dumps({"protocol_version": 1000, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 8}}))
        member(t, "pickle", dumps(value))
        member(t, "storages", storages)
        member(t, "tensors", tensors)
    with open("old.pt", "wb") as f:
        f.write(out.getvalue())
    back = torch.load("old.pt")
    assert back["weight"].flatten().tolist() == WEIGHTS, back
    add("torch/tar/" + name, out.getvalue(), "torch-tar", "pytorch", "0.1", "torch.load", "clean", note + "; by hand, read by torch 1.13", True)


tar("state.pt", {"weight": OLD_TENSOR}, "the format of torch before 0.1.10")
tar("ordered.pth", Call(ORDERED, [["weight", OLD_TENSOR]]), "the same with an OrderedDict")


# A distributed checkpoint of torch 2.x: the classes of torch.distributed.checkpoint, here only by name and shape.
def stand_in(module, name, fields, frozen=False):
    cls = dataclasses.make_dataclass(name, fields, frozen=frozen)
    cls.__module__, cls.__qualname__ = module, name
    setattr(sys.modules.setdefault(module, types.ModuleType(module)), name, cls)
    return cls


META, FILES = "torch.distributed.checkpoint.metadata", "torch.distributed.checkpoint.filesystem"
Chunk = stand_in(META, "ChunkStorageMetadata", ["offsets", "sizes"])
Format = enum.Enum("_MEM_FORMAT_ENCODING", {"TORCH_CONTIGUOUS_FORMAT": 0, "TORCH_CHANNELS_LAST": 1, "TORCH_PRESERVE_FORMAT": 2}, module=META)
setattr(sys.modules[META], "_MEM_FORMAT_ENCODING", Format)
Properties = stand_in(META, "TensorProperties", ["dtype", "layout", "requires_grad", "memory_format", "pin_memory"])
Properties.__getstate__ = lambda s: (s.dtype, s.layout, s.requires_grad, s.memory_format, s.pin_memory)
Properties.__setstate__ = lambda s, state: s.__dict__.update(zip(("dtype", "layout", "requires_grad", "memory_format", "pin_memory"), state))
TensorMeta = stand_in(META, "TensorStorageMetadata", ["properties", "size", "chunks"])
BytesMeta = stand_in(META, "BytesStorageMetadata", [])
StorageMeta = stand_in(META, "StorageMeta", ["checkpoint_id", "save_id", "load_id", ("modules", list)])
Metadata = stand_in(META, "Metadata", ["state_dict_metadata", "planner_data", "storage_data", "storage_meta", ("version", typing.Any, None)])
Index = stand_in(META, "MetadataIndex", ["fqn", ("offset", typing.Any, None), ("index", typing.Any, None)], True)
Info = stand_in(FILES, "_StorageInfo", ["relative_path", "offset", "length", ("transform_descriptors", typing.Any, None)])
Prefix = stand_in(FILES, "_StoragePrefix", ["prefix"])

buf = io.BytesIO()
torch.save(torch.tensor(WEIGHTS).reshape(2, 3), buf)
tensor = buf.getvalue()
buf = io.BytesIO()
torch.save({"epoch": 3}, buf)
shard = tensor + buf.getvalue()
meta = Metadata(
    {"model.weight": TensorMeta(Properties(torch.float32, torch.strided, False, Format.TORCH_CONTIGUOUS_FORMAT, False), torch.Size([2, 3]),
                                [Chunk(torch.Size([0, 0]), torch.Size([2, 3]))]), "extra": BytesMeta()},
    {"model.weight": ("model", "weight"), "extra": ("extra",)},
    {Index("model.weight", torch.Size([0, 0]), 0): Info("__0_0.distcp", 0, len(tensor)), Index("extra"): Info("__0_0.distcp", len(tensor), len(buf.getvalue()))},
    StorageMeta("checkpoint", "7c1fdc2b-0000-4000-8000-000000000003", None, []))
data = pickle.dumps(meta, 4)
pickle.loads(data)
add("torch/dcp/.metadata", data, "pickle", "pytorch", "2.x", "none", "clean", "the plan of a distributed checkpoint; by hand with stand-in classes", True)
add("torch/dcp/__0_0.distcp", shard, "torch-distcp", "pytorch", "2.x", "none", "clean", "two torch zip files one after another", True)


# A TorchServe archive: a zip with a manifest, the serialized state and, here, a handler of TorchServe itself.
def archive(name, members, expect, note):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for n, d in members:
            z.writestr(zipfile.ZipInfo(n, (2024, 1, 1, 0, 0, 0)), d)
    add(name, out.getvalue(), "mar" if name.endswith(".mar") else "pt2", "torchserve" if name.endswith(".mar") else "pytorch", "0.11" if name.endswith(".mar") else "2.x",
        "none", expect, note, True)


def manifest(handler, **kw):
    model = {"modelName": "digits", "modelVersion": "1.0", "serializedFile": "digits.pt", "handler": handler}
    model.update(kw)
    return json.dumps({"createdOn": "01/01/2024 00:00:00", "runtime": "python", "model": model, "archiverVersion": "0.11.0"}, indent=2)


legacy = io.BytesIO()
torch.save({"weight": torch.tensor(WEIGHTS)}, legacy)
archive("torch/mar/state.mar", [("digits.pt", legacy.getvalue()), ("index_to_name.json", '{"0": "zero"}'), ("MAR-INF/MANIFEST.json", manifest("image_classifier"))],
        "clean", "a built-in handler: no code of its own; by hand")
HANDLER = '''from ts.torch_handler.base_handler import BaseHandler


class Digits(BaseHandler):
    def postprocess(self, data):
        return data.argmax(1).tolist()
'''
archive("torch/mar/handler.mar", [("digits.pt", legacy.getvalue()), ("handler.py", HANDLER), ("MAR-INF/MANIFEST.json", manifest("handler.py"))],
        "unverified", "a handler of its own is user code by nature; by hand")

# ExecuTorch: a flatbuffer with the identifier ET12 at byte 4, and the extended header eh00 at byte 8.
pte = struct.pack("<I", 32) + b"ET12" + b"eh00" + struct.pack("<I", 24) + struct.pack("<QQ", 64, 64) + b"\0" * 88
add("torch/pte/model.pte", pte[:64] + b"\0" * 64, "executorch", "executorch", "1.0", "none", "unverified", "header only: the format is only recognised; by hand", True)

# torch.export: model.pt2 is a zip of JSON and torch files.
program = json.dumps({"graph_module": {"graph": {"inputs": [], "outputs": [], "nodes": [{"target": "torch.ops.aten.relu.default", "inputs": [], "outputs": []}]},
                      "signature": {"input_specs": [], "output_specs": []}}, "opset_version": {"aten": 10}, "range_constraints": {},
                      "schema_version": {"major": 8, "minor": 8}, "torch_version": "2.8.0"})
archive("torch/pt2/export.pt2", [("version", "8.8"), ("serialized_exported_program.json", program), ("serialized_state_dict.pt", legacy.getvalue()),
        ("serialized_constants.pt", legacy.getvalue()), ("serialized_example_inputs.pt", legacy.getvalue())], "clean", "torch.export.save of torch 2.1 to 2.7; by hand")
add("torch/pt2/archive.pt2", container("3", [
    ("archive_format", b"pt2"), ("archive_version", b"0"), ("byteorder", b"little"), ("models/model.json", program.encode()),
    ("data/weights/weight_0", RAW), ("data/weights/model_weights_config.json", json.dumps({"config": {"weight": {"path_name": "weight_0", "is_param": True}}}).encode()),
    ("data/constants/model_constants_config.json", b'{"config": {}}'), ("data/sample_inputs/model.pt", legacy.getvalue()), ("version", b"3\n")] + ident,
    "model"), "pt2", "pytorch", "2.x", "none", "clean", "the PT2 archive of torch 2.8 and later; by hand", True)
done()
