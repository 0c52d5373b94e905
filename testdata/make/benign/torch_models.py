"""PyTorch 1.13: state dicts, whole modules, optimisers, checkpoints, quantised and odd tensors, TorchScript, torch.package."""
import argparse
import collections
import io
import os
import pickle
import random

import numpy as np
import torch
import torch.nn as nn

from recorder import add, done, keep
from relative import relocate

import torch.ao.quantization as tq  # noqa: E402
import torch.jit  # noqa: E402
import torch.nn.utils.prune  # noqa: E402
import torch.package  # noqa: E402

relocate("torch")
torch.manual_seed(3)
torch.set_num_threads(1)
torch.backends.quantized.engine = [e for e in torch.backends.quantized.supported_engines if e != "none"][0] \
    if torch.backends.quantized.supported_engines != ["none"] else "none"
VERSION = torch.__version__
# The legacy format keeps the text of every module class; a stand-in, so that the fixtures hold no code of torch.
torch.serialization.get_source_lines_and_file = lambda cls, *a: (
    ["class %s(Module):\n" % cls.__name__, '    """The text of the class."""\n'], 1, cls.__module__.replace(".", "/") + ".py")


def save(name, value, legacy=False, note="", expect="clean", **kw):
    out = io.BytesIO()
    torch.save(value, out, _use_new_zipfile_serialization=not legacy, **kw)
    torch.load(io.BytesIO(out.getvalue()))
    add("torch/%s/%s" % ("legacy" if legacy else "zip", name), out.getvalue(), "torch-legacy" if legacy else "torch-zip", "pytorch", VERSION,
        "torch.load", expect, note)


def both(name, value, note=""):
    save(name, value, False, note)
    save(name, value, True, note)


layers = {
    "linear": nn.Linear(3, 2), "conv1d": nn.Conv1d(2, 3, 3), "conv2d": nn.Conv2d(1, 2, 3, padding=1), "conv3d": nn.Conv3d(1, 1, 2),
    "convtranspose": nn.ConvTranspose2d(1, 2, 2), "lstm": nn.LSTM(3, 4, 2), "gru": nn.GRU(3, 2, bidirectional=True), "rnn": nn.RNN(2, 2),
    "lstmcell": nn.LSTMCell(2, 2), "transformer": nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 2),
    "decoder": nn.TransformerDecoderLayer(4, 2, 8, activation="gelu"), "attention": nn.MultiheadAttention(4, 2),
    "batchnorm": nn.BatchNorm2d(3), "layernorm": nn.LayerNorm(4), "groupnorm": nn.GroupNorm(2, 4), "instancenorm": nn.InstanceNorm1d(2),
    "embedding": nn.Embedding(5, 3, padding_idx=0), "embeddingbag": nn.EmbeddingBag(4, 2), "bilinear": nn.Bilinear(2, 2, 1),
    "activations": nn.Sequential(nn.ReLU(), nn.GELU(), nn.SiLU(), nn.PReLU(), nn.Softmax(1), nn.LeakyReLU(), nn.Hardtanh(), nn.ELU(),
                                 nn.Sigmoid(), nn.Tanh(), nn.LogSoftmax(1), nn.Softplus(), nn.Mish(), nn.GLU()),
    "pooling": nn.Sequential(nn.MaxPool2d(2), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Dropout(0.1), nn.Upsample(2),
                             nn.ZeroPad2d(1), nn.PixelShuffle(2), nn.Unfold(2), nn.Identity()),
    "containers": nn.ModuleDict({"a": nn.ModuleList([nn.Linear(1, 1)]), "b": nn.Linear(1, 1)}), "parameters": nn.ParameterList([torch.ones(2)]),
    "losses": nn.ModuleList([nn.CrossEntropyLoss(torch.ones(2)), nn.MSELoss(), nn.BCEWithLogitsLoss(), nn.NLLLoss(), nn.SmoothL1Loss(),
                             nn.KLDivLoss(), nn.TripletMarginLoss(), nn.CTCLoss()]),
    "ordered": nn.Sequential(collections.OrderedDict([("one", nn.Linear(2, 2)), ("act", nn.ReLU())])),
    "spectralnorm": nn.utils.spectral_norm(nn.Linear(2, 2)), "weightnorm": nn.utils.weight_norm(nn.Linear(2, 2)),
    "pruned": nn.utils.prune.l1_unstructured(nn.Linear(3, 2), "weight", 0.5),
}
for name in sorted(layers):
    save("module-%s.pt" % name, layers[name], note="a whole module: torch.save(model)")
for name in ("linear", "lstm", "transformer", "ordered", "batchnorm"):
    save("module-%s.pt" % name, layers[name], True, "the legacy format also keeps the source text of the module classes (here a stand-in)")
    both("state-%s.pth" % name, layers[name].state_dict())

net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
opts = {"sgd": torch.optim.SGD(net.parameters(), 0.1, momentum=0.9), "adam": torch.optim.Adam(net.parameters()),
        "adamw": torch.optim.AdamW(net.parameters(), amsgrad=True), "rmsprop": torch.optim.RMSprop(net.parameters()),
        "adagrad": torch.optim.Adagrad(net.parameters()), "lbfgs": torch.optim.LBFGS(net.parameters())}
for name in sorted(opts):
    def closure():
        opts[name].zero_grad()
        loss = net(torch.ones(2, 3)).sum()
        loss.backward()
        return loss
    opts[name].step(closure)
    save("optimizer-%s-state.pt" % name, opts[name].state_dict())
    if name != "lbfgs":
        save("optimizer-%s.pt" % name, opts[name], note="the optimiser itself")
schedules = {"step": torch.optim.lr_scheduler.StepLR(opts["sgd"], 3), "cosine": torch.optim.lr_scheduler.CosineAnnealingLR(opts["sgd"], 5),
             "plateau": torch.optim.lr_scheduler.ReduceLROnPlateau(opts["sgd"]),
             "multi": torch.optim.lr_scheduler.MultiStepLR(opts["sgd"], [1, 2])}
for name in sorted(schedules):
    save("scheduler-%s-state.pt" % name, schedules[name].state_dict(), note="ReduceLROnPlateau keeps functools.partial on 1.x" if name == "plateau" else "")

both("checkpoint.ckpt", {
    "epoch": 3, "step": 100, "args": argparse.Namespace(lr=0.1, data="data/train", layers=[1, 2]), "model": net.state_dict(),
    "optimizer": opts["adam"].state_dict(), "scheduler": schedules["cosine"].state_dict(), "best": np.float64(0.5), "loss": 0.25,
    "rng": torch.get_rng_state(), "numpy_rng": np.random.RandomState(3).get_state(), "python_rng": random.Random(3).getstate()})
save("lightning.ckpt", {
    "epoch": 1, "global_step": 10, "pytorch-lightning_version": "1.9.0", "state_dict": net.state_dict(), "loops": {},
    "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_path": "", "best_model_score": torch.tensor(0.5)}},
    "optimizer_states": [opts["adam"].state_dict()], "lr_schedulers": [], "hparams_name": "kwargs", "hyper_parameters": {"lr": 0.1}},
    note="the layout of a Lightning checkpoint")

t = torch.arange(6.0).reshape(2, 3)
tensors = {
    "dtypes": {str(d).replace("torch.", ""): torch.ones(2).to(d) for d in (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int8,
               torch.uint8, torch.int16, torch.int32, torch.int64, torch.bool, torch.complex64, torch.complex128)},
    "views": [t, t[0], t.t(), t[:, 1:], t.as_strided((2, 2), (1, 2))], "scalar": torch.tensor(3), "empty": torch.zeros(0, 3),
    "parameter": nn.Parameter(t.clone()), "grad": t.clone().requires_grad_(), "sparse": t.to_sparse(), "csr": t.to_sparse_csr(),
    "sizes": {"size": torch.Size([1, 2]), "device": torch.device("cpu"), "dtype": torch.float16, "info": torch.int64},
    "quantized": [torch.quantize_per_tensor(t, 0.1, 2, torch.quint8), torch.quantize_per_channel(t, torch.tensor([0.1, 0.2]), torch.tensor([0, 1]), 0, torch.qint8),
                  torch.quantize_per_tensor(t, 0.1, 0, torch.qint32)],
    "storage": t.storage(), "typedstorage": torch.FloatStorage([1.0, 2.0]), "meta": torch.empty(2, device="meta"),
    "conjugate": torch.tensor([1 + 2j]).conj(), "negative": torch.tensor([1 + 2j]).conj().imag, "backward-hooks": nn.Parameter(torch.ones(1), requires_grad=False),
    "generator-state": torch.Generator().manual_seed(3).get_state(), "numpy": {"a": np.arange(3), "b": np.float32(1)}, "plain": [1, "two", None],
    "uninitialized": nn.UninitializedParameter(),
}
for name in sorted(tensors):
    try:
        save("tensor-%s.pt" % name, tensors[name])
    except Exception as e:
        print(name, repr(e))
for name in ("dtypes", "views", "parameter", "sparse", "quantized", "plain"):
    save("tensor-%s.pt" % name, tensors[name], True)
save("protocol4.pt", {"w": t}, pickle_protocol=4)
save("protocol5.pt", {"w": t}, True, pickle_protocol=5)
save("tied.pt", {"a": t, "b": t, "c": t.view(3, 2)}, note="three tensors over one storage")

if torch.backends.quantized.engine != "none":
    quant = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.LSTM(4, 2))
    save("quantized-dynamic.pt", tq.quantize_dynamic(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), {nn.Linear}), note="a dynamically quantised module")
    stat = nn.Sequential(tq.QuantStub(), nn.Conv2d(1, 1, 1), nn.ReLU(), tq.DeQuantStub())
    stat.qconfig = tq.get_default_qconfig(torch.backends.quantized.engine)
    ready = tq.prepare(stat.eval())
    ready(torch.rand(1, 1, 2, 2))
    done_model = tq.convert(ready)
    save("quantized-static.pt", done_model)
    save("quantized-static-state.pt", done_model.state_dict())

# torch.distributions, nn.init and friends, as pickles without torch's container.
for name, value in (("size", torch.Size([2])), ("dtype", torch.float32), ("tensor", t)):
    data = pickle.dumps(value, 4)
    pickle.loads(data)
    add("torch/pickle/%s.pkl" % name, data, "pickle", "pytorch", VERSION, "pickle.load", "clean",
        "a tensor in a plain pickle carries its storage as torch.storage._load_from_bytes" if name == "tensor" else "")

SOURCE = '''
import torch
import torch.nn as nn
from typing import Dict, List, Optional, Tuple


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = nn.Linear(3, 4)
        self.two = nn.Linear(4, 1)

    def forward(self, x):
        return self.two(torch.relu(self.one(x)))


class Rich(nn.Module):
    names: List[str]
    table: Dict[str, int]
    pair: Tuple[int, float]
    maybe: Optional[torch.Tensor]

    def __init__(self):
        super().__init__()
        self.names = ["a", "b"]
        self.table = {"a": 1}
        self.pair = (1, 2.5)
        self.maybe = None
        self.register_buffer("steps", torch.zeros(1, dtype=torch.int64))

    def forward(self, x: torch.Tensor, n: int = 3) -> Tuple[torch.Tensor, Dict[str, int]]:
        for i in range(n):
            if i % 2 == 0:
                x = x + i
        assert x.dim() > 0, "x needs a dimension"
        return x, self.table

    @torch.jit.export
    def label(self, i: int) -> str:
        return self.names[i]


class Stateful(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.ones(2)

    def forward(self, x):
        return x * self.weight

    @torch.jit.export
    def __getstate__(self):
        return (self.weight, self.training)

    @torch.jit.export
    def __setstate__(self, state: Tuple[torch.Tensor, bool]):
        self.weight = state[0]
        self.training = state[1]


@torch.jit.script
def scale(x: torch.Tensor, by: float) -> torch.Tensor:
    return x * by


@torch.jit.interface
class Shape:
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pass


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(5, 3)
        self.lstm = nn.LSTM(3, 2, batch_first=True)

    def forward(self, x: torch.Tensor):
        out, state = self.lstm(self.emb(x))
        return out[:, -1]
'''
with open("model.py", "w") as f:
    f.write(SOURCE)
space = {"__name__": "model"}
import sys  # noqa: E402
import types as _types  # noqa: E402

sys.modules["model"] = _types.ModuleType("model")
sys.modules["model"].__file__ = "model.py"
space = vars(sys.modules["model"])
exec(compile(SOURCE, "model.py", "exec"), space)


def script(name, module, note="", **kw):
    out = io.BytesIO()
    torch.jit.save(module, out, **kw)
    torch.jit.load(io.BytesIO(out.getvalue()))
    add("torch/script/" + name, out.getvalue(), "torchscript", "pytorch", VERSION, "torch.jit.load", "clean", note)


script("script-net.pt", torch.jit.script(space["Net"]()))
script("script-rich.pt", torch.jit.script(space["Rich"]()), "attributes of lists, dicts and tuples; loops, branches, an assertion")
script("script-state.pt", torch.jit.script(space["Stateful"]()), "__setstate__ runs at torch.jit.load; this one only assigns")
script("script-recurrent.pt", torch.jit.script(space["Recurrent"]()))
script("trace-net.pt", torch.jit.trace(space["Net"](), torch.ones(1, 3)))
script("trace-conv.pt", torch.jit.trace(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU()).eval(), torch.ones(1, 1, 5, 5)))
script("frozen.pt", torch.jit.freeze(torch.jit.script(space["Net"]().eval())), "frozen: the weights are constants")
script("extra-files.pt", torch.jit.script(space["Net"]()), "extra files beside the code", _extra_files={"labels.txt": "cat\ndog\n", "config.json": "{}"})
script("function.pt", torch.jit.script(space["scale"]) if not isinstance(space["scale"], torch.jit.ScriptFunction) else space["scale"], "a function alone")
script("quantized.pt", torch.jit.script(tq.quantize_dynamic(nn.Sequential(nn.Linear(3, 2)), {nn.Linear}))) if torch.backends.quantized.engine != "none" else None
mobile = torch.jit.script(space["Net"]())
mobile._save_for_lite_interpreter("mobile.ptl")
with open("mobile.ptl", "rb") as f:
    add("torch/script/mobile.ptl", f.read(), "torchscript", "pytorch", VERSION, "torch.jit.load", "clean", "for the lite interpreter: bytecode.pkl")

def package(name, extern, note, source=False):
    with torch.package.PackageExporter("package.pt") as p:
        p.extern(["torch.**", "collections", "numpy.**", "typing", "math", "warnings"])
        if source:
            p.intern("model")
            p.save_source_string("model", SOURCE)
            p.save_pickle("model", "model.pkl", {"net": extern})
        else:
            p.save_pickle("model", "model.pkl", extern)
        p.save_text("model", "about.txt", "a small model")
    torch.package.PackageImporter("package.pt").load_pickle("model", "model.pkl")
    with open("package.pt", "rb") as f:
        add("torch/package/" + name, f.read(), "torch-package", "pytorch", VERSION, "torch.package", "clean" if not source else "unverified", note)


package("state.pt", {"state": net.state_dict()}, "torch.package of plain tensors")
package("module.pt", nn.Linear(2, 1), "torch.package of a module of torch itself")
done()
