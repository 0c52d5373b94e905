package wire_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"weir/internal/gateway/gatetest"
	"weir/internal/gateway/wire"
)

// writer makes JSON texts: mostly right, with what parsers disagree about here and there.
type writer struct{ *rand.Rand }

func (w writer) pick(list ...string) string { return list[w.IntN(len(list))] }

func (w writer) value(depth int) string {
	n := w.IntN(12)
	if depth > 5 {
		n = w.IntN(8)
	}
	switch {
	case n < 3:
		return w.text()
	case n < 6:
		return w.number()
	case n < 8:
		return w.pick("true", "false", "null", "NaN", "-Infinity", "Infinity", "nul", "True")
	case n < 10:
		return "[" + w.list(w.IntN(4), func() string { return w.value(depth + 1) }) + "]"
	}
	return w.object(depth + 1)
}

func (w writer) object(depth int) string {
	return "{" + w.list(w.IntN(5), func() string { return w.text() + w.space() + ":" + w.value(depth) }) + "}"
}

func (w writer) list(n int, one func() string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = w.space() + one() + w.space()
	}
	return strings.Join(parts, ",")
}

func (w writer) space() string { return w.pick("", "", "", " ", "\n", "\t", "\r\n") }

func (w writer) text() string {
	s := `"`
	for range w.IntN(4) {
		s += w.pick("a", "b", "run_id", "é", "😀", `\n`, `\"`, `\\`, `\/`, `\u0061`, `\u00e9`, `\ud83d\ude00`, "\u2028", " ", "%2e", "\x7f")
		if w.IntN(60) == 0 {
			s += w.pick(`\ud800`, `\udc00`, `\u0000`, `\x41`, "\x01", "\xff", "\xc0\xaf", "\xed\xa0\x80", `\u12`, "\n")
		}
	}
	return s + `"`
}

func (w writer) number() string {
	if w.IntN(30) == 0 {
		return w.pick("01", "+1", ".5", "5.", "1e", "0x1", "1_0", "1e999", "--1", "-", "1E+", "0e", "１")
	}
	return w.pick("0", "-0", "1", "-1", "9007199254740993", "18446744073709551616", "-9223372036854775809", "1.5", "-0.0", "1e3", "1E-3", "0.1e+2", "1e308", "4.9e-324", "1e-400",
		"123456789012345678901234567890", "0.1000000000000000055511151231257827", strconv.FormatFloat(w.NormFloat64(), 'g', -1, 64))
}

// tagged writes a value so that CPython's reading of it cannot repeat a mistake of ours.
func tagged(v any) any {
	switch v := v.(type) {
	case json.Number:
		return map[string]string{"n": string(v)}
	case wire.Object:
		pairs := [][2]any{}
		for k, e := range v {
			pairs = append(pairs, [2]any{k, tagged(e)})
		}
		return map[string]any{"o": pairs}
	case []any:
		list := []any{}
		for _, e := range v {
			list = append(list, tagged(e))
		}
		return map[string]any{"a": list}
	}
	return v
}

// TestCPython: MLflow reads bodies with CPython's json. Whatever passes here is the same value there.
func TestCPython(t *testing.T) {
	python, err := gatetest.Interpreter("gate-mlflow-new")
	if err != nil {
		t.Fatal(err)
	}
	file := t.TempDir() + "/texts.jsonl"
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriter(f)
	enc := json.NewEncoder(out)
	w := writer{rand.New(rand.NewPCG(5, 2026))}
	const texts = 60_000
	passed := 0
	for range texts {
		raw := w.space() + w.object(0) + w.space()
		if w.IntN(10) == 0 {
			at := w.IntN(len(raw))
			raw = raw[:at] + w.pick("", ",", "}", "\"", "\\", "\x00", "\xef\xbb\xbf", "//", "'") + raw[min(len(raw), at+w.IntN(2)):]
		}
		v, err := wire.ParseValue([]byte(raw), wire.Limits{NaN: true})
		if err != nil {
			continue
		}
		passed++
		if err := enc.Encode(map[string]any{"raw": []byte(raw), "value": tagged(v)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(out.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if passed < texts/4 || passed > texts*19/20 {
		t.Errorf("of %d texts %d pass: the writer tries nothing", texts, passed)
	}
	got, err := exec.Command(python, "testdata/cpython.py", file).CombinedOutput()
	if want := fmt.Sprintf("read %d alike", passed); err != nil || strings.TrimSpace(string(got)) != want {
		t.Errorf("want %q, got %v: %.2000s", want, err, got)
	}
	t.Logf("%d of %d texts pass and are the same for CPython", passed, texts)
}
