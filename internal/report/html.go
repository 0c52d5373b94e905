package report

import (
	"bufio"
	_ "embed"
	"fmt"
	"html/template"
	"slices"
	"sync"

	"weir"
)

//go:embed report.html.tmpl
var htmlText string

// maxHTMLFindings bounds what one page shows of one file.
const maxHTMLFindings = 200

type htmlFile struct {
	Path      string
	Artifact  weir.Artifact
	Listed    bool // there is an artifact
	Findings  []weir.Finding
	Problems  []weir.Problem
	More      int
	MoreProbs int
}

type htmlPage struct {
	Start weir.Start
	Sum   weir.Summary
	Line  string
	Files []*htmlFile
	Clean []weir.Artifact
}

// newHTML writes one self-contained page without scripts; its policy forbids everything but its own style.
func newHTML(w *bufio.Writer, _ Options) weir.Sink {
	var tally Tally
	page := htmlPage{}
	file := &htmlFile{}
	at := func(path string) *htmlFile {
		if file.Path != path || file.Listed {
			file = &htmlFile{Path: path}
		}
		if len(page.Files) == 0 || page.Files[len(page.Files)-1] != file {
			page.Files = append(page.Files, file)
		}
		return file
	}
	return func(e weir.Event) error {
		tally.Count(e)
		switch {
		case e.Start != nil:
			page.Start = *e.Start
		case e.Finding != nil:
			at(e.Finding.Path).addFinding(*e.Finding)
		case e.Problem != nil:
			at(e.Problem.Path).addProblem(*e.Problem)
		case e.Artifact != nil && e.Artifact.Member == "":
			a := *e.Artifact
			if a.Verdict == weir.VerdictClean && (file.Path != a.Path || file.Listed || len(file.Findings)+len(file.Problems) == 0) {
				page.Clean = append(page.Clean, a)
				return nil
			}
			f := at(a.Path)
			f.Artifact, f.Listed = a, true
		case e.End != nil:
			page.Sum, page.Line = e.End.Summary, tally.Line()
			return page.write(w)
		}
		return nil
	}
}

func (f *htmlFile) addFinding(x weir.Finding) {
	if len(f.Findings) == maxHTMLFindings {
		f.More++
		return
	}
	f.Findings = append(f.Findings, x)
}

func (f *htmlFile) addProblem(x weir.Problem) {
	if len(f.Problems) == maxHTMLFindings {
		f.MoreProbs++
		return
	}
	f.Problems = append(f.Problems, x)
}

// htmlTemplate is parsed when the first page is written: most runs write none.
var htmlTemplate = sync.OnceValues(func() (*template.Template, error) {
	return template.New("report").Funcs(template.FuncMap{
		"show":  Printable,
		"lines": func(s string) []string { return printableLines(short(s, 20_000)) },
		"bytes": Bytes,
		"place": place,
	}).Parse(htmlText)
})

func (p *htmlPage) write(w *bufio.Writer) error {
	t, err := htmlTemplate()
	if err != nil {
		return fmt.Errorf("html: %w", err)
	}
	for _, f := range p.Files {
		slices.SortStableFunc(f.Findings, func(a, b weir.Finding) int {
			if d := waivedRank(a) - waivedRank(b); d != 0 {
				return d
			}
			return int(b.Severity) - int(a.Severity)
		})
	}
	if err := t.Execute(w, p); err != nil {
		return fmt.Errorf("html: %w", err)
	}
	return nil
}
