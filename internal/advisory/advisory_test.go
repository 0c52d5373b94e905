package advisory

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir"
)

// small builds a database of a few records.
func small(t testing.TB, records ...string) []byte {
	t.Helper()
	b := NewBuilder()
	for _, r := range records {
		if err := b.Add([]byte(r)); err != nil {
			t.Fatalf("%v: %s", err, r)
		}
	}
	var out bytes.Buffer
	if _, err := b.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func open(t testing.TB, files ...[]byte) *DB {
	t.Helper()
	db := &DB{}
	for _, f := range files {
		p, err := parse(f)
		if err != nil {
			t.Fatal(err)
		}
		db.packs = append(db.packs, p)
	}
	return db
}

const (
	fooGHSA = `{"id":"GHSA-aaaa-bbbb-cccc","modified":"2024-02-01T00:00:00Z","aliases":["CVE-2024-1"],"summary":"words","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"affected":[{"package":{"ecosystem":"PyPI","name":"Foo.Bar"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.2"}]}]}],"database_specific":{"cwe_ids":["CWE-502"]}}`
	fooPY   = `{"id":"PYSEC-2024-7","modified":"2024-03-01T00:00:00Z","aliases":["CVE-2024-1"],"details":"One sentence that is long enough. Another.","affected":[{"package":{"ecosystem":"PyPI","name":"foo-bar"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.2"},{"introduced":"2.0"},{"last_affected":"2.1"}]}],"versions":["1.0","1.1","2.0","2.1","3.0.post1"]}]}`
	evil    = `{"id":"MAL-2024-9","modified":"2024-03-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"evil"},"versions":["1.0.0","1.0.1"]}]}`
	mod     = `{"id":"GO-2024-1","modified":"2024-03-01T00:00:00Z","affected":[{"package":{"ecosystem":"Go","name":"example.org/m"},"ranges":[{"type":"SEMVER","events":[{"introduced":"1.1.0"},{"fixed":"1.2.3"}]}],"ecosystem_specific":{"imports":[{"path":"example.org/m/p","symbols":["F","T.M"]}]}}]}`
)

func pin(eco, name, v string) weir.Requirement {
	return weir.Requirement{Ecosystem: eco, Name: name, State: weir.PinExact, Version: v}
}

func TestMerge(t *testing.T) {
	db := open(t, small(t, fooPY, evil, mod, fooGHSA))
	a := db.Advise(pin("pypi", "foo-bar", "1.0+cu1"))
	if len(a.Advisories) != 1 {
		t.Fatalf("%d advisories of one flaw", len(a.Advisories))
	}
	x := a.Advisories[0]
	if x.ID != "CVE-2024-1" || !slices.Equal(x.Aliases, []string{"CVE-2024-1", "GHSA-aaaa-bbbb-cccc", "PYSEC-2024-7"}) || x.Score != 9.8 ||
		x.Severity != weir.SeverityCritical || !slices.Equal(x.CWE, []int{502}) || x.Summary != "words" || !slices.Equal(x.Fixed, []string{"1.2"}) {
		t.Errorf("merged to %+v", x)
	}
	if x.Affected != "< 1.2 || >= 2.0, <= 2.1 || == 3.0.post1" {
		t.Errorf("affected: %s", x.Affected)
	}
	if a.Safe != "1.2" || a.Newest != "3.0.post1" {
		t.Errorf("safe %q, newest %q", a.Safe, a.Newest)
	}
	if a := db.Advise(pin("npm", "evil", "1.0.1")); len(a.Advisories) != 1 || !a.Advisories[0].Malicious || a.Advisories[0].Severity != weir.SeverityCritical || a.Safe != "" {
		t.Errorf("malware: %+v", a)
	}
	a = db.Advise(pin("golang", "example.org/m", "v1.1.5"))
	if len(a.Advisories) != 1 || a.Safe != "v1.2.3" || !slices.Equal(a.Advisories[0].Fixed, []string{"v1.2.3"}) ||
		!slices.Equal(a.Advisories[0].Symbols, []string{"example.org/m/p.F", "example.org/m/p.T.M"}) {
		t.Errorf("go: %+v", a)
	}
	for _, r := range []weir.Requirement{pin("cargo", "a", "1.0.0"), pin("golang", "example.org/m", "latest"), {Ecosystem: "pypi", Name: "foo-bar", State: weir.PinRange, Range: ">>1"}} {
		if a := db.Advise(r); a.Affected != weir.AffectedUnknown {
			t.Errorf("%+v is %q", r, a.Affected)
		}
	}
}

func TestWithdrawn(t *testing.T) {
	gone := strings.Replace(fooGHSA, `"modified"`, `"withdrawn":"2024-05-01T00:00:00Z","modified"`, 1)
	db := open(t, small(t, gone, evil, strings.Replace(mod, `"Go"`, `"Debian:12"`, 1)))
	if i := db.packs[0].info(); i.Records != 1 || i.Ecosystems["npm"] != 1 || len(i.Ecosystems) != 1 {
		t.Errorf("database holds %+v", i)
	}
}

// TestReleases has a record that knows only the last version with the flaw, and a list of what was released.
func TestReleases(t *testing.T) {
	b := NewBuilder()
	if err := b.Add([]byte(strings.Replace(fooGHSA, `"fixed"`, `"last_affected"`, 1))); err != nil {
		t.Fatal(err)
	}
	b.AddReleases("pypi", "Foo_bar", []string{"1.0", "1.2", "1.3rc1", "1.3", "1.4", "no version"})
	db := &DB{packs: []*pack{built(t, b)}}
	a := db.Advise(pin("pypi", "foo-bar", "1.0"))
	if len(a.Advisories) != 1 || !slices.Equal(a.Advisories[0].Fixed, []string{"1.3"}) || a.Safe != "1.3" || a.Newest != "1.4" {
		t.Errorf("%+v", a)
	}
	if a := db.Advise(pin("pypi", "foo-bar", "2.0")); a.Affected != weir.AffectedNone || a.Newest != "2.0" {
		t.Errorf("newer than the data: %+v", a)
	}
}

// TestNewestWins has two files speak about one flaw.
func TestNewestWins(t *testing.T) {
	older := small(t, fooGHSA)
	newer := small(t, strings.Replace(strings.Replace(fooGHSA, "2024-02-01", "2025-02-01", 1), `"fixed":"1.2"`, `"fixed":"1.1"`, 1))
	for _, db := range []*DB{open(t, older, newer), open(t, newer, older)} {
		if a := db.Advise(pin("pypi", "foo-bar", "1.1.5")); a.Affected != weir.AffectedNone {
			t.Errorf("the older record counts: %+v", a)
		}
		if a := db.Advise(pin("pypi", "foo-bar", "1.0")); len(a.Advisories) != 1 || a.Safe != "1.1" {
			t.Errorf("two files: %+v", a)
		}
	}
	same := small(t, strings.Replace(fooGHSA, `"fixed":"1.2"`, `"fixed":"1.1"`, 1))
	if a := open(t, older, same).Advise(pin("pypi", "foo-bar", "1.1.5")); a.Affected != weir.AffectedNone {
		t.Error("of equally new records the earlier file's counts")
	}
}

func TestTables(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.json": fooGHSA, "kev.json": `{"vulnerabilities":[{"cveID":"CVE-2024-1"}]}`, "epss.csv": "#model\ncve,epss,percentile\nCVE-2024-1,0.25,0.9\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b := NewBuilder()
	for _, name := range []string{"kev.json", "a.json", "epss.csv"} {
		if _, err := b.AddSource(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	a := (&DB{packs: []*pack{built(t, b)}}).Advise(pin("pypi", "foo-bar", "1.0"))
	if len(a.Advisories) != 1 || !a.Advisories[0].Exploited || a.Advisories[0].EPSS != 0.25 {
		t.Errorf("tables did not arrive: %+v", a)
	}
}

// TestDamage changes every byte of a file, and cuts it at every length: it is refused, or the answer is unknown, or as before.
func TestDamage(t *testing.T) {
	whole := small(t, fooPY, fooGHSA, evil, mod)
	ask := func(db *DB) (a weir.Advice) { return db.Advise(pin("pypi", "foo-bar", "1.0")) }
	want := ask(open(t, whole))
	if want.Affected != weir.AffectedAll {
		t.Fatal("the whole file does not know")
	}
	for n := range len(whole) {
		if _, err := parse(whole[:n]); err == nil {
			t.Errorf("cut to %d bytes it is taken", n)
		}
		bad := bytes.Clone(whole)
		bad[n] ^= 0x55
		p, err := parse(bad)
		if err != nil {
			continue
		}
		if p.check() == nil {
			t.Errorf("change of byte %d is not seen", n)
		}
		db := &DB{packs: []*pack{p}}
		if a := ask(db); a.Affected == weir.AffectedUnknown {
			if db.Err() == nil {
				t.Errorf("byte %d: unknown without a reason", n)
			}
		} else if a.Affected != want.Affected || len(a.Advisories) != 1 || a.Advisories[0].ID != want.Advisories[0].ID {
			t.Errorf("byte %d: %+v", n, a)
		}
	}
	for name, b := range map[string]string{"empty": "", "text": "not a database at all, whatever its length is, nor will it become one", "newer form": "weiradv\x7f" + string(make([]byte, 60))} {
		file := filepath.Join(t.TempDir(), "x.db")
		os.WriteFile(file, []byte(b), 0o644)
		if _, err := Open(file); err == nil || !strings.Contains(err.Error(), "x.db") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzDatabase: whatever the bytes, no panic and no endless work; checksums are made right so that the readers behind them are reached.
func FuzzDatabase(f *testing.F) {
	f.Add(small(f, fooPY, fooGHSA, evil, mod))
	f.Add(small(f, evil))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := &reader{b: data}
		b := &block{ecosystem: r.text(), name: r.text()}
		b.readVersions(r)
		for range r.count(3) {
			var f flaw
			f.read(r, len(b.versions))
			if !r.bad {
				b.describe(&f)
			}
		}
		var x text
		x.read(&reader{b: data})
		if p, err := parse(data); err == nil && p.check() == nil {
			db := &DB{packs: []*pack{p}}
			db.Advise(pin("pypi", "foo-bar", "1.0"))
			db.Advise(weir.Requirement{Ecosystem: "npm", Name: "evil", State: weir.PinAny})
		}
	})
}

// FuzzRecord: whatever a record says, the builder makes a file that reads.
func FuzzRecord(f *testing.F) {
	for _, s := range []string{fooPY, fooGHSA, evil, mod} {
		f.Add(s, "1.0")
	}
	f.Fuzz(func(t *testing.T, record, v string) {
		b := NewBuilder()
		if b.Add([]byte(record)) != nil {
			return
		}
		db := &DB{packs: []*pack{built(t, b)}}
		for _, eco := range []string{"pypi", "npm", "golang", "maven", "cargo"} {
			for _, name := range []string{"foo-bar", "evil", "example.org/m"} {
				db.Advise(pin(eco, name, v))
				db.Advise(weir.Requirement{Ecosystem: eco, Name: name, State: weir.PinRange, Range: v})
			}
		}
		if err := db.Err(); err != nil {
			t.Error(err)
		}
	})
}
