package report

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"weir"
)

// cdxSpec is the version of CycloneDX that is written (ECMA-424, first edition).
const cdxSpec = "1.6"

// maxOccurrences bounds the places that one component lists; a package of five thousand manifests would be most of the report.
const maxOccurrences = 100

// cyclonedx gathers what a scan saw as a bill of materials: packages and models as components, who needs whom, known flaws with what was decided
// about them (VEX). The same stream gives the same bytes: there is no time in it, and the serial number is a digest of the rest.
type cyclonedx struct {
	w     *bufio.Writer
	start weir.Start
	parts map[string]*cdxComponent // by bom-ref
	order []string
	needs map[string]map[string]bool
	named map[string]string // path, member and package name → bom-ref, for chains
	later []cdxLink
	flaws map[string]*cdxFlaw
	ids   []string
	at    map[string][]string // path, member, line and flaw → bom-refs
	found []weir.Finding
}

// cdxLink is a package with the chain by which it is needed.
type cdxLink struct {
	ref, scope string
	chain      []string
}

type cdxComponent struct {
	Type       string        `json:"type"`
	Ref        string        `json:"bom-ref"`
	Group      string        `json:"group,omitempty"`
	Name       string        `json:"name"`
	Version    string        `json:"version,omitempty"`
	Hashes     []cdxHash     `json:"hashes,omitempty"`
	PURL       string        `json:"purl,omitempty"`
	Evidence   *cdxEvidence  `json:"evidence,omitempty"`
	Properties []cdxProperty `json:"properties,omitempty"`
}

type cdxHash struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

type cdxEvidence struct {
	Occurrences []cdxPlace `json:"occurrences"`
}

type cdxPlace struct {
	Location string `json:"location"`
	Line     int    `json:"line,omitempty"`
}

type cdxProperty struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type cdxFlaw struct {
	Ref            string         `json:"bom-ref"`
	ID             string         `json:"id"`
	References     []cdxReference `json:"references,omitempty"`
	Ratings        []cdxRating    `json:"ratings,omitempty"`
	CWEs           []int          `json:"cwes,omitempty"`
	Description    string         `json:"description,omitempty"`
	Recommendation string         `json:"recommendation,omitempty"`
	Advisories     []cdxAdvisory  `json:"advisories,omitempty"`
	Analysis       *cdxAnalysis   `json:"analysis,omitempty"`
	Affects        []cdxAffects   `json:"affects"`
}

type cdxReference struct {
	ID     string    `json:"id"`
	Source cdxSource `json:"source"`
}

type cdxSource struct {
	Name string `json:"name"`
}

type cdxRating struct {
	Severity string `json:"severity"`
	Method   string `json:"method"`
}

type cdxAdvisory struct {
	URL string `json:"url"`
}

type cdxAnalysis struct {
	State    string   `json:"state,omitempty"`
	Response []string `json:"response,omitempty"`
	Detail   string   `json:"detail,omitempty"`
}

type cdxAffects struct {
	Ref string `json:"ref"`
}

type cdxDependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

// cdxRoot is the bom-ref of what was scanned.
const cdxRoot = "scan"

func newCycloneDX(w *bufio.Writer, _ Options) weir.Sink {
	c := &cyclonedx{
		w: w, parts: map[string]*cdxComponent{}, needs: map[string]map[string]bool{cdxRoot: {}}, named: map[string]string{}, flaws: map[string]*cdxFlaw{}, at: map[string][]string{},
	}
	return func(e weir.Event) error {
		switch {
		case e.Start != nil:
			c.start = *e.Start
		case e.Package != nil:
			c.pack(*e.Package)
		case e.Artifact != nil && e.Artifact.Member == "":
			c.model(*e.Artifact)
		case e.Finding != nil && strings.HasPrefix(e.Finding.Rule, "dependency/"):
			c.found = append(c.found, *e.Finding)
		case e.End != nil:
			return c.end()
		}
		return nil
	}
}

// part gives the component of a reference, made where there is none.
func (c *cyclonedx) part(ref, kind, name string) *cdxComponent {
	p := c.parts[ref]
	if p == nil {
		p = &cdxComponent{Type: kind, Ref: ref, Name: name}
		c.parts[ref] = p
		c.order = append(c.order, ref)
		c.needs[ref] = map[string]bool{}
	}
	return p
}

func (c *cyclonedx) pack(k weir.Package) {
	kind, group, name, version := cutPURL(k.PURL)
	p := c.part(k.PURL, "library", name)
	if kind == "oci" || kind == "docker" {
		p.Type = "container"
	}
	p.PURL, p.Group, p.Version = k.PURL, group, version
	if p.Evidence == nil {
		p.Evidence = &cdxEvidence{}
	}
	if len(p.Evidence.Occurrences) < maxOccurrences {
		p.Evidence.Occurrences = append(p.Evidence.Occurrences, cdxPlace{cdxLocation(k.Path, k.Member), k.Line})
	}
	if k.Range != "" {
		p.property("weir:range", k.Range)
	}
	if k.Safe != "" {
		p.property("weir:first-safe-version", k.Safe)
	}
	scope := cdxLocation(k.Path, k.Member) + "\n"
	full := name
	if group != "" {
		full = group + "/" + name
		if kind == "maven" {
			full = group + ":" + name
		}
	}
	c.named[scope+full] = k.PURL
	if k.Direct || len(k.Chain) == 0 {
		c.needs[cdxRoot][k.PURL] = true
	} else {
		c.later = append(c.later, cdxLink{k.PURL, scope, k.Chain})
	}
	for _, id := range k.Flaws {
		key := fmt.Sprintf("%s\n%d\n%s", cdxLocation(k.Path, k.Member), k.Line, id)
		c.at[key] = append(c.at[key], k.PURL)
	}
}

func (p *cdxComponent) property(name, value string) {
	if v := (cdxProperty{name, value}); !slices.Contains(p.Properties, v) {
		p.Properties = append(p.Properties, v)
	}
}

// cdxLocation names a file or a member of one.
func cdxLocation(path, member string) string {
	if member == "" {
		return path
	}
	return path + "!/" + member
}

// cutPURL takes a package URL apart (purl-spec); what is none gives itself as the name.
func cutPURL(p string) (kind, group, name, version string) {
	kind, rest, ok := strings.Cut(strings.TrimPrefix(p, "pkg:"), "/")
	if !ok {
		return "", "", p, ""
	}
	rest, version, _ = strings.Cut(rest, "@")
	parts := strings.Split(rest, "/")
	for i := range parts {
		parts[i] = unescape(parts[i])
	}
	return kind, strings.Join(parts[:len(parts)-1], "/"), parts[len(parts)-1], unescape(version)
}

// model lists what is a model; other files are not part of a bill of materials.
func (c *cyclonedx) model(a weir.Artifact) {
	switch a.Verdict {
	case weir.VerdictNone, weir.VerdictVulnerable:
		return
	case weir.VerdictIncomplete:
		if a.Framework == "" {
			return
		}
	}
	name := cdxLocation(a.Path, a.Member)
	p := c.part("model:"+name, "machine-learning-model", name)
	if sum, ok := strings.CutPrefix(a.Digest, "sha256:"); ok && len(sum) == 2*sha256.Size {
		p.Hashes = []cdxHash{{"SHA-256", sum}}
	}
	p.property("weir:format", a.Format)
	if a.Framework != "" {
		p.property("weir:framework", a.Framework)
	}
	p.property("weir:verdict", a.Verdict.String())
	c.needs[cdxRoot][p.Ref] = true
}

// link adds the edges that chains show: each package of a chain needs the next one.
func (c *cyclonedx) link() {
	for _, l := range c.later {
		from := ""
		for _, name := range l.chain {
			ref := c.named[l.scope+name]
			if c.parts[name] != nil {
				ref = name
			}
			if ref == "" {
				continue
			}
			if from != "" && from != ref {
				c.needs[from][ref] = true
			}
			from = ref
		}
		if from == "" {
			from = cdxRoot
		}
		if from != l.ref {
			c.needs[from][l.ref] = true
		}
	}
}

// flaw adds what a finding says to the flaw that it is about.
func (c *cyclonedx) flaw(f weir.Finding) {
	for _, id := range f.Aliases {
		refs := c.at[fmt.Sprintf("%s\n%d\n%s", cdxLocation(f.Path, f.Member), f.Line, id)]
		if len(refs) == 0 {
			continue
		}
		v := c.flaws[id]
		if v == nil {
			v = &cdxFlaw{Ref: "flaw:" + id, ID: id, Ratings: []cdxRating{{f.Severity.String(), "other"}}, Description: f.Message, Recommendation: f.Fix}
			for _, n := range f.CWE {
				if n > 0 {
					v.CWEs = append(v.CWEs, n)
				}
			}
			if len(f.Aliases) < 20 { // a finding about many flaws of one package says nothing of which is which
				for _, other := range f.Aliases {
					if other != id {
						v.References = append(v.References, cdxReference{other, cdxSource{strings.ToUpper(strings.SplitN(other, "-", 2)[0])}})
					}
				}
			}
			for _, u := range f.References {
				if strings.HasPrefix(u, "https://") {
					v.Advisories = append(v.Advisories, cdxAdvisory{u})
				}
			}
			c.flaws[id] = v
			c.ids = append(c.ids, id)
		}
		if f.Waived != nil && v.Analysis == nil {
			v.Analysis = &cdxAnalysis{State: "exploitable", Response: []string{"will_not_fix"}, Detail: f.Waived.Reason}
			if strings.HasPrefix(f.Waived.Source, "VEX ") {
				v.Analysis = &cdxAnalysis{State: "not_affected", Detail: f.Waived.Reason}
			}
		}
		for _, ref := range refs {
			if a := (cdxAffects{ref}); !slices.Contains(v.Affects, a) {
				v.Affects = append(v.Affects, a)
			}
		}
	}
}

func (c *cyclonedx) end() error {
	c.link()
	for _, f := range c.found {
		c.flaw(f)
	}
	var parts, dependencies, flaws jsonList
	for _, ref := range c.order {
		if err := parts.add(c.parts[ref]); err != nil {
			return err
		}
	}
	for _, ref := range append([]string{cdxRoot}, c.order...) {
		d := cdxDependency{Ref: ref}
		for to := range c.needs[ref] {
			d.DependsOn = append(d.DependsOn, to)
		}
		slices.Sort(d.DependsOn)
		if err := dependencies.add(d); err != nil {
			return err
		}
	}
	for _, id := range c.ids {
		if err := flaws.add(c.flaws[id]); err != nil {
			return err
		}
	}
	name := strings.Join(c.start.Targets, " ")
	if name == "" {
		name = "scan"
	}
	meta, err := encode(map[string]any{
		"tools":     map[string]any{"components": []any{map[string]string{"type": "application", "name": "weir", "version": c.start.Tool.Version}}},
		"component": map[string]string{"type": "application", "bom-ref": cdxRoot, "name": name},
	})
	if err != nil {
		return fmt.Errorf("cyclonedx: %w", err)
	}
	sum := sha256.New()
	for _, b := range [][]byte{meta, parts.b.Bytes(), dependencies.b.Bytes(), flaws.b.Bytes()} {
		sum.Write(b)
	}
	id := sum.Sum(nil)[:16]
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // a UUID of version 8, made of a digest (RFC 9562)
	fmt.Fprintf(c.w, "{\n \"$schema\": \"http://cyclonedx.org/schema/bom-%s.schema.json\",\n \"bomFormat\": \"CycloneDX\",\n \"specVersion\": %q,\n", cdxSpec, cdxSpec)
	fmt.Fprintf(c.w, " \"serialNumber\": \"urn:uuid:%x-%x-%x-%x-%x\",\n \"version\": 1,\n \"metadata\": %s,\n \"components\": ", id[:4], id[4:6], id[6:8], id[8:10], id[10:], meta)
	parts.writeTo(c.w)
	c.w.WriteString(",\n \"dependencies\": ")
	dependencies.writeTo(c.w)
	c.w.WriteString(",\n \"vulnerabilities\": ")
	flaws.writeTo(c.w)
	_, err = c.w.WriteString("\n}\n")
	return err
}
