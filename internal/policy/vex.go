package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"weir"
)

// maxVEX bounds a document in bytes.
const maxVEX = 64 << 20

// VEX is what documents say of known flaws: whether they concern the packages that are used. Of two statements about one package the later counts.
type VEX []Statement

// Statement is one flaw with the packages that it was examined for.
type Statement struct {
	Flaws    []string // its ids
	Packages []string // package URLs, with or without a version; none: whatever is scanned
	Clears   bool     // it does not concern them, or is fixed in them
	Reason   string
	Source   string // "VEX " and the document
}

// openVEX is a document of https://openvex.dev (OpenVEX 0.2.0; 0.0.1 had plain texts for vulnerability and products).
type openVEX struct {
	Context    string `json:"@context"`
	Statements []struct {
		Vulnerability flawRef   `json:"vulnerability"`
		Products      []product `json:"products"`
		Status        string    `json:"status"`
		Justification string    `json:"justification"`
		Impact        string    `json:"impact_statement"`
		Notes         string    `json:"status_notes"`
	} `json:"statements"`
}

// flawRef is an object or, in old documents, a text.
type flawRef struct {
	Name    string   `json:"name"`
	ID      string   `json:"@id"`
	Aliases []string `json:"aliases"`
}

// UnmarshalJSON reads either form.
func (f *flawRef) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &f.Name) == nil {
		return nil
	}
	type plain flawRef
	return json.Unmarshal(b, (*plain)(f))
}

// product is an object or, in old documents, a text.
type product struct {
	ID          string            `json:"@id"`
	Identifiers map[string]string `json:"identifiers"`
	Parts       []product         `json:"subcomponents"`
}

// UnmarshalJSON reads either form.
func (p *product) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &p.ID) == nil {
		return nil
	}
	type plain product
	return json.Unmarshal(b, (*plain)(p))
}

func (p product) purl() string {
	if u := p.Identifiers["purl"]; u != "" {
		return u
	}
	return p.ID
}

// cycloneVEX is the part of a CycloneDX document that says what was decided about flaws.
type cycloneVEX struct {
	Format     string `json:"bomFormat"`
	Components []struct {
		Ref  string `json:"bom-ref"`
		PURL string `json:"purl"`
	} `json:"components"`
	Flaws []struct {
		ID         string `json:"id"`
		References []struct {
			ID string `json:"id"`
		} `json:"references"`
		Analysis struct {
			State         string `json:"state"`
			Justification string `json:"justification"`
			Detail        string `json:"detail"`
		} `json:"analysis"`
		Affects []struct {
			Ref string `json:"ref"`
		} `json:"affects"`
	} `json:"vulnerabilities"`
}

// ReadVEX reads an OpenVEX document, or the vulnerabilities of a CycloneDX one. name is what findings will call it.
func ReadVEX(r io.Reader, name string) (VEX, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxVEX+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxVEX {
		return nil, fmt.Errorf("larger than %d MiB", maxVEX>>20)
	}
	var o openVEX
	var c cycloneVEX
	errO, errC := json.Unmarshal(b, &o), json.Unmarshal(b, &c)
	switch {
	case errO == nil && strings.Contains(o.Context, "openvex"):
		return o.statements(name), nil
	case errC == nil && c.Format == "CycloneDX":
		return c.statements(name), nil
	case errO != nil && errC != nil:
		return nil, fmt.Errorf("no OpenVEX and no CycloneDX: %w", errO)
	}
	return nil, errors.New("no OpenVEX (\"@context\") and no CycloneDX (\"bomFormat\")")
}

func (o openVEX) statements(name string) VEX {
	var out VEX
	for _, s := range o.Statements {
		v := Statement{Source: "VEX " + name, Clears: s.Status == "not_affected" || s.Status == "fixed"}
		for _, id := range append([]string{s.Vulnerability.Name, s.Vulnerability.ID}, s.Vulnerability.Aliases...) {
			if id = id[strings.LastIndexByte(id, '/')+1:]; id != "" {
				v.Flaws = append(v.Flaws, id)
			}
		}
		for _, p := range s.Products {
			list := p.Parts
			if len(list) == 0 {
				list = []product{p}
			}
			for _, q := range list {
				v.Packages = append(v.Packages, q.purl())
			}
		}
		v.Reason = reason(s.Status, s.Justification, s.Impact, s.Notes)
		out = append(out, v.packages())
	}
	return out
}

func (c cycloneVEX) statements(name string) VEX {
	purls := map[string]string{}
	for _, p := range c.Components {
		purls[p.Ref] = p.PURL
	}
	var out VEX
	for _, f := range c.Flaws {
		v := Statement{Source: "VEX " + name, Flaws: []string{f.ID}}
		switch f.Analysis.State {
		case "not_affected", "false_positive", "resolved", "resolved_with_pedigree":
			v.Clears = true
		case "":
			continue // nothing was decided
		}
		for _, r := range f.References {
			v.Flaws = append(v.Flaws, r.ID)
		}
		for _, a := range f.Affects {
			ref := a.Ref[strings.LastIndexByte(a.Ref, '#')+1:] // urn:cdx:serial/version#ref
			if purl := purls[ref]; purl != "" {
				ref = purl
			}
			v.Packages = append(v.Packages, ref)
		}
		v.Reason = reason(f.Analysis.State, f.Analysis.Justification, f.Analysis.Detail)
		out = append(out, v.packages())
	}
	return out
}

func reason(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, ": ")
}

// packaged are the kinds of package URLs that findings are about. A statement about other things (an image, a product's own name) is about the
// whole of what is scanned.
var packaged = []string{"pkg:pypi/", "pkg:maven/", "pkg:npm/", "pkg:golang/", "pkg:cargo/", "pkg:conda/"}

// packages keeps the package URLs among the products, without qualifiers.
func (s Statement) packages() Statement {
	var out []string
	for _, p := range s.Packages {
		p, _, _ = strings.Cut(p, "#")
		p, _, _ = strings.Cut(p, "?")
		if slices.ContainsFunc(packaged, func(kind string) bool { return strings.HasPrefix(p, kind) }) {
			out = append(out, p)
		}
	}
	s.Packages = out
	return s
}

// about reports whether a statement is about one flaw of one package.
func (s Statement) about(ids []string, purl string) bool {
	if !slices.ContainsFunc(s.Flaws, func(id string) bool { return slices.Contains(ids, id) }) {
		return false
	}
	name, _, _ := strings.Cut(purl, "@")
	return len(s.Packages) == 0 || slices.Contains(s.Packages, purl) || slices.Contains(s.Packages, name)
}

// clears gives the last statement about a finding, if it says that the flaw is none here. purls are the packages that the finding may be about.
func (v VEX) clears(f weir.Finding, purls []string) *weir.Waiver {
	if len(v) == 0 || !strings.HasPrefix(f.Rule, "dependency/") || manyFlaws(f.Aliases) {
		return nil
	}
	if len(purls) == 0 {
		purls = []string{""}
	}
	var found *weir.Waiver
	for _, purl := range purls {
		last := -1
		for i := range v {
			if v[i].about(f.Aliases, purl) {
				last = i
			}
		}
		if last < 0 || !v[last].Clears {
			return nil // another package of the same line keeps the flaw
		}
		found = &weir.Waiver{Reason: v[last].Reason, Source: v[last].Source}
	}
	return found
}

// manyFlaws reports whether a finding sums up several flaws: a statement about one of them says nothing of the others.
func manyFlaws(ids []string) bool {
	n := 0
	for _, id := range ids {
		if strings.HasPrefix(id, "CVE-") {
			n++
		}
	}
	return n > 1
}

// note keeps which packages of the file that passes by have which flaws: findings name a line, documents name packages.
func (f *file) note(k weir.Package) {
	if f.packages == nil {
		f.packages = map[place][]string{}
	}
	for _, id := range k.Flaws {
		at := place{k.Member, k.Line, id}
		f.packages[at] = append(f.packages[at], k.PURL)
	}
}

// place is a flaw in a line.
type place struct {
	member string
	line   int
	flaw   string
}

// purls gives the packages that a finding may be about.
func (f *file) purls(v weir.Finding) []string {
	var out []string
	for _, id := range v.Aliases {
		for _, p := range f.packages[place{v.Member, v.Line, id}] {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}
