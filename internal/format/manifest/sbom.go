package manifest

import (
	"strings"

	"weir"
	"weir/internal/format"
)

var sbomFormats = []format.Format{
	{
		Name: "cyclonedx", Doc: "bill of materials in CycloneDX JSON", Parsed: true,
		Match: func(h format.Head) bool {
			return isObject(h.First) && (within(h.First, `"bomFormat"`, format.HeadSize) && within(h.First, `"CycloneDX"`, format.HeadSize))
		},
		Parse: parser("cyclonedx", parseCycloneDX),
	},
	{
		Name: "spdx", Doc: "bill of materials in SPDX 2 JSON", Parsed: true,
		Match: func(h format.Head) bool {
			return isObject(h.First) && within(h.First, `"spdxVersion"`, format.HeadSize) && within(h.First, `"SPDX-2.`, format.HeadSize)
		},
		Parse: parser("spdx", parseSPDX),
	},
}

// fromPURL takes a package URL (purl-spec) apart.
func fromPURL(s string) (r weir.Requirement, ok bool) {
	rest, ok := strings.CutPrefix(s, "pkg:")
	if !ok {
		return r, false
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, _, _ = strings.Cut(rest, "?")
	kind, rest, ok := strings.Cut(strings.TrimLeft(rest, "/"), "/")
	if !ok {
		return r, false
	}
	name, version := rest, ""
	if i := strings.LastIndexByte(rest, '@'); i > 0 {
		name, version = rest[:i], unescape(rest[i+1:])
	}
	name = unescape(strings.Trim(name, "/"))
	switch kind = strings.ToLower(kind); kind {
	case "pypi":
		name = canonical(name)
	case "maven":
		if i := strings.LastIndexByte(name, '/'); i > 0 {
			name = name[:i] + ":" + name[i+1:]
		}
	}
	r = weir.Requirement{Ecosystem: kind, Name: name, State: weir.PinExact, Version: version}
	if version == "" {
		r.State, r.Reason = weir.PinUnresolved, "the bill of materials gives no version"
	}
	return r, name != ""
}

// component is one entry of a bill of materials.
type component struct {
	id string
	r  weir.Requirement
}

// parseCycloneDX reads components, also those within others, and what depends on what (CycloneDX 1.2 to 1.6).
func parseCycloneDX(in *format.Input, t *text) error {
	root, err := readJSON(t)
	var list []component
	var walk func(n *node, depth int)
	walk = func(n *node, depth int) {
		for _, c := range n.get("components").list() {
			list = append(list, cycloneComponent(c))
			if depth < maxDepth {
				walk(c, depth+1)
			}
		}
	}
	walk(root, 0)
	needs := map[string][]string{}
	for _, d := range root.get("dependencies").list() {
		for _, on := range d.get("dependsOn").list() {
			needs[d.str("ref")] = append(needs[d.str("ref")], on.text)
		}
	}
	emitBill(in, list, needs, []string{root.str("metadata", "component", "bom-ref")})
	return err
}

func cycloneComponent(c *node) component {
	r, ok := fromPURL(c.str("purl"))
	if !ok {
		r = weir.Requirement{State: weir.PinUnresolved, Version: "", Reason: "the bill of materials gives no package URL"}
	}
	r.Line, r.Text = c.line, c.str("purl")
	if n := c.get("purl"); n != nil {
		r.Line = n.line
	}
	if r.Text == "" {
		r.Text = strings.TrimSpace(c.str("group") + " " + c.str("name") + " " + c.str("version"))
	}
	switch c.str("type") {
	case "file", "operating-system", "device", "machine-learning-model", "data", "cryptographic-asset", "device-driver":
		if !ok {
			r.Text = "" // no package
		}
	}
	r.Hashes = len(c.get("hashes").list())
	if c.str("scope") == "excluded" || c.str("scope") == "optional" {
		r.Group = c.str("scope")
	}
	for _, p := range c.get("properties").list() {
		if p.str("name") == "cdx:npm:package:development" && p.str("value") == "true" {
			r.Group = "dev"
		}
	}
	id := c.str("bom-ref")
	if id == "" {
		id = c.str("purl")
	}
	return component{id, r}
}

// parseSPDX reads packages and relationships (SPDX 2.2 and 2.3, annex on JSON).
func parseSPDX(in *format.Input, t *text) error {
	root, err := readJSON(t)
	needs := map[string][]string{}
	roots := []string{root.str("SPDXID")}
	dev := map[string]bool{}
	for _, d := range root.get("documentDescribes").list() {
		roots = append(roots, d.text)
	}
	for _, rel := range root.get("relationships").list() {
		from, to := rel.str("spdxElementId"), rel.str("relatedSpdxElement")
		switch rel.str("relationshipType") {
		case "DESCRIBES":
			roots = append(roots, to)
		case "DEPENDS_ON":
			needs[from] = append(needs[from], to)
		case "DEPENDENCY_OF", "RUNTIME_DEPENDENCY_OF", "OPTIONAL_DEPENDENCY_OF", "PROVIDED_DEPENDENCY_OF":
			needs[to] = append(needs[to], from)
		case "DEV_DEPENDENCY_OF", "TEST_DEPENDENCY_OF", "BUILD_DEPENDENCY_OF":
			needs[to], dev[from] = append(needs[to], from), true
		}
	}
	described := map[string]bool{}
	for _, id := range roots {
		described[id] = true
	}
	var list []component
	for _, p := range root.get("packages").list() {
		if c := spdxPackage(p); !described[c.id] {
			if dev[c.id] {
				c.r.Group = "dev"
			}
			list = append(list, c)
		}
	}
	emitBill(in, list, needs, roots)
	return err
}

func spdxPackage(p *node) component {
	c := component{id: p.str("SPDXID")}
	ok := false
	for _, ref := range p.get("externalRefs").list() {
		if kind := ref.str("referenceType"); kind == "purl" || strings.HasSuffix(kind, "/purl") {
			if c.r, ok = fromPURL(ref.str("referenceLocator")); ok {
				c.r.Text, c.r.Line = ref.str("referenceLocator"), ref.line
				break
			}
		}
	}
	if !ok {
		c.r = weir.Requirement{State: weir.PinUnresolved, Reason: "the bill of materials gives no package URL", Text: strings.TrimSpace(p.str("name") + " " + p.str("versionInfo")), Line: p.line}
	}
	c.r.Hashes = len(p.get("checksums").list())
	return c
}

// emitBill emits the components of a bill with the names of what each needs. Direct are those that the described thing itself needs; a bill
// without relations says nothing of that, so that all are.
func emitBill(in *format.Input, list []component, needs map[string][]string, roots []string) {
	names, direct := map[string]string{}, map[string]bool{}
	for _, c := range list {
		names[c.id] = c.r.Name
	}
	for _, root := range roots {
		for _, to := range needs[root] {
			direct[to] = true
		}
	}
	for _, c := range list {
		if c.r.Text == "" {
			continue
		}
		c.r.Origin, c.r.Text = weir.OriginSBOM, cut(c.r.Text, maxStatement)
		c.r.Direct = direct[c.id] || len(direct) == 0
		seen := map[string]bool{}
		for _, to := range needs[c.id] {
			if n := names[to]; n != "" && !seen[n] {
				seen[n] = true
				c.r.Requires = append(c.r.Requires, n)
			}
		}
		in.Emit(c.r)
	}
}
