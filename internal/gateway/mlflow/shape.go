package mlflow

import (
	_ "embed"
	"encoding/json"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"weir/internal/gateway"
)

// requestsText is what testdata/gate/routes.py --merge printed of MLflow 1.30.0, 2.2.0, 2.8.0, 2.9.2, 2.16.2, 2.22.5, 3.4.0, 3.6.0, 3.9.0 and
// 3.17.2: "message NAME field:type…" and "request METHOD PATH MESSAGE". A field's name ends in * where it is a list; a type is string, integer,
// number, bool, enum, any or a message.
//
//go:embed requests.txt
var requestsText string

// shapes are the fields of all requests.
type shapes struct {
	messages map[string]*shape
	requests map[string]*shape
}

// shape is what an object may hold. A shape without closed takes any field.
type shape struct {
	fields map[string]field
	camel  map[string]string // the other spelling that protocol buffers take, to the one that stands here
	closed bool
	pair   bool // it has a key and a value, as tags have
}

type field struct {
	kind  string
	many  bool
	of    *shape
	means meaning
}

func readShapes() *shapes {
	s := &shapes{messages: map[string]*shape{}, requests: map[string]*shape{}}
	message := func(name string) *shape {
		if s.messages[name] == nil {
			s.messages[name] = &shape{fields: map[string]field{}, camel: map[string]string{}, closed: true}
		}
		return s.messages[name]
	}
	for _, text := range strings.Split(strings.TrimSpace(requestsText), "\n") {
		words := strings.Fields(text)
		if words[0] == "request" {
			s.requests[words[1]+" "+words[2]] = message(words[3])
			continue
		}
		m := message(words[1])
		for _, w := range words[2:] {
			name, kind, _ := strings.Cut(w, ":")
			f := field{kind: kind}
			name, f.many = strings.CutSuffix(name, "*")
			if strings.Contains(kind, ".") {
				f.of = message(kind)
			}
			m.add(name, f)
		}
	}
	return s
}

func (s *shape) add(name string, f field) {
	f.means = meaningOf(name)
	s.fields[name] = f
	_, hasKey := s.fields["key"]
	_, hasValue := s.fields["value"]
	s.pair = hasKey && hasValue
	if c := camelCase(name); c != name {
		s.camel[c] = name
	}
}

// camelCase is the json_name that protoc makes of a field's name.
func camelCase(name string) string {
	var b strings.Builder
	up := false
	for _, c := range name {
		switch {
		case c == '_':
			up = true
		case up:
			b.WriteString(strings.ToUpper(string(c)))
			up = false
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// of gives the shape of a line's request: what the protocol buffers say, and what the line adds. A name that ends in * is a list.
func (s *shapes) of(l line) *shape {
	known := s.requests[l.method+" "+protoPath(l.path)]
	if known != nil && l.also == "" {
		return known
	}
	out := &shape{fields: map[string]field{}, camel: map[string]string{}, closed: true}
	if known != nil {
		for name, f := range known.fields {
			out.add(name, f)
		}
	}
	for _, name := range strings.Fields(l.also) {
		if name == "*" {
			out.closed = false
			continue
		}
		name, many := strings.CutSuffix(name, "*")
		out.add(name, field{kind: "any", many: many})
	}
	return out
}

// protoPath writes the rest of a path the way that requests.txt has it.
func protoPath(path string) string {
	return strings.ReplaceAll(path, "{path...}", "{artifact_path...}")
}

// query lists the names that may stand in the query.
func (s *shape) query() []string {
	var names []string
	for name, f := range s.fields {
		if f.of != nil {
			continue // MLflow reads no messages from a query
		}
		if f.many {
			name += "*"
		}
		names = append(names, name)
	}
	if !s.closed {
		names = append(names, "*")
	}
	sort.Strings(names)
	return names
}

// reading goes once through a body: no field that MLflow would read under another spelling or not at all, every value of its type, and every
// string what its field means.
type reading struct {
	x    *gateway.Exchange
	free []string // names at the top that mean something else here, with all that is in them
	odd  bool     // this is in one of those: only types count
}

// test reads the body of a request.
func (s *shape) test(x *gateway.Exchange, free []string) error {
	if x.JSON == nil {
		return nil
	}
	return reading{x: x, free: free}.object(s, x.JSON, "")
}

func (r reading) object(s *shape, o map[string]any, at string) error {
	for name, v := range o {
		f, ok := s.fields[name]
		if !ok {
			if other := s.camel[name]; other != "" {
				return rule(refuse("", "the field %q must be spelled %q", at+name, at+other), "mlflow/fields")
			}
			if s.closed {
				return rule(refuse("", "the request has a field %q that MLflow does not know", at+name), "mlflow/fields")
			}
			f = field{kind: "any", means: meaningOf(name)}
		}
		in := r
		in.odd = r.odd || at == "" && slices.Contains(r.free, name)
		if err := in.field(f, name, v, at); err != nil {
			return err
		}
	}
	if s.pair && !r.odd {
		key, _ := o["key"].(string)
		v, _ := o["value"].(string)
		return testTag(r.x, key, v)
	}
	return nil
}

func (r reading) field(f field, name string, v any, at string) error {
	if v == nil {
		return nil // protocol buffers read null as not there
	}
	if f.means == tags && !r.odd {
		if err := testTags(r.x, v); err != nil {
			return err
		}
	}
	values, isList := v.([]any)
	switch {
	case f.many && f.kind != "any" && !isList:
		return wrongType(at+name, "a list")
	case !isList || !f.many && f.kind != "any":
		return r.one(f, name, v, at)
	}
	for _, e := range values {
		if e == nil && f.kind != "any" {
			return wrongType(at+name, f.kind)
		}
		if err := r.one(f, name, e, at); err != nil {
			return err
		}
	}
	return nil
}

func (r reading) one(f field, name string, v any, at string) error {
	if f.of != nil {
		o, ok := object(v)
		if !ok {
			return wrongType(at+name, "an object")
		}
		return r.object(f.of, o, at+name+".")
	}
	good := true
	switch f.kind {
	case "string":
		_, isText := v.(string)
		good = isText || f.means == id && integer(v) && strings.HasPrefix(name, "experiment_id") // MLflow makes strings of these, for old clients
	case "integer":
		good = integer(v)
	case "number":
		good = number(v)
	case "bool":
		_, good = v.(bool)
	case "enum":
		s, isText := v.(string)
		good = integer(v) || isText && enumName(s)
	}
	if !good {
		return wrongType(at+name, f.kind)
	}
	if r.odd || f.means == none || f.means == tags {
		return nil
	}
	if t, ok := text(v); ok {
		return f.means.test(r.x, name, t)
	}
	return nil
}

func wrongType(at, want string) error {
	return refuse("mlflow/types", "the field %q must be %s", at, article(want))
}

func article(kind string) string {
	switch kind {
	case "string", "number", "bool":
		return "a " + kind
	case "integer", "enum":
		return "an " + kind
	}
	return kind
}

// integer takes numbers and, as protocol buffers do for 64-bit fields, decimal strings. 1e3 and 3.0 are read differently by different versions.
func integer(v any) bool {
	var s string
	switch v := v.(type) {
	case json.Number:
		s = v.String()
	case string:
		s = v
	default:
		return false
	}
	if whole, ok := strings.CutSuffix(s, ".0"); ok {
		s = whole // time.time() rounded: old clients send 1700000000000.0
	}
	_, err := strconv.ParseInt(s, 10, 64)
	return err == nil && !strings.HasPrefix(s, "+")
}

func number(v any) bool {
	switch v := v.(type) {
	case json.Number, float64:
		return true
	case string:
		switch v {
		case "NaN", "Infinity", "-Infinity":
			return true
		}
		f, err := strconv.ParseFloat(v, 64)
		return err == nil && !math.IsInf(f, 0) && !strings.ContainsAny(v, "_xXpP")
	}
	return false
}

func enumName(s string) bool {
	for _, c := range s {
		if !(c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_') {
			return false
		}
	}
	return s != ""
}
