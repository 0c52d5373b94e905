package rule

import (
	"strings"

	"weir"
)

// maxCalls bounds the names taken from one piece of source.
const maxCalls = 2000

// callsOf lists what a piece of code calls, and what of that as soon as it is imported. Python source whose parser names no calls is read
// as far as its excerpt goes: names before an opening bracket, seen through the imports of the same text; lines that are not indented run
// at import. That is enough to tell os.system from a layer, and no more than that.
func callsOf(c weir.Code) (calls, atImport []string) {
	if len(c.Calls) > 0 || c.Language != "python" {
		return c.Calls, nil
	}
	aliases := map[string]string{}
	once := map[string]bool{}
	add := func(to *[]string, when, name string) {
		if !once[when+name] && len(*to) < maxCalls {
			once[when+name] = true
			*to = append(*to, name)
		}
	}
	for line := range strings.Lines(blankPython(c.Text)) {
		imported(strings.TrimSpace(line), aliases)
		for name := range calledIn(line) {
			first, rest, dotted := strings.Cut(name, ".")
			if full, ok := aliases[first]; ok {
				name = full
				if dotted {
					name += "." + rest
				}
			}
			add(&calls, "any ", name)
			if line[0] != ' ' && line[0] != '\t' && !strings.HasPrefix(line, "def ") && !strings.HasPrefix(line, "class ") {
				add(&atImport, "import ", name)
			}
		}
	}
	return calls, atImport
}

// imported notes which names an import statement binds.
func imported(line string, aliases map[string]string) {
	module, isFrom := strings.CutPrefix(line, "from ")
	names := ""
	if isFrom {
		var ok bool
		if module, names, ok = strings.Cut(module, " import "); !ok {
			return
		}
		module = strings.TrimSpace(module) + "."
		names = strings.Trim(names, "() ")
	} else if names, isFrom = strings.CutPrefix(line, "import "); !isFrom {
		return
	} else {
		module = ""
	}
	for _, n := range strings.Split(names, ",") {
		name, as, renamed := strings.Cut(strings.TrimSpace(n), " as ")
		if !renamed {
			as, _, _ = strings.Cut(name, ".")
			if module == "" {
				name = as // import os.path binds os
			}
		}
		aliases[strings.TrimSpace(as)] = module + strings.TrimSpace(name)
	}
}

// calledIn gives the dotted names that stand before an opening bracket.
func calledIn(line string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for i := range len(line) {
			if line[i] != '(' {
				continue
			}
			from := i
			for from > 0 && (isNameByte(line[from-1]) || line[from-1] == '.') {
				from--
			}
			name := strings.Trim(line[from:i], ".")
			// a method of something unnamed, as in f().run(, begins with a dot and is no name of a module
			if name != "" && (line[from] != '.') && !yield(name) {
				return
			}
		}
	}
}

func isNameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// blankPython takes strings and comments out of Python source; what is in them is not called.
func blankPython(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		switch c := s[i]; c {
		case '#':
			for i < len(s) && s[i] != '\n' {
				i++
			}
		case '\'', '"':
			quote := string(c)
			if strings.HasPrefix(s[i:], strings.Repeat(quote, 3)) {
				quote = strings.Repeat(quote, 3)
			}
			i += len(quote)
			for i < len(s) && !strings.HasPrefix(s[i:], quote) && (len(quote) == 3 || s[i] != '\n') {
				if s[i] == '\\' {
					i++
				}
				i++
			}
			i += len(quote)
			b.WriteString("''")
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String()
}
