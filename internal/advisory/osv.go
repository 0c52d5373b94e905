package advisory

import (
	"encoding/json"
	"fmt"
	"strings"

	"weir/internal/version"
)

// record is an advisory in the form of the Open Source Vulnerability schema 1.7 (https://ossf.github.io/osv-schema), as far as weir reads it. The
// same structure read from YAML is the form of PyPA's advisory database.
type record struct {
	ID        string        `json:"id" yaml:"id"`
	Modified  string        `json:"modified" yaml:"modified"`
	Published string        `json:"published" yaml:"published"`
	Withdrawn string        `json:"withdrawn" yaml:"withdrawn"`
	Aliases   []string      `json:"aliases" yaml:"aliases"`
	Summary   string        `json:"summary" yaml:"summary"`
	Details   string        `json:"details" yaml:"details"`
	Severity  []osvSeverity `json:"severity" yaml:"severity"`
	Affected  []affected    `json:"affected" yaml:"affected"`
	Refs      []struct {
		Type string `json:"type" yaml:"type"`
		URL  string `json:"url" yaml:"url"`
	} `json:"references" yaml:"references"`
	Specific struct {
		CWE      []string `json:"cwe_ids" yaml:"cwe_ids"`
		Severity string   `json:"severity" yaml:"severity"` // GitHub's word where there is no vector
		// What the embedded pack's own source adds
		Server bool `json:"weir_server" yaml:"weir_server"`
	} `json:"database_specific" yaml:"database_specific"`
}

type osvSeverity struct {
	Type  string `json:"type" yaml:"type"`
	Score string `json:"score" yaml:"score"`
}

type affected struct {
	Package struct {
		Ecosystem string `json:"ecosystem" yaml:"ecosystem"`
		Name      string `json:"name" yaml:"name"`
	} `json:"package" yaml:"package"`
	Ranges []struct {
		Type   string  `json:"type" yaml:"type"`
		Events []event `json:"events" yaml:"events"`
	} `json:"ranges" yaml:"ranges"`
	Versions []string      `json:"versions" yaml:"versions"`
	Severity []osvSeverity `json:"severity" yaml:"severity"`
	Specific struct {
		Imports []struct {
			Path    string   `json:"path" yaml:"path"`
			Symbols []string `json:"symbols" yaml:"symbols"`
		} `json:"imports" yaml:"imports"`
		Custom []struct {
			Type   string  `json:"type" yaml:"type"`
			Events []event `json:"events" yaml:"events"`
		} `json:"custom_ranges" yaml:"custom_ranges"`
	} `json:"ecosystem_specific" yaml:"ecosystem_specific"`
}

// event is one end of a range; one field is set.
type event struct {
	Introduced   string `json:"introduced" yaml:"introduced"`
	Fixed        string `json:"fixed" yaml:"fixed"`
	LastAffected string `json:"last_affected" yaml:"last_affected"`
	Limit        string `json:"limit" yaml:"limit"`
}

// decode reads one OSV record.
func decode(data []byte) (*record, error) {
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("not an OSV record: %w", err)
	}
	if r.ID == "" {
		return nil, fmt.Errorf("not an OSV record: it has no id")
	}
	return &r, nil
}

// ecosystems are OSV's names → types of package URLs.
var ecosystems = map[string]string{"PyPI": "pypi", "Maven": "maven", "npm": "npm", "Go": "golang", "crates.io": "cargo"}

// ecosystemOf reads OSV's ecosystem, which may carry a repository after a colon; empty where weir has no rules for it.
func ecosystemOf(osv string) string {
	osv, _, _ = strings.Cut(osv, ":")
	return ecosystems[osv]
}

// Canonical is a package's name as the database files it: PEP 503 for pypi, without the difference of - and _ for cargo, as it is elsewhere.
func Canonical(ecosystem, name string) string {
	switch ecosystem {
	case version.PEP440.String():
		return pep503(name)
	case version.Cargo.String():
		return strings.ReplaceAll(name, "_", "-")
	}
	return name
}

// pep503 lowers a name and makes one dash of every run of dashes, dots and underscores.
func pep503(name string) string {
	b := make([]byte, 0, len(name))
	for i := range len(name) {
		switch c := name[i]; {
		case c == '-' || c == '_' || c == '.':
			if n := len(b); n == 0 || b[n-1] != '-' {
				b = append(b, '-')
			}
		case c >= 'A' && c <= 'Z':
			b = append(b, c+'a'-'A')
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

// sentence is a summary for records that have only details: the first sentence without Markdown, bounded.
func sentence(details string) string {
	const most = 180
	s := strings.Join(strings.Fields(strings.NewReplacer("`", "", "###", " ", "**", "", "\n", " ").Replace(head(details, 2000))), " ")
	s = strings.TrimPrefix(strings.TrimPrefix(s, "Impact "), "Summary ")
	if i := strings.Index(s, ". "); i > 20 {
		s = s[:i]
	}
	s = strings.TrimSuffix(s, ".")
	if len(s) <= most {
		return s
	}
	s = s[:most]
	if i := strings.LastIndexByte(s, ' '); i > most/2 {
		s = s[:i]
	}
	return strings.ToValidUTF8(s, "") + "…"
}

func head(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}
