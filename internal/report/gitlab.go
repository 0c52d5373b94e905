package report

import (
	"bufio"
	"fmt"
	"time"

	"weir"
)

// gitlabVersion is the version of GitLab's security report schema (SAST) that this file writes.
const gitlabVersion = "15.0.7"

type gitlabIdentifier struct {
	Type  string `json:"type"`
	Name  string `json:"name"`
	Value string `json:"value"`
	URL   string `json:"url,omitempty"`
}

type gitlabVulnerability struct {
	ID          string             `json:"id"`
	Name        string             `json:"name"`
	Description string             `json:"description"`
	Severity    string             `json:"severity"`
	Solution    string             `json:"solution,omitempty"`
	Location    map[string]any     `json:"location"`
	Identifiers []gitlabIdentifier `json:"identifiers"`
}

type gitlabMessage struct {
	Level string `json:"level"`
	Value string `json:"value"`
}

// newGitLab writes GitLab's SAST report. Waived findings are left out: GitLab has its own record of what was dismissed.
func newGitLab(w *bufio.Writer, o Options) weir.Sink {
	var start weir.Start
	var found jsonList
	messages := []gitlabMessage{}
	return func(e weir.Event) error {
		switch {
		case e.Start != nil:
			start = *e.Start
		case e.Finding != nil && e.Finding.Waived == nil:
			return found.add(gitlabFinding(*e.Finding, o))
		case e.Problem != nil:
			p := e.Problem
			text := fmt.Sprintf("%s could not be examined in full (%s): %s", Printable(join(p.Path, p.Member)), Printable(p.Stage), Printable(p.Reason))
			messages = append(messages, gitlabMessage{"warn", text})
		case e.End != nil:
			return gitlabEnd(w, start, messages, &found, e.End.Summary)
		}
		return nil
	}
}

func gitlabFinding(f weir.Finding, o Options) gitlabVulnerability {
	title := f.Rule
	if d, ok := o.doc(f.Rule); ok {
		title = d.Title
	}
	// The description is shown as Markdown: hostile text goes into code only.
	text := Printable(f.Message)
	if f.Member != "" {
		text += "\nMember: " + Printable(f.Member)
	}
	if f.Offset > 0 {
		text += fmt.Sprintf("\nByte: %d", f.Offset)
	}
	if f.Evidence != "" {
		text += "\nEvidence: " + Printable(short(f.Evidence, 2000))
	}
	v := gitlabVulnerability{
		ID: f.Fingerprint, Name: short(title, 250), Description: codeBlock(text), Severity: gitlabSeverity[f.Severity], Solution: short(Printable(f.Fix), 6900),
		Location:    map[string]any{"file": Printable(f.Path)},
		Identifiers: []gitlabIdentifier{{Type: "weir_rule", Name: f.Rule, Value: f.Rule}},
	}
	if v.ID == "" {
		v.ID = f.Rule
	}
	if line := lineOf(f); line > 0 {
		v.Location["start_line"] = line
	}
	for _, c := range f.CWE {
		v.Identifiers = append(v.Identifiers, gitlabIdentifier{"cwe", fmt.Sprintf("CWE-%d", c), fmt.Sprint(c), fmt.Sprintf("https://cwe.mitre.org/data/definitions/%d.html", c)})
	}
	for _, a := range f.Aliases {
		kind := "advisory"
		if len(a) > 4 && a[:4] == "CVE-" {
			kind = "cve"
		}
		v.Identifiers = append(v.Identifiers, gitlabIdentifier{Type: kind, Name: Printable(a), Value: Printable(a)})
	}
	return v
}

var gitlabSeverity = map[weir.Severity]string{
	weir.SeverityCritical: "Critical", weir.SeverityHigh: "High", weir.SeverityMedium: "Medium", weir.SeverityLow: "Low", weir.SeverityInfo: "Info",
}

func gitlabEnd(w *bufio.Writer, start weir.Start, messages []gitlabMessage, found *jsonList, sum weir.Summary) error {
	version := start.Tool.Version
	if version == "" {
		version = "unknown"
	}
	tool := map[string]any{"id": "weir", "name": "weir", "version": version, "vendor": map[string]string{"name": "weir"}}
	began := start.Time
	if began.IsZero() {
		began = time.Unix(0, 0) // a stored stream does not say; the schema wants a time
	}
	const layout = "2006-01-02T15:04:05" // the schema allows no zone
	ended := began.Add(time.Duration(sum.Seconds * float64(time.Second)))
	status := "success"
	if !sum.Complete {
		status = "failure"
	}
	scan, err := encode(map[string]any{
		"analyzer": tool, "scanner": tool, "type": "sast", "status": status, "messages": messages,
		"start_time": began.UTC().Format(layout), "end_time": ended.UTC().Format(layout),
	})
	if err != nil {
		return fmt.Errorf("gitlab: %w", err)
	}
	fmt.Fprintf(w, "{\n \"version\": %q,\n \"scan\": %s,\n \"vulnerabilities\": ", gitlabVersion, scan)
	found.writeTo(w)
	_, err = w.WriteString("\n}\n")
	return err
}
