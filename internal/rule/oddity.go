package rule

import (
	"fmt"
	"slices"
	"strings"

	"weir"
)

// archives are the formats whose oddities concern entries of a container; oddities of all others concern a stream.
var archives = map[string]bool{
	"zip": true, "tar": true, "gzip": true, "bzip2": true, "xz": true, "lzma": true, "zstd": true, "lz4": true, "zlib": true, "7z": true,
	"npz": true, "torch-zip": true, "torch-tar": true, "torchscript": true, "torch-mar": true, "torch-package": true, "torch-export": true, "torch-distcp": true, "mleap-bundle": true, "h2o-mojo": true, "torch-distributed": true,
}

// isArchive reports whether a unit is a container. What is something else as well (an array whose bytes end like a zip file) is one only
// when that reading has entries.
func isArchive(u *Unit) bool {
	only := len(u.Formats) > 0
	for _, f := range u.Formats {
		only = only && archives[f]
	}
	return only || len(facts[weir.Member](u)) > 0
}

// hasFormat reports whether a unit was recognised as one of the formats, or as one that begins with the name and a hyphen.
func hasFormat(u *Unit, names ...string) bool {
	for _, f := range u.Formats {
		for _, n := range names {
			if strings.HasPrefix(f, n) && (len(f) == len(n) || f[len(n)] == '-') {
				return true
			}
		}
	}
	return false
}

// isStream reports whether a unit is read by an unpickler.
func isStream(u *Unit) bool {
	return !isArchive(u) && (hasFormat(u, "pickle", "joblib", "torch", "dill", "cloudpickle", "npy", "numpy") || len(facts[weir.Import](u)) > 0)
}

// oddities gives the oddities of some kinds in a unit.
func oddities(u *Unit, kinds ...weir.OddityKind) []weir.Oddity {
	var out []weir.Oddity
	for _, o := range facts[weir.Oddity](u) {
		for _, k := range kinds {
			if o.Kind == k {
				out = append(out, o)
			}
		}
	}
	return out
}

// reportOddities makes one finding of all oddities of one sort in a unit: the first with the count of the others.
func (p *Pass) reportOddities(u *Unit, odd []weir.Oddity, what string, severity weir.Severity, conf weir.Confidence) {
	if len(odd) == 0 {
		return
	}
	message := what
	if odd[0].Detail != "" {
		message += ": " + odd[0].Detail
	}
	if len(odd) > 1 {
		message += fmt.Sprintf(" (and %d more)", len(odd)-1)
	}
	f := p.finding(u, odd[0].At, message, odd[0].Detail)
	f.Severity, f.Confidence = severity, conf
	p.Report(f)
}

// parserDivergence reports streams that C unpickler, Python unpickler and pickletools read differently.
func parserDivergence(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		if !isStream(u) {
			continue
		}
		p.reportOddities(u, oddities(u, weir.OddDivergent), "unpicklers read this stream differently", weir.SeverityHigh, weir.ConfidenceCertain)
	}
}

// brokenStream reports streams that break. What ran before the break has run: a stream that imports first and breaks afterwards is the
// way around scanners that give up at the first error.
func brokenStream(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		if !isStream(u) {
			continue
		}
		for _, o := range oddities(u, weir.OddMalformed, weir.OddTruncated) {
			acted := false
			for _, imp := range facts[weir.Import](u) {
				acted = acted || !imp.Dead && imp.At <= o.At
			}
			switch {
			case acted:
				p.reportOddities(u, []weir.Oddity{o}, "the stream breaks after it has imported objects", weir.SeverityHigh, weir.ConfidenceCertain)
			case u.Model && !guessed(u):
				p.reportOddities(u, []weir.Oddity{o}, "the stream is broken", weir.SeverityMedium, weir.ConfidenceLikely)
			default:
				continue
			}
			break // later breaks of the same unit follow from the first
		}
	}
}

// guessed reports whether a unit is not a file or entry but bytes that a parser found worth a look: its name is made up ("bytes@120",
// "[prefix]", "array[0]"). That such bytes are no whole stream says nothing.
func guessed(u *Unit) bool {
	last := u.Member[strings.LastIndexByte(u.Member, '/')+1:]
	return strings.ContainsAny(last, "@[")
}

// hiddenStream reports bytes beside the stream that holds the model: they are high when they import something that is not safe.
func hiddenStream(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		if !isStream(u) {
			continue
		}
		var loud, quiet []weir.Oddity
		bad := p.judgements(u)
		for _, o := range oddities(u, weir.OddTrailing, weir.OddPrefixed, weir.OddGap, weir.OddEmbedded) {
			if o.Kind == weir.OddPrefixed && slices.ContainsFunc(u.Formats, func(f string) bool { return archives[f] }) {
				continue // seen from a container that has no entries
			}
			if holds(o, bad) {
				loud = append(loud, o)
			} else {
				quiet = append(quiet, o)
			}
		}
		p.reportOddities(u, loud, "a hidden pickle imports objects that are not safe", weir.SeverityHigh, weir.ConfidenceCertain)
		if len(loud) == 0 {
			p.reportOddities(u, quiet, "bytes that the stream does not need", weir.SeverityMedium, weir.ConfidenceLikely)
		}
	}
}

func holds(o weir.Oddity, judged []judgement) bool {
	for _, j := range judged {
		if j.imp.At >= o.At && (o.Size <= 0 || j.imp.At < o.At+o.Size) {
			return true
		}
	}
	return false
}
