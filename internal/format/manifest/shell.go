package manifest

import (
	"strings"
)

// Bounds of shell text: real scripts are far below.
const (
	maxCommands = 20_000
	maxWords    = 4096    // of one command
	maxWord     = 8 << 10 // bytes of one word
	maxVars     = 1024
	maxNesting  = 6 // command substitutions and sh -c within each other
)

// token is one word of a command, quotes removed and known variables put in.
type token struct {
	text  string
	at    int    // where it begins in the text
	size  int    // bytes of it there, quotes included
	plain bool   // text is those bytes as they stand, so that a place in it is a place in the file
	open  string // what could not be told when the text was read: $VERSION, $(cat pin), ${{ matrix.torch }}
}

// command is one simple command of a shell text: no pipes, no lists, no keywords before it.
type command struct {
	words []token
	doc   reach  // the body of its here-document
	out   string // the file that its output goes to
}

// reach is a range of a shell text.
type reach struct{ at, size int }

// dialect says in which surroundings a shell text stands.
type dialect uint8

const (
	plainShell dialect = iota
	makeShell          // $(NAME) and ${NAME} are make's variables, $$ is the shell's dollar
)

// shell reads the simple commands of a shell text in the order in which they stand. It is no shell: conditions and loops are not followed, so
// that every branch is seen, and nothing is ever a syntax error, as half a script or a template still installs what it names. Time is linear in
// the text; nothing recurses but substitutions, which are bounded.
func shell(s string, vars variables, d dialect) []command {
	l := &lexer{s: s, vars: vars, dialect: d}
	l.run(len(s))
	return l.commands
}

// variables are those whose values the text itself tells. It is bounded.
type variables map[string]string

func (v variables) set(name, value string) {
	if _, known := v[name]; known || len(v) < maxVars {
		v[name] = value
	}
}

type lexer struct {
	s        string
	at, end  int
	vars     variables
	dialect  dialect
	depth    int
	commands []command
	now      command
	waiting  []heredoc
}

// heredoc is a here-document whose body has not been reached yet.
type heredoc struct {
	mark    string
	tabs    bool // <<-
	command int  // index in commands once that is known, -1 for the one that is being read
}

func (l *lexer) run(end int) {
	l.end = end
	for l.at < l.end {
		switch c := l.s[l.at]; c {
		case ' ', '\t', '\r':
			l.at++
		case '\n':
			l.flush()
			l.at++
			l.documents()
		case ';', '(', ')':
			l.flush()
			l.at++
		case '|', '&':
			if c == '&' && l.at+1 < l.end && l.s[l.at+1] == '>' { // &>file
				l.at++
				l.redirect()
				continue
			}
			l.flush()
			l.at++
		case '#':
			l.comment()
		case '<', '>':
			l.redirect()
		case '\\':
			if !l.continuation() {
				l.word()
			}
		default:
			l.word()
		}
	}
	l.flush()
}

// comment passes over the rest of the line.
func (l *lexer) comment() {
	if i := strings.IndexByte(l.s[l.at:l.end], '\n'); i >= 0 {
		l.at += i
	} else {
		l.at = l.end
	}
}

// continuation passes over a backslash before the end of a line.
func (l *lexer) continuation() bool {
	for _, end := range []string{"\\\n", "\\\r\n"} {
		if strings.HasPrefix(l.s[l.at:l.end], end) {
			l.at += len(end)
			return true
		}
	}
	return false
}

// flush ends a command. Keywords before it and assignments are taken off; assignments alone set variables.
func (l *lexer) flush() {
	c := l.now
	l.now = command{}
	for len(c.words) > 0 && keywords[c.words[0].text] && c.words[0].plain {
		c.words = c.words[1:]
	}
	if len(c.words) == 0 || len(l.commands) >= maxCommands {
		return
	}
	l.assign(c.words)
	for i := range l.waiting {
		if l.waiting[i].command < 0 {
			l.waiting[i].command = len(l.commands)
		}
	}
	l.commands = append(l.commands, c)
}

// keywords may stand before a command without being one.
var keywords = map[string]bool{
	"if": true, "then": true, "else": true, "elif": true, "fi": true, "do": true, "done": true, "while": true, "until": true, "!": true,
	"{": true, "}": true, "time": true, "esac": true,
}

// assign notes the variables that a command of assignments alone sets, with or without export before them.
func (l *lexer) assign(words []token) {
	switch words[0].text {
	case "export", "declare", "local", "readonly", "typeset":
		words = words[1:]
	}
	for _, w := range words {
		if name, _, ok := assignment(w.text); !ok || name == "" {
			return
		}
	}
	for _, w := range words {
		if name, value, _ := assignment(w.text); w.open == "" {
			l.vars.set(name, value)
		} else {
			delete(l.vars, name)
		}
	}
}

// assignment takes NAME=value apart.
func assignment(s string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(s, "=")
	return name, value, ok && isName(name)
}

// isName reports whether s is the name of a shell variable.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// redirect reads <, >, <<, <<< with their target, which is no word of the command.
func (l *lexer) redirect() {
	start := l.at
	if n := len(l.now.words); n > 0 { // the descriptor before it: 2>
		if w := l.now.words[n-1]; w.at+w.size == start && strings.Trim(w.text, "0123456789") == "" {
			l.now.words = l.now.words[:n-1]
		}
	}
	for l.at < l.end && strings.IndexByte("<>&|", l.s[l.at]) >= 0 && l.at-start < 3 {
		l.at++
	}
	op := l.s[start:l.at]
	tabs := op == "<<" && l.at < l.end && l.s[l.at] == '-'
	if tabs {
		l.at++
	}
	for l.at < l.end && (l.s[l.at] == ' ' || l.s[l.at] == '\t') {
		l.at++
	}
	if l.at >= l.end || strings.IndexByte("\n;|&()<>", l.s[l.at]) >= 0 {
		return
	}
	words := len(l.now.words)
	l.word()
	if len(l.now.words) <= words {
		return
	}
	target := l.now.words[words].text
	l.now.words = l.now.words[:words]
	switch op {
	case "<<":
		if len(l.waiting) < 16 {
			l.waiting = append(l.waiting, heredoc{target, tabs, -1})
		}
	case ">", ">>", ">|":
		l.now.out = target
	}
}

// documents reads the bodies of the here-documents that the line before began.
func (l *lexer) documents() {
	for _, h := range l.waiting {
		start := l.at
		for l.at < l.end {
			line, next := l.s[l.at:l.end], l.end
			if i := strings.IndexByte(line, '\n'); i >= 0 {
				line, next = line[:i], l.at+i+1
			}
			line = strings.TrimSuffix(line, "\r")
			if h.tabs {
				line = strings.TrimLeft(line, "\t")
			}
			if line == h.mark {
				break
			}
			l.at = next
		}
		if h.command >= 0 && h.command < len(l.commands) {
			l.commands[h.command].doc = reach{start, l.at - start}
		}
		l.comment() // passes over the mark
	}
	l.waiting = l.waiting[:0]
}
