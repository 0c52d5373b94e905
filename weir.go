// Package weir holds the words that every room shares: what a parser saw (Fact), what a rule concluded (Finding), what could not be
// looked at (Problem) and the one ordered stream (Event) that carries them to reports, stores and signatures. It does no I/O.
//
// Start with Event and Sink: everything that weir does is a producer or a handler of that stream.
package weir

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Schema names the JSON report that [Event] values add up to; it changes only with a new version number.
const Schema = "weir/report/v1"

// Severity says how bad a finding is; docs/threats.md defines the bands. Higher values are worse.
type Severity uint8

// The severities, mildest first.
const (
	SeverityNone     Severity = iota // no finding; never written in a report
	SeverityInfo                     // worth knowing, no flaw
	SeverityLow                      // hygiene
	SeverityMedium                   // a person must look
	SeverityHigh                     // no honest use in this place, an evasion of scanners, or exploitable here
	SeverityCritical                 // runs attacker-chosen code or writes outside its place, and the evidence is there
)

var severityNames = []string{"none", "info", "low", "medium", "high", "critical"}

// String gives the lower-case name used in reports, flags and configuration.
func (s Severity) String() string { return nameOf(severityNames, int(s)) }

// MarshalText writes the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name; an unknown one is an error that lists the names.
func (s *Severity) UnmarshalText(b []byte) error {
	i, err := indexOf("severity", severityNames, string(b))
	*s = Severity(i)
	return err
}

// ParseSeverity reads a severity's name as written in flags and configuration.
func ParseSeverity(name string) (Severity, error) {
	var s Severity
	err := s.UnmarshalText([]byte(name))
	return s, err
}

// Confidence says how sure a rule is of its finding.
type Confidence uint8

// The confidences, least sure first.
const (
	ConfidencePossible Confidence = iota
	ConfidenceLikely
	ConfidenceCertain
)

var confidenceNames = []string{"possible", "likely", "certain"}

// String gives the lower-case name used in reports.
func (c Confidence) String() string { return nameOf(confidenceNames, int(c)) }

// MarshalText writes the name.
func (c Confidence) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a name.
func (c *Confidence) UnmarshalText(b []byte) error {
	i, err := indexOf("confidence", confidenceNames, string(b))
	*c = Confidence(i)
	return err
}

// Impact names what an attacker gains; a closed set that reports and policies rely on.
type Impact string

// The impacts.
const (
	ImpactExecution Impact = "code-execution"
	ImpactWrite     Impact = "file-write"
	ImpactRead      Impact = "file-read"
	ImpactNetwork   Impact = "network"
	ImpactExposure  Impact = "data-exposure"
	ImpactDenial    Impact = "denial-of-service"
	ImpactSupply    Impact = "supply-chain"
	ImpactPrivilege Impact = "privilege"
)

// Verdict is what weir concludes about one artifact.
type Verdict uint8

// The verdicts, best first: when several apply the worst wins, except that Vulnerable is said of files that are not models.
const (
	VerdictNone       Verdict = iota // not a model and nothing found: not listed
	VerdictClean                     // every byte accounted for, nothing in it can run or escape
	VerdictUnverified                // a person must look, or the format is only recognised
	VerdictIncomplete                // not everything could be examined
	VerdictVulnerable                // not a model, but has findings
	VerdictSuspicious                // a high finding
	VerdictMalicious                 // a critical finding in a model
)

var verdictNames = []string{"none", "clean", "unverified", "incomplete", "vulnerable", "suspicious", "malicious"}

// String gives the lower-case name used in reports.
func (v Verdict) String() string { return nameOf(verdictNames, int(v)) }

// MarshalText writes the name.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads a name.
func (v *Verdict) UnmarshalText(b []byte) error {
	i, err := indexOf("verdict", verdictNames, string(b))
	*v = Verdict(i)
	return err
}

// Coverage says whether every byte of an artifact was accounted for.
type Coverage string

// The coverages.
const (
	CoverageComplete   Coverage = "complete"
	CoveragePartial    Coverage = "partial"    // a limit, an error or an unread part: there is a Problem
	CoverageRecognised Coverage = "recognised" // the format is known by name only
)

// Artifact is one file that weir examined, or one member of it.
type Artifact struct {
	Path      string   `json:"path"`             // the physical file as the user would name it
	Member    string   `json:"member,omitempty"` // nested members, outermost first, joined by "!/"
	Format    string   `json:"format"`
	Framework string   `json:"framework"`
	Size      int64    `json:"size"`             // bytes
	Digest    string   `json:"digest,omitempty"` // "sha256:<hex>", when every byte was read or --digest was given
	Verdict   Verdict  `json:"verdict"`
	Coverage  Coverage `json:"coverage"`
	// Holds is set where the artifact is a folder that is one model: its verdict rests on what lies in it. Size is then the sum of its files'.
	Holds *Holds `json:"-"`
}

// Holds is what the files below a folder have come to.
type Holds struct {
	Worst    Severity // of all findings in them
	Problems bool     // something in them could not be examined
}

// Pos is a place in a file: Offset in bytes for binary formats, Line and Column (both 1-based) for text. Zero values mean "not known".
type Pos struct {
	Offset int64 `json:"offset"`
	Line   int   `json:"line"`
	Column int   `json:"column"`
}

// Finding is what a rule concluded from facts: one flaw at one place.
type Finding struct {
	Rule       string     `json:"rule"`
	Severity   Severity   `json:"severity"`
	Confidence Confidence `json:"confidence"`
	Impact     []Impact   `json:"impact"`
	Path       string     `json:"path"`
	Member     string     `json:"member"`
	Pos
	Message     string   `json:"message"`
	Evidence    string   `json:"evidence"` // what was found, as readable Python or the line itself
	Fix         string   `json:"fix"`
	Aliases     []string `json:"aliases"` // CVE, GHSA, PYSEC, MAL ids
	CWE         []int    `json:"cwe"`
	References  []string `json:"references"`
	Fingerprint string   `json:"fingerprint"` // stable when lines move
	Waived      *Waiver  `json:"waived"`
}

// Outside reports whether a finding is about what an artifact asks for and not about what it holds: an outdated pin makes nobody's model
// suspicious. A package that is malware is another matter.
func (f Finding) Outside() bool {
	return strings.HasPrefix(f.Rule, "dependency/") && f.Rule != "dependency/malicious-package"
}

// Waiver says who accepted a finding, why and until when.
type Waiver struct {
	Reason string `json:"reason"`
	Until  string `json:"until,omitempty"` // a date, 2006-01-02
	Source string `json:"source"`          // "weir.yaml:12" or "baseline"
}

// Problem is something that weir could not do. It makes the outcome incomplete: silence never stands for "not looked at".
type Problem struct {
	Path   string `json:"path"`
	Member string `json:"member,omitempty"`
	Stage  string `json:"stage"` // target, open, walk, read, parse, limit, crash, policy
	Reason string `json:"reason"`
}

// StageTarget is the stage of a Problem about something that the user named and that is not there: wrong use, not an unreadable file.
const StageTarget = "target"

// Package is a dependency, in a manifest or installed.
type Package struct {
	PURL   string   `json:"purl"`
	Path   string   `json:"path"`
	Member string   `json:"member,omitempty"`
	Line   int      `json:"line"`
	Direct bool     `json:"direct"`
	Chain  []string `json:"chain"`            // package URLs or names from a direct requirement to what needs this one, outermost first
	State  PinState `json:"state,omitempty"`  // how closely it names a version
	Range  string   `json:"range,omitempty"`  // its constraint where that is no single version
	Safe   string   `json:"safe,omitempty"`   // first version without a known flaw, where this one has some
	Newest string   `json:"newest,omitempty"` // the newest version that the advisory data knows
	Flaws  []string `json:"flaws,omitempty"`  // ids of the advisories that concern it
}

// Start opens the stream.
type Start struct {
	Schema  string    `json:"schema"`
	Tool    Tool      `json:"tool"`
	Targets []string  `json:"targets"`
	Time    time.Time `json:"-"`
}

// Tool says which weir spoke.
type Tool struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	Rules      int    `json:"rules"`
	Advisories string `json:"advisories,omitempty"` // date of the newest advisory, RFC 3339
}

// End closes the stream; a stream without one was cut off.
type End struct {
	Summary Summary `json:"summary"`
}

// Outcome is the one word for a whole scan.
type Outcome string

// The outcomes.
const (
	OutcomePass       Outcome = "pass"
	OutcomeFail       Outcome = "fail"
	OutcomeIncomplete Outcome = "incomplete"
)

// Summary counts what a scan saw.
type Summary struct {
	Critical int     `json:"critical"`
	High     int     `json:"high"`
	Medium   int     `json:"medium"`
	Low      int     `json:"low"`
	Info     int     `json:"info"`
	Waived   int     `json:"waived"`
	Skipped  int     `json:"skipped"` // inert files: text, pictures, folders left out
	Files    int     `json:"files"`
	Outcome  Outcome `json:"outcome"`
	Complete bool    `json:"complete"`
	ExitCode int     `json:"exit_code"` // what the scan ended with, so that a stored stream can repeat it
	Seconds  float64 `json:"seconds"`
	Bytes    int64   `json:"bytes"` // size of all files looked at
}

// FactAt is a fact with the place where it was seen; in the stream only with --facts.
type FactAt struct {
	Path   string
	Member string
	Fact   Fact
}

// Event is one step of the stream; exactly one field is set.
type Event struct {
	Start    *Start    `json:"start,omitempty"`
	Artifact *Artifact `json:"artifact,omitempty"` // sent once all facts, findings and problems of that file have been sent
	Package  *Package  `json:"package,omitempty"`
	Fact     *FactAt   `json:"fact,omitempty"`
	Finding  *Finding  `json:"finding,omitempty"`
	Problem  *Problem  `json:"problem,omitempty"`
	End      *End      `json:"end,omitempty"`
}

// Sink receives the stream in order. An error ends the scan.
type Sink func(Event) error

// factJSON is the wire form of FactAt.
type factJSON struct {
	Path   string          `json:"path"`
	Member string          `json:"member,omitempty"`
	Kind   string          `json:"kind"`
	Fact   json.RawMessage `json:"fact"`
}

// MarshalJSON writes the fact with its kind beside it.
func (f FactAt) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal(f.Fact)
	if err != nil {
		return nil, err
	}
	return json.Marshal(factJSON{f.Path, f.Member, KindOf(f.Fact), b})
}

// UnmarshalJSON reads what MarshalJSON wrote; an unknown kind is an error.
func (f *FactAt) UnmarshalJSON(b []byte) error {
	var w factJSON
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	fact, err := DecodeFact(w.Kind, w.Fact)
	if err != nil {
		return err
	}
	*f = FactAt{w.Path, w.Member, fact}
	return nil
}

func nameOf(names []string, i int) string {
	if i < 0 || i >= len(names) {
		return fmt.Sprintf("unknown(%d)", i)
	}
	return names[i]
}

func indexOf(what string, names []string, s string) (int, error) {
	for i, n := range names {
		if n == s {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%s %q is not one of %v", what, s, names)
}

// UTF8 gives s with every byte that is not part of valid UTF-8 written as \xNN, so that two names of files stay two in a report and encoders
// have nothing to replace.
func UTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}
