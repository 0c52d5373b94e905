package tensor

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir"
)

// text is a short string's opcode.
func text(s string) string { return "X" + string([]byte{byte(len(s)), 0, 0, 0}) + s }

// wrapper is the pickle up to the BUILD of an array wrapper; n is the length of its one dimension.
func wrapper(dtype string, n byte, extra string) string {
	return "\x80\x03cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(" +
		text("subclass") + "cnumpy\nndarray\n" + text("shape") + "K" + string([]byte{n}) + "\x85" + text("order") + text("C") +
		text("dtype") + "cnumpy\ndtype\n" + text(dtype) + "K\x00K\x01\x87R" + text("allow_mmap") + "\x88" + extra + "ub"
}

// joblibFile is a dump of one array as joblib before 1.2 wrote it, without alignment.
func joblibFile(dtype string, n byte, data string) []byte {
	return []byte(wrapper(dtype, n, "") + data + ".")
}

func TestJoblib(t *testing.T) {
	align := text("numpy_array_alignment_bytes") + "K\x10"
	evil := strings.TrimPrefix(strings.TrimSuffix(hostilePickle, "."), "\x80\x02")
	for _, tc := range []struct {
		name  string
		file  string
		odd   string
		fails bool
		runs  bool
	}{
		{name: "array", file: string(joblibFile("f8", 2, strings.Repeat("\x00", 16)))},
		{name: "aligned array", file: wrapper("u1", 4, align) + "\x03\xff\xff\xffdata."},
		{name: "two dumps", file: strings.Repeat(string(joblibFile("u1", 2, "ab")), 2)},
		{name: "objects", file: wrapper("O8", 1, "") + hostilePickle + ".", runs: true},
		{name: "call after an array", file: wrapper("u1", 4, "") + "data" + evil + ".", runs: true},
		{name: "call before an array", file: "\x80\x02" + evil + "0" + wrapper("u1", 4, "")[2:] + "data.", runs: true},
		{name: "array data that is a program", file: wrapper("u1", byte(len(evil)), "") + evil + ".", odd: "divergent", runs: true},
		{name: "program behind the padding", file: wrapper("u1", byte(len(evil)), align) + "0" + strings.Repeat("0", 0x30) + evil + ".", odd: "shape"},
		{name: "hidden objects", file: wrapper("V8", 1, "") + hostilePickle + ".", runs: true},
		{name: "structured array", file: wrapper("V8", 2, "") + strings.Repeat("\x80\x02..\x00\x00\x00\x00", 2) + "."},
		{name: "size that lies", file: wrapper("f8", 255, "") + "1234.", odd: "truncated", fails: true},
		{name: "type that no numpy writes", file: wrapper("i4,O", 1, "") + "1234.", odd: "shape", fails: true},
		{name: "trailing bytes", file: string(joblibFile("u1", 2, "ab")) + "\x00\x00\x00", odd: "trailing"},
		{name: "side file", file: "\x80\x02cjoblib.numpy_pickle\nNDArrayWrapper\n)\x81}(" + text("filename") + text("a_01.npy") + "ub."},
		{name: "side file elsewhere", file: "\x80\x02cjoblib.numpy_pickle_compat\nNDArrayWrapper\n)\x81}(" + text("filename") + text("../../a.npy") + "ub.", odd: "path"},
		{name: "side file, absolute", file: "\x80\x02csklearn.externals.joblib.numpy_pickle\nZNDArrayWrapper\n)\x81}(" + text("filename") + text("/a.npy") + "ub.", odd: "path"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := newEngine()
			names := e.Scan("a.joblib", strings.NewReader(tc.file), int64(len(tc.file)))
			if fmt.Sprint(names) != "[joblib]" {
				t.Fatalf("recognised as %v", names)
			}
			if got := kinds(e); got != tc.odd && !(tc.odd != "" && strings.Contains(got, tc.odd)) {
				t.Errorf("oddities %q, want %q\n%s", got, tc.odd, e.Lines())
			}
			if (len(e.Errs) > 0) != tc.fails {
				t.Errorf("errors %q, want any: %v", e.Errs, tc.fails)
			}
			if seen := called(e, "posix.system"); seen != tc.runs && tc.odd != "shape" {
				t.Errorf("posix.system seen: %v, want %v\n%s", seen, tc.runs, e.Lines())
			}
		})
	}
}

func zfFile(length int, data string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "ZF%-19s", fmt.Sprintf("%#x", length))
	w := zlib.NewWriter(&b)
	_, _ = w.Write([]byte(data))
	_ = w.Close()
	return b.Bytes()
}

func TestJoblibZ(t *testing.T) {
	for _, tc := range []struct {
		name  string
		file  []byte
		odd   string
		fails bool
	}{
		{name: "plain", file: zfFile(len(hostilePickle), hostilePickle)},
		{name: "one place more", file: append(append(zfFile(len(hostilePickle), hostilePickle)[:21:21], ' '), zfFile(len(hostilePickle), hostilePickle)[21:]...)},
		{name: "length that lies", file: zfFile(3, hostilePickle), odd: "mismatch"},
		{name: "trailing", file: append(zfFile(len(hostilePickle), hostilePickle), 'x'), odd: "trailing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := newEngine()
			names := e.Scan("a.z", bytes.NewReader(tc.file), int64(len(tc.file)))
			if fmt.Sprint(names) != "[joblib-z]" || !called(e, "posix.system") || kinds(e) != tc.odd || (len(e.Errs) > 0) != tc.fails {
				t.Errorf("%v\n%s", names, e.Lines())
			}
		})
	}
}

func FuzzJoblib(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "testdata", "benign", "sklearn", "1.7", "joblib", "svc-p*.joblib"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(joblibFile("f8", 2, strings.Repeat("\x00", 16)))
	f.Add([]byte(wrapper("O8", 1, "") + hostilePickle + "."))
	f.Add([]byte("\x80\x02cjoblib.numpy_pickle\nNDArrayWrapper\n)\x81}(" + text("filename") + text("a_01.npy") + "ub."))
	f.Fuzz(func(t *testing.T, b []byte) { checkParse(t, b, ParseJoblib) })
}

func FuzzJoblibZ(f *testing.F) {
	f.Add(zfFile(len(hostilePickle), hostilePickle))
	f.Add(zfFile(3, ""))
	f.Fuzz(func(t *testing.T, b []byte) { checkParse(t, b, parseJoblibZ) })
}

var _ = weir.Storage{}
