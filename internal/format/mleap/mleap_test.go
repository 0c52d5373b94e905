package mleap

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"weir"
	"weir/internal/format"
)

// parsed is what came of parsing some bytes: formats that match, facts as lines, members handed over, errors.
type parsed struct {
	formats []string
	facts   []string
	members []string
	errs    []string
}

// head is what recognition sees of b.
func head(name string, b []byte) format.Head {
	return format.Head{Name: name, Size: int64(len(b)), First: b[:min(len(b), format.HeadSize)], Last: b[max(0, len(b)-format.TailSize):]}
}

// parse runs every format of this room that matches and has a parser.
func parse(name string, b []byte) parsed {
	var p parsed
	limits := weir.DefaultLimits()
	limits.Steps = 2_000_000
	for _, f := range Formats {
		if !f.Match(head(name, b)) {
			continue
		}
		p.formats = append(p.formats, f.Name)
		if f.Parse == nil {
			continue
		}
		in := &format.Input{ReaderAt: bytes.NewReader(b), Name: name, Size: int64(len(b)), Limits: limits}
		in.Emit = func(f weir.Fact) { p.facts = append(p.facts, line(f)) }
		in.Nested = func(name string, r io.ReaderAt, size int64) (format.Summary, error) {
			p.members = append(p.members, fmt.Sprintf("%s+%d", name, size))
			return format.Summary{Size: size, Complete: true}, nil
		}
		if err := f.Parse(in); err != nil {
			p.errs = append(p.errs, err.Error())
		}
	}
	return p
}

func line(f weir.Fact) string {
	switch f := f.(type) {
	case weir.Setting:
		return f.Key + "=" + f.Value
	case weir.Note:
		return f.Key + ":" + f.Value
	case weir.Oddity:
		return "odd " + string(f.Kind)
	}
	return fmt.Sprintf("%T", f)
}

func (p parsed) String() string {
	return strings.Join(p.formats, " ") + " | " + strings.Join(p.facts, " ") + " | " + strings.Join(p.members, " ") + " | " + strings.Join(p.errs, " ")
}

// field builds a field of a protobuf message that holds bytes.
func field(num int, content ...string) string {
	all := strings.Join(content, "")
	return string(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(num)<<3|2), uint64(len(all)))) + all
}

// nodes is a pipeline's attribute in protobuf.
func nodes(names ...string) string {
	var list string
	for _, n := range names {
		list += field(2, n)
	}
	return field(2, field(1, field(1, "nodes"), field(2, field(2, list))))
}

func TestDefinitions(t *testing.T) {
	many := `{"op":"pipeline","attributes":{"nodes":{"type":"list","string":["` + strings.Repeat(`n","`, maxNames+5) + `../x"]}}}`
	for _, c := range []struct {
		what, name, in, want string
	}{
		{"bundle.json", "bundle.json", `{"format":"json","name":"p","timestamp":"t","version":"0.20.0","uid":"u"}`,
			"mleap-info | mleap.format:json mleap.name:p mleap.timestamp:t mleap.version:0.20.0 mleap.uid:u |  | "},
		{"padding fills what recognition sees", "bundle.json", `{"a":1,"pad":"` + strings.Repeat("x", format.HeadSize) + `","uid":"u","format":"json"}`,
			"mleap-info | mleap.uid:u mleap.format:json |  | "},
		{"by content alone", "x", `{"uid":"u","name":"p","format":"protobuf","version":"0.16.0"}`,
			"mleap-info | mleap.uid:u mleap.name:p mleap.format:protobuf mleap.version:0.16.0 |  | "},
		{"model", "model.json", `{"op":"pipeline","attributes":{"nodes":{"string":["a","../../b"],"type":"list"}}}`,
			"mleap-model | mleap.op=pipeline mleap.node=a mleap.node=../../b |  | "},
		{"model without its name", "data", ` {"attributes":{"nodes":{"string":["a"]}},"op":"pipeline"}`,
			"mleap-model | mleap.node=a mleap.op=pipeline |  | "},
		{"escapes", "model.json", `{"\u006fp":"pip\u0065line","attributes":{"n\u006fdes":{"string":["\u002e\u002e/b"]}}}`,
			"mleap-model | mleap.op=pipeline mleap.node=../b |  | "},
		{"white space fills what recognition sees", "model.json", strings.Repeat(" ", format.HeadSize) + `{"op":"tensorflow"}`,
			"mleap-model | mleap.op=tensorflow |  | "},
		{"format of TensorFlow", "model.json", `{"op":"tensorflow","attributes":{"format":{"string":"saved_model"}}}`,
			"mleap-model | mleap.op=tensorflow mleap.model-format=saved_model |  | "},
		{"models within", "model.json", `{"op":"x","attributes":{"models":{"model":[{"op":"y"},{"op":"z"}]},"m":{"model":{"op":"w"}}}}`,
			"mleap-model | mleap.op=x mleap.op=y mleap.op=z mleap.op=w |  | "},
		{"a key twice", "model.json", `{"op":"pipeline","op":"tensorflow"}`,
			"mleap-model | mleap.op=pipeline odd duplicate mleap.op=tensorflow |  | "},
		{"bytes behind", "model.json", `{"op":"pca"} {}`, "mleap-model | mleap.op=pca odd trailing | [suffix]+2 | "},
		{"breaks off", "model.json", `{"op":"pca","attributes":{`,
			"mleap-model | mleap.op=pca odd malformed |  | mleap: JSON at 26: the text ends too early"},
		{"no value", "model.json", `{"op":"pca","attributes":NaN}`, `mleap-model | mleap.op=pca odd malformed |  | mleap: JSON at 26: no value begins with 'N'`},
		{"a patch is no model", "x", `[{"op":"add"}]`, " |  |  | "},
		{"nor is a task", "model.json", `{"modelTopology":{},"format":"layers-model"}`, " |  |  | "},
		{"node", "node.json", `{"name":"lr","shape":{"inputs":[],"outputs":[]}}`, "mleap-node | mleap.node-name:lr |  | "},
		{"a shape of numbers is no node", "x", `{"name":"w","shape":[1,2]}`, " |  |  | "},
		{"protobuf model", "model.pb", field(1, "pipeline") + nodes("a", "../b"), "mleap-model | mleap.op=pipeline mleap.node=a mleap.node=../b |  | "},
		{"attributes first", "model.pb", nodes("a") + field(1, "pipeline"), "mleap-model | mleap.node=a mleap.op=pipeline |  | "},
		{"value before key", "model.pb", field(1, "pipeline") + field(2, field(1, field(2, field(2, field(2, "../b"))), field(1, "nodes"))),
			"mleap-model | mleap.op=pipeline mleap.node=../b |  | "},
		{"scalar", "model.pb", field(1, "tensorflow") + field(2, field(1, field(1, "format"), field(2, field(1, field(2, "graph"))))),
			"mleap-model | mleap.op=tensorflow mleap.model-format=graph |  | "},
		{"model within", "model.pb", field(1, "x") + field(2, field(1, field(1, "m"), field(2, field(1, field(11, field(1, "y")))))),
			"mleap-model | mleap.op=x mleap.op=y |  | "},
		{"protobuf breaks off", "model.pb", field(1, "pca") + "\x12\x05",
			"mleap-model | mleap.op=pca odd malformed |  | mleap: protobuf at 5: field 2 of 5 bytes reaches beyond its message: unexpected EOF"},
		{"a field that MLeap does not know", "model.pb", field(15, "abc") + field(1, "pca") + field(9, "x"), "mleap-model | odd shape mleap.op=pca |  | "},
		{"protobuf breaks off late", "model.pb", field(1, "pca") + field(2, field(1, field(1, "k"), "\x12\x05")),
			"mleap-model | mleap.op=pca odd malformed |  | mleap: protobuf at 12: field 2 of 5 bytes reaches beyond its message: unexpected EOF"},
		{"a TensorFlow graph of that name", "model.pb", field(1, field(1, "x"), field(2, "Const")), " |  |  | "},
		{"protobuf node", "node.pb", field(1, "lr") + field(2, field(1, field(1, "features"), field(2, "f"))), "mleap-node | mleap.node-name:lr |  | "},
		{"too many names, but paths are kept", "model.json", many, "mleap-model | mleap.op=pipeline" + strings.Repeat(" mleap.node=n", maxNames) + " mleap.node=../x mleap.nodes:1006 |  | "},
	} {
		t.Run(c.what, func(t *testing.T) {
			if got := parse(c.name, []byte(c.in)).String(); got != c.want {
				t.Errorf("got\n\t%.600s\nwant\n\t%.600s", got, c.want)
			}
		})
	}
}

// TestDepth ends before the stack does.
func TestDepth(t *testing.T) {
	deep := `{"op":"x","attributes":` + strings.Repeat(`{"a":`, 10_000)
	if p := parse("model.json", []byte(deep)); len(p.errs) != 1 || !strings.Contains(p.errs[0], "limit reached") {
		t.Errorf("10,000 levels: %v", p.errs)
	}
	within := field(1, "y")
	for range 2 * maxModels {
		within = field(1, "x") + field(2, field(1, field(1, "m"), field(2, field(1, field(11, within)))))
	}
	if p := parse("model.pb", []byte(within)); len(p.errs) != 1 || !strings.Contains(p.errs[0], "limit reached") {
		t.Errorf("models within each other: %v", p.errs)
	}
}

// honest gives every file of the honest corpus, those in zip files included, by name.
func honest(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, root := range []string{"mleap", "spark", "parquet"} {
		err := filepath.WalkDir("../../../testdata/benign/"+root, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || d.Name() == "manifest.json" {
				return err
			}
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			all[p] = b
			z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				return nil //nolint:nilerr // not a zip file
			}
			for _, f := range z.File {
				r, err := f.Open()
				if err != nil {
					return err
				}
				if all[p+"!/"+f.Name], err = io.ReadAll(io.LimitReader(r, 1<<20)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(all) < 200 {
		t.Fatalf("only %d honest files were found", len(all))
	}
	return all
}

// TestHonest recognises every definition that MLeap and Spark wrote, by its name and without it where it is JSON, and finds nothing odd.
func TestHonest(t *testing.T) {
	counts := map[string]int{}
	for name, b := range honest(t) {
		want := map[string]string{
			"bundle.json": "mleap-info", "model.json": "mleap-model", "model.pb": "mleap-model", "node.json": "mleap-node", "node.pb": "mleap-node", "part-00000": "spark-ml",
		}[path.Base(name)]
		switch {
		case strings.Contains(name, "/data/metadata/"): // of the old mllib, whose reader compares the class with its own
			want = ""
		case strings.HasSuffix(name, ".zip") && strings.Contains(name, "/mleap/") && !strings.HasSuffix(name, "/saved_model.zip"):
			want = "mleap-bundle"
		case strings.HasSuffix(name, ".parquet"):
			want = "parquet"
		}
		p := parse(path.Base(name), b)
		if got := strings.Join(p.formats, " "); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
		if s := p.String(); strings.Contains(s, " odd ") || len(p.errs) > 0 || len(p.members) > 0 && want != "parquet" { // metadata that Arrow wrote twice are handed on
			t.Errorf("%s: %s", name, s)
		}
		if other := strings.Join(parse("other", b).formats, " "); !strings.HasSuffix(name, ".pb") && other != want {
			t.Errorf("%s under another name is %q", name, other)
		}
		counts[want]++
	}
	t.Logf("%v", counts)
	for _, f := range Formats {
		if counts[f.Name] == 0 {
			t.Errorf("no honest file is %s", f.Name)
		}
	}
}

// TestTruncated cuts small honest files at every length: no panic, and never silence about a definition that breaks off.
func TestTruncated(t *testing.T) {
	cuts := 0
	all := honest(t)
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b := all[name]
		if len(b) > 600 || strings.HasSuffix(name, ".zip") || seen[string(b)] || cuts > 40_000 {
			continue
		}
		seen[string(b)] = true
		base := path.Base(name)
		for n := range len(b) {
			p := parse(base, b[:n])
			if strings.HasSuffix(base, ".json") && len(p.formats) > 0 && len(p.errs) == 0 && len(bytes.TrimSpace(b[n:])) > 0 {
				t.Fatalf("%s cut at %d of %d is %s", name, n, len(b), p)
			}
			cuts++
		}
	}
	if cuts < 10_000 {
		t.Errorf("only %d cuts", cuts)
	}
}

// fuzz feeds mutated files under one name: no panic, bounded facts, the same twice.
func fuzz(f *testing.F, want string) {
	seeds := 0
	for name, b := range honest(f) {
		if base := path.Base(name); len(b) < 4<<10 && (base == want || strings.HasSuffix(base, want)) {
			f.Add(b)
			seeds++
		}
	}
	if seeds == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		one, two := parse(want, b), parse(want, b)
		if one.String() != two.String() {
			t.Error("the same input gives different facts")
		}
		if len(one.facts) > 20_000 {
			t.Errorf("%d facts", len(one.facts))
		}
	})
}

func FuzzModelJSON(f *testing.F) { fuzz(f, "model.json") }
func FuzzModelPB(f *testing.F)   { fuzz(f, "model.pb") }
func FuzzSpark(f *testing.F)     { fuzz(f, "part-00000") }
func FuzzParquet(f *testing.F)   { fuzz(f, ".parquet") }

// TestJSON holds the reader to encoding/json on texts of all kinds: both take the same ones, and the strings are the same.
func TestJSON(t *testing.T) {
	values := []string{
		`"a"`, `"\u0061\n\/\""`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ud83dx"`, `"\ud83d\n"`, `"\ud83d\u0041"`, `"\ude00"`, `"ü😀"`, `""`, `"` + strings.Repeat("x", 20_000) + `"`,
		`"\x"`, `"\u00g0"`, `"\ud83d\q"`, "\"\n\"", `"a`, `0`, `-1.5e+3`, `1E9`, `-`, `1.`, `.5`, `1e`, `+1`, `1e5.5`, `true`, `null`, `nul`, `truex`,
		`[]`, `[1,]`, `[,1]`, `[1 2]`, `{}`, `{"a":1,}`, `{"a" 1}`, `{a:1}`, `{"a":[{"b":[[]]}]}`, `]`, ``, ` `, `NaN`, `[1`, `{"a":`,
	}
	for _, v := range values {
		for _, text := range []string{v, strings.Repeat(" ", jsonBuffer-3) + v, `["` + strings.Repeat("y", jsonBuffer-6) + `",` + v + `]`} {
			var want any
			wantErr := json.Unmarshal([]byte(text), &want)
			var got []string
			_, err := readJSON(iotest.OneByteReader(strings.NewReader(text)), 1000, func(_ []string, v jsonValue) {
				if v.Kind == 's' {
					got = append(got, v.Text)
				}
			})
			if (err == nil) != (wantErr == nil) {
				t.Errorf("%.40q: %v, encoding/json says %v", v, err, wantErr)
			}
			if s, ok := want.(string); ok && err == nil && (len(got) != 1 || got[0] != s) {
				t.Errorf("%.40q is %.40q, want %.40q", v, got, s)
			}
		}
	}
}
