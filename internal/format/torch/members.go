package torch

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/bits"
	"path"
	"sort"
	"strings"

	"weir"
	"weir/internal/format/archive"
)

// role is what a member is for, told by where it lies; what it really holds is the engine's to recognise.
type role uint8

const (
	roleOther    role = iota
	roleScript        // code/…/x.py of TorchScript
	rolePython        // Python source of a package or a handler
	roleManifest      // MAR-INF/MANIFEST.json
	roleExtern        // .data/extern_modules
	roleWeights       // data/weights/…_config.json
)

func (c *container) role(name string) role {
	lower := strings.ToLower(name)
	base := path.Base(lower)
	_, below, _ := strings.Cut(lower, "/")
	switch {
	case lower == "mar-inf/manifest.json":
		return roleManifest
	case strings.HasPrefix(below, "code/") && strings.HasSuffix(base, ".py"):
		return roleScript
	case strings.HasSuffix(base, ".py") || strings.HasSuffix(base, ".pyw"):
		return rolePython
	case below == ".data/extern_modules":
		return roleExtern
	case strings.HasPrefix(below, "data/weights/") || strings.HasPrefix(below, "data/constants/"):
		if strings.HasSuffix(base, "config.json") {
			return roleWeights
		}
	}
	return roleOther
}

// maxExcerpt bounds the source shown to a person.
const maxExcerpt = 2000

// python reports source that the archive carries. TorchServe runs the handler and the model file that the manifest names when it loads
// the archive; torch.package runs a module when something imports it.
func (c *container) python(e *archive.ZipEntry, text []byte) {
	c.in.Emit(weir.Code{Language: "python", Name: e.Name, Text: cut(strings.ToValidUTF8(string(text[:min(len(text), 2*maxExcerpt)]), "?"), maxExcerpt),
		Auto: c.runsAtLoad(e.Name), Member: e.Name})
}

// manifest is what matters of MAR-INF/MANIFEST.json (model-archiver, manifest_components).
type manifest struct {
	Model struct {
		Handler   string `json:"handler"`
		ModelFile string `json:"modelFile"`
	} `json:"model"`
}

// runsAtLoad reports whether TorchServe runs a source file by itself. The manifest is asked for directly: it may come last.
func (c *container) runsAtLoad(name string) bool {
	i, ok := c.byName["mar-inf/manifest.json"]
	if !ok {
		return false
	}
	if i >= 0 && c.manifest.Model.Handler == "" && c.manifest.Model.ModelFile == "" {
		if r, err := c.zip.Open(&c.zip.Entries[i]); err == nil {
			if b, err := io.ReadAll(io.LimitReader(r, maxTextCopy)); err == nil {
				_ = json.Unmarshal(b, &c.manifest) // a broken manifest is reported where it is read in full
			}
		}
	}
	handler, _, _ := strings.Cut(c.manifest.Model.Handler, ":")
	base := path.Base(name)
	return i < 0 || base == path.Base(handler) || base == path.Base(handler)+".py" || base == path.Base(c.manifest.Model.ModelFile)
}

// maxSettings bounds the settings of one manifest.
const maxSettings = 500

// readManifest makes a setting of every value of the manifest.
func (c *container) readManifest(b []byte) {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		c.in.Emit(weir.Oddity{Kind: weir.OddMalformed, Detail: "manifest: " + err.Error()})
		c.keep(fmt.Errorf("manifest: %w", err))
		return
	}
	left := maxSettings
	flatten("", v, func(key, value string) {
		if left--; left >= 0 {
			c.in.Emit(weir.Setting{Key: key, Value: cut(value, maxArgText)})
		}
	})
}

// flatten visits the leaves of decoded JSON in the order of their keys.
func flatten(prefix string, v any, visit func(key, value string)) {
	join := func(k string) string {
		if prefix == "" {
			return k
		}
		return prefix + "." + k
	}
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			flatten(join(cut(k, 100)), v[k], visit)
		}
	case []any:
		for i, x := range v {
			flatten(join(fmt.Sprint(i)), x, visit)
		}
	case string:
		visit(prefix, v)
	default:
		visit(prefix, fmt.Sprint(v))
	}
}

// isModuleList reports whether text is nothing but module names, one a line. Such a list says what it is; handed on, its first letter could
// pass for an opcode.
func isModuleList(b []byte) bool {
	for i, c := range b {
		if !isNamePart(c) && (c != '.' && c != '\n' || i == 0) || c >= 0x80 {
			return false
		}
	}
	return true
}

// externs lists the modules that a torch.package takes from the machine that loads it.
func externs(b []byte, emit func(weir.Fact)) {
	left := maxSettings
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" {
			if left--; left >= 0 {
				emit(weir.Setting{Key: "extern", Value: strings.ToValidUTF8(cut(line, 200), "?")})
			}
		}
	}
}

// exportSizes gives bytes per element by the numbers of torch/_export/serde/schema.py, ScalarType.
var exportSizes = map[int]int64{1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 2, 7: 4, 8: 8, 9: 4, 10: 8, 11: 16, 12: 1, 13: 2, 28: 2, 29: 1, 30: 1, 31: 1, 32: 1}

// payload is one entry of …_weights_config.json (schema.PayloadMeta).
type payload struct {
	File   string `json:"path_name"`
	Pickle bool   `json:"use_pickle"`
	Meta   *struct {
		Type    int      `json:"dtype"`
		Sizes   []symInt `json:"sizes"`
		Strides []symInt `json:"strides"`
		Offset  symInt   `json:"storage_offset"`
	} `json:"tensor_meta"`
}

type symInt struct {
	Int *int64 `json:"as_int"`
}

// weights marks the raw tensors of a torch.export archive that their configuration describes exactly.
func (c *container) weights(name string, b []byte) {
	var doc struct {
		Config map[string]payload `json:"config"`
	}
	if json.Unmarshal(b, &doc) != nil {
		return // no configuration of that kind: the members are examined like any other
	}
	want := map[string]int64{}
	for _, p := range doc.Config {
		n, ok := p.bytes()
		if old, seen := want[p.File]; !ok || p.Pickle || seen && old < 0 {
			n = -1
		} else {
			n = max(n, old)
		}
		want[p.File] = n
	}
	for file, n := range want {
		i, ok := c.byName[strings.ToLower(path.Dir(name)+"/"+file)]
		if ok && i >= 0 && n > 0 && c.fits(&c.zip.Entries[i], n) {
			c.explained[i] = true
		}
	}
}

// bytes gives how many bytes of its file a tensor reaches over.
func (p *payload) bytes() (int64, bool) {
	if p.Meta == nil || len(p.Meta.Sizes) != len(p.Meta.Strides) || p.Meta.Offset.Int == nil || *p.Meta.Offset.Int < 0 {
		return 0, false
	}
	size, ok := exportSizes[p.Meta.Type]
	if !ok {
		return 0, false
	}
	reach := uint64(*p.Meta.Offset.Int)
	for i, n := range p.Meta.Sizes {
		step := p.Meta.Strides[i]
		if n.Int == nil || step.Int == nil || *n.Int <= 0 || *step.Int < 0 {
			return 0, false
		}
		hi, lo := bits.Mul64(uint64(*n.Int-1), uint64(*step.Int))
		if reach += lo; hi != 0 || reach > 1<<48 || lo > 1<<48 {
			return 0, false
		}
	}
	return int64(reach+1) * size, true
}

// nativeKind tells executables and libraries by their first bytes.
func nativeKind(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\x7fELF")):
		return "ELF"
	case bytes.HasPrefix(b, []byte("MZ")) && len(b) >= 64:
		if at := int(binary.LittleEndian.Uint32(b[60:])); at >= 4 && at <= len(b)-4 && string(b[at:at+4]) == "PE\x00\x00" {
			return "PE"
		}
	case len(b) >= 28:
		switch binary.BigEndian.Uint32(b) {
		case 0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe:
			return "Mach-O"
		case 0xcafebabe, 0xcafebabf: // a class file of Java has its version, 45 or more, where Mach-O counts its architectures
			if n := binary.BigEndian.Uint32(b[4:]); n > 0 && n < 40 {
				return "Mach-O"
			}
		}
	}
	return ""
}

// bytecode finds the operators that the mobile interpreter's program names: they are strings of the form space::name, and it does not look
// at code/ at all.
func (c *container) bytecode(r io.ReaderAt, size int64) {
	if size > maxTextCopy {
		c.keep(fmt.Errorf("bytecode.pkl of %d bytes: operators are not looked at", size))
		return
	}
	b := make([]byte, size)
	n, err := r.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		c.keep(err)
		return
	}
	b = b[:n]
	seen := map[string]bool{}
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte("::"))
		if i < 0 {
			return
		}
		start, name := stringAround(b, at+i)
		at += i + 2
		if name != "" && !seen[name] && len(seen) < 100_000 {
			seen[name] = true
			if classifyOp(name) != opPlain {
				c.in.Emit(weir.Call{Callee: name, Func: "bytecode.pkl", At: int64(start)})
			}
		}
	}
}

// stringAround gives the string of a pickle that holds the :: at i: the one whose length, before it, says that it goes over i. The mobile
// interpreter knows BINUNICODE only; the other opcodes of strings cost nothing to know. Without such a length the name is cut by its letters.
func stringAround(b []byte, i int) (int, string) {
	start, end := i, i+2
	for start > 0 && i-start < 200 && isNamePart(b[start-1]) && b[start-1] < 0x80 {
		start--
	}
	for end < len(b) && end-i < 200 && (isNamePart(b[end]) || b[end] == '.') && b[end] < 0x80 {
		end++
	}
	for p := i; p >= start; p-- { // the length's bytes may look like letters
		n := -1
		if p >= 5 && (b[p-5] == 'X' || b[p-5] == 'T') {
			n = int(binary.LittleEndian.Uint32(b[p-4:]))
		} else if p >= 2 && (b[p-2] == 'U' || b[p-2] == 0x8c) {
			n = int(b[p-1])
		}
		if n > i+2-p && n <= end-p {
			return p, string(b[p : p+n])
		}
	}
	if start == i || end == i+2 {
		return 0, ""
	}
	return start, string(b[start:end])
}
