package rule

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed systems
var systemFiles embed.FS

// System is what a person should know of a framework or server at a glance: `weir explain NAME` and a page under docs/systems.
type System struct {
	Name       string      // as in the command: mlflow
	Title      string      // as its makers write it
	Families   []string    // of the rules about it, the most telling first: torch, pickle
	Packages   [][2]string // those that advisories are about: the type of a package URL, and the name
	Loading    string      // what loading one of its models can do
	Incidents  string      // real ones, with their sources or CVEs
	Advisories string      // where its makers publish security advisories
	Versions   string      // the first version without known flaws, and of which date that is said
	Safe       string      // how to run it safely
}

// SystemNames lists the systems that can be explained, in order. Finding none is an error.
func SystemNames() ([]string, error) {
	entries, err := fs.ReadDir(systemFiles, "systems")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".txtar"); ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no systems are embedded")
	}
	return names, nil
}

// SystemOf reads what is known of a system. An error names what is missing or wrong in its file.
func SystemOf(name string) (System, error) {
	b, err := systemFiles.ReadFile("systems/" + name + ".txtar")
	if err != nil {
		return System{}, fmt.Errorf("no system is called %q: %w", name, err)
	}
	s, err := parseSystem(name, string(b))
	if err != nil {
		return s, fmt.Errorf("system %q: %w", name, err)
	}
	return s, nil
}

func parseSystem(name, text string) (System, error) {
	s := System{Name: name}
	families, packages := "", ""
	fields := map[string]*string{
		"title": &s.Title, "families": &families, "packages": &packages, "loading": &s.Loading, "incidents": &s.Incidents, "advisories": &s.Advisories,
		"versions": &s.Versions, "safe": &s.Safe,
	}
	for _, sec := range sections(text) {
		f, ok := fields[sec.name]
		if !ok {
			return s, fmt.Errorf("section %q is not known", sec.name)
		}
		*f = strings.TrimSpace(sec.body)
	}
	for section, f := range fields {
		if *f == "" {
			return s, fmt.Errorf("section %q is missing", section)
		}
	}
	s.Families = strings.Fields(families)
	for line := range strings.Lines(packages) {
		ecosystem, name, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			return s, fmt.Errorf("package %q has no name", ecosystem)
		}
		s.Packages = append(s.Packages, [2]string{ecosystem, name})
	}
	return s, nil
}

// Parts gives the system's texts with their headings, in the order in which they are read.
func (s System) Parts() []struct{ Head, Text string } {
	return []struct{ Head, Text string }{
		{"What loading can do", s.Loading}, {"What happened", s.Incidents}, {"Where its makers publish advisories", s.Advisories},
		{"Versions", s.Versions}, {"How to run it safely", s.Safe},
	}
}
