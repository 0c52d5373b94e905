package advisory

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"weir"
)

var update = flag.Bool("update", false, "build pack.db from testdata/pack.jsonl.gz")

// TestPack keeps the embedded pack equal to its source.
func TestPack(t *testing.T) {
	b := NewBuilder()
	b.mission = true
	b.Date = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	b.Sources = []string{"weir's own pack"}
	for _, line := range gzLines(t, "testdata/pack.jsonl.gz", 1000) {
		if err := b.Add([]byte(line)); err != nil {
			t.Fatalf("%.80s: %v", line, err)
		}
	}
	for _, line := range gzLines(t, "testdata/releases.txt.gz", 20) {
		f := strings.Fields(line)
		b.AddReleases("pypi", f[0], f[1:])
	}
	if n, skipped := b.Count(); n < 1000 || skipped > 0 {
		t.Fatalf("pack has %d records, %d unusable", n, skipped)
	}
	var out bytes.Buffer
	if _, err := b.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("pack.db", out.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(out.Bytes(), embedded) {
		t.Fatal("pack.db is not what testdata/pack.jsonl.gz says; run go test ./internal/advisory -run TestPack -update")
	}
}

func TestAdviseEmbedded(t *testing.T) {
	db, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, c := range []struct {
		r        weir.Requirement
		affected string
		id, safe string
	}{
		{weir.Requirement{Ecosystem: "pypi", Name: "torch", State: weir.PinExact, Version: "2.5.1"}, weir.AffectedAll, "CVE-2025-32434", ""},
		{weir.Requirement{Ecosystem: "pypi", Name: "torch", State: weir.PinExact, Version: "1.12.0+cu113"}, weir.AffectedAll, "CVE-2022-45907", ""},
		{weir.Requirement{Ecosystem: "conda", Name: "pytorch", State: weir.PinExact, Version: "1.12.0"}, weir.AffectedAll, "CVE-2022-45907", ""},
		{weir.Requirement{Ecosystem: "pypi", Name: "mlflow", State: weir.PinExact, Version: "2.9.1"}, weir.AffectedAll, "CVE-2023-6831", ""},
		{weir.Requirement{Ecosystem: "pypi", Name: "weave", State: weir.PinExact, Version: "0.50.7"}, weir.AffectedAll, "CVE-2024-7340", "0.50.8"},
		{weir.Requirement{Ecosystem: "pypi", Name: "weave", State: weir.PinExact, Version: "0.50.8"}, weir.AffectedNone, "", "0.50.8"},
		{weir.Requirement{Ecosystem: "pypi", Name: "weave", State: weir.PinRange, Range: ">=0.50"}, weir.AffectedSome, "CVE-2024-7340", "0.50.8"},
		{weir.Requirement{Ecosystem: "pypi", Name: "weave", State: weir.PinRange, Range: "<0.50"}, weir.AffectedAll, "CVE-2024-7340", "0.50.8"},
		{weir.Requirement{Ecosystem: "pypi", Name: "weave", State: weir.PinRange, Range: ">0.50.1,<0.50.4"}, weir.AffectedAll, "CVE-2024-7340", "0.50.8"},
		{weir.Requirement{Ecosystem: "pypi", Name: "weave", State: weir.PinAny}, weir.AffectedNone, "", "0.50.8"},
		{weir.Requirement{Ecosystem: "maven", Name: "ml.combust.mleap:mleap-runtime_2.12", State: weir.PinExact, Version: "0.22.0"}, weir.AffectedAll, "CVE-2023-5245", "0.23.1"},
		{weir.Requirement{Ecosystem: "pypi", Name: "weave", State: weir.PinUnresolved}, weir.AffectedUnknown, "", ""},
		{weir.Requirement{Ecosystem: "oci", Name: "weave", State: weir.PinExact, Version: "1"}, weir.AffectedUnknown, "", ""},
		{weir.Requirement{Ecosystem: "pypi", Name: "left-alone", State: weir.PinExact, Version: "1"}, weir.AffectedNone, "", ""},
	} {
		a := db.Advise(c.r)
		if a.Affected != c.affected {
			t.Errorf("%s %s %s%s: affected %q, want %q", c.r.Ecosystem, c.r.Name, c.r.Version, c.r.Range, a.Affected, c.affected)
		}
		found := c.id == ""
		for _, x := range a.Advisories {
			found = found || x.ID == c.id
		}
		if !found {
			t.Errorf("%s %s %s%s: %s is missing among %d", c.r.Ecosystem, c.r.Name, c.r.Version, c.r.Range, c.id, len(a.Advisories))
		}
		if c.safe != "" && a.Safe != c.safe {
			t.Errorf("%s %s %s%s: safe %q, want %q", c.r.Ecosystem, c.r.Name, c.r.Version, c.r.Range, a.Safe, c.safe)
		}
	}
	if err := db.Err(); err != nil {
		t.Error(err)
	}
}

// TestGoDatabase looks up modules in Go's own advisories (osv-go-2026.zip, CC-BY 4.0), as test.sh does with weir's go.mod:
// weir db build --date 2026-08-01 --output internal/advisory/testdata/go-2026-08.db osv-go-2026.zip
func TestGoDatabase(t *testing.T) {
	if err := Check("testdata/go-2026-08.db"); err != nil {
		t.Fatal(err)
	}
	db, err := Open("testdata/go-2026-08.db")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, c := range []struct{ name, version, id, safe string }{
		{"golang.org/x/net", "v0.7.0", "CVE-2023-39325", "v0.56.0"},
		{"github.com/ollama/ollama", "v0.1.30", "CVE-2024-37032", ""},
		{"stdlib", "1.20.0", "CVE-2023-24532", ""},
	} {
		a := db.Advise(weir.Requirement{Ecosystem: "golang", Name: c.name, State: weir.PinExact, Version: c.version})
		found := false
		for _, x := range a.Advisories {
			found = found || x.ID == c.id
		}
		if !found || c.safe != "" && a.Safe != c.safe {
			t.Errorf("%s %s: %d advisories, safe %q, newest %q", c.name, c.version, len(a.Advisories), a.Safe, a.Newest)
		}
	}
}
