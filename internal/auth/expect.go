package auth

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Expectation is one line of a file that policies are tested with, and what came of it.
type Expectation struct {
	Line     int
	Text     string
	Want     bool
	Policy   string // that has to be the one that decides; empty: any
	Got      Decision
	Mistaken bool
}

// The bounds of such a file.
const (
	longestExpectations = 4 << 20 // bytes
	mostExpectations    = 100000  // lines
)

// expectations is a file while it is read.
type expectations struct {
	lookup func(string) (Principal, bool)
	policy *policies
	people map[string]*Principal
	groups map[string][]Grant
	list   []Expectation
}

// Expect tests policies and roles against a file of expectations. Each line is one of
//
//	user NAME [GROUP…]           somebody who exists for this test
//	service NAME [GROUP…]
//	grant NAME ROLE [SCOPE…]     a role, everywhere or within a scope (name=fraud-* type=experiment tag.team=x …)
//	grant group:NAME ROLE [SCOPE…]
//	allow NAME ACTION RESOURCE [because POLICY]
//	deny NAME ACTION RESOURCE [because POLICY]
//
// RESOURCE is what [ParseResource] reads. Words with spaces stand in double quotes; # begins a comment. lookup finds those who are not made in the
// file and may be nil. The error names the line.
func Expect(name string, text []byte, files []PolicyFile, lookup func(string) (Principal, bool)) ([]Expectation, error) {
	if len(text) > longestExpectations {
		return nil, fmt.Errorf("%s: %d bytes are more than %d", name, len(text), longestExpectations)
	}
	p, err := compile(files)
	if err != nil {
		return nil, err
	}
	e := &expectations{lookup: lookup, policy: p, people: map[string]*Principal{}, groups: map[string][]Grant{}}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 64<<10)
	for n := 1; lines.Scan(); n++ {
		words, err := splitWords(lines.Text())
		if err == nil && len(words) > 0 {
			err = e.line(n, lines.Text(), words)
		}
		if err == nil && n > mostExpectations {
			err = fmt.Errorf("there are more than %d lines", mostExpectations)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(e.list) == 0 {
		return nil, fmt.Errorf("%s: it expects nothing: a test needs lines with allow or deny", name)
	}
	return e.list, nil
}

// splitWords splits a line at spaces. A part in double quotes holds spaces; in it \" and \\ stand for themselves.
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	in, quoted := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\\' && i+1 < len(line) && (line[i+1] == '"' || line[i+1] == '\\'):
			i++
			word.WriteByte(line[i])
		case c == '"':
			in, quoted = true, !quoted
		case quoted:
			word.WriteByte(c)
		case c == '#' && !in:
			return words, nil
		case c == ' ' || c == '\t' || c == '\r':
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
		default:
			in = true
			word.WriteByte(c)
		}
	}
	if quoted {
		return nil, fmt.Errorf("a quote is not closed")
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}

func (e *expectations) line(n int, text string, words []string) error {
	switch words[0] {
	case "user", "service":
		return e.somebody(words)
	case "grant":
		return e.grant(words)
	case "allow", "deny":
		return e.expect(n, text, words)
	}
	return fmt.Errorf("%q is none of user, service, grant, allow, deny", words[0])
}

func (e *expectations) somebody(words []string) error {
	if len(words) < 2 || !validName(words[1]) {
		return fmt.Errorf("%s needs a name: %w", words[0], ErrName)
	}
	if e.people[words[1]] != nil {
		return fmt.Errorf("%q is there already", words[1])
	}
	in, err := groups(words[2:])
	if err != nil {
		return err
	}
	e.people[words[1]] = &Principal{Name: words[1], Kind: Kind(words[0]), Groups: in}
	return nil
}

func (e *expectations) grant(words []string) error {
	if len(words) < 3 {
		return fmt.Errorf("grant needs a name and a role")
	}
	if !e.policy.hasRole(words[2]) {
		return fmt.Errorf("role %q: %w among %s", words[2], ErrNotFound, strings.Join(e.policy.roles, ", "))
	}
	scope, err := ParseScope(words[3:])
	if err != nil {
		return err
	}
	g := Grant{words[2], scope}
	if group, ok := strings.CutPrefix(words[1], "group:"); ok {
		e.groups[group] = append(e.groups[group], g)
		return nil
	}
	p := e.people[words[1]]
	if p == nil {
		return fmt.Errorf("%q does not exist: make it with a line \"user %s\" before", words[1], words[1])
	}
	p.Roles = append(p.Roles, g)
	return nil
}

func (e *expectations) expect(n int, text string, words []string) error {
	if len(words) < 4 {
		return fmt.Errorf("%s needs a name, an action and a resource", words[0])
	}
	who, err := e.who(words[1])
	if err != nil {
		return err
	}
	action := Action(words[2])
	if !slices.Contains(Actions(), action) {
		return fmt.Errorf("action %q: %w among %v", action, ErrNotFound, Actions())
	}
	x := Expectation{Line: n, Text: strings.TrimSpace(text), Want: words[0] == "allow"}
	rest := words[3:]
	if i := len(rest) - 2; i > 0 && rest[i] == "because" {
		x.Policy, rest = rest[i+1], rest[:i]
	}
	r, err := ParseResource(rest)
	if err != nil {
		return err
	}
	x.Got = e.policy.decide(&who, action, &r)
	x.Mistaken = x.Got.Allow != x.Want || x.Policy != "" && x.Policy != x.Got.Policy
	e.list = append(e.list, x)
	return nil
}

func (e *expectations) who(name string) (Principal, error) {
	var p Principal
	if made := e.people[name]; made != nil {
		p = *made
	} else {
		ok := false
		if e.lookup != nil {
			p, ok = e.lookup(name)
		}
		if !ok {
			return p, fmt.Errorf("%q does not exist: make it with a line \"user %s\" before", name, name)
		}
	}
	p.Roles = slices.Clone(p.Roles)
	for _, g := range p.Groups {
		p.Roles = append(p.Roles, e.groups[g]...)
	}
	return p, nil
}
