package manifest

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"weir"
	"weir/internal/format"
)

var scriptFormats = []format.Format{
	{
		Name: "shell-script", Doc: "shell script that installs packages", Parsed: true,
		Match: isShell, Parse: parser("shell-script", parseShell),
	},
	{
		Name: "makefile", Doc: "Makefile with recipes that install packages", Parsed: true,
		Match: isMakefile, Parse: parser("makefile", parseMakefile),
	},
}

// isShell knows scripts by their first line, or by their name where that is missing. Those that install nothing are nobody's business here.
func isShell(h format.Head) bool {
	line, _, _ := bytes.Cut(h.First, []byte("\n"))
	interpreter, _, _ := bytes.Cut(bytes.TrimPrefix(bytes.TrimSpace(line[min(2, len(line)):]), []byte("/usr/bin/env ")), []byte(" "))
	marked := bytes.HasPrefix(line, []byte("#!")) && slices.Contains(shells, path.Base(string(bytes.TrimSpace(interpreter))))
	named := slices.Contains([]string{".sh", ".bash", ".zsh"}, path.Ext(h.Name)) && !bytes.HasPrefix(line, []byte("#!"))
	return (marked || named) && textual(h.First) && installsSomething(h)
}

// shells read the language that is understood here.
var shells = []string{"sh", "bash", "dash", "ash", "zsh", "ksh"}

// installsSomething asks whether the content mentions a program that installs; what its ends do not show is read.
func installsSomething(h format.Head) bool {
	return h.Size > int64(len(h.First)+len(h.Last)) || mentions(string(h.First)) || mentions(string(h.Last))
}

func parseShell(in *format.Input, t *text) error {
	for _, f := range whole(t).facts() {
		in.Emit(f)
	}
	return nil
}

// isMakefile knows Makefiles by the names by which make looks, and by what any of them has: a rule or a variable.
func isMakefile(h format.Head) bool {
	base := path.Base(h.Name)
	if base != "Makefile" && base != "makefile" && base != "GNUmakefile" && path.Ext(base) != ".mk" {
		return false
	}
	return textual(h.First) && bytes.ContainsAny(h.First, ":=") && installsSomething(h)
}

// parseMakefile reads the recipes of all rules, with the variables that the file sets; which rules run is not asked.
func parseMakefile(in *format.Input, t *text) error {
	vars := variables{}
	b := &scriptBuilder{t: t}
	recipe := false
	at := 0
	for line := range strings.Lines(string(t.b)) {
		switch {
		case strings.HasPrefix(line, "\t") || recipe && len(b.buf) > 1 && strings.HasSuffix(strings.TrimRight(string(b.buf[max(0, len(b.buf)-3):]), "\r\n"), "\\"):
			lead := len(line) - len(strings.TrimLeft(line, "\t @-+"))
			b.add(at+lead, len(line)-lead)
			recipe = true
		default:
			recipe = false
			makeVariable(vars, line)
		}
		at += len(line)
	}
	sc := b.script()
	sc.dialect, sc.vars = makeShell, vars
	for _, f := range sc.facts() {
		in.Emit(f)
	}
	return nil
}

// makeVariable notes NAME = value, :=, ?= and ::=.
func makeVariable(vars variables, line string) {
	name, value, ok := strings.Cut(line, "=")
	name = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(strings.TrimRight(name, ":?+! ")), "export "))
	if value = strings.TrimSpace(value); !ok || !isName(name) || len(value) > maxWord {
		return
	}
	value, _, _ = strings.Cut(value, " #")
	if strings.Contains(value, "$") { // a variable of another, once
		for k, v := range vars {
			if !strings.Contains(value, "$("+k+")") && !strings.Contains(value, "${"+k+"}") {
				continue
			}
			value = strings.NewReplacer("$("+k+")", v, "${"+k+"}", v).Replace(value)
		}
		if strings.Contains(value, "$") || len(value) > maxWord {
			return
		}
	}
	vars.set(name, value)
}

// requirementLines reads lines as those of a requirements file that stand within a manifest of another kind.
func requirementLines(sc *script) []weir.Fact {
	var facts []weir.Fact
	f := &pipFile{in: &format.Input{Emit: func(f weir.Fact) { facts = append(facts, f) }}, t: sc.t, origin: weir.OriginManifest}
	logicalLines(sc.s, func(l *logical) {
		s := uncomment(l.s)
		lead := len(s) - len(strings.TrimLeft(s, " \t\r\v\f"))
		if s = strings.TrimSpace(s); s == "" {
			return
		}
		_, line := sc.place(l.at + min(lead, 1))
		f.statement(s, line, func(i, n int) int {
			at := l.place(lead+i, n)
			if at < 0 {
				return -1
			}
			from, _ := sc.place(at)
			return from
		})
	})
	return facts
}
