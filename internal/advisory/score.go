package advisory

import (
	"strings"

	gocvss20 "github.com/pandatix/go-cvss/20"
	gocvss30 "github.com/pandatix/go-cvss/30"
	gocvss31 "github.com/pandatix/go-cvss/31"
	gocvss40 "github.com/pandatix/go-cvss/40"

	"weir"
)

// score is the base score of a CVSS vector of any version, by FIRST's formulas; ok is false for what is no vector.
func score(vector string) (s float64, ok bool) {
	switch {
	case strings.HasPrefix(vector, "CVSS:4.0/"):
		v, err := gocvss40.ParseVector(vector)
		if err != nil {
			return 0, false
		}
		return v.Score(), true
	case strings.HasPrefix(vector, "CVSS:3.1/"):
		v, err := gocvss31.ParseVector(vector)
		if err != nil {
			return 0, false
		}
		return v.BaseScore(), true
	case strings.HasPrefix(vector, "CVSS:3.0/"):
		v, err := gocvss30.ParseVector(vector)
		if err != nil {
			return 0, false
		}
		return v.BaseScore(), true
	case strings.HasPrefix(vector, "AV:"):
		v, err := gocvss20.ParseVector(vector)
		if err != nil {
			return 0, false
		}
		return v.BaseScore(), true
	}
	return 0, false
}

// words are scores for the bands that GitHub names where a record has no vector: the band's lower end.
var words = map[string]float64{"CRITICAL": 9, "HIGH": 7, "MODERATE": 4, "MEDIUM": 4, "LOW": 0.1}

// worst picks the vector that counts: CVSS 4 is shown where it alone is there; of several the newest 3.x, because feeds agree on these most.
func worst(list []osvSeverity) (vector string, s float64) {
	rank := -1
	for _, sev := range list {
		v, ok := score(sev.Score)
		if !ok {
			continue
		}
		r := map[string]int{"CVSS:3.1": 3, "CVSS:3.0": 2, "CVSS:4.0": 1}[head(sev.Score, 8)]
		if r > rank || r == rank && v > s {
			rank, vector, s = r, sev.Score, v
		}
	}
	return vector, s
}

// band is CVSS' qualitative rating; a flaw without a score is medium.
func band(s float64) weir.Severity {
	switch {
	case s >= 9:
		return weir.SeverityCritical
	case s >= 7:
		return weir.SeverityHigh
	case s >= 4 || s == 0:
		return weir.SeverityMedium
	}
	return weir.SeverityLow
}
