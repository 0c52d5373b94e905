package torch

import "strings"

// opKind says why an operator matters.
type opKind uint8

const (
	opPlain    opKind = iota // computes; no fact
	opFile                   // opens a file that an argument names
	opNetwork                // talks to other processes or hosts
	opPython                 // leaves TorchScript for Python
	opCustom                 // of a library that torch does not bring
	opObscured               // a namespace that stands alone, so that the operator does not show
)

// reachingOps are the operators that reach outside the program. They were found by reading every schema that torch registers
// (torch._C._jit_get_all_schemas, torch 1.13: 4,165 schemas) for arguments that are paths, handles or code, and in the registrations of the
// libraries named. CVE-2025-32434 and the work on aten::save and aten::from_file since show what the first two are used for: files are
// written or mapped at torch.jit.load, and by torch.load with weights_only, which hands TorchScript archives on.
var reachingOps = map[string]opKind{
	"aten::save":            opFile,    // save(t item, str filename): writes any file
	"aten::from_file":       opFile,    // from_file(str filename, bool? shared, …): maps any file; with shared it creates and resizes it
	"prim::rpc_sync":        opNetwork, // torch/csrc/jit/runtime/register_distributed_ops.cpp
	"prim::rpc_async":       opNetwork,
	"prim::rpc_remote":      opNetwork,
	"prim::PythonOp":        opPython,
	"prim::IgnoredPythonOp": opPython,
	"aten::load":            opFile, // no torch registers it; an archive that names torch.load hopes for one that does

	// torchvision/csrc/io/image
	"image::read_file":  opFile,
	"image::write_file": opFile,
	// torchvision/csrc/io/video_reader
	"video_reader::read_video_from_file":  opFile,
	"video_reader::probe_video_from_file": opFile,
	// torchaudio/csrc/sox
	"torchaudio::sox_io_load_audio_file":         opFile,
	"torchaudio::sox_io_save_audio_file":         opFile,
	"torchaudio::sox_io_get_info":                opFile,
	"torchaudio::sox_effects_apply_effects_file": opFile,
	// torchtext/csrc/register_torchbindings.cpp
	"torchtext::_load_vocab_from_file":             opFile,
	"torchtext::_build_vocab_from_text_file":       opFile,
	"torchtext::sentencepiece_tokenize":            opCustom,
	"torchtext::generate_sp_model":                 opFile,
	"torchtext::load_sp_model":                     opFile,
	"torchtext::_load_token_and_vectors_from_file": opFile,
}

// plainSpaces are the namespaces of operators that torch 1.13 and 2.x register themselves and that only compute, the entries of reachingOps
// aside. Operators of torchvision::, torchaudio:: and torch_sparse:: only compute too, but their libraries must be loaded for them.
var plainSpaces = map[string]bool{
	"aten": true, "prim": true, "prims": true, "onnx": true, "static_runtime": true, "profiler": true, "quantization": true,
	"quantized": true, "_quantized": true, "sparse": true, "prepacked": true, "mkldnn_prepacked": true, "mkldnn": true, "xnnpack": true,
	"nvprims": true, "rngprims": true, "inductor_prims": true, "cuda": true, "quantized_decomposed": true, "vulkan_prepack": true,
	"metal_prepack": true, "metal": true, "metal_prepacked": true, "torchvision": true, "_test": true, "nested": true, "fsdp": true,
	"onednn": true, "debugprims": true, "custom_prims": true,
}

// classifyOp judges a resolved operator name such as aten::relu.
func classifyOp(name string) opKind {
	if k, ok := reachingOps[name]; ok {
		return k
	}
	space, _, ok := strings.Cut(name, "::")
	switch {
	case !ok:
		return opPlain
	case space == "obscured":
		return opObscured
	case space == "c10d" || space == "_c10d_functional" || space == "c10d_functional":
		return opNetwork
	case plainSpaces[space]:
		return opPlain
	}
	return opCustom
}
