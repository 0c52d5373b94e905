package mlflow

import (
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"weir/internal/gateway"
)

// general are the checks that every line has. They go by the names of fields, which mean the same on every route, so that a new route or flaw
// meets them too.
func general(s *shape, free []string) []check {
	return []check{
		{Name: "mlflow/body", Test: func(x *gateway.Exchange) error { return s.test(x, free) }},
		{Name: "mlflow/path-and-body", Test: func(x *gateway.Exchange) error { return agree(x, free) }},
		{Name: "mlflow/path-and-query", Test: outside},
		{Name: "mlflow/workspace", Test: workspaceHeader},
	}
}

// meaning is what a field of that name is, wherever it stands.
type meaning int

const (
	none meaning = iota
	id
	aPath
	aName
	aKey
	address
	tags
)

func meaningOf(name string) meaning {
	switch {
	case idLike(name):
		return id
	case pathLike(name):
		return aPath
	case nameLike(name):
		return aName
	case keyLike(name):
		return aKey
	case addressLike(name):
		return address
	case name == "tags" || name == "request_metadata" || name == "trace_metadata":
		return tags
	}
	return none
}

// test holds one string to its meaning.
func (m meaning) test(x *gateway.Exchange, name, v string) error {
	switch m {
	case id:
		return rule(testID(name, v), "mlflow/ids")
	case aPath:
		return rule(testPath(name, v), "mlflow/paths")
	case aName:
		return rule(testName(name, v), "mlflow/names")
	case aKey:
		return rule(testKey(name, v), "mlflow/keys")
	case address:
		return rule(testAddress(x, name, v), "mlflow/addresses")
	}
	return nil
}

// outside reads what stands outside the body.
func outside(x *gateway.Exchange) error {
	for name, v := range x.Vars {
		if err := meaningOf(name).test(x, name, v); err != nil {
			return err
		}
		if keyLike(name) { // delete-tag in the path
			if err := testTag(x, v, ""); err != nil {
				return err
			}
		}
	}
	for _, p := range x.Query {
		if err := meaningOf(p.Name).test(x, p.Name, p.Value); err != nil {
			return err
		}
	}
	return nil
}

// workspaceHeader takes one workspace's name, as MLflow writes it.
func workspaceHeader(x *gateway.Exchange) error {
	h := x.Header.Values(inWorkspace)
	if len(h) > 1 || len(h) == 1 && !workspaceName(h[0]) {
		return refuse("", "%s must name one workspace", inWorkspace)
	}
	return nil
}

// workspaceName: lower-case letters, digits and, inside, '-'.
func workspaceName(v string) bool {
	return v != "" && len(v) <= 63 && v[0] != '-' && v[len(v)-1] != '-' && strings.Trim(v, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// agree refuses a body that names another thing than the path does: some handlers of MLflow read the one, some the other.
func agree(x *gateway.Exchange, free []string) error {
	for name, v := range x.Vars {
		for _, p := range x.Query {
			if p.Name == name && p.Value != v {
				return refuse("", "the path says that %s is %q, the query %q", name, v, p.Value)
			}
		}
		if other, ok := x.JSON[name]; ok && !slices.Contains(free, name) {
			if s, isText := text(other); !isText || s != v {
				return refuse("", "the path and the body do not agree about %s", name)
			}
		}
	}
	return nil
}

// idLike: what ends in _id is one of MLflow's ids, but for these, which people or other systems choose.
func idLike(name string) bool {
	switch name {
	case "user_id", "source_id", "client_request_id", "upload_id", "deployment_job_id", "resource_id", "item_id", "item_ids", "source_databricks_request_id", "sql_warehouse_id", "scorer_ids":
		return false
	}
	return strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "_ids") || name == "run_uuid"
}

// isID takes what all stores make: numbers, 32 hexadecimal digits, UUIDs, and m-, d-, tr- before these. MLflow itself takes \w, which in Python
// is every letter of Unicode.
func isID(v string) bool {
	for i := 0; i < len(v); i++ {
		c := v[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && (c == '_' || c == '.' || c == ':' || c == '~' || c == '-'):
		default:
			return false
		}
	}
	return v != "" && len(v) <= 256
}

func testID(name, v string) error {
	if v != "" && !isID(v) {
		return refuse("", "%s is no id: letters, digits and _ . : ~ - are", name)
	}
	return nil
}

func pathLike(name string) bool {
	switch name {
	case "path", "artifact_path", "artifact_file_path", "artifact_directory_path", "gateway_path", "mcp":
		return true
	}
	return false
}

// testPath takes a path below some folder, and nothing that a server could read as leading out of it: whichever of its readers decodes it once
// more, or takes it for part of a URI or of a Windows path.
func testPath(name, v string) error {
	for decoded, n := v, 0; ; n++ {
		if why := badPath(decoded); why != "" {
			return refuse("", "%s %s", name, why)
		}
		again, err := percent(decoded)
		if err != nil || again == decoded {
			return nil
		}
		if n == 4 {
			return refuse("", "%s is encoded over and over", name)
		}
		decoded = again
	}
}

func badPath(v string) string {
	switch {
	case v == "":
		return ""
	case len(v) > 1000:
		return "is longer than 1000 bytes"
	case !plain(v):
		return "has control characters or is no UTF-8"
	case strings.ContainsAny(v, `\#?`):
		return `has a \, # or ?`
	case strings.HasPrefix(v, "/"):
		return "is absolute"
	case schemeOrDrive(v):
		return "begins like a URI or a drive"
	}
	for _, s := range strings.Split(strings.TrimSuffix(v, "/"), "/") {
		// Servers that strip spaces or dots from the ends of names see ".." in these.
		if t := strings.Trim(s, " \t"); t == "" || t == "." || strings.HasPrefix(t, "..") && strings.Trim(t, ". ;") == "" || strings.HasPrefix(t, "..;") {
			return "has an empty segment, . or .."
		}
	}
	return ""
}

// schemeOrDrive: "file:/…", "http:", "c:x".
func schemeOrDrive(v string) bool {
	scheme, rest, ok := strings.Cut(v, ":")
	if !ok || scheme == "" || !letter(scheme[0]) {
		return false
	}
	for i := 1; i < len(scheme); i++ {
		if c := scheme[i]; !letter(c) && (c < '0' || c > '9') && c != '+' && c != '.' && c != '-' {
			return false
		}
	}
	return len(scheme) == 1 || rest == "" || rest[0] == '/' || rest[0] == '\\'
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// percent decodes every %xx of a string, leaving what is no such thing.
func percent(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi >= 0 && lo >= 0 {
				b.WriteByte(byte(hi<<4 | lo))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String(), nil
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// plain is UTF-8 without control and formatting characters, those that turn the direction of writing among them.
func plain(v string) bool {
	if !utf8.ValidString(v) {
		return false
	}
	for _, c := range v {
		if unicode.IsControl(c) || c == '\u2028' || c == '\u2029' || unicode.Is(unicode.Bidi_Control, c) {
			return false
		}
	}
	return true
}

func nameLike(name string) bool {
	switch name {
	case "name", "new_name", "run_name", "experiment_name", "endpoint_name", "workspace_name", "secret_name", "user_id", "alias", "stage", "stages", "created_by", "username":
		return true
	}
	return false
}

// testName takes what people call things by: bounded (CVE-2024-6838: an experiment's name of any length stops the server), on one line, and no
// path that leads anywhere.
func testName(name, v string) error {
	switch {
	case len(v) > 500: // MLflow's own limit since 2.14, in characters
		return refuse("", "%s is longer than 500 bytes", name)
	case !plain(v):
		return refuse("", "%s has control characters or is no UTF-8", name)
	case name == "alias" && v != "" && !isAlias(v):
		return refuse("", "an alias is letters, digits, - and _")
	case strings.Contains(v, `\`) || strings.Contains(v, "://"):
		return refuse("", `%s has a \ or ://`, name)
	}
	for decoded := v; ; {
		for _, s := range strings.Split(decoded, "/") {
			if s == ".." || s == "." && len(decoded) > 1 {
				return refuse("", "%s has path segments . or ..", name)
			}
		}
		again, _ := percent(decoded)
		if again == decoded {
			return nil
		}
		decoded = again
	}
}

// isAlias: what MLflow takes, which is \w and '-'.
func isAlias(v string) bool {
	for _, c := range v {
		if !unicode.IsLetter(c) && !unicode.IsNumber(c) && c != '_' && c != '-' {
			return false
		}
	}
	return v != "" && len(v) <= 255
}

func keyLike(name string) bool { return name == "key" || name == "metric_key" || name == "tag_key" }

// testKey takes the keys of metrics, parameters and tags. File stores make file names of them.
func testKey(name, v string) error {
	if v == "" {
		return nil
	}
	clean := path.Clean(v)
	if len(v) > 1000 || !plain(v) || strings.Contains(v, `\`) || clean != v || clean == "." || strings.HasPrefix(clean, "..") || strings.HasPrefix(clean, "/") {
		return refuse("", "the %s %q is no plain name", name, abbreviated(v))
	}
	return nil
}

func abbreviated(v string) string {
	if len(v) > 60 {
		return strings.ToValidUTF8(v[:60], "") + "…"
	}
	return v
}
