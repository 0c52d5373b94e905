package report

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"weir"
)

// FuzzEscape: whatever a text holds, what is shown of it is visible and in UTF-8, and its JSON form gives it back.
func FuzzEscape(f *testing.F) {
	f.Add(hostileText)
	f.Add("plain")
	f.Add("\xf0\x90\x28\xbc\u0600\U000e0001")
	f.Fuzz(func(t *testing.T, s string) {
		shown := Printable(s)
		if !isPrintable(shown) {
			t.Errorf("%q", shown)
		}
		if isPrintable(s) && shown != s {
			t.Errorf("%q became %q", s, shown)
		}
		for _, line := range printableLines(s) {
			if !isPrintable(line) {
				t.Errorf("%q", line)
			}
		}
		for _, line := range fold(shown, 30) {
			if utf8.RuneCountInString(line) > 30 {
				t.Errorf("line of %d characters", utf8.RuneCountInString(line))
			}
		}
		text := weir.UTF8(s)
		b, err := encode(text)
		if err != nil {
			t.Fatal(err)
		}
		var back string
		if err := json.Unmarshal(b, &back); err != nil || back != text || !isPrintable(string(b)) {
			t.Errorf("%q came back as %q, %v", text, back, err)
		}
		for _, r := range plain(s) + cell(s) {
			if strings.ContainsRune("`*_[]|@\\", r) {
				t.Errorf("%q in Markdown", r)
			}
		}
	})
}

// FuzzReplay: no stored stream, however broken, breaks a report.
func FuzzReplay(f *testing.F) {
	for _, events := range [][]weir.Event{sample(), hostile()} {
		var b bytes.Buffer
		sink := All()[2].New(&b, Options{})
		for _, e := range events {
			if err := sink(e); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(b.Bytes())
		f.Add(b.Bytes()[:b.Len()/2])
	}
	f.Fuzz(func(t *testing.T, stored []byte) {
		for _, format := range All() {
			var out bytes.Buffer
			err := Replay(bytes.NewReader(stored), format.New(&out, Options{Rule: sampleRule}))
			if err != nil {
				continue
			}
			if !utf8.Valid(out.Bytes()) {
				t.Errorf("%s is not UTF-8", format.Name)
			}
			if format.Name == "json" || format.Name == "sarif" || format.Name == "gitlab" {
				if !json.Valid(out.Bytes()) {
					t.Errorf("%s is not JSON", format.Name)
				}
			}
		}
		_ = Replay(bytes.NewReader(stored), func(weir.Event) error { return io.EOF })
	})
}
