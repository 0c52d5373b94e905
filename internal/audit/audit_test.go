package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func record(i int) Record {
	return Record{
		Time: time.Date(2026, 11, 24, 12, 0, 0, i, time.UTC), Request: fmt.Sprintf("r%06d", i), Who: "anna", How: "token", From: "127.0.0.1:40000", Server: "mlflow",
		Method: "GET", Path: "/api/2.0/mlflow/runs/get?run_id=0123456789abcdef", Route: "GET /api/2.0/mlflow/runs/get", Action: "read",
		Resource: []string{"run:0123456789abcdef", "experiment:1"}, Decision: "allow", Policy: "role:viewer", Hint: "h", Observed: "o", Status: 200, Out: 1234, Micros: 321,
	}
}

func open(t testing.TB, dir string, o Options) *Log {
	t.Helper()
	l, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// written makes a closed log with n records.
func written(t testing.TB, n int, o Options) string {
	t.Helper()
	dir := t.TempDir()
	l := open(t, dir, o)
	for i := range n {
		if err := l.Append(record(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRoundTrip(t *testing.T) {
	dir := written(t, 10, Options{})
	report, err := Verify([]string{dir}, "")
	if err != nil {
		t.Fatal(err)
	}
	if report.Lines != 12 || report.First != 1 || report.Last != 12 || report.Checkpoints != 1 || len(report.Notes) != 0 { // opened, 10, checkpoint
		t.Fatalf("report %+v", report)
	}
	var got []Record
	if err := Read([]string{dir}, func(e *Entry) error { got = append(got, e.Record); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 11 || fmt.Sprint(got[3]) != fmt.Sprint(record(2)) {
		t.Fatalf("read %d records, third %+v, want %+v", len(got), got[3], record(2))
	}
	for name, mode := range map[string]os.FileMode{keyName: 0o600, liveName: 0o600, pubName: 0o644} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, mode %v, want %v", name, err, info.Mode(), mode)
		}
	}
}

func TestContinues(t *testing.T) {
	dir := written(t, 3, Options{})
	for range 3 {
		l := open(t, dir, Options{})
		if err := l.Append(record(0)); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if report, err := Verify([]string{dir}, ""); err != nil || report.Last != 14 {
		t.Fatalf("%v, %+v", err, report)
	}
}

// lines reads the live part; put writes it back.
func lines(t testing.TB, dir string) [][]byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, liveName))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.SplitAfter(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
}

func put(t testing.TB, dir string, lines [][]byte) {
	t.Helper()
	data := bytes.Join(lines, nil)
	if !bytes.HasSuffix(data, []byte("\n")) {
		data = append(data, '\n')
	}
	if err := os.WriteFile(filepath.Join(dir, liveName), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// wantBroken demands that verification names this line of the live part, and that the log is not continued.
func wantBroken(t *testing.T, dir string, line int, why string) {
	t.Helper()
	_, err := Verify([]string{dir}, "")
	var b *Broken
	if !errors.As(err, &b) || b.Line != line || !strings.Contains(b.Why, why) {
		t.Errorf("got %v, want line %d: …%s…", err, line, why)
	}
}

func TestTampering(t *testing.T) {
	const n = 8 // lines 1 (opened), 2 to 9, 10 (checkpoint)
	for i := 2; i <= n+2; i++ {
		t.Run(fmt.Sprintf("edit %d", i), func(t *testing.T) {
			dir := written(t, n, Options{})
			l := lines(t, dir)
			l[i-1] = bytes.Replace(l[i-1], []byte(`"2026`), []byte(`"2025`), 1)
			l[i-1] = bytes.Replace(l[i-1], []byte(`"time":"`), []byte(`"time":"1`), 1)
			l[i-1] = bytes.Replace(l[i-1], []byte(`"time":"1`), []byte(`"time":"`), 1)
			put(t, dir, l)
			want := "edited"
			if i == n+2 {
				want = "signature"
			}
			wantBroken(t, dir, i, want)
		})
		t.Run(fmt.Sprintf("remove %d", i), func(t *testing.T) {
			dir := written(t, n, Options{})
			l := lines(t, dir)
			put(t, dir, append(l[:i-1:i-1], l[i:]...))
			if i == n+2 {
				wantBroken(t, dir, n+1, "the end was cut")
			} else {
				wantBroken(t, dir, i, "removed")
			}
		})
	}
	t.Run("edit the chain's link", func(t *testing.T) {
		dir := written(t, n, Options{})
		l := lines(t, dir)
		i := bytes.Index(l[4], []byte(`"prev":"`)) + 8
		l[4][i] ^= 1 // a hex digit becomes another, or a letter that is none
		put(t, dir, l)
		wantBroken(t, dir, 5, "edited")
	})
	t.Run("swap", func(t *testing.T) {
		dir := written(t, n, Options{})
		l := lines(t, dir)
		l[3], l[4] = l[4], l[3]
		put(t, dir, l)
		wantBroken(t, dir, 4, "moved")
	})
	t.Run("double", func(t *testing.T) {
		dir := written(t, n, Options{})
		l := lines(t, dir)
		put(t, dir, append(l[:5:5], l[4:]...))
		wantBroken(t, dir, 6, "added")
	})
	t.Run("not JSON", func(t *testing.T) {
		dir := written(t, n, Options{})
		l := lines(t, dir)
		l[3] = []byte("hello\n")
		put(t, dir, l)
		wantBroken(t, dir, 4, "no line")
	})
	t.Run("cut within a line", func(t *testing.T) {
		dir := written(t, n, Options{})
		data := bytes.Join(lines(t, dir), nil)
		if err := os.WriteFile(filepath.Join(dir, liveName), data[:len(data)-100], 0o600); err != nil {
			t.Fatal(err)
		}
		wantBroken(t, dir, n+2, "follows the signed end")
	})
	t.Run("append", func(t *testing.T) {
		dir := written(t, n, Options{})
		l := lines(t, dir)
		last := append(bytes.Clone(l[n+1]), '\n')
		forged := appendLine(nil, n+3, sum(bytes.TrimSuffix(last, []byte("\n"))), &Record{Decision: "allow"})
		put(t, dir, append(append(l[:n+1:n+1], last), forged))
		wantBroken(t, dir, n+3, "follows the signed end")
	})
	t.Run("new history", func(t *testing.T) { // everything chained anew, without the key
		dir := written(t, n, Options{})
		l := lines(t, dir)
		prev := sum(bytes.TrimSuffix(l[0], []byte("\n")))
		out := [][]byte{l[0]}
		for i := 1; i < len(l); i++ {
			text := string(bytes.TrimSuffix(l[i], []byte("\n")))
			at := strings.Index(text, `"prev":"`) + 8
			line := fmt.Appendf(nil, "%s%x%s", strings.Replace(text[:at], "anna", "otto", 1), *prev, strings.Replace(text[at+64:], "anna", "otto", 1))
			prev = sum(line)
			out = append(out, append(line, '\n'))
		}
		put(t, dir, out)
		wantBroken(t, dir, n+2, "signature")
	})
	t.Run("no head", func(t *testing.T) {
		dir := written(t, n, Options{})
		os.Remove(filepath.Join(dir, headName))
		wantBroken(t, dir, 0, "missing")
		if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "no audit.head") {
			t.Errorf("opened: %v", err)
		}
	})
	t.Run("cut, then opened", func(t *testing.T) {
		dir := written(t, n, Options{})
		put(t, dir, lines(t, dir)[:4])
		if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "does not end as") {
			t.Errorf("opened: %v", err)
		}
	})
	t.Run("another key", func(t *testing.T) {
		dir, other := written(t, n, Options{}), written(t, 1, Options{})
		if _, err := Verify([]string{dir}, filepath.Join(other, pubName)); err == nil {
			t.Error("verified with another log's key")
		}
	})
}

func TestTornLine(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	for i := range 5 {
		if err := l.Append(record(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	crashed := copyOf(t, dir) // what a crash at this time leaves
	f, err := os.OpenFile(filepath.Join(crashed, liveName), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"seq":7,"prev":"00`)
	f.Close()
	if report, err := Verify([]string{crashed}, ""); err != nil || len(report.Notes) != 1 {
		t.Fatalf("before recovery: %v, %+v", err, report)
	}
	again := open(t, crashed, Options{})
	if err := again.Append(record(6)); err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	report, err := Verify([]string{crashed}, "")
	if err != nil || report.Last != 9 || !strings.Contains(strings.Join(report.Notes, "\n"), "19 bytes were removed") {
		t.Fatalf("after recovery: %v, %+v", err, report)
	}
}

func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(filepath.Join(to, "log"), os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	to = filepath.Join(to, "log")
	if err := os.Chmod(filepath.Join(to, keyName), 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestRotation(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{MaxBytes: 8 << 10, Keep: 3, Sync: SyncAlways})
	for i := range 300 {
		if err := l.Append(record(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	parts, err := listParts(dir)
	if err != nil || len(parts) < 4 || len(parts) > 5 { // the live one and Keep, one more when the log was closed before it could be removed
		t.Fatalf("parts %v, %v", parts, err)
	}
	report, err := Verify([]string{dir}, "")
	if err != nil || report.First < 100 || !strings.Contains(strings.Join(report.Notes, "\n"), "were retired") {
		t.Fatalf("%v, %+v", err, report)
	}
	if _, err := Verify(parts[1:3], ""); err != nil {
		t.Errorf("single parts: %v", err)
	}
	if err := os.Remove(parts[0]); err != nil { // more is missing than was retired
		t.Fatal(err)
	}
	if _, err := Verify([]string{dir}, ""); err == nil || !strings.Contains(err.Error(), "are missing") {
		t.Errorf("a removed part: %v", err)
	}
}

func TestRemovedPart(t *testing.T) {
	dir := written(t, 300, Options{MaxBytes: 8 << 10, Sync: SyncAlways})
	parts, err := listParts(dir)
	if err != nil || len(parts) < 6 {
		t.Fatalf("parts %v, %v", parts, err)
	}
	if report, err := Verify([]string{dir}, ""); err != nil || report.First != 1 {
		t.Fatalf("%v, %+v", err, report)
	}
	if err := os.Remove(parts[2]); err != nil {
		t.Fatal(err)
	}
	var b *Broken
	if _, err := Verify([]string{dir}, ""); !errors.As(err, &b) || b.File != parts[3] || b.Line != 1 {
		t.Errorf("a removed part in the middle: %v", err)
	}
}

func TestOneWriter(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, Options{})
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second writer: %v", err)
	}
}

func TestKeyOfOthers(t *testing.T) {
	dir := written(t, 1, Options{})
	if err := os.Chmod(filepath.Join(dir, keyName), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "read by others") {
		t.Errorf("a key that the group can read: %v", err)
	}
}

func TestConcurrent(t *testing.T) {
	for name, o := range map[string]Options{"second": {MaxBytes: 64 << 10}, "always": {Sync: SyncAlways, MaxBytes: 64 << 10}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir, o)
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for i := range 200 {
						if err := l.Append(record(i)); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			n := 0
			if err := Read([]string{dir}, func(e *Entry) error {
				if e.Request != "" {
					n++
				}
				return nil
			}); err != nil || n != 1600 {
				t.Errorf("%d records, %v", n, err)
			}
			if _, err := Verify([]string{dir}, ""); err != nil {
				t.Error(err)
			}
		})
	}
}

// A line may be longer than the reader's buffer, but not without bound.
func TestLongLines(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.jsonl")
	text := strings.Repeat("a", 200_000) + "\nshort\n" + strings.Repeat("b", 100_000)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got := ""
	if err := readLines(name, func(_ int, line []byte, whole bool) error {
		got += string(line)
		if whole {
			got += "\n"
		}
		return nil
	}); err != nil || got != text {
		t.Errorf("%d bytes of %d, %v", len(got), len(text), err)
	}
	if err := os.WriteFile(name, bytes.Repeat([]byte("a"), maxLine+100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := readLines(name, func(int, []byte, bool) error { return nil }); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("an endless line: %v", err)
	}
}

func TestRecent(t *testing.T) {
	l := open(t, t.TempDir(), Options{Recent: 3})
	for i := range 8 {
		r := record(i)
		r.Observed = ""
		if i%2 == 1 {
			r.Decision, r.Reason, r.Hint, r.Resource = "deny", "password=hunter2", `routes: ["GET /a?token=hunter2 read"]`, []string{"file:https://ann:hunter2@store/"}
		}
		if err := l.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	got := l.Recent()
	if len(got) != 3 || got[0].Request != "r000007" || got[2].Request != "r000003" || strings.Contains(fmt.Sprint(got), "hunter2") || got[0].Reason != "password=***" {
		t.Errorf("recent %+v", got)
	}
}

func TestHostileText(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	r := record(1)
	r.Path = "/a\n{\"seq\":1}\x1b[31m\u202e\xff" + strings.Repeat("x", 10000)
	r.Who, r.Resource = strings.Repeat("ü", 500), make([]string, 1000)
	r.More = map[string]any{"password": "hunter2", "url": "https://u:p@h/", "n": 1, "f": func() {}}
	if err := l.Append(r); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	got := lines(t, dir)[1]
	if len(got) > 8000 || bytes.ContainsAny(got[:len(got)-1], "\x1b\n") || !json.Valid(got) || bytes.Contains(got, []byte("\u202e")) {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	if _, err := Verify([]string{dir}, ""); err != nil {
		t.Error(err)
	}
}
