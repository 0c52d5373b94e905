package rule

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"weir"
)

// modelNames are endings that people and frameworks give to models.
var modelNames = set(`.pkl .pickle .p .pt .pth .bin .ckpt .chk .joblib .dill .model .mdl .npy .npz .h5 .hdf5 .keras .onnx .pb .safetensors .gguf .ggml
	.mar .pte .ptl .pt2 .tar .sav .data .dat .weights .params`)

// compiledModule reports compiled Python outside of models, which an import runs and which nobody reads. Python fills __pycache__ by itself and
// takes a file from there only beside its source (PEP 3147), so what lies there says nothing; members of archives without a model are
// programs. Neither has any use under the name of a model.
func compiledModule(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		if !hasFormat(u, "pyc", "marshal") || p.inModel(u) {
			continue
		}
		name := orElse(u.Member, p.File.Path)
		disguised := modelNames[strings.ToLower(path.Ext(name))]
		if !disguised && (path.Base(path.Dir(name)) == "__pycache__" || u.Member != "" && !p.plan().model) {
			continue
		}
		if f, ok := p.compiled(u, disguised); ok {
			p.Report(f)
		}
	}
}

// compiled makes one finding of all code objects of a unit.
func (p *Pass) compiled(u *Unit, disguised bool) (weir.Finding, bool) {
	j := judging{names: p.Names, trust: p.Trust}
	var all []string
	var f weir.Finding
	for _, c := range facts[weir.Code](u) {
		if !isBytecode(c) {
			continue
		}
		reached, power := j.reaches(c.Calls, ofSystem)
		if f.Message == "" || len(all) == 0 && len(reached) > 0 {
			f = p.finding(u, c.At, "the file is compiled Python", c.Text)
			f.Impact = impacts(power)
		}
		for _, r := range reached {
			if !slices.Contains(all, r) {
				all = append(all, r)
			}
		}
	}
	if f.Message == "" || len(all) == 0 && !disguised {
		return f, false
	}
	if disguised {
		f.Message += " under the name of a model"
	}
	if len(all) > 0 {
		f.Message += fmt.Sprintf("; its code calls %s", listed(all))
		if disguised {
			f.Severity = weir.SeverityHigh
		}
	}
	f.Confidence = weir.ConfidenceLikely
	return f, true
}
