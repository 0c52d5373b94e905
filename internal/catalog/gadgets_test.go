package catalog

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir"
	"weir/internal/pyname"
	"weir/internal/scan"
	"weir/internal/source"
)

// The opcodes of protocol 4 that the streams below are made of.
func text(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}
func name(mod, n string) string { return text(mod) + text(n) + "\x93" }
func tuple(v ...string) string  { return "(" + strings.Join(v, "") + "t" }
func list(v ...string) string   { return "](" + strings.Join(v, "") + "e" }
func fields(v ...string) string { return "}(" + strings.Join(v, "") + "u" }
func call(f string, v ...string) string {
	return f + tuple(v...) + "R"
}
func made(class string, state string) string { return class + ")\x81" + state + "b" }

// TestGadgets holds streams that act when they are loaded, though nothing in them is dangerous by its name. Each was seen to run with the
// real libraries, and was once called clean.
func TestGadgets(t *testing.T) {
	touch := call(name("operator", "methodcaller"), text("touch"))
	system := call(name("operator", "methodcaller"), text("system"), text("echo gadget"))
	file := call(name("pathlib", "PosixPath"), text("CANARY"))
	module := call(name("cloudpickle.cloudpickle", "subimport"), text("os"))
	later := call(name("functools", "partial"), touch, file)
	mapper := func(f, over string) string {
		return made(name("torch.utils.data.datapipes.iter.callable", "MapperIterDataPipe"),
			fields(text("fn"), f, text("datapipe"), list(over), text("input_col"), "N", text("output_col"), "N", text("_snapshot_state"), "K\x00"))
	}
	opener := made(name("torch.utils.data.datapipes.iter.fileopener", "FileOpenerIterDataPipe"),
		fields(text("datapipe"), list(text("CANARY")), text("mode"), text("w"), text("encoding"), "N", text("length"), "K\x01"))
	flood := ""
	for _, f := range []string{"map", "filter"} {
		flood += strings.Repeat(call(name("builtins", f), name("builtins", "float"), "]")+"0", 5000)
	}
	hidden := "0\x80\x04" + call(name("os", "system"), text("echo gadget")) + "."
	array := fields(text("subclass"), name("numpy", "ndarray"), text("shape"), tuple("K\x05"), text("order"), text("C"),
		text("dtype"), call(name("numpy", "dtype"), text("u1"), "\x89", "\x88"), text("allow_mmap"), "\x88")
	wrapper := name("joblib.numpy_pickle", "NumpyArrayWrapper")
	skipped := "B" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(hidden)))) + hidden + "0"

	object := call(name("numpy", "dtype"), text("O8"), "\x89", "\x88")
	record := call(name("numpy", "dtype"), text("V8"), "\x89", "\x88") +
		tuple("K\x03", text("|"), "N", tuple(text("a")), fields(text("a"), tuple(object, "K\x00")), "K\x08", "K\x01", "K\x00")

	for what, body := range map[string]string{
		"list goes through a pipe that calls a method of the file's choice": call(name("builtins", "list"), mapper(touch, file)),
		"the same with a module that cloudpickle imports":                   call(name("builtins", "list"), mapper(system, module)),
		"list goes through a pipe that opens files":                         call(name("builtins", "list"), opener),
		"an exception goes through a pipe that opens files":                 made(name("builtins", "ValueError"), fields(text("args"), opener)),
		"numpy asks an object for its array":                                call(name("numpy", "float64"), made(name("types", "SimpleNamespace"), fields(text("__array__"), later))),
		"pandas asks an object for its array":                               name("pandas.core.indexes.base", "Index") + tuple(made(name("types", "SimpleNamespace"), fields(text("__array__"), later))) + "\x81",
		"dill calls what it is told is a type":                              call(name("dill._dill", "_create_type"), touch, file),
		"dill calls what it is told makes functions":                        call(name("dill._dill", "_create_ftype"), touch, file, ")", "}"),
		"cloudpickle imports a program":                                     call(name("cloudpickle.cloudpickle", "subimport"), text("idlelib.idle")),
		"dill imports a program":                                            call(name("dill._dill", "_import_module"), text("antigravity")),
		"dill changes a class of torch":                                     call(name("dill._dill", "_setattr"), name("torch.nn.modules.linear", "Linear"), text("forward"), name("builtins", "print")),
		"an alias of typing hands state on to a class": made(name("typing", "_GenericAlias"), fields(text("__origin__"), name("torch.nn.modules.linear", "Linear"))) +
			tuple("N", fields(text("forward"), name("builtins", "print"))) + "b",
		"a dtype denies that it holds objects":           record + "b",
		"many harmless calls before the one that counts": flood + call(name("os", "system"), text("echo gadget")),
		"pandas makes joblib's wrapper of an array":      call(name("pandas.core.indexes.base", "_new_Index"), wrapper, "}") + array + "b" + skipped,
		"sklearn makes joblib's wrapper of an array":     call(name("sklearn.neighbors._kd_tree", "newObj"), wrapper) + array + "b" + skipped,
	} {
		t.Run(what, func(t *testing.T) {
			if worst := severity(t, "\x80\x04"+body+"."); worst < weir.SeverityHigh {
				t.Errorf("the worst finding is %s", worst)
			}
		})
	}
}

// TestLateImport holds files whose first import comes after more than a look at their first bytes shows. They load; none begins with PROTO.
func TestLateImport(t *testing.T) {
	late := text("os") + "q\x000" + text("system") + "q\x010h\x00h\x01\x93" + text("echo late") + "\x85R."
	for what, before := range map[string]string{
		"opcodes that do nothing": strings.Repeat("N0", 20_000),
		"numbers":                 strings.Repeat("I7\n0", 30_000),
		"a long literal":          "B\x00\x00\x10\x00" + strings.Repeat("\x00", 1<<20) + "0",
		"a stream of its own":     strings.Repeat("N0", 20_000) + "N.",
		"a long line":             "V" + strings.Repeat("a", 300_000) + "\n0",
	} {
		if worst := severity(t, before+late); worst < weir.SeverityCritical {
			t.Errorf("%s: the worst finding is %s", what, worst)
		}
	}
}

// TestZipBehindAnything holds archives that begin after bytes of no format and end in a comment: zipfile looks for the end record in the last
// 64 KiB of a file, wherever the archive begins.
func TestZipBehindAnything(t *testing.T) {
	var z bytes.Buffer
	w := zip.NewWriter(&z)
	f, err := w.Create("model/data.pkl")
	if err == nil {
		_, err = f.Write([]byte("cos\nsystem\n(S'echo zip'\ntR."))
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	end := z.Bytes()[:z.Len()-2] // without the length of the comment
	for _, prefix := range []int{0, 100, 100_000} {
		for _, comment := range []int{0, 3000, 5000, 0xffff} {
			file := strings.Repeat("#", prefix) + string(end) + string([]byte{byte(comment), byte(comment >> 8)}) + strings.Repeat("c", comment)
			if worst := severity(t, file); worst < weir.SeverityCritical {
				t.Errorf("behind %d bytes, with a comment of %d: the worst finding is %s", prefix, comment, worst)
			}
		}
	}
}

// severity scans a stream as a file and gives the worst finding.
func severity(t *testing.T, stream string) weir.Severity {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "model.pkl"), []byte(stream), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := scan.Config{
		Catalog: scan.Catalog{Formats: Formats(), Opaque: Opaque()}, Rules: Rules(), Names: pyname.Default(), Limits: weir.DefaultLimits(),
		Framework: func(string) string { return "python" },
	}
	worst := weir.SeverityNone
	ctx := context.Background()
	err := scan.Run(ctx, source.Walk(ctx, []string{dir}, source.Options{}), cfg, func(e weir.Event) error {
		if e.Finding != nil {
			worst = max(worst, e.Finding.Severity)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return worst
}
