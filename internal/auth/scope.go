package auth

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
)

// ParseScope reads a scope from words key=value: server, type, id, name (a pattern), tag.NAME, actions (separated by commas).
func ParseScope(words []string) (Scope, error) {
	var s Scope
	for _, w := range words {
		key, value, ok := strings.Cut(w, "=")
		if !ok || value == "" || strings.ContainsFunc(w, unicode.IsControl) {
			return s, fmt.Errorf("scope: %q is not key=value", w)
		}
		field := map[string]*string{"server": &s.Server, "type": &s.Type, "id": &s.ID, "name": &s.Name}[key]
		tag, tagged := strings.CutPrefix(key, "tag.")
		switch {
		case field != nil && *field != "":
			return s, fmt.Errorf("scope: %s stands there twice", key)
		case field != nil:
			*field = value
		case tagged && tag != "":
			if s.Tags == nil {
				s.Tags = map[string]string{}
			}
			s.Tags[tag] = value
		case key == "actions":
			for a := range strings.SplitSeq(value, ",") {
				s.Actions = append(s.Actions, Action(a))
			}
		default:
			return s, fmt.Errorf("scope: %q is none of server, type, id, name, tag.NAME, actions", key)
		}
	}
	return s, s.check()
}

// check refuses scopes that can never hold or cannot be read.
func (s Scope) check() error {
	if _, err := path.Match(s.Name, ""); err != nil {
		return fmt.Errorf("scope: name %q is no pattern: %w", s.Name, err)
	}
	for _, act := range s.Actions {
		if !slices.Contains(Actions(), act) {
			return fmt.Errorf("scope: action %q: %w among %v", act, ErrNotFound, Actions())
		}
	}
	return nil
}

func (s Scope) everything() bool {
	return s.Server == "" && s.Type == "" && s.ID == "" && s.Name == "" && len(s.Tags) == 0 && len(s.Actions) == 0
}

// String writes a scope as ParseScope reads it; "everything" for the widest.
func (s Scope) String() string {
	if s.everything() {
		return "everything"
	}
	var out []string
	add := func(key, value string) {
		if value != "" {
			out = append(out, key+"="+value)
		}
	}
	add("server", s.Server)
	add("type", s.Type)
	add("id", s.ID)
	add("name", s.Name)
	for _, k := range sortedKeys(s.Tags) {
		out = append(out, "tag."+k+"="+s.Tags[k])
	}
	if len(s.Actions) > 0 {
		names := make([]string, len(s.Actions))
		for i, a := range s.Actions {
			names[i] = string(a)
		}
		add("actions", strings.Join(names, ","))
	}
	return strings.Join(out, " ")
}

// ParseResource reads a resource from words: TYPE[:ID][=NAME], then any of server=…, owner=…, tag.NAME=…, then "in" and what holds it, in the same
// form, as often as needed: run:abc in experiment:1=fraud-2026 tag.team=x.
func ParseResource(words []string) (Resource, error) {
	var chain []Resource
	fresh := true
	for _, w := range words {
		switch {
		case fresh:
			r, err := parseThing(w)
			if err != nil {
				return Resource{}, err
			}
			chain, fresh = append(chain, r), false
		case w == "in":
			fresh = true
		default:
			if err := chain[len(chain)-1].attribute(w); err != nil {
				return Resource{}, err
			}
		}
	}
	if fresh {
		return Resource{}, fmt.Errorf("resource: a TYPE[:ID][=NAME] is missing")
	}
	r := chain[0]
	r.Within = chain[1:]
	for i := range r.Within {
		if s := r.Within[i].Server; r.Server == "" {
			r.Server = s
		} else if s != "" && s != r.Server {
			return Resource{}, fmt.Errorf("resource: server %q holds nothing of server %q", s, r.Server)
		}
	}
	for i := range r.Within {
		r.Within[i].Server = r.Server
	}
	if len(r.Within) == 0 {
		r.Within = nil
	}
	return r, nil
}

func parseThing(w string) (Resource, error) {
	r := Resource{Type: w}
	i := strings.IndexAny(w, ":=")
	if i >= 0 {
		r.Type = w[:i]
		if w[i] == ':' {
			r.ID, r.Name, _ = strings.Cut(w[i+1:], "=")
		} else {
			r.Name = w[i+1:]
		}
	}
	if r.Type == "" || r.Type == "in" || strings.ContainsFunc(r.Type, func(c rune) bool { return (c < 'a' || c > 'z') && c != '-' }) {
		return r, fmt.Errorf("resource: %q is not TYPE[:ID][=NAME] such as experiment:1=fraud", w)
	}
	if i >= 0 && r.ID == "" && r.Name == "" {
		return r, fmt.Errorf("resource: %q names nothing", w)
	}
	return r, nil
}

func (r *Resource) attribute(w string) error {
	key, value, ok := strings.Cut(w, "=")
	tag, tagged := strings.CutPrefix(key, "tag.")
	switch {
	case !ok:
		return fmt.Errorf("resource: %q is neither key=value nor in", w)
	case key == "server":
		r.Server = value
	case key == "owner":
		r.Owner = value
	case tagged && tag != "":
		if r.Tags == nil {
			r.Tags = map[string]string{}
		}
		r.Tags[tag] = value
	default:
		return fmt.Errorf("resource: %q is none of server, owner, tag.NAME", key)
	}
	return nil
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
