package torch

import (
	"fmt"
	"io"
	"math/bits"
	"path"
	"strings"

	"weir"
	"weir/internal/format"
	"weir/internal/format/pickle"
)

// elementSizes gives bytes per element by dtype (torch/_utils.py and torch/csrc/Dtype). Quantised four- and two-bit types are stored packed
// and counted in bytes of storage.
var elementSizes = map[string]int64{
	"float64": 8, "double": 8, "float32": 4, "float": 4, "float16": 2, "half": 2, "bfloat16": 2,
	"complex128": 16, "complex64": 8, "complex32": 4,
	"uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "short": 2, "uint32": 4, "int32": 4, "int": 4, "uint64": 8, "int64": 8, "long": 8,
	"bool": 1, "quint8": 1, "qint8": 1, "qint32": 4, "quint4x2": 1, "quint2x4": 1,
	"float8_e4m3fn": 1, "float8_e5m2": 1, "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1, "float8_e8m0fnu": 1, "float4_e2m1fn_x2": 1,
	"bits8": 1, "bits16": 2, "bits1x8": 1, "bits2x4": 1, "bits4x2": 1,
}

// storageSizes gives bytes per element by storage class. torch turns every global whose name holds "Storage" into such a class, whatever
// its module (torch/serialization.py, find_class).
var storageSizes = map[string]int64{
	"DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2, "LongStorage": 8, "IntStorage": 4, "ShortStorage": 2,
	"CharStorage": 1, "ByteStorage": 1, "BoolStorage": 1, "ComplexDoubleStorage": 16, "ComplexFloatStorage": 8, "QUInt8Storage": 1,
	"QInt8Storage": 1, "QInt32Storage": 4, "QUInt4x2Storage": 1, "QUInt2x4Storage": 1, "UntypedStorage": 1, "_UntypedStorage": 1,
	"UInt16Storage": 2, "UInt32Storage": 4, "UInt64Storage": 8,
}

// rebuilders are the functions that make a tensor of a storage, an offset, a size and strides; the value is the position of a dtype among the
// arguments, 0 when the storage has its own (torch/_utils.py).
var rebuilders = map[string]int{
	"torch._utils._rebuild_tensor":    0,
	"torch._utils._rebuild_tensor_v2": 0,
	"torch._utils._rebuild_tensor_v3": 6,
	"torch._utils._rebuild_qtensor":   0,
}

// wrappers call a rebuilder that is their first argument with the tuple that is their third (torch/_tensor.py).
var wrappers = map[string]bool{
	"torch._tensor._rebuild_from_type_v2": true,
	"torch._tensor._rebuild_from_type":    true,
	"torch.tensor._rebuild_from_type":     true,
}

func watch() map[string]bool {
	m := map[string]bool{}
	for name := range rebuilders {
		m[name] = true
	}
	for name := range wrappers {
		m[name] = true
	}
	m[nestedBuilder] = true
	return m
}

// Bounds on what is kept of one archive's storages.
const (
	maxStorages     = 200_000
	maxStorageFacts = 2000 // of ordinary storages; those that do not fit are counted apart
)

// storage is one persistent id of the kind that torch writes.
type storage struct {
	key   string
	class string // torch.FloatStorage
	size  int64  // bytes per element
	want  int64  // bytes
	have  int64  // bytes, -1: nothing has that name
	views bool   // some tensor leaves it
	at    int64  // of the persistent id in its pickle
	view  string // legacy: the key of a view of it
	data  int64  // where its bytes begin in the file, 0 where that is not known
}

// tracker collects the storages that the pickles of one archive name.
type tracker struct {
	in      *format.Input
	byKey   map[string]*storage
	order   []*storage
	over    bool
	tensors []described // for inspect, as places
	nested  []nested
	file    io.ReaderAt // holds the storages in little-endian order; nil: what they hold is not known
	places  pickle.Places
	seen    map[string]bool // odd forms of persistent ids that were reported
}

func newTracker(in *format.Input) *tracker {
	return &tracker{in: in, byKey: map[string]*storage{}, seen: map[string]bool{}}
}

// options are the hooks that fill the tracker during a run of the pickle machine.
func (t *tracker) options(offset int64) pickle.Options {
	opt := pickle.Options{Offset: offset, PersID: t.persID, Call: t.rebuild, Watch: watch()}
	if t.in.Inspect {
		opt.Place = t.places.Put
	}
	return opt
}

// persID takes a persistent id and tells which of its items torch returns for it: the class of ('module', class, file, source).
func (t *tracker) persID(at int64, id weir.Value) int {
	s, ok := parseStorage(id)
	if !ok {
		if isModuleID(id) {
			return 1
		}
		t.other(at, id)
		return -1
	}
	old := t.byKey[s.key]
	switch {
	case old == nil && len(t.order) >= maxStorages:
		t.over = true
	case old == nil:
		s.at, s.have = at, -1
		t.byKey[s.key] = &s
		t.order = append(t.order, &s)
	case old.want != s.want:
		t.once(weir.OddMismatch, at, fmt.Sprintf("storage %q is claimed with %d and with %d bytes", s.key, old.want, s.want))
		old.want = max(old.want, s.want)
	}
	return -1
}

// isModuleID recognises a container with its source, which torch only compares (legacy format).
func isModuleID(id weir.Value) bool {
	if id.Kind != weir.ValueTuple || len(id.Items) < 2 {
		return false
	}
	kind := id.Items[0]
	return kind.IsStr("module") || kind.Kind == weir.ValueBytes && kind.Text == "module"
}

// other takes the persistent ids that do not name a storage.
func (t *tracker) other(at int64, id weir.Value) {
	if id.Kind == weir.ValueTuple && len(id.Items) > 0 {
		switch kind := id.Items[0]; {
		case kind.IsStr("reduce_package") && (len(id.Items) == 3 || len(id.Items) == 4):
			n := len(id.Items)
			t.reduce(at, id.Items[n-2], id.Items[n-1])
			return
		}
	}
	t.once(weir.OddShape, at, "a persistent id that torch does not write: "+cut(id.String(), 200))
}

// reduce reports what torch.package calls for ('reduce_package', [id,] function, arguments): function(importer, *arguments).
func (t *tracker) reduce(at int64, fn, args weir.Value) {
	imp := weir.Import{Use: weir.UseCalled, Op: "persistent_load", Args: args.Items, At: at,
		Evidence: fn.String() + "(importer, *" + cut(args.String(), 200) + ")"}
	if i := strings.LastIndexByte(fn.Text, '.'); fn.Kind == weir.ValueGlobal && i > 0 {
		imp.Module, imp.Name = fn.Text[:i], fn.Text[i+1:]
	} else {
		imp.Computed = true
	}
	t.in.Emit(imp)
}

// once reports an oddity of a text once.
func (t *tracker) once(kind weir.OddityKind, at int64, text string) {
	if !t.seen[text] && len(t.seen) < 100 {
		t.seen[text] = true
		t.in.Emit(weir.Oddity{Kind: kind, Detail: text, At: at})
	}
}

// parseStorage reads ('storage', class, key, location, elements), in the legacy format with a sixth part for views.
func parseStorage(id weir.Value) (storage, bool) {
	if id.Kind == weir.ValuePersID && len(id.Items) == 1 {
		id = id.Items[0]
	}
	if id.Kind != weir.ValueTuple || len(id.Items) < 5 || len(id.Items) > 6 || !isText(id.Items[0], "storage") {
		return storage{}, false
	}
	class, key, n := id.Items[1], id.Items[2], id.Items[4]
	count, ok := n.Int()
	if !ok || count < 0 || key.Kind != weir.ValueStr && key.Kind != weir.ValueBytes && key.Kind != weir.ValueInt || !key.Whole() {
		return storage{}, false
	}
	s := storage{key: key.Text, class: className(class)}
	s.size, ok = storageSizes[s.class[strings.LastIndexByte(s.class, '.')+1:]]
	if !ok {
		return storage{}, false
	}
	hi, lo := bits.Mul64(uint64(count), uint64(s.size))
	if hi != 0 || int64(lo) < 0 {
		return storage{}, false
	}
	s.want = int64(lo)
	if len(id.Items) == 6 && id.Items[5].Kind == weir.ValueTuple && len(id.Items[5].Items) == 3 {
		s.view = id.Items[5].Items[0].Text
	}
	return s, true
}

// className gives the dotted name of a storage class, which may stand there as such or as a dtype's call.
func className(v weir.Value) string { return v.Text }

func isText(v weir.Value, s string) bool {
	return (v.Kind == weir.ValueStr || v.Kind == weir.ValueBytes) && v.Text == s && v.Whole()
}

// rebuild checks that the tensor that a call makes lies inside its storage.
func (t *tracker) rebuild(at int64, callee string, args []weir.Value) {
	if wrappers[callee] {
		if len(args) < 3 || args[0].Kind != weir.ValueGlobal {
			return
		}
		callee, args = args[0].Text, args[2].Items
	}
	if callee == nestedBuilder {
		t.nest(at, args)
		return
	}
	dtype, ok := rebuilders[callee]
	if !ok || len(args) < 4 {
		return
	}
	s, ok := parseStorage(args[0])
	if !ok {
		return // whatever stands there instead was reported when it came about
	}
	size, named := s.size, ""
	if dtype > 0 {
		if len(args) <= dtype {
			return
		}
		named = args[dtype].Text
		if size, ok = elementSizes[strings.TrimPrefix(named, "torch.")]; !ok {
			t.once(weir.OddShape, at, "a tensor of an unknown dtype "+cut(args[dtype].String(), 100))
			return
		}
	}
	t.describe(at, &s, named, size, args[1], args[2])
	reach, ok := extent(args[1], args[2], args[3])
	if kept := t.byKey[s.key]; kept != nil && (!ok || reach > kept.want/size) {
		kept.views = true
	}
}

// extent gives how many elements of its storage a tensor needs; not ok when the numbers are not ones that torch writes.
func extent(offset, sizes, strides weir.Value) (int64, bool) {
	reach, ok := offset.Int()
	if !ok || reach < 0 || sizes.Kind != weir.ValueTuple || strides.Kind != weir.ValueTuple ||
		len(sizes.Items) != len(strides.Items) || !sizes.Whole() || !strides.Whole() {
		return 0, false
	}
	for i := range sizes.Items {
		n, ok1 := sizes.Items[i].Int()
		step, ok2 := strides.Items[i].Int()
		if !ok1 || !ok2 || n < 0 || step < 0 {
			return 0, false
		}
		if n == 0 {
			return 0, true // no elements at all
		}
		hi, lo := bits.Mul64(uint64(n-1), uint64(step))
		if hi != 0 || lo > 1<<61 || reach > 1<<61 {
			return 0, false
		}
		reach += int64(lo)
	}
	return reach + 1, true
}

// emit makes facts of the storages: all that do not fit, and a bounded number of those that do.
func (t *tracker) emit() error {
	t.describeAll()
	err := t.checkNested()
	left, odd := maxStorageFacts, maxStorageFacts
	for _, s := range t.order {
		if s.have == s.want && !s.views {
			if left--; left < 0 {
				continue
			}
		} else if odd--; odd < 0 {
			continue
		}
		t.in.Emit(weir.Storage{Key: s.key, Type: s.class, Want: s.want, Have: s.have, Views: s.views, At: s.at})
	}
	if len(t.order) > 0 {
		t.in.Emit(weir.Note{Key: "torch.storages", Value: fmt.Sprint(len(t.order))})
	}
	if t.over {
		return fmt.Errorf("more than %d storages: %w", maxStorages, format.ErrLimit)
	}
	return err
}

// baseName is the last part of a member's name in lower case: torch's zip reader ignores case.
func baseName(name string) string { return strings.ToLower(path.Base(name)) }
