package manifest

import (
	"path"
	"slices"
	"sort"
	"strings"

	"weir"
)

// script is shell text that is part of a manifest, or all of it, with the places of its lines there.
type script struct {
	t       *text
	s       string
	lines   []scriptLine
	dialect dialect
	vars    variables
}

// scriptLine is where a line of a script stands in the manifest.
type scriptLine struct {
	at   int // in the script
	from int // in the bytes of the manifest; -1 where it does not stand there as it is
	line int // of the manifest
}

// scriptBuilder puts a script together from ranges of a manifest.
type scriptBuilder struct {
	t     *text
	buf   []byte
	lines []scriptLine
}

// add appends a range of the manifest that lies within one line.
func (b *scriptBuilder) add(from, size int) {
	b.lines = append(b.lines, scriptLine{len(b.buf), from, b.t.line(from)})
	b.buf = append(b.buf, b.t.b[from:from+size]...)
}

func (b *scriptBuilder) script() *script {
	return &script{t: b.t, s: string(b.buf), lines: b.lines, vars: variables{}}
}

// whole gives a manifest that is one script.
func whole(t *text) *script {
	sc := &script{t: t, s: string(t.b), vars: variables{}}
	from := 0
	for line := range strings.Lines(sc.s) {
		sc.lines = append(sc.lines, scriptLine{from, from, len(sc.lines) + 1})
		from += len(line)
	}
	return sc
}

// place gives where an offset of the script stands in the manifest, and its line.
func (sc *script) place(at int) (from, line int) {
	i := sort.Search(len(sc.lines), func(i int) bool { return sc.lines[i].at > at }) - 1
	if i < 0 {
		return -1, 0
	}
	if l := sc.lines[i]; l.from >= 0 {
		return l.from + at - l.at, l.line
	}
	return -1, sc.lines[i].line
}

// facts gives what the commands of a script install.
func (sc *script) facts() []weir.Fact { return sc.run(0) }

func (sc *script) run(depth int) []weir.Fact {
	if !mentions(sc.s) && !strings.Contains(sc.s, "install") { // the program may be a variable
		shell(sc.s, sc.vars, sc.dialect) // for the variables
		return nil
	}
	var facts []weir.Fact
	for _, c := range shell(sc.s, sc.vars, sc.dialect) {
		facts = append(facts, sc.command(c, depth)...)
	}
	return facts
}

// exec gives what one command of known words installs: the form of lists in Dockerfiles and Kubernetes.
func (sc *script) exec(words []token, depth int) []weir.Fact {
	if len(words) == 0 {
		return nil
	}
	return sc.command(command{words: words}, depth)
}

func (sc *script) command(c command, depth int) []weir.Fact {
	if inner := sc.inner(c); inner != nil {
		if depth < maxNesting {
			return inner.run(depth + 1)
		}
		return nil
	}
	words := make([]word, len(c.words))
	for i, w := range c.words {
		words[i] = sc.plain(w)
	}
	facts := append(installs(sc.t, words), sc.placed(sc.others(words))...)
	return append(facts, sc.written(c)...)
}

// placed turns places in the text into places in the file.
func (sc *script) placed(facts []weir.Fact) []weir.Fact {
	for i, f := range facts {
		if r, ok := f.(weir.Requirement); ok {
			r.Spec = sc.t.span(int(r.Spec.At), int(r.Spec.Size))
			facts[i] = r
		}
	}
	return facts
}

// mentions is the cheap question whether a script can install anything.
func mentions(s string) bool {
	return slices.ContainsFunc(installers, func(name string) bool { return strings.Contains(s, name) })
}

var installers = []string{"pip", "conda", "mamba", "uv", "poetry", "pdm", "npm", "yarn", "go ", "cargo", "easy_install", "pixi", "requirements"}

// inner gives the script that a command hands to another shell: sh -c TEXT, eval TEXT, bash with a here-document. Nil of any other command.
func (sc *script) inner(c command) *script {
	words := behind(c.words)
	switch path.Base(words[0].text) {
	case "sh", "bash", "dash", "ash", "zsh", "ksh":
	case "eval":
		if len(words) == 2 {
			return sc.within(words[1])
		}
		return nil
	default:
		return nil
	}
	for i, w := range words[1:] {
		if strings.HasPrefix(w.text, "-") && !strings.HasPrefix(w.text, "--") && strings.HasSuffix(w.text, "c") && i+2 < len(words) {
			return sc.within(words[i+2])
		}
	}
	if c.doc.size > 0 {
		return sc.slice(c.doc)
	}
	return nil
}

// behind passes over what stands before a program: variables, and programs that start it, with their options (sudo -E env X=1 bash).
func behind(words []token) []token {
	started := false
	for len(words) > 1 {
		switch w := words[0].text; {
		case shellStarters[path.Base(w)]:
			started = true
		case leads(w), started && strings.HasPrefix(w, "-"):
		default:
			return words
		}
		words = words[1:]
	}
	return words
}

// shellStarters run the command behind them.
var shellStarters = map[string]bool{"sudo": true, "exec": true, "command": true, "nohup": true, "time": true, "env": true, "RUN": true}

// within gives a word as a script of its own.
func (sc *script) within(w token) *script {
	switch {
	case w.plain:
		return sc.slice(reach{w.at, w.size})
	case w.size == len(w.text)+2 && sc.s[w.at+1:w.at+w.size-1] == w.text: // quoted as a whole
		return sc.slice(reach{w.at + 1, len(w.text)})
	}
	_, line := sc.place(w.at)
	return &script{t: sc.t, s: w.text, lines: []scriptLine{{0, -1, line}}, dialect: plainShell, vars: sc.vars}
}

// slice gives a range of a script as one of its own.
func (sc *script) slice(r reach) *script {
	in := &script{t: sc.t, s: sc.s[r.at : r.at+r.size], dialect: sc.dialect, vars: sc.vars}
	at := 0
	for line := range strings.Lines(in.s) {
		from, n := sc.place(r.at + at)
		in.lines = append(in.lines, scriptLine{at, from, n})
		at += len(line)
	}
	return in
}

// plain turns a token into a word with its place in the file.
func (sc *script) plain(w token) word {
	from, line := sc.place(w.at)
	out := word{text: w.text, at: -1, line: line, open: w.open != ""}
	switch {
	case w.plain:
		out.at = from
	case from >= 0 && w.size == len(w.text)+2 && sc.s[w.at+1:w.at+w.size-1] == w.text: // quoted as a whole: 'torch>=1.0'
		out.at = from + 1
	}
	return out
}

// written gives the requirements that a command writes into a file itself: cat > requirements.txt <<EOF.
func (sc *script) written(c command) []weir.Fact {
	if base := strings.ToLower(path.Base(c.out)); c.doc.size == 0 || !strings.Contains(base, "requirements") && base != "constraints.txt" {
		return nil
	}
	return requirementLines(sc.slice(c.doc))
}
