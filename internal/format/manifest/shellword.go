package manifest

import "strings"

// builder makes one word.
type builder struct {
	text  strings.Builder
	plain bool
	open  string
}

func (b *builder) add(s string) {
	if room := maxWord - b.text.Len(); len(s) > room {
		s, b.plain = s[:max(room, 0)], false
	}
	b.text.WriteString(s)
}

// unknown keeps the source of what cannot be told.
func (b *builder) unknown(source string) {
	if b.open == "" {
		b.open = source[:min(len(source), 120)]
	}
	b.add(source)
}

// word reads one word and adds it to the command.
func (l *lexer) word() {
	b := &builder{plain: true}
	start := l.at
	for l.at < l.end {
		c := l.s[l.at]
		if strings.IndexByte(" \t\r\n;&|()<>", c) >= 0 {
			if l.at == start { // whoever called saw something else; never stand still
				l.at++
			}
			break
		}
		l.part(b, c)
	}
	if len(l.now.words) < maxWords {
		l.now.words = append(l.now.words, token{b.text.String(), start, l.at - start, b.plain, b.open})
	}
}

// part reads the next piece of a word outside quotes.
func (l *lexer) part(b *builder, c byte) {
	switch c {
	case '\'':
		b.plain = false
		l.at++
		if i := strings.IndexByte(l.s[l.at:l.end], '\''); i >= 0 {
			b.add(l.s[l.at : l.at+i])
			l.at += i + 1
		} else {
			b.add(l.s[l.at:l.end])
			l.at = l.end
		}
	case '"':
		l.quoted(b)
	case '\\':
		b.plain = false
		if l.continuation() {
			return
		}
		l.at++
		if l.at < l.end {
			b.add(l.s[l.at : l.at+1])
			l.at++
		}
	case '$', '`':
		l.dollar(b)
	default:
		i := l.at
		for i < l.end && strings.IndexByte(" \t\r\n;&|()<>'\"\\$`", l.s[i]) < 0 {
			i++
		}
		b.add(l.s[l.at:i])
		l.at = i
	}
}

// quoted reads what stands between double quotes.
func (l *lexer) quoted(b *builder) {
	b.plain = false
	l.at++
	for l.at < l.end {
		switch c := l.s[l.at]; c {
		case '"':
			l.at++
			return
		case '\\':
			if l.continuation() {
				continue
			}
			l.at++
			if l.at < l.end {
				if strings.IndexByte("\"\\$`", l.s[l.at]) < 0 {
					b.add("\\")
				}
				b.add(l.s[l.at : l.at+1])
				l.at++
			}
		case '$', '`':
			l.dollar(b)
		default:
			i := l.at
			for i < l.end && strings.IndexByte("\"\\$`", l.s[i]) < 0 {
				i++
			}
			b.add(l.s[l.at:i])
			l.at = i
		}
	}
}

// dollar reads a variable, a substitution or a template's expression.
func (l *lexer) dollar(b *builder) {
	b.plain = false
	start, rest := l.at, l.s[l.at:l.end]
	if l.dialect == makeShell && strings.HasPrefix(rest, "$$") {
		l.at++ // make turns two into one
		rest = rest[1:]
	} else if l.dialect == makeShell && strings.HasPrefix(rest, "$(") {
		if name, _, ok := strings.Cut(rest[2:min(len(rest), 200)], ")"); ok && isName(name) {
			l.at += len(name) + 3
			l.value(b, name, l.s[start:l.at])
			return
		}
	}
	switch {
	case rest[0] == '`':
		l.at++
		l.substitution(b, start, l.backtick())
	case strings.HasPrefix(rest, "${{"): // an expression of GitHub's
		l.at = l.after(start, "}}")
		l.value(b, "{{"+strings.Join(strings.Fields(strings.Trim(l.s[start:l.at], "${} ")), ""), l.s[start:l.at])
	case strings.HasPrefix(rest, "$("):
		l.at += 2
		l.substitution(b, start, l.paren())
	case strings.HasPrefix(rest, "${"):
		l.at = l.after(l.at, "}")
		l.parameter(b, l.s[start:l.at])
	default:
		i := 1
		for i < len(rest) && isName("_"+rest[i:i+1]) {
			i++
		}
		if l.at += i; i == 1 {
			b.unknown(rest[:min(2, len(rest))]) // $1, $@ or a lone dollar
			l.at = min(l.at+1, l.end)
			return
		}
		l.value(b, rest[1:i], l.s[start:l.at])
	}
}

// after gives the place behind the next mark, or the end.
func (l *lexer) after(at int, mark string) int {
	if i := strings.Index(l.s[at:l.end], mark); i >= 0 {
		return at + i + len(mark)
	}
	return l.end
}

// value puts a variable in where it is known.
func (l *lexer) value(b *builder, name, source string) {
	if v, ok := l.vars[name]; ok {
		b.add(v)
		return
	}
	b.unknown(source)
}

// parameter reads ${NAME}, ${NAME:-default} and ${NAME-default}.
func (l *lexer) parameter(b *builder, source string) {
	body := strings.TrimSuffix(source[strings.IndexByte(source, '{')+1:], "}")
	name, other, ok := body, "", false
	for _, op := range []string{":-", ":=", "-", "="} {
		if n, o, cut := strings.Cut(body, op); cut && isName(n) {
			name, other, ok = n, o, true
			break
		}
	}
	if _, known := l.vars[name]; !known && ok && !strings.ContainsAny(other, "$`\"'") {
		b.add(other)
		return
	}
	l.value(b, name, source)
}

// paren passes over a substitution up to its closing parenthesis and gives the range within.
func (l *lexer) paren() reach {
	start, open := l.at, 1
	for l.at < l.end {
		switch c := l.s[l.at]; c {
		case '\\':
			l.at++
		case '\'':
			l.at = l.after(l.at+1, "'") - 1
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				l.at++
				return reach{start, l.at - 1 - start}
			}
		}
		l.at++
	}
	l.at = l.end
	return reach{start, l.end - start}
}

// backtick is paren for the old form.
func (l *lexer) backtick() reach {
	start := l.at
	for l.at < l.end && l.s[l.at] != '`' {
		if l.s[l.at] == '\\' {
			l.at++
		}
		l.at++
	}
	l.at = min(l.at, l.end)
	s := reach{start, l.at - start}
	l.at = min(l.at+1, l.end)
	return s
}

// substitution reads the commands within, which run as well, and leaves the word open.
func (l *lexer) substitution(b *builder, start int, in reach) {
	b.unknown(l.s[start:l.at])
	if l.depth >= maxNesting {
		return
	}
	within := &lexer{s: l.s, at: in.at, vars: l.vars, dialect: l.dialect, depth: l.depth + 1}
	within.run(in.at + in.size)
	if room := maxCommands - len(l.commands); room > 0 {
		l.commands = append(l.commands, within.commands[:min(room, len(within.commands))]...)
	}
}
