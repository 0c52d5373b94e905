package weir

// Advisory is one known flaw of a package, as far as it concerns one version: all records about it (CVE, GHSA, PYSEC) merged into one.
type Advisory struct {
	ID        string   `json:"id"`                // the one to show: CVE where there is one, else the record's own
	Aliases   []string `json:"aliases,omitempty"` // every id, ID included
	Summary   string   `json:"summary"`
	Severity  Severity `json:"severity"`         // the band of Score, medium where no record has one
	Score     float64  `json:"score,omitempty"`  // CVSS base score, 0 to 10; 0: none known
	Vector    string   `json:"vector,omitempty"` // CVSS v3 or v4 vector
	Affected  string   `json:"affected"`         // the versions concerned, for a person: ">= 1.0, < 1.13.1"
	Fixed     []string `json:"fixed,omitempty"`  // first versions without it, in order; empty: none is released
	CWE       []int    `json:"cwe,omitempty"`
	Symbols   []string `json:"symbols,omitempty"`    // functions that hold it, where a record names them: torch.load
	Malicious bool     `json:"malicious,omitempty"`  // the package itself is malware (MAL- records)
	Exploited bool     `json:"exploited,omitempty"`  // in CISA's catalogue of known exploited vulnerabilities
	EPSS      float64  `json:"epss,omitempty"`       // probability of exploitation within 30 days, 0 to 1; 0: not known
	Server    bool     `json:"server,omitempty"`     // concerns only who runs the package's server
	Mission   bool     `json:"mission,omitempty"`    // from the pack that weir embeds
	Published string   `json:"published,omitempty"`  // RFC 3339
	Modified  string   `json:"modified,omitempty"`   // RFC 3339
	URLs      []string `json:"references,omitempty"` // where to read more
}

// Coverage of a requirement's possible versions by advisories.
const (
	AffectedNone    = "none"    // no known flaw
	AffectedSome    = "some"    // of a range: some versions that it allows have flaws, and others have none
	AffectedAll     = "all"     // the exact version, or every known version that it allows
	AffectedUnknown = "unknown" // unresolved, or its ecosystem is not in the database
)

// Advice is what the advisory database says of one requirement.
type Advice struct {
	Affected   string     `json:"affected"`             // one of the Affected constants
	Advisories []Advisory `json:"advisories,omitempty"` // worst first; for a range those of the newest version that it allows, or of all
	Safe       string     `json:"safe,omitempty"`       // the smallest version at or above the used one without a known flaw; empty: none is known
	Newest     string     `json:"newest,omitempty"`     // the newest version that the data knows
	Known      bool       `json:"known"`                // the ecosystem is in the database
}
