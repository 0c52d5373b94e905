package policy

import (
	"strings"
	"testing"

	"weir"
)

const openDocument = `{"@context":"https://openvex.dev/ns/v0.2.0","statements":[
 {"vulnerability":{"name":"CVE-1","aliases":["GHSA-1"]},"products":[{"@id":"pkg:pypi/acme@1.0"}],"status":"not_affected","justification":"vulnerable_code_not_in_execute_path","impact_statement":"no forms"},
 {"vulnerability":{"@id":"https://nvd.nist.gov/vuln/detail/CVE-2"},"products":[{"@id":"pkg:oci/app","subcomponents":[{"@id":"pkg:pypi/acme"}]}],"status":"fixed"},
 {"vulnerability":{"name":"CVE-3"},"products":[{"@id":"pkg:oci/app@sha256:00"}],"status":"not_affected"},
 {"vulnerability":{"name":"CVE-4"},"products":[{"@id":"pkg:pypi/acme@1.0"}],"status":"affected"},
 {"vulnerability":{"name":"CVE-5"},"products":[{"@id":"pkg:pypi/acme"}],"status":"not_affected"},
 {"vulnerability":{"name":"CVE-5"},"products":[{"@id":"pkg:pypi/acme"}],"status":"under_investigation"}]}`

const oldDocument = `{"@context":"https://openvex.dev/ns","statements":[{"vulnerability":"CVE-1","products":["pkg:pypi/acme@1.0?x=y"],"status":"not_affected"}]}`

const cycloneDocument = `{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"bom-ref":"a","purl":"pkg:pypi/acme@1.0"}],"vulnerabilities":[
 {"id":"CVE-1","analysis":{"state":"false_positive","detail":"other build"},"affects":[{"ref":"urn:cdx:3e67/1#a"}]},
 {"id":"X-2","references":[{"id":"CVE-2"}],"analysis":{"state":"resolved"},"affects":[{"ref":"a"}]},
 {"id":"CVE-4","analysis":{"state":"exploitable"},"affects":[{"ref":"a"}]},
 {"id":"CVE-5","affects":[{"ref":"a"}]}]}`

// TestVEX runs findings about acme through the judge, with the packages before them as the engine sends them.
func TestVEX(t *testing.T) {
	for name, c := range map[string]struct{ document, waived string }{
		"openvex": {openDocument, "CVE-1 CVE-2 CVE-3"}, "openvex 0.0.1": {oldDocument, "CVE-1"}, "cyclonedx": {cycloneDocument, "CVE-1 CVE-2"},
	} {
		v, err := ReadVEX(strings.NewReader(c.document), "d.json")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var waived []string
		j, err := New(Config{VEX: v, FailOn: weir.SeverityHigh}, func(e weir.Event) error {
			if e.Finding != nil && e.Finding.Waived != nil && !strings.HasPrefix(e.Finding.Message, "policy/") {
				if e.Finding.Waived.Source != "VEX d.json" || e.Finding.Waived.Reason == "" {
					t.Errorf("%s: %+v", name, e.Finding.Waived)
				}
				waived = append(waived, e.Finding.Aliases[0])
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		flaws := []string{"CVE-1", "CVE-2", "CVE-3", "CVE-4", "CVE-5"}
		events := []weir.Event{
			{Package: &weir.Package{Path: "r.txt", Line: 1, PURL: "pkg:pypi/acme@1.0", Flaws: flaws}},
			{Package: &weir.Package{Path: "r.txt", Line: 2, PURL: "pkg:pypi/other@1.0", Flaws: []string{"CVE-1"}}},
		}
		for _, id := range flaws {
			events = append(events, vexFinding(1, id))
		}
		events = append(events, vexFinding(2, "CVE-1"), vexFinding(1, "CVE-1", "CVE-4"))
		for _, e := range events {
			if err := j.Sink(e); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Join(waived, " "); got != c.waived {
			t.Errorf("%s: waived %q, want %q", name, got, c.waived)
		}
	}
}

func vexFinding(line int, ids ...string) weir.Event {
	return weir.Event{Finding: &weir.Finding{Rule: "dependency/known-vulnerability", Severity: weir.SeverityHigh, Path: "r.txt", Pos: weir.Pos{Line: line}, Message: "m", Aliases: ids}}
}

func TestVEXRefuses(t *testing.T) {
	for _, s := range []string{"", "[]", "{}", `{"@context":"https://example.org","statements":[]}`, `{"bomFormat":"other"}`, "not json"} {
		if v, err := ReadVEX(strings.NewReader(s), "x"); err == nil {
			t.Errorf("%q is read as %v", s, v)
		}
	}
}

// TestWaiverOfFlaw: a waiver may name one flaw, and a finding that sums up several is not covered by it.
func TestWaiverOfFlaw(t *testing.T) {
	w := Waiver{Rule: "dependency/known-vulnerability", Flaw: "CVE-1", Reason: "r"}
	for _, c := range []struct {
		ids  []string
		want bool
	}{{[]string{"CVE-1", "GHSA-1"}, true}, {[]string{"CVE-2"}, false}, {[]string{"CVE-1", "CVE-2"}, false}} {
		if got := w.covers(*vexFinding(1, c.ids...).Finding, ""); got != c.want {
			t.Errorf("%v: %v", c.ids, got)
		}
	}
}

func FuzzReadVEX(f *testing.F) {
	for _, s := range []string{openDocument, oldDocument, cycloneDocument, "{}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := ReadVEX(strings.NewReader(string(b)), "x")
		if err != nil && v != nil {
			t.Fatal("an error with statements")
		}
		v.clears(*vexFinding(1, "CVE-1").Finding, []string{"pkg:pypi/acme@1.0"})
	})
}
