package torch

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir"
	"weir/internal/format"
	"weir/internal/format/formattest"
)

var update = flag.Bool("update", false, "write the golden files anew")

const benign = "../../../testdata/benign/torch"

// fixtures gives the honest files of PyTorch by their path below the folder.
func fixtures(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(benign, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		name, _ := filepath.Rel(benign, p)
		files[filepath.ToSlash(name)] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 50 {
		t.Fatalf("only %d fixtures found", len(files))
	}
	return files
}

func TestBenign(t *testing.T) {
	want := map[string]string{"legacy": "torch-legacy", "mar": "torch-mar", "package": "torch-package", "pt2": "torch-export",
		"pte": "executorch", "script": "torchscript", "tar": "torch-tar", "zip": "torch-zip", "zip2": "torch-zip"}
	for name, b := range fixtures(t) {
		folder, _, _ := strings.Cut(name, "/")
		e := newEngine()
		got := e.Scan(name, bytes.NewReader(b), int64(len(b)))
		if w := want[folder]; w != "" && fmt.Sprint(got) != "["+w+"]" {
			t.Errorf("%s: recognised as %v, want %s", name, got, w)
		}
		for _, o := range formattest.All[weir.Oddity](e) {
			t.Errorf("%s: %+v", name, o)
		}
		for _, s := range formattest.All[weir.Storage](e) {
			if s.Have != s.Want || s.Views {
				t.Errorf("%s: %+v", name, s)
			}
		}
		for _, c := range formattest.All[weir.Call](e) {
			t.Errorf("%s: %+v", name, c)
		}
		if len(e.Errs) > 0 {
			t.Errorf("%s: %q", name, e.Errs)
		}
		for _, m := range e.Members {
			if (strings.Contains(m, "/data/") || strings.Contains(m, ".storage ")) && strings.Contains(name, "zip") {
				t.Errorf("%s: %s was read although a record explains it", name, m)
			}
		}
	}
}

// TestGolden keeps the facts of this room, those of pickles and archives left out, for one file of each layout.
func TestGolden(t *testing.T) {
	files := fixtures(t)
	for _, name := range []string{"zip/state-linear.pth", "zip/tensor-views.pt", "zip2/v2.7.pt", "zip2/float8.pt", "legacy/state-linear.pth", "legacy/tensor-dtypes.pt",
		"tar/state.pt", "script/script-rich.pt", "script/mobile.ptl", "package/module.pt", "pt2/archive.pt2", "mar/handler.mar", "dcp/__0_0.distcp"} {
		b, ok := files[name]
		if !ok {
			t.Errorf("no fixture %s", name)
			continue
		}
		e := newEngine()
		e.Scan(name, bytes.NewReader(b), int64(len(b)))
		var kept []string
		for _, l := range strings.Split(e.Lines(), "\n") {
			if !strings.Contains(l, ": import ") && !strings.Contains(l, ": member ") && l != "" {
				kept = append(kept, l)
			}
		}
		got := strings.Join(kept, "\n") + "\n"
		golden := filepath.Join("testdata", "golden", strings.ReplaceAll(name, "/", "-")+".txt")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: facts changed (go test -update writes them anew)\ngot\n%s\nwant\n%s", name, got, want)
		}
	}
}

// TestTruncated cuts a file of each layout at every length.
func TestTruncated(t *testing.T) {
	files := fixtures(t)
	for _, name := range []string{"zip2/v2.7.pt", "legacy/tensor-plain.pt", "tar/state.pt", "mar/handler.mar", "dcp/__0_0.distcp"} {
		b := files[name]
		if len(b) == 0 {
			t.Fatalf("no fixture %s", name)
		}
		step := 1
		if len(b) > 4<<10 { // a tar is padding for the most part
			step = 13
		}
		for n := 0; n < len(b); n += step {
			scanBytes(t, b[:n])
		}
	}
	b := files["legacy/tensor-plain.pt"]
	for n := 64; n < len(b); n++ {
		e := newEngine()
		if err := ParseLegacy(e.Input("", bytes.NewReader(b[:n]), int64(n))); err == nil && len(formattest.All[weir.Oddity](e)) == 0 {
			t.Errorf("legacy cut at %d of %d: nothing said", n, len(b))
		}
	}
}

// Pickles by hand.
func text(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}

func num(n int) string { return "J" + string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }

func persID(class, key string, elements int) string {
	return "(" + text("storage") + "ctorch\n" + class + "\n" + text(key) + text("cpu") + num(elements) + "tQ"
}

// tensor is a one-dimensional tensor of a storage.
func tensor(class, key string, elements, offset, size, stride int) string {
	return "ctorch._utils\n_rebuild_tensor_v2\n(" + persID(class, key, elements) + num(offset) + num(size) + "\x85" + num(stride) + "\x85\x89ccollections\nOrderedDict\n)RtR"
}

const evil = "cposix\nsystem\n" + "X\x04\x00\x00\x00echo\x85R"

func pickled(s string) string { return "\x80\x02" + s + "." }

type file struct{ name, body string }

// zipOf makes a zip of stored members, or of deflated ones where the name ends in a star.
func zipOf(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: strings.TrimSuffix(f.name, "*")}
		if h.Name != f.name {
			h.Method = zip.Deflate
		}
		m, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(m, f.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func called(e *formattest.Engine, name string) bool {
	for _, i := range formattest.All[weir.Import](e) {
		if i.Module+"."+i.Name == name && i.Use == weir.UseCalled {
			return true
		}
	}
	return false
}

func TestStorages(t *testing.T) {
	raw := strings.Repeat("\x00", 24)
	for _, tc := range []struct {
		name   string
		pickle string
		data   []file
		want   string // key want have views
		read   bool   // the engine was given the data
	}{
		{"fits", tensor("FloatStorage", "0", 6, 0, 6, 1), []file{{"a/data/0", raw}}, "a/data/0 24 24 false", false},
		{"view", tensor("FloatStorage", "0", 6, 2, 2, 2), []file{{"a/data/0", raw}}, "a/data/0 24 24 false", false},
		{"no elements", tensor("FloatStorage", "0", 6, 100, 0, 1), []file{{"a/data/0", raw}}, "a/data/0 24 24 false", false},
		{"view outside", tensor("FloatStorage", "0", 6, 5, 2, 1), []file{{"a/data/0", raw}}, "a/data/0 24 24 true", false},
		{"negative offset", tensor("FloatStorage", "0", 6, -1, 2, 1), []file{{"a/data/0", raw}}, "a/data/0 24 24 true", false},
		{"huge stride", tensor("FloatStorage", "0", 6, 0, 2, 1<<30), []file{{"a/data/0", raw}}, "a/data/0 24 24 true", false},
		{"missing", tensor("FloatStorage", "0", 6, 0, 6, 1), nil, "a/data/0 24 -1 false", false},
		{"too short", tensor("DoubleStorage", "0", 6, 0, 6, 1), []file{{"a/data/0", raw}}, "a/data/0 48 24 false", true},
		{"too long", tensor("ByteStorage", "0", 6, 0, 6, 1), []file{{"a/data/0", raw}}, "a/data/0 6 24 false", true},
		{"compressed", tensor("FloatStorage", "0", 6, 0, 6, 1), []file{{"a/data/0*", raw}}, "a/data/0 24 24 false", true},
		{"other case", tensor("FloatStorage", "A", 6, 0, 6, 1), []file{{"a/DATA/a", raw}}, "a/DATA/a 24 24 false", false},
		{"not named", "N", []file{{"a/data/0", raw}}, "", true},
		{"twice", tensor("FloatStorage", "0", 6, 0, 6, 1), []file{{"a/data/0", raw}, {"a/data/0", raw[:8]}}, "a/data/0 24 8 false", true},
		{"wrapped", "ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\nctorch\nTensor\n(" + persID("FloatStorage", "0", 6) + num(7) + num(1) + "\x85" + num(1) + "\x85\x89Nt}tR",
			[]file{{"a/data/0", raw}}, "a/data/0 24 24 true", false},
		{"dtype of version 3", "ctorch._utils\n_rebuild_tensor_v3\n(" + persID("UntypedStorage", "0", 24) + num(0) + num(12) + "\x85" + num(1) + "\x85\x89Nctorch\nuint16\ntR",
			[]file{{"a/data/0", raw}}, "a/data/0 24 24 false", false},
		{"dtype of version 3, outside", "ctorch._utils\n_rebuild_tensor_v3\n(" + persID("UntypedStorage", "0", 24) + num(0) + num(13) + "\x85" + num(1) + "\x85\x89Nctorch\nuint16\ntR",
			[]file{{"a/data/0", raw}}, "a/data/0 24 24 true", false},
	} {
		for _, packed := range []string{"", "*"} {
			t.Run(tc.name+packed, func(t *testing.T) {
				files := append([]file{{"a/data.pkl" + packed, pickled(tc.pickle)}, {"a/version", "3\n"}}, tc.data...)
				e := scanBytes(t, zipOf(t, files...))
				var got []string
				for _, s := range formattest.All[weir.Storage](e) {
					got = append(got, fmt.Sprint(s.Key, " ", s.Want, " ", s.Have, " ", s.Views))
				}
				if strings.Join(got, ", ") != tc.want {
					t.Errorf("storages %q, want %q\n%s", got, tc.want, e.Lines())
				}
				read := false
				for _, m := range e.Members {
					read = read || strings.HasPrefix(strings.ToLower(m), "a/data/")
				}
				if read != tc.read {
					t.Errorf("data read: %v, want %v: %q", read, tc.read, e.Members)
				}
			})
		}
	}
}

// TestNested gives nested tensors by hand: Debian's torch 1.13 cannot write them, torch 2 does so (torch/_tensor.py, __reduce_ex__).
func TestNested(t *testing.T) {
	longs := func(list ...int64) string {
		var b []byte
		for _, n := range list {
			b = binary.LittleEndian.AppendUint64(b, uint64(n))
		}
		return string(b)
	}
	table := func(key string) string { // two rows of one column
		return "ctorch._utils\n_rebuild_tensor_v2\n(" + persID("LongStorage", key, 2) + num(0) + num(2) + num(1) + "\x86" + num(1) + num(1) + "\x86\x89ccollections\nOrderedDict\n)RtR"
	}
	stream := "ctorch._utils\n_rebuild_nested_tensor\n(" + tensor("FloatStorage", "0", 6, 0, 6, 1) + table("1") + table("2") + tensor("LongStorage", "3", 2, 0, 2, 1) + "tR"
	for _, tc := range []struct {
		name                    string
		sizes, strides, offsets string
		order, packed           string
		leaves                  bool
	}{
		{"fits", longs(4, 2), longs(1, 1), longs(0, 4), "", "", false},
		{"one is empty", longs(6, 0), longs(1, 1), longs(0, 6), "", "", false},
		{"little-endian", longs(4, 2), longs(1, 1), longs(0, 4), "little", "", false},
		{"offset outside", longs(4, 2), longs(1, 1), longs(0, 5), "", "", true},
		{"negative offset", longs(4, 2), longs(1, 1), longs(0, -8), "", "", true},
		{"size outside", longs(7, 2), longs(1, 1), longs(0, 4), "", "", true},
		{"stride outside", longs(4, 2), longs(1, 1<<62), longs(0, 0), "", "", true},
		{"swapped", longs(4, 2), longs(1, 1), longs(0, 4), "big", "", true},
		{"sizes not readable", longs(4, 2), longs(1, 1), longs(0, 4), "", "*", true},
		{"sizes missing", "", longs(1, 1), longs(0, 4), "", "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			files := []file{{"a/data.pkl", pickled(stream)}, {"a/data/0", strings.Repeat("\x00", 24)}, {"a/data/1" + tc.packed, tc.sizes},
				{"a/data/2", tc.strides}, {"a/data/3", tc.offsets}, {"a/version", "3\n"}}
			if tc.order != "" {
				files = append(files, file{"a/byteorder", tc.order})
			}
			found := false
			e := scanBytes(t, zipOf(t, files...))
			for _, s := range formattest.All[weir.Storage](e) {
				if s.Key == "a/data/0" {
					found = true
					if s.Views != tc.leaves {
						t.Errorf("leaves its buffer: %v, want %v\n%s", s.Views, tc.leaves, e.Lines())
					}
				}
			}
			if !found {
				t.Errorf("no buffer\n%s", e.Lines())
			}
		})
	}
}

func TestDeepReadsStorages(t *testing.T) {
	b := zipOf(t, file{"a/data.pkl", pickled(tensor("ByteStorage", "0", len(pickled(evil)), 0, 1, 1))}, file{"a/data/0", pickled(evil)}, file{"a/version", "3"})
	for _, deep := range []bool{false, true} {
		e := newEngine()
		e.Deep = deep
		e.Scan("a", bytes.NewReader(b), int64(len(b)))
		if called(e, "posix.system") != deep {
			t.Errorf("deep %v: pickle in tensor data seen: %v", deep, !deep)
		}
	}
}

func TestHostileZip(t *testing.T) {
	state := pickled(tensor("FloatStorage", "0", 6, 0, 6, 1))
	raw := strings.Repeat("\x00", 24)
	for _, tc := range []struct {
		name  string
		files []file
	}{
		{"data.pkl", []file{{"a/data.pkl", pickled(evil)}}},
		{"data.pkl, compressed", []file{{"a/data.pkl*", pickled(evil)}}},
		{"data.pkl in capitals", []file{{"a/DATA.PKL", pickled(evil)}, {"a/version", "3"}}},
		{"first of two", []file{{"a/data.pkl", pickled(evil)}, {"a/data.pkl", state}, {"a/data/0", raw}}},
		{"last of two", []file{{"a/data.pkl", state}, {"a/data.pkl", pickled(evil)}, {"a/data/0", raw}}},
		{"two roots", []file{{"a/data.pkl", state}, {"b/data.pkl", pickled(evil)}, {"a/data/0", raw}}},
		{"constants", []file{{"a/data.pkl", state}, {"a/data/0", raw}, {"a/constants.pkl", pickled(evil)}}},
		{"attributes", []file{{"a/data.pkl", state}, {"a/data/0", raw}, {"a/attributes.pkl", pickled(evil)}}},
		{"debug_pkl", []file{{"a/data.pkl", state}, {"a/data/0", raw}, {"a/code/x.py.debug_pkl", pickled(evil)}}},
		{"extra file", []file{{"a/data.pkl", state}, {"a/data/0", raw}, {"a/extra/x", pickled(evil)}}},
		{"storage that is not named", []file{{"a/data.pkl", state}, {"a/data/0", raw}, {"a/data/1", pickled(evil)}}},
		{"storage of another size", []file{{"a/data.pkl", state}, {"a/data/0", pickled(evil)}}},
		{"without STOP", []file{{"a/data.pkl", "\x80\x02" + evil}}},
		{"call among tensors", []file{{"a/data.pkl", pickled(tensor("FloatStorage", "0", 6, 0, 6, 1) + "0" + evil)}, {"a/data/0", raw}}},
		{"package", []file{{"p/.data/extern_modules", "os\n"}, {"p/m/model.pkl", pickled(evil)}}},
		{"package, extern list that is a pickle", []file{{"p/.data/extern_modules", "cposix\nsystem\n(S'echo'\ntR."}, {"p/m/model.pkl", pickled("N")}}},
		{"archive of torch.export", []file{{"a/archive_format", "pt2"}, {"a/data/weights/weight_0", pickled(evil)}}},
		{"mar", []file{{"m.pt", pickled(evil)}, {"MAR-INF/MANIFEST.json", "{}"}}},
		{"not recognised by its start", []file{{"a/data.pkl", "N0" + evil + "."}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if e := scanBytes(t, zipOf(t, tc.files...)); !called(e, "posix.system") {
				t.Errorf("posix.system not seen\n%q\n%s", e.Members, e.Lines())
			}
		})
	}
}

func TestReducePackage(t *testing.T) {
	for _, id := range []string{
		"(" + text("reduce_package") + text("1") + "cos\nsystem\n" + text("echo") + "\x85tQ",
		"(" + text("reduce_package") + "cos\nsystem\n" + text("echo") + "\x85tQ",
	} {
		e := scanBytes(t, zipOf(t, file{"p/.data/extern_modules", "os\n"}, file{"p/m/model.pkl", pickled(id)}))
		if !called(e, "os.system") {
			t.Errorf("call through a persistent id not seen\n%s", e.Lines())
		}
	}
}

func TestLegacy(t *testing.T) {
	magic := "\x80\x02\x8a\x0a" + magicBytes + "."
	fixed := magic + "\x80\x02M\xe9\x03." + "\x80\x02}" + text("little_endian") + "\x88s."
	object := func(s string) string { return fixed + pickled(s) }
	ids := func(class, key string, n int) string {
		return "(" + text("storage") + "ctorch\n" + class + "\n" + text(key) + text("cpu") + num(n) + "NtQ"
	}
	keys := func(list ...string) string {
		s := "\x80\x02]("
		for _, k := range list {
			s += text(k)
		}
		return s + "e."
	}
	count := func(n int) string { return string(binary.LittleEndian.AppendUint64(nil, uint64(n))) }
	raw := strings.Repeat("\x00", 24)
	var many, manyIDs []string
	for i := range 500 {
		many = append(many, fmt.Sprintf("%04d", i))
		manyIDs = append(manyIDs, ids("ByteStorage", many[i], 1)+"0")
	}
	for _, tc := range []struct {
		name, file, odd string
		fails, runs     bool
	}{
		{name: "honest", file: object(ids("FloatStorage", "1", 6)) + keys("1") + count(6) + raw},
		{name: "500 storages", file: object(strings.Join(manyIDs, "")+"N") + keys(many...) + strings.Repeat(count(1)+"x", 500)},
		{name: "two checkpoints", file: strings.Repeat(object(ids("FloatStorage", "1", 6))+keys("1")+count(6)+raw, 2)},
		{name: "object runs", file: object(evil) + keys(), runs: true},
		{name: "first pickle runs", file: "\x80\x02" + evil + "0\x8a\x0a" + magicBytes + "." + object("N")[len(magic):] + keys(), runs: true},
		{name: "machine runs", file: magic + "\x80\x02M\xe9\x03." + pickled(evil) + pickled("N") + keys(), odd: "shape", runs: true},
		{name: "keys run", file: object("N") + "\x80\x02" + evil + "0].", runs: true},
		{name: "runs, then broken", file: object(evil) + "\xff\xff\xff", fails: true, odd: "malformed", runs: true},
		{name: "pickle behind the storages", file: object(ids("FloatStorage", "1", 6)) + keys("1") + count(6) + raw + pickled(evil), odd: "trailing", runs: true},
		{name: "sizes disagree", file: object(ids("FloatStorage", "1", 6)) + keys("1") + count(7) + raw + pickled(evil), odd: "mismatch", fails: true},
		{name: "negative size", file: object(ids("FloatStorage", "1", 6)) + keys("1") + count(-1) + raw, odd: "mismatch", fails: true},
		{name: "data missing", file: object(ids("FloatStorage", "1", 6)) + keys("1") + count(6) + raw[1:], odd: "truncated"},
		{name: "key that is not used", file: object("N") + keys("1") + count(6) + raw, odd: "mismatch", fails: true},
		{name: "ends after the object", file: object("N"), odd: "truncated", fails: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := newEngine()
			names := e.Scan("a", strings.NewReader(tc.file), int64(len(tc.file)))
			if fmt.Sprint(names) != "[torch-legacy]" {
				t.Errorf("recognised as %v", names)
			}
			var odd []string
			for _, o := range formattest.All[weir.Oddity](e) {
				odd = append(odd, string(o.Kind))
			}
			if got := strings.Join(odd, " "); got != tc.odd && !(tc.odd != "" && strings.Contains(got, tc.odd)) {
				t.Errorf("oddities %q, want %q\n%s", got, tc.odd, e.Lines())
			}
			if (len(e.Errs) > 0) != tc.fails || tc.runs && !called(e, "posix.system") {
				t.Errorf("errors %q, want any: %v; runs: %v\n%s", e.Errs, tc.fails, tc.runs, e.Lines())
			}
		})
	}
}

func TestScriptArchive(t *testing.T) {
	code := "class M(Module):\n  __parameters__ = []\n  def __setstate__(self: __torch__.M, s: str) -> NoneType:\n    torch.save(s, \"../../x\")\n    return None\n"
	for _, star := range []string{"", "*"} {
		e := scanBytes(t, zipOf(t, file{"m/code/__torch__.py" + star, code}, file{"m/data.pkl", pickled("c__torch__\nM\n)\x81")}, file{"m/constants.pkl", pickled(")")}))
		calls := formattest.All[weir.Call](e)
		if len(calls) != 1 || calls[0].Callee != "aten::save" || !calls[0].Auto || calls[0].Line != 4 || calls[0].Member != "m/code/__torch__.py" {
			t.Errorf("calls %+v", calls)
		}
		if c := formattest.All[weir.Code](e); len(c) != 1 || c[0].Name != "__torch__.M" || !c[0].Auto {
			t.Errorf("code %+v", c)
		}
	}
	e := scanBytes(t, zipOf(t, file{"m/data.pkl", pickled("N")}, file{"m/constants.pkl", pickled(")")},
		file{"m/bytecode.pkl", pickled("(" + text("aten::add") + text("aten::save") + text("evil::run") + "t")}))
	var got []string
	for _, c := range formattest.All[weir.Call](e) {
		got = append(got, c.Callee)
	}
	if fmt.Sprint(got) != "[aten::save evil::run]" {
		t.Errorf("bytecode: %q", got)
	}
}

func TestCarriedCode(t *testing.T) {
	elf := "\x7fELF" + strings.Repeat("\x00", 60)
	e := scanBytes(t, zipOf(t,
		file{"m/archive_format", "pt2"}, file{"m/data/aotinductor/model/x.so", elf}, file{"m/notes.txt*", elf}, file{"m/x.pyd", "MZ" + strings.Repeat("\x00", 58) + "\x40\x00\x00\x00PE\x00\x00"},
		file{"m/lib", "\xcf\xfa\xed\xfe" + strings.Repeat("\x00", 40)}, file{"m/A.class", "\xca\xfe\xba\xbe\x00\x00\x00\x34" + strings.Repeat("\x00", 40)}))
	var got []string
	for _, c := range formattest.All[weir.Code](e) {
		got = append(got, c.Name+" "+c.Language+" "+c.Text)
	}
	want := "[m/data/aotinductor/model/x.so native ELF m/notes.txt native ELF m/x.pyd native PE m/lib native Mach-O]"
	if fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	e = scanBytes(t, zipOf(t, file{"handler.py", "import os\n"}, file{"other.py", "x = 1\n"},
		file{"MAR-INF/MANIFEST.json", `{"model": {"modelName": "m", "handler": "handler.py:run", "requirementsFile": "requirements.txt", "extra": [1, true]}}`}))
	auto := map[string]bool{}
	for _, c := range formattest.All[weir.Code](e) {
		auto[c.Name] = c.Auto
	}
	settings := map[string]string{}
	for _, s := range formattest.All[weir.Setting](e) {
		settings[s.Key] = s.Value
	}
	if fmt.Sprint(auto) != "map[handler.py:true other.py:false]" || settings["model.handler"] != "handler.py:run" || settings["model.extra.1"] != "true" || settings["model.requirementsFile"] != "requirements.txt" {
		t.Errorf("code %v, settings %v", auto, settings)
	}
}

func TestExportWeightsAreNotRead(t *testing.T) {
	conf := `{"config": {"w": {"path_name": "weight_0", "use_pickle": false, "tensor_meta": {"dtype": 7, "sizes": [{"as_int": 2}, {"as_int": 3}], "strides": [{"as_int": 3}, {"as_int": 1}], "storage_offset": {"as_int": 0}}}}}`
	for size, read := range map[int]bool{24: false, 25: true} {
		e := scanBytes(t, zipOf(t, file{"m/archive_format", "pt2"}, file{"m/data/weights/weight_0", strings.Repeat("\x00", size)}, file{"m/data/weights/model_weights_config.json", conf}))
		got := false
		for _, m := range e.Members {
			got = got || strings.HasPrefix(m, "m/data/weights/weight_0 ")
		}
		if got != read {
			t.Errorf("%d bytes: read %v, want %v", size, got, read)
		}
	}
}

func TestShards(t *testing.T) {
	part := zipOf(t, file{"archive/data.pkl", pickled("N")}, file{"archive/version", "3"})
	bad := zipOf(t, file{"archive/data.pkl", pickled(evil)}, file{"archive/version", "3"})
	for _, b := range [][]byte{
		slicesOf(part, bad), slicesOf(bad, part), slicesOf(part, []byte(pickled(evil)), part), slicesOf(part, bad, part),
	} {
		if e := scanBytes(t, b); !called(e, "posix.system") {
			t.Errorf("posix.system not seen\n%q\n%s", e.Members, e.Lines())
		}
	}
}

func slicesOf(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// fuzz runs a parser twice and checks what must hold for any input.
func fuzz(t *testing.T, b []byte, parse func(*format.Input) error) {
	e := formattest.Twice(t, b, newEngine, parse)
	for _, s := range formattest.All[weir.Storage](e) {
		if s.Have < -1 || s.Want < -1 {
			t.Fatalf("storage out of bounds: %+v", s)
		}
	}
}

func seed(f *testing.F, folders ...string) {
	n := 0
	for name, b := range fixtures(f) {
		folder, _, _ := strings.Cut(name, "/")
		for _, want := range folders {
			if folder == want && len(b) < 16<<10 {
				f.Add(b)
				n++
			}
		}
	}
	if n == 0 {
		f.Fatal("no seeds found")
	}
}

func FuzzZip(f *testing.F) {
	seed(f, "zip2", "script", "package", "pt2", "mar")
	f.Add(zipOf(f, file{"a/data.pkl", pickled(tensor("FloatStorage", "0", 6, 0, 6, 1))}, file{"a/data/0", "x"}))
	f.Fuzz(func(t *testing.T, b []byte) { fuzz(t, b, ParseZip) })
}

func FuzzLegacy(f *testing.F) {
	seed(f, "legacy")
	f.Fuzz(func(t *testing.T, b []byte) { fuzz(t, b, ParseLegacy) })
}

func FuzzTar(f *testing.F) {
	seed(f, "tar")
	f.Fuzz(func(t *testing.T, b []byte) { fuzz(t, b, parseTar) })
}

func FuzzShard(f *testing.F) {
	seed(f, "dcp")
	f.Fuzz(func(t *testing.T, b []byte) { fuzz(t, b, parseShard) })
}
