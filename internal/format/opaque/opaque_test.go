package opaque

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"weir"
	"weir/internal/format"
)

const hostile = "\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R."

// look gives what the search says of content: imports, code, oddities, and what it hands back.
func look(content string) (facts, nested []string, err error) {
	in := &format.Input{ReaderAt: strings.NewReader(content), Size: int64(len(content)), Limits: weir.DefaultLimits()}
	in.Limits.Steps = 1_000_000
	in.Emit = func(f weir.Fact) {
		switch f := f.(type) {
		case weir.Import:
			facts = append(facts, f.Use.String()+" "+f.Module+"."+f.Name)
		case weir.Code:
			facts = append(facts, f.Language+" "+f.Name)
		}
	}
	in.Nested = func(name string, r io.ReaderAt, size int64) (format.Summary, error) {
		b := make([]byte, size)
		if _, err := r.ReadAt(b, 0); err != nil && err != io.EOF {
			return format.Summary{}, err
		}
		kind, _, _ := strings.Cut(name, "@")
		nested = append(nested, kind+" "+string(b))
		return format.Summary{Size: size, Complete: true}, nil
	}
	err = parse(in)
	return facts, nested, err
}

func TestSearch(t *testing.T) {
	noise := make([]byte, 300_001)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.IntN(256))
	}
	text := "some words, one per line\n"
	for _, c := range []struct {
		name, content, fact, nested string
	}{
		{"pickle in noise", string(noise) + hostile + string(noise), "called posix.system", ""},
		{"pickle across a chunk", strings.Repeat("\x01", 256<<10-7) + hostile, "called posix.system", ""},
		{"old pickle in text", text + "cposix\nsystem\n(S'id'\ntR." + text, "called posix.system", ""},
		{"instance", text + "(S'id'\niposix\nsystem\n." + text, "called posix.system", ""},
		{"base64", text + "x = \"" + base64.StdEncoding.EncodeToString([]byte(hostile)) + "\"\n", "", "base64 " + hostile},
		{"base64url", text + base64.RawURLEncoding.EncodeToString([]byte(hostile)), "", "base64 " + hostile},
		{"base64 in lines", wrapped(base64.StdEncoding.EncodeToString([]byte(hostile + strings.Repeat("~", 90)))), "", "base64 " + hostile + strings.Repeat("~", 90)},
		{"hexadecimal", text + hex.EncodeToString([]byte(hostile)), "", "hex " + hostile},
		{"ELF", "\x7fELF\x02\x01\x01\x00" + string(noise[:500]), "native ELF", ""},
		{"noise alone", string(noise), "", ""},
		{"text alone", strings.Repeat(text, 1000), "", ""},
		{"a list of packages", "functorch\ntorch\ntorchgen\n", "", ""}, // "ctorch\ntorch\n" would import torch.torch
		{"a digest that begins like a pickle", "commit 8004639a0bc85a7d93d5e1f2c4b6a8d0e2f4a6c8\n", "", ""},
		{"a pickle of data in hexadecimal", hex.EncodeToString([]byte("\x80\x04]\x94(K\x01K\x02e.........")), "", ""},
		{"words that look like a pickle", "The functions are\ncos\nsin\n(tan)\n", "", ""},
		{"picture data", "data:image/png;base64," + base64.StdEncoding.EncodeToString(noise[:3000]), "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			facts, nested, err := look(c.content)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(facts, ","); c.fact == "" && got != "" || !strings.Contains(got, c.fact) {
				t.Errorf("facts %q, want %q", got, c.fact)
			}
			if got := strings.Join(nested, ","); got != c.nested {
				t.Errorf("handed back %q, want %q", got, c.nested)
			}
		})
	}
}

func wrapped(s string) string {
	var b strings.Builder
	for len(s) > 64 {
		b.WriteString(s[:64] + "\n")
		s = s[64:]
	}
	return b.String() + s + "\n"
}

func TestPointer(t *testing.T) {
	_, _, err := look("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
	if err == nil {
		t.Error("a Git LFS pointer passes for the file that it stands for")
	}
	if _, _, err := look("version https://git-lfs.github.com/spec/v1\n" + strings.Repeat("a text about pointers ", 100)); err != nil {
		t.Errorf("a text: %v", err)
	}
}

func FuzzOpaque(f *testing.F) {
	for _, s := range []string{
		"", hostile, "xx" + hostile, "cposix\nsystem\n(S'id'\ntR.", "(S'id'\niposix\nsystem\n.", "\x7fELF", "MZ",
		base64.StdEncoding.EncodeToString([]byte(hostile)), hex.EncodeToString([]byte(hostile)), "version https://git-lfs.github.com/spec/v1\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		facts, nested, _ := look(string(b))
		again, nested2, _ := look(string(bytes.Clone(b)))
		if strings.Join(facts, ",") != strings.Join(again, ",") || strings.Join(nested, ",") != strings.Join(nested2, ",") {
			t.Fatalf("two looks differ: %v %v", facts, again)
		}
	})
}
