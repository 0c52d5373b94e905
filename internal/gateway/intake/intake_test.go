package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"weir"
	"weir/internal/gateway/wire"
	"weir/internal/store"
	"weir/internal/store/sqlite"
)

// bench is an intake whose scanner finds the word "evil" and counts how often it is asked.
type bench struct {
	*Intake
	dir   string
	store store.Store
	scans atomic.Int32
	hold  chan struct{} // if set, a scan waits for it
	fail  atomic.Bool   // the scanner cannot work
}

func (b *bench) scan(ctx context.Context, _ bool, files []Subject) (Report, error) {
	b.scans.Add(1)
	if b.hold != nil {
		select {
		case <-b.hold:
		case <-ctx.Done():
			return Report{}, ctx.Err()
		}
	}
	if b.fail.Load() {
		return Report{}, errors.New("no worker")
	}
	r := Report{Verdict: weir.VerdictClean, Format: "text"}
	for _, f := range files {
		text, err := os.ReadFile(f.File)
		if err != nil {
			return r, err
		}
		if bytes.Contains(text, []byte("evil")) {
			r.Verdict = weir.VerdictMalicious
			r.Findings = append(r.Findings, weir.Finding{Rule: "test/evil", Severity: weir.SeverityCritical, Path: f.Name, Message: "runs something"})
		}
	}
	return r, nil
}

func (b *bench) open(t *testing.T) {
	t.Helper()
	s, err := sqlite.Open(filepath.Join(b.dir, "weir.db"))
	if err != nil {
		t.Fatal(err)
	}
	b.store = s
	b.Intake, err = Open(Config{
		Dir: filepath.Join(b.dir, "intake"), Store: s,
		Scanner: Scanner{Rules: "1", Scan: b.scan, Hint: func(name string, _ []byte) string { return filepath.Ext(name) }},
	})
	if err != nil {
		s.Close()
		t.Fatal(err)
	}
}

func (b *bench) shut(t *testing.T) {
	t.Helper()
	if err := errors.Join(b.Intake.Close(), b.store.Close()); err != nil {
		t.Error(err)
	}
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{dir: t.TempDir()}
	b.open(t)
	t.Cleanup(func() { b.shut(t) })
	return b
}

func (b *bench) receive(t *testing.T, name, content string) *Item {
	t.Helper()
	it, err := b.Receive(context.Background(), strings.NewReader(content), Meta{Server: "s", Name: name, To: "artifact " + name, Who: "ann", Length: int64(len(content))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(it.Discard)
	return it
}

// files counts what lies below a folder of the intake.
func (b *bench) files(t *testing.T, sub string) int {
	t.Helper()
	n, seen := 0, 0
	err := filepath.WalkDir(filepath.Join(b.dir, "intake", sub), func(_ string, d os.DirEntry, err error) error {
		seen++
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil || seen == 0 {
		t.Fatalf("nothing lies at %q: %v", sub, err)
	}
	return n
}

func digestOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// TestReceive: sizes around the buffers' ends keep their bytes and their digest.
func TestReceive(t *testing.T) {
	b := newBench(t)
	for _, size := range []int{0, 1, 511, 513, bufferSize - 1, bufferSize, bufferSize + 1, 3*bufferSize + 7} {
		content := strings.Repeat("x", size)
		it := b.receive(t, "a.txt", content)
		if it.Size != int64(size) || it.Digest != digestOf(content) || !it.Passes() {
			t.Errorf("%d bytes: size %d, digest right: %v, verdict %s", size, it.Size, it.Digest == digestOf(content), it.Verdict)
		}
		f, err := it.Open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(f)
		f.Close()
		if err != nil || string(got) != content {
			t.Errorf("%d bytes: %d came back, %v", size, len(got), err)
		}
		it.Discard()
	}
	if n := b.files(t, "spool"); n != 0 {
		t.Errorf("%d files are left in the spool", n)
	}
}

// TestScannedOnce: the same bytes are scanned once, also after a restart, and again when the rules have changed or the name says something else.
func TestScannedOnce(t *testing.T) {
	b := newBench(t)
	for range 3 {
		b.receive(t, "m.pkl", "weights")
	}
	b.receive(t, "other/n.pkl", "weights")
	if n := b.scans.Load(); n != 1 {
		t.Errorf("%d scans of the same bytes, want 1", n)
	}
	b.receive(t, "m.yaml", "weights")
	if n := b.scans.Load(); n != 2 {
		t.Errorf("%d scans when the name tells something else, want 2", n)
	}
	b.shut(t)
	b.open(t)
	b.receive(t, "m.pkl", "weights")
	if n := b.scans.Load(); n != 2 {
		t.Errorf("%d scans after a restart, want 2", n)
	}
	b.Intake.cfg.Scanner.Rules = "2"
	b.receive(t, "m.pkl", "weights")
	if n := b.scans.Load(); n != 3 {
		t.Errorf("%d scans after the rules changed, want 3", n)
	}
}

// TestJoined: transfers of the same bytes at the same time share one scan.
func TestJoined(t *testing.T) {
	b := newBench(t)
	b.hold = make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			it, err := b.Receive(context.Background(), strings.NewReader("same"), Meta{Name: "m.pkl", Length: 4})
			if err != nil {
				t.Error(err)
				return
			}
			it.Discard()
		})
	}
	for b.files(t, "spool") < 8 {
		time.Sleep(time.Millisecond)
	}
	close(b.hold)
	wg.Wait()
	if n := b.scans.Load(); n != 1 {
		t.Errorf("%d scans, want 1", n)
	}
}

// TestGone: a scan that nobody waits for any more ends, and is no verdict.
func TestGone(t *testing.T) {
	b := newBench(t)
	b.hold = make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for b.scans.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if _, err := b.Receive(ctx, strings.NewReader("x"), Meta{Name: "m.pkl", Length: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want a cancelled context", err)
	}
	close(b.hold)
	if it := b.receive(t, "m.pkl", "x"); !it.Passes() {
		t.Errorf("verdict %s", it.Verdict)
	}
}

func TestQuarantine(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	content := strings.Repeat("something evil ", 20_000) // several chunks
	turn := func() *wire.Refusal {
		t.Helper()
		it := b.receive(t, "m.pkl", content)
		err := b.Turn(ctx, it)
		if err == nil {
			return nil
		}
		var no *wire.Refusal
		if !errors.As(err, &no) || no.Status != http.StatusUnprocessableEntity || no.Rule != "test/evil" {
			t.Fatalf("refusal %v", err)
		}
		return no
	}
	no := turn()
	if no == nil || !strings.Contains(no.Reason, "q-") || !strings.Contains(no.Reason, "artifact m.pkl") {
		t.Fatalf("refusal %v names neither the file nor where it is kept", no)
	}
	turn()
	all, err := b.Vault().List(ctx)
	if err != nil || len(all) != 1 || all[0].Attempts != 2 || all[0].Who != "ann" || all[0].State != store.StateHeld {
		t.Fatalf("quarantine %+v, %v: want one item with two attempts", all, err)
	}
	id := all[0].ID
	sealed, err := os.ReadFile(filepath.Join(b.dir, "intake", "quarantine", id+".sealed"))
	if err != nil || bytes.Contains(sealed, []byte("evil")) {
		t.Errorf("the bytes lie in the clear, or do not lie there: %v", err)
	}
	r, err := b.Vault().Open(id)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	r.Close()
	if err != nil || string(got) != content {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}

	if _, err := b.Vault().Release(ctx, id, "eve", " "); err == nil {
		t.Error("released without a reason")
	}
	if _, err := b.Vault().Release(ctx, id, "eve", "a false alarm"); err != nil {
		t.Fatal(err)
	}
	if no := turn(); no != nil {
		t.Errorf("released bytes do not pass: %v", no)
	}
	if _, err := b.Vault().Delete(ctx, id, "eve", "no false alarm"); err != nil {
		t.Fatal(err)
	}
	if turn() == nil {
		t.Error("deleted bytes still pass")
	}
	if _, err := b.Vault().Open(id); !errors.Is(err, ErrNotHeld) {
		t.Errorf("deleted bytes can be read: %v", err)
	}
	for _, id := range []string{"q-000000000000", "../../weir", ""} {
		if _, err := b.Vault().Open(id); !errors.Is(err, ErrNotHeld) {
			t.Errorf("Open(%q): %v", id, err)
		}
	}
}

// TestKilled: what a killed process left half done is cleared away or found again: spool, quarantine, uploads in parts.
func TestKilled(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	u, err := b.Begin(Meta{Server: "s", Name: "big.pkl", To: "artifact big.pkl"}, 2, []byte("about"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := u.Put(ctx, 1, strings.NewReader("one "), 4)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Turn(ctx, b.receive(t, "m.pkl", "evil")); err == nil {
		t.Fatal("it passed")
	}
	held, err := b.Vault().List(ctx)
	if err != nil || len(held) != 1 {
		t.Fatalf("quarantine %v, %v", held, err)
	}
	b.shut(t)
	// Half a transfer, half an item, and an item whose record was not written.
	in := func(parts ...string) string { return filepath.Join(append([]string{b.dir, "intake"}, parts...)...) }
	for _, name := range []string{in("spool", "half"), in("quarantine", "q-0123456789ab.sealed.part")} {
		if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(in("uploads", "0123"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(b.dir, "weir.db")); err != nil {
		t.Fatal(err)
	}
	b.open(t)
	if n := b.files(t, "spool"); n != 0 {
		t.Errorf("%d files are left in the spool", n)
	}
	if n := b.files(t, "quarantine"); n != 1 {
		t.Errorf("%d files are in quarantine, want 1", n)
	}
	again, err := b.Vault().List(ctx)
	if err != nil || len(again) != 1 || again[0].ID != held[0].ID || again[0].Digest != digestOf("evil") {
		t.Errorf("after the loss of the store the quarantine is %+v, %v", again, err)
	}
	if u, err = b.Upload(u.ID); err != nil || string(u.About) != "about" {
		t.Fatalf("the upload in parts is not found again: %v", err)
	}
	second, err := u.Put(ctx, 2, strings.NewReader("two"), 3)
	if err != nil {
		t.Fatal(err)
	}
	it, err := u.Join(ctx, []string{first, second})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Discard()
	if it.Digest != digestOf("one two") {
		t.Error("the parts were not put together")
	}
	u.Abort()
	if n := b.files(t, "uploads"); n != 0 {
		t.Errorf("%d files are left of the upload", n)
	}
}

func TestUploadInParts(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	u, err := b.Begin(Meta{Server: "s", Name: "m.pkl", Length: -1}, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	put := func(n int, s string) string {
		t.Helper()
		tag, err := u.Put(ctx, n, strings.NewReader(s), int64(len(s)))
		if err != nil {
			t.Fatal(err)
		}
		return tag
	}
	third, first := put(3, "il"), put(1, "ev")
	if _, err := u.Join(ctx, nil); err == nil {
		t.Error("joined with a part missing")
	}
	put(2, "x")
	second := put(2, "")
	if _, err := u.Join(ctx, []string{first, first, third}); err == nil {
		t.Error("joined although a tag is wrong")
	}
	if _, err := u.Put(ctx, 4, strings.NewReader(""), 0); err == nil {
		t.Error("a part beyond the last was taken")
	}
	it, err := u.Join(ctx, []string{first, second, third})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Discard()
	if err := b.Judge(ctx, it); err != nil || it.Passes() {
		t.Errorf("parts that are harmless alone pass together: %v", err)
	}
	u.Abort()
	if _, err := u.Put(ctx, 1, strings.NewReader("x"), 1); !errors.Is(err, ErrNoUpload) {
		t.Errorf("a part after the end: %v", err)
	}
	if _, err := b.Upload(u.ID); !errors.Is(err, ErrNoUpload) {
		t.Errorf("an upload after its end: %v", err)
	}
	for _, n := range []int{0, -1, MaxParts + 1} {
		if _, err := b.Begin(Meta{}, n, nil); err == nil {
			t.Errorf("an upload of %d parts was begun", n)
		}
	}
}

// fullDisk takes so many bytes and then has no room.
type fullDisk struct {
	f    *os.File
	left int
}

func (d *fullDisk) Write(p []byte) (int, error) {
	if len(p) > d.left {
		return 0, &os.PathError{Op: "write", Path: "spool", Err: syscall.ENOSPC}
	}
	d.left -= len(p)
	return d.f.Write(p)
}

func (d *fullDisk) Close() error { return d.f.Close() }

func status(err error) int {
	var no *wire.Refusal
	if errors.As(err, &no) {
		return no.Status
	}
	return 0
}

// TestTrouble: what goes wrong is refused with its own status, and nothing stays in the spool.
func TestTrouble(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	send := func(m Meta, content string) error {
		it, err := b.Receive(ctx, strings.NewReader(content), m)
		if err == nil {
			it.Discard()
		}
		return err
	}
	b.Intake.create = func(name string) (spoolFile, error) {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		return &fullDisk{f, bufferSize}, err
	}
	if err := send(Meta{Length: -1}, strings.Repeat("x", 3*bufferSize)); status(err) != http.StatusInsufficientStorage {
		t.Errorf("full disk: %v", err)
	}
	b.Intake.create = createFile
	if err := send(Meta{Length: 1 << 60}, ""); status(err) != http.StatusRequestEntityTooLarge {
		t.Errorf("too large by its length: %v", err)
	}
	if err := send(Meta{Length: -1, Max: 10}, "12345678901"); status(err) != http.StatusRequestEntityTooLarge {
		t.Errorf("too large by its bytes: %v", err)
	}
	if err := send(Meta{Length: 5}, "1234"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("shorter than announced: %v", err)
	}
	b.Intake.cfg.Spool = 10
	if err := send(Meta{Length: -1}, "12345678901"); status(err) != http.StatusServiceUnavailable {
		t.Errorf("more than may be spooled: %v", err)
	}
	b.Intake.cfg.Spool = 0
	b.fail.Store(true)
	if err := send(Meta{Length: 1}, "z"); status(err) != http.StatusServiceUnavailable {
		t.Errorf("scanner that cannot work: %v", err)
	}
	b.fail.Store(false)
	if err := send(Meta{Length: 1}, "z"); err != nil {
		t.Errorf("after the scanner's trouble: %v", err)
	}
	scan := b.Intake.cfg.Scanner.Scan
	b.Intake.cfg.Scanner.Scan = func(context.Context, bool, []Subject) (Report, error) { panic("a fault in the scanner") }
	if err := send(Meta{Length: 1}, "p"); status(err) != http.StatusServiceUnavailable {
		t.Errorf("a scanner that panics: %v", err)
	}
	b.Intake.cfg.Scanner.Scan = scan
	if _, _, err := b.Share(ctx, "key", func(context.Context) (*Item, error) { panic("a fault of whoever fills") }); status(err) != http.StatusServiceUnavailable {
		t.Errorf("a transfer that panics: %v", err)
	}
	if n := b.files(t, "spool"); n != 0 || b.Intake.spooled != 0 {
		t.Errorf("%d files and %d bytes are left in the spool", n, b.Intake.spooled)
	}
}

// TestCrowded: one account does not take the room for unfinished uploads from all others.
func TestCrowded(t *testing.T) {
	b := newBench(t)
	for range maxOwnUploads {
		if _, err := b.Begin(Meta{Who: "ann"}, 1, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Begin(Meta{Who: "ann"}, 1, nil); status(err) != http.StatusServiceUnavailable {
		t.Errorf("one more: %v", err)
	}
	if _, err := b.Begin(Meta{Who: "bob"}, 1, nil); err != nil {
		t.Errorf("somebody else: %v", err)
	}
}

func TestInUse(t *testing.T) {
	b := newBench(t)
	if _, err := Open(b.Intake.cfg); !errors.Is(err, ErrInUse) {
		t.Errorf("a second gate on the same folder: %v", err)
	}
}

func TestKeyFile(t *testing.T) {
	b := newBench(t)
	name := filepath.Join(b.dir, "intake", "quarantine.key")
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != keySize {
		t.Errorf("key file %v, %v", info, err)
	}
	if err := os.Chmod(name, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenVault(filepath.Join(b.dir, "intake"), b.store); err == nil {
		t.Error("a key that others can read was taken")
	}
}

// TestPlaces: what lies where is known at once, before it is written, and forgotten when something changes.
func TestPlaces(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	it := b.receive(t, "m.pkl", "evil")
	b.SetPlace(Place{Server: "s", Path: "root/m.pkl", Digest: it.Digest, Size: it.Size})
	for _, when := range []string{"at once", "after a restart"} {
		p, r, found, err := b.Known(ctx, "s", "root/m.pkl")
		if err != nil || !found || p.Digest != it.Digest || r.Verdict != weir.VerdictMalicious {
			t.Errorf("%s: %+v %+v %v %v", when, p, r, found, err)
		}
		b.shut(t)
		b.open(t)
	}
	b.SetPlace(Place{Server: "s", Path: "root/n.pkl", Digest: it.Digest})
	if err := b.ForgetPlaces(ctx, "s", "root"); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"root/m.pkl", "root/n.pkl"} {
		if _, _, found, err := b.Known(ctx, "s", p); err != nil || found {
			t.Errorf("%s is still known: %v", p, err)
		}
	}
}

// TestShare: one transfer serves all who ask, those who come later while it is kept too, and nothing stays on the disk.
func TestShare(t *testing.T) {
	b := newBench(t)
	var fills atomic.Int32
	gate := make(chan struct{})
	fill := func(ctx context.Context) (*Item, error) {
		fills.Add(1)
		<-gate
		return b.Receive(ctx, strings.NewReader("shared"), Meta{Name: "m.pkl", Length: 6})
	}
	short, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, _, err := b.Share(short, "k", fill); !IsLater(err) {
		t.Fatalf("a client without time gets %v", err)
	}
	close(gate)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			it, release, err := b.Share(context.Background(), "k", fill)
			if err != nil {
				t.Error(err)
				return
			}
			defer release(false)
			if it.Digest != digestOf("shared") {
				t.Error("another item")
			}
		})
	}
	wg.Wait()
	if n := fills.Load(); n != 1 {
		t.Errorf("%d transfers, want 1", n)
	}
	if n := b.files(t, "spool"); n != 1 {
		t.Errorf("%d files are kept for whoever was sent away, want 1", n)
	}
	b.Unshelve("k")
	if n := b.files(t, "spool"); n != 0 {
		t.Errorf("%d files are left", n)
	}
}
