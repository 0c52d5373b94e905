package attack

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

var (
	variable = regexp.MustCompile(`\$\{([a-z0-9_-]+)((?:\|[a-z]+)*)\}`)
	lastNone = regexp.MustCompile(`[^A-Za-z0-9_.~-]`)
)

// unknown is the error of a text with a variable that was never saved.
type unknown string

func (u unknown) Error() string { return fmt.Sprintf("the variable %q has no value", string(u)) }

// expand fills in the variables of a text.
func expand(text string, vars map[string]string) (string, error) {
	var missing error
	out := variable.ReplaceAllStringFunc(text, func(m string) string {
		parts := variable.FindStringSubmatch(m)
		v, ok := vars[parts[1]]
		if !ok {
			missing = unknown(parts[1])
			return ""
		}
		for _, f := range strings.Split(parts[2], "|")[1:] {
			v = filter(v, f)
		}
		return v
	})
	return out, missing
}

// must is expand for texts that were checked when the suite was: an unknown variable stays away.
func must(text string, vars map[string]string) string {
	s, _ := expand(text, vars)
	return s
}

func filter(v, name string) string {
	switch name {
	case "url":
		return lastNone.ReplaceAllStringFunc(v, func(c string) string {
			var b strings.Builder
			for i := range len(c) {
				fmt.Fprintf(&b, "%%%02X", c[i])
			}
			return b.String()
		})
	case "dots": // dots and slashes too, which servers need not decode to understand
		return strings.NewReplacer(".", "%2e", "/", "%2f").Replace(v)
	case "space": // what would end a request line early
		return strings.NewReplacer(" ", "%20", "\t", "%09", "\n", "%0A", "\r", "%0D", "\x00", "%00").Replace(v)
	case "overlong": // two bytes where UTF-8 has one
		return strings.NewReplacer(".", "%c0%ae", "/", "%c0%af").Replace(v)
	case "wide": // as old JavaScript wrote characters
		return strings.NewReplacer(".", "%u002e", "/", "%u2215").Replace(v)
	case "json":
		b, _ := json.Marshal(v)
		return string(b[1 : len(b)-1])
	case "rel":
		return strings.TrimLeft(v, "/")
	case "decode":
		if u, err := url.QueryUnescape(v); err == nil {
			return u
		}
	}
	return v
}

// save takes a value from an answer's body: by a dotted path through its JSON (numbers index lists), or by a regular expression after "~".
func save(from string, body []byte) (string, bool) {
	if re, ok := strings.CutPrefix(from, "~"); ok {
		m := regexp.MustCompile(re).FindSubmatch(body)
		if len(m) < 2 {
			return "", false
		}
		return string(m[1]), true
	}
	var v any
	if json.Unmarshal(body, &v) != nil {
		return "", false
	}
	for _, name := range strings.Split(from, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(x) {
				return "", false
			}
			v = x[i]
		default:
			return "", false
		}
	}
	switch x := v.(type) {
	case string:
		return x, x != ""
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64), true
	}
	return "", false
}
