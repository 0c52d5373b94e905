package h2o

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// tableText is what testdata/gate/h2o/table.py wrote from running servers of 3.46.0.4 and 3.46.0.12.
//
//go:embed table.txt
var tableText string

// endpoint is one route as the server's own metadata tell it.
type endpoint struct {
	method, path string
	schemas      []string
	fields       map[string]string // name to type: "" for numbers, booleans, enumerations and columns; s, F, M, K, o, each with * for lists
	rule         *rule             // what judges it
	vars         []string          // the names of the path's variables, in order
}

// untold are served by servlets or special cases of h2o-core (CoreServletProvider, RequestServer.maybeServeSpecial) and stand in no metadata;
// the last ones are what RouteTree.lookupByPath finds when a client asks for a higher version than there is, as h2o-py does.
const untold = `GET / Nothing
GET /favicon.ico Nothing
GET /flow/{path...} Nothing
GET /3/h2o-genmodel.jar Nothing
POST /3/PostFile PostFile
POST /3/PostFile.bin PostFile
POST /3/PutKey PutKey
POST /3/PutKey.bin PutKey
GET /3/Logs/download Nothing
GET /3/Logs/download/{type} Nothing
GET /3/NodePersistentStorage.bin/{category}/{name} NodePersistentStorageV3
POST /3/NodePersistentStorage.bin/{category}/{name} NodePersistentStorageV3
GET /99/Models/{model_id} ModelsV3
POST /99/Models.bin/ ModelImportV3
POST /99/Models.upload.bin/ ModelImportV3
Nothing
PostFile destination_frame:F
PutKey destination_key:s overwrite
`

// readTable reads the lines that table.py writes.
func readTable(text string) ([]endpoint, error) {
	schemas := map[string]map[string]string{}
	var endpoints []endpoint
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, line := range lines { // schemas first: the routes stand before them
		words := strings.Fields(line)
		if len(words) > 0 && !isMethod(words[0]) {
			if schemas[words[0]] == nil {
				schemas[words[0]] = map[string]string{}
			}
			for _, w := range words[1:] {
				n, kind, _ := strings.Cut(w, ":")
				schemas[words[0]][n] = kind
			}
		}
	}
	for _, line := range lines {
		words := strings.Fields(line)
		if len(words) == 0 || !isMethod(words[0]) {
			continue
		}
		if len(words) != 3 {
			return nil, fmt.Errorf("line %q: want METHOD PATH SCHEMA", line)
		}
		e := endpoint{method: words[0], path: words[1], schemas: strings.Split(words[2], "+"), fields: map[string]string{}, vars: variables(words[1])}
		for _, s := range e.schemas {
			if schemas[s] == nil {
				return nil, fmt.Errorf("line %q: there is no schema %q", line, s)
			}
			if err := e.include(schemas, s); err != nil {
				return nil, err
			}
		}
		endpoints = append(endpoints, e)
	}
	return endpoints, nil
}

func (e *endpoint) include(schemas map[string]map[string]string, name string) error {
	for n, kind := range schemas[name] {
		base, ok := strings.CutPrefix(n, "&")
		if !ok {
			e.fields[n] = kind
			continue
		}
		if schemas[base] == nil || base == name {
			return fmt.Errorf("schema %q: there is no schema %q", name, base)
		}
		if err := e.include(schemas, base); err != nil {
			return err
		}
	}
	return nil
}

func isMethod(s string) bool {
	return slices.Contains([]string{"GET", "POST", "DELETE", "HEAD", "PUT"}, s)
}

func variables(path string) []string {
	var vars []string
	for _, p := range strings.Split(path, "/") {
		if n, ok := strings.CutPrefix(p, "{"); ok {
			vars = append(vars, strings.TrimSuffix(strings.TrimSuffix(n, "}"), "..."))
		}
	}
	return vars
}

// role says what a field of this endpoint may hold.
func (e *endpoint) role(field string) role {
	kind, known := e.fields[field]
	if !known {
		return unjudged
	}
	if kind == "" {
		return flagRole(field) // plain for what is no flag of these
	}
	for _, s := range e.schemas {
		if r, ok := roles()[s+"."+field]; ok {
			return r
		}
	}
	if r, ok := roles()[field]; ok {
		return r
	}
	if i := strings.LastIndexByte(field, '.'); i >= 0 {
		if r, ok := roles()[field[i+1:]]; ok {
			return r
		}
	}
	return unjudged
}

// list says whether H2O takes the field for a list.
func (e *endpoint) list(field string) bool { return strings.HasSuffix(e.fields[field], "*") }

// settable are the names that a query or form may have: the path's variables cannot be said twice.
func (e *endpoint) settable() []string {
	var names []string
	for n := range e.fields {
		if !slices.Contains(e.vars, n) && !strings.Contains(n, ".") {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}
