package pycode

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// value is what the reader knows of a Python value: the dotted names that it may be reached by, the constant that it is, and how to show it.
type value struct {
	paths  []string // dotted names that lead to it, or to what made it
	made   bool     // it is the result of calling or entering one of paths
	null   bool     // the empty place beside a callable
	module bool     // an IMPORT_NAME's result: attributes are submodules too
	con    *Object  // constant
	items  []*value // of a tuple or list that is built here
	list   bool
	scope  bool   // globals(), locals(), vars() without argument: subscripts are names
	def    bool   // a function or class that this code defines
	spell  string // as the code spells it, for names and their attributes
	of     *value // an attribute of this constant
	name   string // that attribute
	text   string // how to show it
}

// Bounds on what one value keeps.
const (
	maxPaths = 8
	maxPath  = 256
	maxText  = 200
	maxItems = 32
	maxFold  = 4096 // length of a string that is computed from constants
)

func unknown(text string) *value { return &value{text: cut(text, maxText)} }

// anything is a value of which nothing is known, not even how it is spelled.
var anything = unknown("?")

func constant(o *Object) *value { return &value{con: o, text: o.show(3)} }

func stringValue(s string) *value { return constant(&Object{Kind: Str, Text: s}) }

// str gives the text of a constant string.
func (v *value) str() (string, bool) {
	if v == nil || v.con == nil || v.con.Kind != Str && v.con.Kind != Bytes {
		return "", false
	}
	return v.con.Text, true
}

// int gives a constant integer.
func (v *value) int() (int64, bool) {
	if v == nil || v.con == nil || v.con.Kind != Int {
		return 0, false
	}
	n, err := strconv.ParseInt(v.con.Text, 10, 64)
	return n, err == nil
}

// elements gives the parts of a tuple or list whose parts are known.
func (v *value) elements() ([]*value, bool) {
	switch {
	case v == nil:
		return nil, false
	case v.items != nil:
		return v.items, true
	case v.con != nil && (v.con.Kind == Tuple || v.con.Kind == List):
		var out []*value
		for _, o := range v.con.Items[:min(len(v.con.Items), maxItems)] {
			out = append(out, constant(o))
		}
		return out, true
	}
	return nil, false
}

// is reports whether one of the names that may lead to v is name.
func (v *value) is(names ...string) bool {
	return v != nil && !v.made && slices.ContainsFunc(v.paths, func(p string) bool {
		return slices.Contains(names, strings.TrimPrefix(strings.TrimPrefix(p, "builtins."), "__builtin__."))
	})
}

// attr is v.name.
func (v *value) attr(name string) *value {
	out := unknown(v.text + "." + plain(name))
	if v.con != nil {
		out.of, out.name = v, name
	}
	if v.spell != "" {
		out.spell = v.spell + "." + name
	}
	for _, p := range v.paths {
		switch {
		case v.made && (name == "__enter__" || name == "__aenter__"):
			out.made = true
			out.addPath(p)
		case p == "__builtins__":
			out.addPath("builtins." + name)
		case len(p)+len(name) < maxPath:
			out.addPath(p + "." + name)
		}
	}
	return out
}

func (v *value) addPath(p string) {
	if p != "" && !strings.HasSuffix(p, ".") && len(v.paths) < maxPaths && !slices.Contains(v.paths, p) {
		v.paths = append(v.paths, p)
	}
}

// item is v[key].
func (v *value) item(key *value) *value {
	out := unknown(v.text + "[" + key.text + "]")
	if s, ok := key.str(); ok {
		if v.scope {
			out.addPath(s)
		}
		for _, p := range v.paths {
			switch {
			case p == "sys.modules":
				out.addPath(s)
			case p == "__builtins__":
				out.addPath("builtins." + s)
			case strings.HasSuffix(p, ".__dict__"):
				out.addPath(strings.TrimSuffix(p, "__dict__") + s)
			}
		}
		if out.paths != nil {
			return out
		}
	}
	if n, ok := key.int(); ok {
		if items, ok := v.elements(); ok {
			if n < 0 {
				n += int64(len(items))
			}
			if n >= 0 && n < int64(len(items)) {
				return items[n]
			}
		}
		if s, ok := v.str(); ok && v.con.Kind == Str && isASCII(s) && n >= -int64(len(s)) && n < int64(len(s)) {
			if n < 0 {
				n += int64(len(s))
			}
			return stringValue(s[n : n+1])
		}
	}
	// [::-1]: the oldest way to hide a name
	if s, ok := v.str(); ok && len(s) <= maxFold && isASCII(s) && (strings.HasSuffix(key.text, "None, None, -1)") || key.text == "slice(None, None, -1)") {
		b := []byte(s)
		slices.Reverse(b)
		return constant(&Object{Kind: v.con.Kind, Text: string(b)})
	}
	if items, ok := v.elements(); ok { // some element: whichever the key selects
		for _, x := range items {
			if !x.made {
				for _, p := range x.paths {
					out.addPath(p)
				}
			}
		}
	}
	return out
}

// add is a + b, where both are known strings.
func add(a, b *value) (*value, bool) {
	s, ok1 := a.str()
	t, ok2 := b.str()
	if !ok1 || !ok2 || a.con.Kind != b.con.Kind || len(s)+len(t) > maxFold {
		return nil, false
	}
	return constant(&Object{Kind: a.con.Kind, Text: s + t}), true
}

// fold computes the call of a method of a constant, or of a function that makes strings.
func fold(fn *value, args []*value) (*value, bool) {
	arg := func(i int) (string, bool) {
		if i >= len(args) {
			return "", false
		}
		return args[i].str()
	}
	if recv := fn.of; recv != nil {
		s, ok := recv.str()
		if !ok || len(s) > maxFold {
			return nil, false
		}
		switch method := fn.name; method {
		case "join":
			if len(args) == 1 {
				if parts, ok := args[0].elements(); ok {
					return join(s, parts)
				}
			}
		case "decode", "encode", "strip":
			if s2 := strings.TrimSpace(s); method != "strip" || s2 == s {
				kind := map[string]Kind{"decode": Str, "encode": Bytes, "strip": recv.con.Kind}[method]
				return constant(&Object{Kind: kind, Text: s}), true
			}
		case "lower":
			return stringValue(strings.ToLower(s)), true
		case "upper":
			return stringValue(strings.ToUpper(s)), true
		case "replace":
			from, ok1 := arg(0)
			to, ok2 := arg(1)
			if ok1 && ok2 && len(args) == 2 && len(to) <= 16 {
				return stringValue(strings.ReplaceAll(s, from, to)), true
			}
		}
		return nil, false
	}
	switch {
	case fn.is("chr", "unichr"):
		if n, ok := first(args).int(); ok && n >= 0 && n < 0x110000 {
			return stringValue(string(rune(n))), true
		}
	case fn.is("base64.b64decode", "base64.standard_b64decode", "base64.decodebytes", "binascii.a2b_base64"):
		if s, ok := arg(0); ok && len(s) <= maxFold {
			if b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s)); err == nil {
				return constant(&Object{Kind: Bytes, Text: string(b)}), true
			}
		}
	case fn.is("bytes.fromhex", "binascii.unhexlify", "binascii.a2b_hex"):
		if s, ok := arg(0); ok && len(s) <= maxFold {
			if b, err := hex.DecodeString(strings.ReplaceAll(s, " ", "")); err == nil {
				return constant(&Object{Kind: Bytes, Text: string(b)}), true
			}
		}
	case fn.is("str", "bytes", "bytearray"):
		if _, ok := arg(0); ok {
			return args[0], true
		}
	}
	return nil, false
}

func first(args []*value) *value {
	if len(args) == 0 {
		return nil
	}
	return args[0]
}

func join(sep string, parts []*value) (*value, bool) {
	var words []string
	n := 0
	for _, p := range parts {
		s, ok := p.str()
		if n += len(s) + len(sep); !ok || n > maxFold {
			return nil, false
		}
		words = append(words, s)
	}
	return stringValue(strings.Join(words, sep)), true
}

// compound makes a tuple or list of parts.
func compound(open, end string, parts []*value) *value {
	v := &value{list: open == "["}
	if open == "(" || open == "[" {
		v.items = parts[:min(len(parts), maxItems)]
		if v.items == nil {
			v.items = []*value{}
		}
	}
	var words []string
	for i, p := range parts {
		if i == 8 {
			words = append(words, "…")
			break
		}
		words = append(words, p.text)
	}
	if open == "(" && len(parts) == 1 {
		end = ",)"
	}
	v.text = cut(open+strings.Join(words, ", ")+end, maxText)
	return v
}
