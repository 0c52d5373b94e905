package rule

import (
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"

	"weir"
)

// Archive lists the rules about containers of files.
func Archive() []Rule {
	return []Rule{
		{
			ID: "archive/path-traversal", Title: "Archive entry names a place outside its folder", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactWrite}, CWE: []int{22},
			Fix: "do not unpack this archive; where you must read such files, unpack with a filter (tarfile's filter='data') into an empty folder", Check: pathTraversal,
		},
		{
			ID: "archive/link-escape", Title: "Archive holds a link that leaves its folder", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactWrite, weir.ImpactRead}, CWE: []int{59, 22},
			Fix: "do not unpack this archive; a model has no need of links", Check: linkEscape,
		},
		{
			ID: "archive/special-entry", Title: "Archive holds a device, a pipe or a set-uid file", Since: "0.1.0", Severity: weir.SeverityHigh, Scope: ScopeContainer,
			Impact: []weir.Impact{weir.ImpactPrivilege}, CWE: []int{732, 250},
			Fix: "do not unpack this archive; a model consists of plain files", Check: specialEntry,
		},
		{
			ID: "archive/deceptive-name", Title: "Archive entry has a name made to mislead", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactWrite}, CWE: []int{1007, 116},
			Fix: fixArchive, Check: deceptiveName,
		},
		{
			ID: "archive/duplicate-entry", Title: "Archive holds two entries of one name", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{436, 694}, Fix: fixArchive, Check: duplicateEntry,
		},
		{
			ID: "archive/view-mismatch", Title: "Archive reads differently by its directory and by its entries", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{436}, Fix: fixArchive, Check: viewMismatch,
		},
		{
			ID: "archive/checksum", Title: "Archive entry does not match its checksum", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{354}, Fix: fixArchive, Check: checksum,
		},
		{
			ID: "archive/overlap", Title: "Archive entries share bytes", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactDenial, weir.ImpactExecution}, CWE: []int{409, 436}, Fix: fixArchive, Check: overlap,
		},
		{
			ID: "archive/bomb", Title: "Archive expands far beyond its size", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactDenial}, CWE: []int{409},
			Fix: "do not unpack this archive; delete it", Check: bomb,
		},
		{
			ID: "archive/encrypted", Title: "Model archive is marked as encrypted", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{424, 436},
			Fix: "ask for the model without encryption; no framework reads an encrypted archive, so the mark is there for scanners", Check: encrypted,
		},
		{
			ID: "archive/unaccounted-bytes", Title: "Archive holds bytes that no entry explains", Since: "0.1.0", Severity: weir.SeverityMedium, Scope: ScopeContainer,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{436, 506}, Fix: fixArchive, Check: unaccounted,
		},
		{
			ID: "archive/unsupported", Title: "Model archive uses a method that its framework does not write", Since: "0.1.0", Severity: weir.SeverityMedium,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{424}, Fix: fixArchive, Check: unsupported,
		},
		{
			ID: "archive/malformed", Title: "Archive is damaged or built against its format", Since: "0.1.0", Severity: weir.SeverityMedium,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{1286, 436}, Fix: fixArchive, Check: malformedArchive,
		},
		{
			ID: "archive/polyglot", Title: "File is valid as several formats at once", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{436}, Fix: fixBroken, Check: polyglot,
		},
	}
}

const fixArchive = "do not load this file; pack the model again with the framework that made it and compare the contents"

// unpacked reports whether loading a unit writes its entries out as files: tar and 7z have no other way, TorchServe unpacks .mar.
func unpacked(u *Unit) bool { return u.Model && hasFormat(u, "tar", "7z", "torch-tar", "torch-mar") }

// severityIn gives a severity to what matters in a model and less in an ordinary archive.
func severityIn(u *Unit, model, other weir.Severity) weir.Severity {
	if u.Model {
		return model
	}
	return other
}

// each runs a check on every archive of the pass.
func each(p *Pass, check func(*Unit)) {
	for i := range p.Units {
		if isArchive(&p.Units[i]) {
			check(&p.Units[i])
		}
	}
}

func pathTraversal(p *Pass) {
	each(p, func(u *Unit) {
		s := weir.SeverityHigh
		if unpacked(u) {
			s = weir.SeverityCritical
		}
		p.reportOddities(u, oddities(u, weir.OddPath), "an entry is named to be written outside its folder", s, weir.ConfidenceCertain)
	})
}

func linkEscape(p *Pass) {
	each(p, func(u *Unit) {
		s := weir.SeverityHigh
		if unpacked(u) {
			s = weir.SeverityCritical
		}
		p.reportOddities(u, oddities(u, weir.OddLink), "a link points outside its folder", s, weir.ConfidenceCertain)
	})
}

// Bits of a Unix mode.
const (
	modeSetID  = 0o6000
	modeSetGID = 0o2000
	modeFolder = 0o040000
	modeType   = 0o170000
	modePipe   = 0o010000
	modeChar   = 0o020000
	modeBlock  = 0o060000
	modeSocket = 0o140000
)

// special says what is not plain about an entry, or nothing.
func special(mode uint32) string {
	switch mode & modeType {
	case modePipe:
		return "a pipe"
	case modeChar, modeBlock:
		return "a device"
	case modeSocket:
		return "a socket"
	}
	if mode&modeType == modeFolder {
		mode &^= modeSetGID // files made in the folder are its group's: jars are built in such folders
	}
	if mode&modeSetID != 0 {
		return "set-uid or set-gid"
	}
	return ""
}

// specialEntry: neither a model nor a bundle of models has use for one; a plain archive of other things (a root file system) may.
func specialEntry(p *Pass) {
	severity := weir.SeverityLow
	if slices.ContainsFunc(p.Units, func(u Unit) bool { return u.Model }) {
		severity = weir.SeverityHigh
	}
	each(p, func(u *Unit) {
		p.reportMembers(u, severity, func(m weir.Member) string {
			if what := special(m.Mode); what != "" {
				return fmt.Sprintf("entry %q is %s", m.Name, what)
			}
			return ""
		})
	})
}

// deceptiveName reports names that show as something else than they are. In ordinary archives a name that is not UTF-8 is an old one; no
// framework gives its own entries such a name.
func deceptiveName(p *Pass) {
	each(p, func(u *Unit) {
		p.reportMembers(u, severityIn(u, weir.SeverityHigh, weir.SeverityLow), func(m weir.Member) string {
			for _, r := range m.Name {
				switch {
				case unicode.IsControl(r):
					return fmt.Sprintf("the name %q holds a control character", m.Name)
				case unicode.Is(unicode.Bidi_Control, r):
					return fmt.Sprintf("the name %q holds a character that changes the direction of text", m.Name)
				case r == utf8.RuneError && u.Model:
					return fmt.Sprintf("the name %q is not UTF-8", m.Name)
				}
			}
			return ""
		})
	})
}

// reportMembers makes one finding of all entries of a unit about which there is something to say.
func (p *Pass) reportMembers(u *Unit, severity weir.Severity, say func(weir.Member) string) {
	var odd []weir.Oddity
	for _, m := range facts[weir.Member](u) {
		if text := say(m); text != "" {
			odd = append(odd, weir.Oddity{Detail: text, At: m.At})
		}
	}
	if len(odd) == 0 {
		return
	}
	message := odd[0].Detail
	if len(odd) > 1 {
		message += fmt.Sprintf(" (and %d more)", len(odd)-1)
	}
	f := p.finding(u, odd[0].At, message, odd[0].Detail)
	f.Severity = severity
	p.Report(f)
}

func duplicateEntry(p *Pass) {
	each(p, func(u *Unit) {
		// tar appends a newer version of a file under the same name by design; in a zip that is a model there is no such use.
		s := severityIn(u, weir.SeverityHigh, weir.SeverityLow)
		p.reportOddities(u, oddities(u, weir.OddDuplicate), "readers can choose between two entries of one name", s, weir.ConfidenceCertain)
	})
}

func viewMismatch(p *Pass) {
	each(p, func(u *Unit) {
		p.reportOddities(u, oddities(u, weir.OddDivergent, weir.OddMismatch), "readers see different contents", severityIn(u, weir.SeverityHigh, weir.SeverityMedium), weir.ConfidenceCertain)
	})
}

func checksum(p *Pass) {
	each(p, func(u *Unit) {
		p.reportOddities(u, oddities(u, weir.OddChecksum), "the content is not what its checksum says", severityIn(u, weir.SeverityHigh, weir.SeverityMedium), weir.ConfidenceCertain)
	})
}

func overlap(p *Pass) {
	each(p, func(u *Unit) {
		p.reportOddities(u, oddities(u, weir.OddOverlap), "entries share bytes", weir.SeverityHigh, weir.ConfidenceCertain)
	})
}

func bomb(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		if isStream(u) || hasFormat(u, "java-serial") {
			continue // pickle/denial-of-service, java/denial-of-service
		}
		p.reportOddities(u, oddities(u, weir.OddBomb), "the content expands beyond every sensible measure", weir.SeverityHigh, weir.ConfidenceCertain)
	}
}

// encrypted is silent about ordinary protected archives: that they could not be read is a Problem, not a flaw.
func encrypted(p *Pass) {
	each(p, func(u *Unit) {
		if u.Model {
			p.reportOddities(u, oddities(u, weir.OddEncrypted), "an entry is marked as encrypted, which no framework can read", weir.SeverityHigh, weir.ConfidenceLikely)
		}
	})
}

// unaccounted looks at the whole container: what was recognised in the bytes is a unit of its own.
func unaccounted(p *Pass) {
	each(p, func(u *Unit) {
		odd := oddities(u, weir.OddTrailing, weir.OddPrefixed, weir.OddGap, weir.OddEmbedded)
		if len(odd) == 0 {
			return
		}
		s := severityIn(u, weir.SeverityMedium, weir.SeverityLow)
		what := "bytes that no entry explains"
		for _, o := range odd {
			if o.Kind == weir.OddEmbedded {
				s, what = weir.SeverityHigh, "content that no entry explains was recognised"
			}
		}
		p.reportOddities(u, odd, what, s, weir.ConfidenceCertain)
	})
}

func unsupported(p *Pass) {
	each(p, func(u *Unit) {
		if u.Model {
			p.reportOddities(u, oddities(u, weir.OddUnsupported), "an entry cannot be read as its framework would", weir.SeverityMedium, weir.ConfidenceLikely)
		}
	})
}

func malformedArchive(p *Pass) {
	each(p, func(u *Unit) {
		odd := oddities(u, weir.OddMalformed, weir.OddTruncated, weir.OddShape)
		p.reportOddities(u, odd, "the archive is not built as its format demands", severityIn(u, weir.SeverityMedium, weir.SeverityLow), weir.ConfidenceLikely)
	})
}

// polyglot is silent where one of the readings finds nothing: that bytes also look like another format's happens in honest data.
func polyglot(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		odd := oddities(u, weir.OddAmbiguous)
		if len(odd) == 0 || !severalReadings(u) {
			continue
		}
		what := fmt.Sprintf("readers may take this file for any of %v", u.Formats)
		p.reportOddities(u, odd, what, severityIn(u, weir.SeverityHigh, weir.SeverityMedium), weir.ConfidenceCertain)
	}
}

// severalReadings reports whether at least two formats of a unit come to something: a container to entries, a stream to imports.
func severalReadings(u *Unit) bool {
	containers, streams := 0, 0
	for _, f := range u.Formats {
		if archives[f] {
			containers++
		} else {
			streams++
		}
	}
	entries := len(facts[weir.Member](u)) > 0
	acts := false
	for _, imp := range facts[weir.Import](u) {
		acts = acts || !imp.Dead
	}
	switch {
	case containers > 1:
		return entries
	case containers == 1 && streams > 0:
		return entries && acts
	}
	return streams > 1 && acts
}
