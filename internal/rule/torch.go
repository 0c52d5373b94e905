package rule

import (
	"fmt"
	"strings"

	"weir"
)

// Torch lists the rules about PyTorch's own containers.
func Torch() []Rule {
	return []Rule{
		{
			ID: "torch/torchscript-file-access", Title: "TorchScript program reads or writes files", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactWrite, weir.ImpactRead}, CWE: []int{73, 22},
			Fix:        "do not load or run this program; ask its author for the weights alone and build the module from source you have read",
			References: []string{"ATLAS:AML.T0011"}, Check: torchscriptFileAccess,
		},
		{
			ID: "torch/torchscript-escape", Title: "TorchScript program calls Python or other hosts", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution, weir.ImpactNetwork}, CWE: []int{829, 918},
			Fix:        "do not load or run this program; ask its author for the weights alone and build the module from source you have read",
			References: []string{"ATLAS:AML.T0011"}, Check: torchscriptEscape,
		},
		{
			ID: "torch/torchscript-custom-operator", Title: "TorchScript program needs a library of native operators", Since: "0.1.0", Severity: weir.SeverityMedium,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{829},
			Fix: "find out which library the operator belongs to, and install it only from its own project", Check: torchscriptCustom,
		},
		{
			ID: "torch/torchscript-loop", Title: "TorchScript program loops while it is loaded", Since: "0.1.0", Severity: weir.SeverityMedium,
			Impact: []weir.Impact{weir.ImpactDenial}, CWE: []int{835, 834},
			Fix: "read the loop before you load the model: torch.jit.load runs it and has no limit of time", Check: torchscriptLoop,
		},
		{
			ID: "torch/native-library", Title: "PyTorch archive carries native code", Since: "0.1.0", Severity: weir.SeverityHigh, Scope: ScopeContainer,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{114, 829},
			Fix: "compile the model yourself from an exported program or from weights; load a ready-made library only from a source you trust", Check: nativeLibrary,
		},
		{
			ID: "torch/storage-mismatch", Title: "Tensor record claims more data than there is", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution, weir.ImpactDenial}, CWE: []int{125, 787},
			Fix: "do not load this file; save the model again, and keep torch at 2.10.0 or newer", Check: storageMismatch,
		},
		{
			ID: "torch/handler-source", Title: "Model archive carries a handler that the server will run", Since: "0.1.0", Severity: weir.SeverityMedium, Scope: ScopeContainer,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{829},
			Fix: "read the handler before you serve the archive, or build the archive yourself with a handler you know", Check: handlerSource,
		},
		{
			ID: "torch/package-source", Title: "torch.package archive carries Python source", Since: "0.1.0", Severity: weir.SeverityMedium, Scope: ScopeContainer,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{829},
			Fix: "read the source before you import from the archive; ship weights in safetensors and code in your own repository", Check: packageSource,
		},
		{
			ID: "torch/legacy-tar", Title: "Model uses the tar layout of the first PyTorch releases", Since: "0.1.0", Severity: weir.SeverityLow,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: cweDeserialization,
			Fix: "load it once with torch 2.6 or newer in a sandbox and save it again, best as safetensors", Check: legacyTar,
		},
	}
}

// fileOperators are TorchScript operators that touch files, those of the libraries around PyTorch included. They run without Python,
// so no unpickler's rules apply to them.
var fileOperators = map[string]bool{
	"aten::save": true, "aten::from_file": true, "aten::load": true, "aten::save_to_file": true,
	"image::read_file": true, "image::write_file": true,
	"video_reader::read_video_from_file": true, "video_reader::probe_video_from_file": true,
	"torchaudio::sox_io_load_audio_file": true, "torchaudio::sox_io_save_audio_file": true,
	"torchaudio::sox_io_get_info": true, "torchaudio::sox_effects_apply_effects_file": true,
	"torchtext::_load_vocab_from_file": true, "torchtext::_build_vocab_from_text_file": true, "torchtext::generate_sp_model": true,
	"torchtext::load_sp_model": true, "torchtext::_load_token_and_vectors_from_file": true,
	"torch::save": true, "torch::load": true, "torch::from_file": true, "torch::jit::load": true, "torch::jit::save": true,
}

// escapeSpaces and escapeOperators leave TorchScript: for other processes, other hosts or Python.
var (
	escapeSpaces    = map[string]bool{"c10d": true, "_c10d_functional": true, "c10d_functional": true}
	escapeOperators = map[string]bool{
		"prim::rpc_sync": true, "prim::rpc_async": true, "prim::rpc_remote": true, "prim::PythonOp": true, "prim::IgnoredPythonOp": true,
	}
	// ownSpaces are torch's own; whatever else the parser mentions belongs to a library that has to be loaded for it.
	ownSpaces = map[string]bool{"aten": true, "prim": true, "torch": true}
)

// operator brings the spellings of TorchScript source (torch.save, ops.image.read_file) to the one of its compiled form.
func operator(callee string) string {
	name := strings.ReplaceAll(callee, ".", "::")
	name = strings.TrimPrefix(name, "torch::ops::")
	return strings.TrimPrefix(name, "ops::")
}

// isTorchScript reports whether the calls in a unit are those of a TorchScript program.
func isTorchScript(u *Unit) bool { return hasFormat(u, "torchscript", "torch") }

func torchscriptFileAccess(p *Pass) {
	operatorCalls(p, "reads or writes a file that the model names", func(op string) bool { return fileOperators[op] })
}

func torchscriptEscape(p *Pass) {
	operatorCalls(p, "leaves the TorchScript program", func(op string) bool {
		space, _, _ := strings.Cut(op, "::")
		return escapeOperators[op] || escapeSpaces[space]
	})
}

func torchscriptCustom(p *Pass) {
	operatorCalls(p, "belongs to a library of native operators that weir does not know", func(op string) bool {
		space, _, ok := strings.Cut(op, "::")
		return ok && !ownSpaces[space] && !escapeSpaces[space] && !fileOperators[op]
	})
}

// torchscriptLoop reports loops without a bound that torch.jit.load itself runs; loops in forward are every model's own business.
func torchscriptLoop(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		if !isTorchScript(u) {
			continue
		}
		for _, c := range facts[weir.Call](u) {
			if c.Callee == loopOperator && c.Auto {
				f := p.finding(u, c.At, c.Func+" loops for as long as it likes when torch.jit.load reads the archive", "while …")
				f.Member, f.Line, f.Confidence = inside(u, c.Member), c.Line, weir.ConfidencePossible
				p.Report(f)
				break
			}
		}
	}
}

// loopOperator is what TorchScript compiles a while statement to.
const loopOperator = "prim::Loop"

// operatorCalls reports the calls of some operators, each once per callee and arguments; a call at load is worse than one in a method.
func operatorCalls(p *Pass, does string, match func(op string) bool) {
	for i := range p.Units {
		u := &p.Units[i]
		if !isTorchScript(u) {
			continue
		}
		at := map[string]int{}
		var found []weir.Finding
		for _, c := range facts[weir.Call](u) {
			if !match(operator(c.Callee)) {
				continue
			}
			f := p.operatorCall(u, c, does)
			if k, seen := at[f.Evidence]; !seen {
				at[f.Evidence] = len(found)
				found = append(found, f)
			} else if f.Severity > found[k].Severity {
				found[k] = f
			}
		}
		for _, f := range found {
			p.Report(f)
		}
	}
}

func (p *Pass) operatorCall(u *Unit, c weir.Call, does string) weir.Finding {
	where := "the program"
	if c.Func != "" {
		where = c.Func
	}
	f := p.finding(u, c.At, c.Callee+" in "+where+" "+does, c.Callee+"("+strings.Join(c.Args, ", ")+")")
	f.Member, f.Line = inside(u, c.Member), c.Line
	if c.Auto && p.Rule.Severity >= weir.SeverityHigh {
		f.Severity = weir.SeverityCritical
		f.Message += " as soon as torch.jit.load reads the archive"
	}
	return f
}

// inside names an entry of a container that the container's own parser read: a place in a file of text, not in the archive.
func inside(u *Unit, entry string) string {
	switch {
	case entry == "":
		return u.Member
	case u.Member == "":
		return strings.ToValidUTF8(entry, "\ufffd")
	}
	return u.Member + "!/" + strings.ToValidUTF8(entry, "\ufffd")
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// torchContainer reports whether the file as a whole is one of PyTorch's, and which of its units says so.
func torchContainer(p *Pass, names ...string) bool {
	for i := range p.Units {
		if hasFormat(&p.Units[i], names...) {
			return true
		}
	}
	return false
}

// carried reports code of one language in a container, once per name. Code that calls what no model needs is worse than code alone.
func carried(p *Pass, language, what string) {
	j := judging{names: p.Names, trust: p.Trust}
	seen := map[string]bool{}
	for i := range p.Units {
		u := &p.Units[i]
		for _, c := range facts[weir.Code](u) {
			key := u.Member + "\x00" + c.Name
			if c.Language != language || seen[key] {
				continue
			}
			seen[key] = true
			f := p.finding(u, c.At, fmt.Sprintf("%q %s", c.Name, what), orElse(c.Text, c.Name))
			f.Member, f.Line = inside(u, c.Member), c.Line
			calls, atImport := callsOf(c)
			reached, _ := j.reaches(calls, ofSystem)
			if early, _ := j.reaches(atImport, actsAtLoad); len(early) > 0 {
				reached = early
				f.Message += " and that acts as soon as it is imported"
			}
			if len(reached) > 0 {
				f.Message += "; it calls " + strings.Join(reached, ", ")
				f.Severity = max(p.Rule.Severity, weir.SeverityHigh)
			}
			p.Report(f)
		}
	}
}

func nativeLibrary(p *Pass) {
	if torchContainer(p, "torch", "torchscript") {
		carried(p, "native", "is native code that loading the archive links into the process")
	}
}

func handlerSource(p *Pass) {
	if torchContainer(p, "torch-mar") {
		carried(p, "python", "is Python that TorchServe runs when it serves the archive")
	}
}

func packageSource(p *Pass) {
	if torchContainer(p, "torch-package") {
		carried(p, "python", "is Python that torch.package imports from the archive")
	}
}

func storageMismatch(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		if hasFormat(u, "npy", "joblib") {
			continue // their records have rules of their own
		}
		var first *weir.Finding
		more := 0
		for _, s := range facts[weir.Storage](u) {
			message := ""
			switch {
			case s.Have < 0:
				message = fmt.Sprintf("storage %q of %s is named but not in the archive", s.Key, s.Type)
			case s.Want > s.Have:
				message = fmt.Sprintf("storage %q of %s claims %d bytes, but %d are there", s.Key, s.Type, s.Want, s.Have)
			case s.Views:
				message = fmt.Sprintf("a tensor looks outside storage %q of %s, which holds %d bytes", s.Key, s.Type, s.Have)
			default:
				continue
			}
			if first != nil {
				more++
				continue
			}
			f := p.finding(u, s.At, message, message)
			first = &f
		}
		if first == nil {
			continue
		}
		if more > 0 {
			first.Message += fmt.Sprintf(" (and %d more)", more)
		}
		p.Report(*first)
	}
}

func legacyTar(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		if hasFormat(u, "torch-tar") {
			p.Report(p.finding(u, 0, "the file uses the old tar layout, which torch.load below 2.6 reads without the protection of weights_only", ""))
		}
	}
}
