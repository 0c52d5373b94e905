// Package torch reads the files of PyTorch: checkpoints of all ages (zip, a row of pickles, tar), TorchScript, torch.package, torch.export and
// AOTInductor archives, TorchServe archives and distributed checkpoints. It finds what torch itself would find in them: the pickles that it
// loads by name, the storages that they claim and whether those exist and fit, the operators of TorchScript that reach outside, the code
// that an archive carries.
//
// Pickles go to the engine and so to the pickle machine; their facts bear the pickle's member name. In a TorchScript archive the imports of modules that begin
// with __torch__ are no Python: torch.jit resolves them to the classes in the archive's own code/, which are reported as facts of kind Code
// with the language torchscript, and their calls as facts of kind Call; __torch__.torch.classes are C++ classes. No Python package has that
// name, so a rule may take such an import for local. Operators are spelled aten::save, custom C++ classes classes::space::Name. Call.Auto
// says that torch.jit.load itself reaches the call, through some __setstate__.
//
// What this room adds is said of the archive as a whole, with member names inside: Code.Name, the Func of a Call (__torch__.model.Net.forward),
// the Key of a Storage, which is the member that holds the data (or would, when Have is -1). At most a few thousand ordinary storages are
// given per pickle; all that do not fit are.
//
// Start with [Formats]; [ParseZip] reads every zip of this room and is right for zips that are none of them too.
package torch

import (
	"bytes"
	"encoding/binary"
	"strings"

	"weir/internal/format"
	"weir/internal/format/archive"
)

const framework = "pytorch"

// Formats lists the formats of this room, the more special ones first.
var Formats = []format.Format{
	{
		Name: "torchscript", Doc: "TorchScript archive (torch.jit.save), mobile ones too", Framework: framework, Model: true, Parsed: true,
		Supersedes: []string{"torch-zip", "zip"}, Match: matchZip(isScript), Parse: ParseZip,
	},
	{
		Name: "torch-package", Doc: "torch.package archive: pickles with the Python source that they need", Framework: framework, Model: true, Parsed: true,
		Supersedes: []string{"torch-zip", "zip"}, Match: matchZip(isPackage), Parse: ParseZip,
	},
	{
		Name: "torch-export", Doc: "torch.export or AOTInductor archive (.pt2)", Framework: framework, Model: true, Parsed: true,
		Supersedes: []string{"torch-zip", "torch-package", "zip"}, Match: matchZip(isExport), Parse: ParseZip,
	},
	{
		Name: "torch-mar", Doc: "TorchServe model archive (.mar)", Framework: framework, Model: true, Parsed: true,
		Supersedes: []string{"torch-zip", "torch-package", "torchscript", "zip"}, Match: matchZip(isServe), Parse: ParseZip,
	},
	{
		Name: "torch-zip", Doc: "PyTorch checkpoint, since 1.6 (zip with data.pkl)", Framework: framework, Model: true, Parsed: true,
		Supersedes: []string{"zip"}, Match: matchZip(isCheckpoint), Parse: ParseZip,
	},
	{
		Name: "torch-distcp", Doc: "shard of a distributed PyTorch checkpoint (files of torch.save in a row)", Framework: framework, Model: true, Parsed: true,
		Supersedes: []string{"torch-zip", "zip"}, Match: matchShard, Parse: parseShard,
	},
	{
		Name: "torch-legacy", Doc: "PyTorch checkpoint, before 1.6 (a row of pickles and raw storages)", Framework: framework, Model: true, Parsed: true,
		Supersedes: []string{"pickle", "joblib"}, Match: matchLegacy, Parse: ParseLegacy,
	},
	{
		Name: "torch-tar", Doc: "PyTorch checkpoint, before 0.2 (tar of pickles and raw tensors)", Framework: framework, Model: true, Parsed: true,
		Supersedes: []string{"tar"}, Match: matchTar, Parse: parseTar,
	},
	{
		Name: "executorch", Doc: "ExecuTorch program (.pte); recognised only", Framework: framework, Model: true,
		Match: func(h format.Head) bool {
			// A flatbuffer with its file identifier at 4 (executorch/schema/program.fbs, file_identifier "ET12").
			return len(h.First) >= 8 && string(h.First[4:6]) == "ET" && isDigit(h.First[6]) && isDigit(h.First[7]) &&
				int64(binary.LittleEndian.Uint32(h.First)) < h.Size
		},
	},
	{
		Name: "torch-distributed", Doc: "folder of a distributed PyTorch checkpoint (.metadata and its shards)", Framework: framework, Model: true, Parsed: true,
		Match: func(format.Head) bool { return false }, MatchDir: matchFolder,
	},
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// matchZip makes a Match of a look at the entry names that show at both ends of a file.
func matchZip(is func(names []string) bool) func(format.Head) bool {
	return func(h format.Head) bool {
		return archive.Zip.Match(h) && !matchShard(h) && is(namesOf(h))
	}
}

// namesOf collects, in lower case, the names that show at both ends of a zip: local headers at the front, the directory at the end.
// Signatures that stand in data by chance give nonsense, which matches nothing.
func namesOf(h format.Head) []string {
	names := collect(nil, h.First, "PK\x03\x04", 26, 30)
	names = collect(names, h.First, "PK\x01\x02", 28, 46)
	return collect(names, h.Last, "PK\x01\x02", 28, 46)
}

// collect finds records by signature, given where in them the name's length and the name stand.
func collect(names []string, b []byte, signature string, length, start int) []string {
	for {
		i := bytes.Index(b, []byte(signature))
		if i < 0 || len(b)-i < start {
			return names
		}
		b = b[i:]
		if n := int(binary.LittleEndian.Uint16(b[length:])); n > 0 && n <= len(b)-start {
			names = append(names, strings.ToLower(string(b[start:start+n])))
		}
		b = b[len(signature):]
	}
}

// anyName reports whether a name is a path below the archive's root, or lies in a folder of it.
func anyName(names []string, paths ...string) bool {
	for _, n := range names {
		_, below, _ := strings.Cut(n, "/")
		for _, p := range paths {
			if below == p || strings.HasSuffix(p, "/") && strings.HasPrefix(below, p) {
				return true
			}
		}
	}
	return false
}

func isScript(names []string) bool {
	// torch itself decides by constants.pkl (_is_torchscript_zip); archives of torch 1.0 have model.json instead.
	return anyName(names, "constants.pkl", "code/", "bytecode.pkl") || anyName(names, "model.json") && anyName(names, "tensors/")
}

func isPackage(names []string) bool { return anyName(names, ".data/extern_modules") }

func isExport(names []string) bool {
	if anyName(names, "archive_format", "data/aotinductor/") || anyName(names, "models/") && anyName(names, "data/weights/", "data/constants/") {
		return true
	}
	for _, n := range names { // torch.export.save up to 2.6 has no root folder
		if strings.HasPrefix(n, "serialized_exported_program.") {
			return true
		}
	}
	return false
}

func isServe(names []string) bool {
	for _, n := range names {
		if n == "mar-inf/manifest.json" {
			return true
		}
	}
	return false
}

func isCheckpoint(names []string) bool {
	return anyName(names, "data.pkl", ".data/serialization_id") || anyName(names, "version") && anyName(names, "data/")
}
