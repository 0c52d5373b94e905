package archive

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir"
	"weir/internal/format"
)

// honest gives the archives that testdata/make.sh made, by name.
func honest(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*.*")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		if ext := filepath.Ext(f); ext == ".sh" || ext == ".py" {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = b
	}
	if len(out) < 60 {
		t.Fatalf("testdata holds %d archives; run testdata/make.sh", len(out))
	}
	return out
}

// formatOf gives the one format that matches content.
func formatOf(t testing.TB, name string, b []byte) format.Format {
	t.Helper()
	var hits []format.Format
	for _, f := range allFormats {
		if f.Match(headOf(name, b)) {
			hits = append(hits, f)
		}
	}
	if len(hits) != 1 {
		t.Fatalf("%s is recognised as %d formats, want 1", name, len(hits))
	}
	return hits[0]
}

func TestHonestArchivesAreClean(t *testing.T) {
	wants := map[string]string{"zip": "zip", "jar": "zip", "tar": "tar", "gz": "gzip", "zlib": "zlib", "bz2": "bzip2", "xz": "xz", "lzma": "lzma", "zst": "zstd", "lz4": "lz4", "7z": "7z"}
	for name, b := range honest(t) {
		t.Run(name, func(t *testing.T) {
			f := formatOf(t, name, b)
			if want := wants[strings.TrimPrefix(filepath.Ext(name), ".")]; f.Name != want {
				t.Errorf("recognised as %s, want %s", f.Name, want)
			}
			e, err := parse(f, b)
			switch {
			case strings.HasPrefix(name, "encrypted"):
				if err == nil || !e.has(weir.OddEncrypted, "encrypted") {
					t.Errorf("an encrypted archive gave %v and %v", err, e.oddities())
				}
			case strings.HasPrefix(name, "unsupported"):
				if err == nil || !e.has(weir.OddUnsupported, "") {
					t.Errorf("an archive of an unknown method gave %v and %v", err, e.oddities())
				}
			default:
				wantClean(t, e, err)
			}
		})
	}
}

// The content of every honest archive reaches the engine whole.
func TestHonestArchivesAreReadWhole(t *testing.T) {
	var numbers strings.Builder
	for i := range 300 {
		numbers.WriteString(itoaln(i + 1))
	}
	for name, b := range honest(t) {
		if strings.HasPrefix(name, "encrypted") || strings.HasPrefix(name, "unsupported") {
			continue
		}
		e, _ := parse(formatOf(t, name, b), b)
		switch {
		case strings.Contains(name, "empty"):
			continue
		case strings.Contains(name, "sparse"):
			for _, c := range e.content {
				if len(c) != 200<<10 || string(c[100000:100004]) != "data" || len(bytes.Trim(c, "\x00")) != 4 {
					t.Errorf("%s: the sparse file is not as it was: %d bytes", name, len(c))
				}
			}
		case strings.HasSuffix(name, ".zlib"), name == "x86.xz", name == "delta.xz", name == "python-one.zip", name == "torch.zip":
			if !e.holds("honest") {
				t.Errorf("%s: the pickle is not there", name)
			}
		case strings.Contains(name, "long"), name == "infozip-zip64.zip", name == "hardlink.tar", name == "padded.gz", name == "symlink.7z":
			if !e.holds("hello, archive\n") {
				t.Errorf("%s: the text is not there", name)
			}
		case strings.HasPrefix(name, "jar"):
			if !e.holds(numbers.String()) || !e.holds("honest") || !e.holds("Manifest-Version") {
				t.Errorf("%s: content is missing", name)
			}
		default:
			if !e.holds(numbers.String()) {
				t.Errorf("%s: the numbers are not there", name)
			}
		}
	}
}

func itoaln(i int) string {
	var b []byte
	for ; i > 0; i /= 10 {
		b = append([]byte{byte('0' + i%10)}, b...)
	}
	return string(append(b, '\n'))
}

// Cut off at any length, an archive is an error or an oddity, never a panic and never clean.
func TestTruncatedAtEveryLength(t *testing.T) {
	for name, b := range honest(t) {
		if strings.HasPrefix(name, "encrypted") || strings.HasPrefix(name, "unsupported") {
			continue
		}
		f := formatOf(t, name, b)
		step := 1
		if testing.Short() || len(b) > 600 {
			step = max(1, len(b)/101)
		}
		for n := 0; n < len(b); n += step {
			e, err := parse(f, b[:n])
			if err == nil && len(e.oddities()) == 0 && !endsWhole(name, b, n) {
				t.Errorf("%s cut to %d of %d bytes is clean", name, n, len(b))
				break
			}
		}
	}
}

// endsWhole says that a cut archive is a whole one by itself: between streams, or in the zeros at the end.
func endsWhole(name string, b []byte, n int) bool {
	switch filepath.Ext(name) {
	case ".tar":
		// Every reader takes an archive without closing blocks; one that ends after an entry cannot be told from it.
		return n%512 == 0 || len(bytes.Trim(b[n:], "\x00")) == 0
	case ".lz4":
		return n%4 == 0 || name == "legacy.lz4" && n > 4 || name == "frames.lz4"
	case ".gz", ".bz2", ".zst", ".xz":
		e, err := parse(formatOfExt(filepath.Ext(name)), b[:n])
		return err == nil && len(e.content) > 0
	}
	return false
}

func formatOfExt(ext string) format.Format {
	return map[string]format.Format{".gz": Gzip, ".bz2": Bzip2, ".zst": Zstd, ".xz": XZ}[ext]
}

// One changed byte is never a panic, and what is handed over stays the same from run to run.
func TestFlippedBytes(t *testing.T) {
	for name, b := range honest(t) {
		f := formatOf(t, name, b)
		step := max(1, len(b)/40)
		for i := 0; i < len(b); i += step {
			c := bytes.Clone(b)
			c[i] ^= 0x41
			one, err1 := parse(f, c)
			two, err2 := parse(f, c)
			if strings.Join(one.log, "\n") != strings.Join(two.log, "\n") || (err1 == nil) != (err2 == nil) {
				t.Fatalf("%s with byte %d changed gives different facts", name, i)
			}
		}
	}
}

// An lzma file with a dictionary size that no encoder writes is one for every reader that does not try several formats.
func TestMatchOddLZMA(t *testing.T) {
	plain := load(t, "plain.lzma")
	odd := func(f func(b []byte)) []byte {
		return edited(plain, func(b []byte) {
			copy(b[1:], "\x39\x30\x01\x00") // 77881
			if f != nil {
				f(b)
			}
		})
	}
	counting := make([]byte, 512)
	for i := range counting {
		counting[i] = byte(i / 4 * (1 - min(1, i%4)))
	}
	for _, c := range []struct {
		name string
		file []byte
		want bool
	}{
		{"odd dictionary size", odd(nil), true},
		{"no dictionary at all", odd(func(b []byte) { clear(b[1:5]) }), true},
		{"size beyond all files", odd(func(b []byte) { copy(b[5:], "\x00\x00\x00\x00\x80\x00\x00\x00") }), false}, // the end marker comes too early: nobody gets any content
		{"cut off", odd(nil)[:120], true},
		{"broken at once", odd(func(b []byte) { copy(b[20:], noise(60)) }), false},
		{"properties that liblzma refuses", odd(func(b []byte) { b[0] = 8 + 9*4 }), false},
		{"zeros", cat(odd(nil)[:lzmaHeader], make([]byte, 500)), false},
		{"numbers of four bytes", counting, false},
		{"a Fortran record", []byte("\x14\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04\x00\x00\x00\x14\x00\x00\x00"), false},
	} {
		h := headOf("f", c.file)
		if got := LZMA.Match(h); got != c.want {
			t.Errorf("%s: recognised: %v, want %v", c.name, got, c.want)
		}
	}
	e, err := parse(LZMA, odd(nil))
	if wantClean(t, e, err); !e.holds("\n299\n300\n") {
		t.Error("the content did not reach the engine")
	}
	// The first bytes of what is no lzma file, changed so that no cheap test refuses them.
	for seed := range 20_000 {
		b := rand.New(rand.NewPCG(uint64(seed), 1))
		file := make([]byte, 400)
		for i := range file {
			file[i] = byte(b.Uint32())
		}
		file[0] = byte(b.IntN(225))
		clear(file[9:14])
		if LZMA.Match(headOf("f", file)) {
			t.Errorf("random bytes (seed %d) are taken for lzma: % x", seed, file[:32])
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		name, content, want string
	}{
		{"empty file", "", ""},
		{"text", "hello, world\n", ""},
		{"text that has a zlib header", "x^2 + y^2 = z^2 is what Pythagoras says about right triangles\n", ""},
		{"text that begins with xx", strings.Repeat("x\x01 marks the spot. ", 30), ""},
		{"a pickle", "\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00}\x94.", ""},
		{"a pickle of a list", "]q\x00(K\x01K\x02e.", ""},
		{"lzma's first bytes and rubbish", "]\x00\x00\x80\x00" + strings.Repeat("\xff", 40), ""},
		{"BZh in a text", "BZhello, this is text", ""},
		{"a short gzip", "\x1f\x8b\x08", "gzip"},
		{"a zip end record", "PK\x05\x06" + strings.Repeat("\x00", 18), "zip"},
		{"an end record with impossible numbers", "xPK\x05\x06" + strings.Repeat("\x01", 18), ""},
		{"512 zero bytes", strings.Repeat("\x00", 512), ""},
		{"zlib whose stream breaks", "x\x9cKLJNIM\xff\xff\xff\xff\xff", "zlib"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			for _, f := range allFormats {
				if f.Match(headOf("f", []byte(c.content))) {
					got += f.Name
				}
			}
			if got != c.want {
				t.Errorf("recognised as %q, want %q", got, c.want)
			}
		})
	}
}
