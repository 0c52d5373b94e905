package flow

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// One file has several names at a server: a path at the artifact proxy, a path in a run, in a logged model, in a model's version. They all are
// reduced to the URI below which the server keeps it, so that what came in by one name is known under every other.

// root is a folder in which artifacts lie.
type root struct {
	at   string // its URI, reduced
	list func(x *gateway.Exchange, dir string) ([]file, error)
	get  func(x *gateway.Exchange, p string) (*http.Response, error)
	// fleeting: the server makes the content anew each time, so that its digest says nothing about the next answer.
	fleeting bool
	alone    bool // there are no folders in it
}

// file is one entry of a folder; its path is from the root.
type file struct {
	path string
	dir  bool
}

// Workspace is the header by which MLflow 3.10 and later tell apart what has the same name in two workspaces.
const Workspace = "X-Mlflow-Workspace"

// scoped is the name of a fact about something in the workspace of the request: a thing of another one is not there.
func scoped(x *gateway.Exchange, name string) string {
	if w := x.Header.Get(Workspace); w != "" {
		return name + " in " + w
	}
	return name
}

// proxyRoot is what the artifact proxy serves.
const proxyRoot = "mlflow-artifacts:"

// reduced writes the URI of an artifact folder in one way. Both forms of addresses of the proxy become proxyRoot's.
func reduced(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return uri
	}
	switch u.Scheme {
	case "mlflow-artifacts":
		return join(proxyRoot, strings.Trim(u.Path, "/"))
	case "http", "https":
		if _, below, ok := strings.Cut(u.Path, "/mlflow-artifacts/artifacts/"); ok {
			return join(proxyRoot, strings.Trim(below, "/"))
		}
	}
	return strings.TrimSuffix(uri, "/")
}

// front gives the server's static prefix, as far as this request has it too.
func front(x *gateway.Exchange) []string {
	for _, p := range x.Upstream.Allow["static-prefix"] {
		if prefix := split(p); len(prefix) <= len(x.Segments) && slices.Equal(prefix, x.Segments[:len(prefix)]) {
			return prefix
		}
	}
	return nil
}

func api(x *gateway.Exchange, segments ...string) []string {
	return append(slices.Clone(front(x)), segments...)
}

func proxySegments(x *gateway.Exchange) []string {
	return api(x, "api", "2.0", "mlflow-artifacts", "artifacts")
}

// split makes segments of a path.
func split(p string) []string {
	var s []string
	for part := range strings.SplitSeq(p, "/") {
		if part != "" {
			s = append(s, part)
		}
	}
	return s
}

// proxied is the artifact proxy's root, or a folder below it.
func proxied(base string) root {
	return root{
		at: join(proxyRoot, base),
		list: func(x *gateway.Exchange, dir string) ([]file, error) {
			full := path.Join(base, dir)
			o, err := ask(x, proxySegments(x), wire.Pair{Name: "path", Value: full})
			return files(o, dir, true), err
		},
		get: func(x *gateway.Exchange, p string) (*http.Response, error) {
			return x.Send(http.MethodGet, append(proxySegments(x), split(path.Join(base, p))...), nil, nil, nil, 0)
		},
	}
}

// ofRun is the artifact folder of a run that is not behind the proxy: the server itself lists and reads it.
func ofRun(id, at string) root {
	return root{
		at: at,
		list: func(x *gateway.Exchange, dir string) ([]file, error) {
			query := []wire.Pair{{Name: "run_id", Value: id}}
			if dir != "" {
				query = append(query, wire.Pair{Name: "path", Value: dir})
			}
			o, err := ask(x, api(x, "api", "2.0", "mlflow", "artifacts", "list"), query...)
			return files(o, dir, false), err
		},
		get: func(x *gateway.Exchange, p string) (*http.Response, error) {
			return x.Send(http.MethodGet, api(x, "get-artifact"), []wire.Pair{{Name: "path", Value: p}, {Name: "run_uuid", Value: id}}, nil, nil, 0)
		},
	}
}

// ofModel is the same for a logged model (MLflow 3).
func ofModel(id, at string) root {
	return root{
		at: at,
		list: func(x *gateway.Exchange, dir string) ([]file, error) {
			var query []wire.Pair
			if dir != "" {
				query = append(query, wire.Pair{Name: "artifact_directory_path", Value: dir})
			}
			o, err := ask(x, api(x, "api", "2.0", "mlflow", "logged-models", id, "artifacts", "directories"), query...)
			return files(o, dir, false), err
		},
		get: func(x *gateway.Exchange, p string) (*http.Response, error) {
			return x.Send(http.MethodGet, api(x, "ajax-api", "2.0", "mlflow", "logged-models", id, "artifacts", "files"),
				[]wire.Pair{{Name: "artifact_file_path", Value: p}}, nil, nil, 0)
		},
	}
}

// ask reads a JSON answer that must be there.
func ask(x *gateway.Exchange, segments []string, query ...wire.Pair) (wire.Object, error) {
	o, status, err := x.Ask(http.MethodGet, segments, query, nil)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK || o == nil {
		no := wire.Refuse(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", "artifacts", "the server does not know what this is about")
		if m := field(o, "message"); m != "" {
			no.Reason = m
		}
		if status >= 400 && status < 500 {
			no.Status = status
			if c := field(o, "error_code"); c != "" {
				no.Code = c
			}
		}
		return nil, no
	}
	return o, nil
}

// files reads a listing; based says that its paths are names in dir instead of paths from the root.
func files(o wire.Object, dir string, based bool) []file {
	list, _ := o["files"].([]any)
	all := make([]file, 0, len(list))
	for _, v := range list {
		e, ok := asObject(v)
		if !ok {
			continue
		}
		f := file{path: field(e, "path")}
		f.dir, _ = e["is_dir"].(bool)
		if based {
			f.path = path.Join(dir, path.Base(f.path))
		}
		if f.path = path.Clean(f.path); f.path == "." || f.path == dir || strings.HasPrefix(f.path, "../") || strings.HasPrefix(f.path, "/") {
			continue
		}
		all = append(all, f)
	}
	return all
}

// rootOf chooses how to read what lies at a URI.
func rootOf(uri string, otherwise func(at string) root) root {
	at := reduced(uri)
	if below, ok := strings.CutPrefix(at, proxyRoot); ok {
		return proxied(strings.Trim(below, "/"))
	}
	return otherwise(at)
}

// runRoot finds a run's artifact folder.
func runRoot(x *gateway.Exchange, id string) (root, error) {
	uri, err := x.Lasting(scoped(x, "artifacts of run "+id), func() (string, error) {
		o, err := ask(x, api(x, "api", "2.0", "mlflow", "runs", "get"), wire.Pair{Name: "run_id", Value: id})
		if err != nil {
			return "", err
		}
		run, _ := asObject(o["run"])
		info, _ := asObject(run["info"])
		return field(info, "artifact_uri"), nil
	})
	if err == nil && uri == "" {
		err = unreadable("run " + id)
	}
	return rootOf(uri, func(at string) root { return ofRun(id, at) }), err
}

// loggedRoot finds a logged model's artifact folder.
func loggedRoot(x *gateway.Exchange, id string) (root, error) {
	uri, err := x.Lasting(scoped(x, "artifacts of model "+id), func() (string, error) {
		o, err := ask(x, api(x, "api", "2.0", "mlflow", "logged-models", id))
		if err != nil {
			return "", err
		}
		model, _ := asObject(o["model"])
		info, _ := asObject(model["info"])
		return field(info, "artifact_uri"), nil
	})
	if err == nil && uri == "" {
		err = unreadable("model " + id)
	}
	return rootOf(uri, func(at string) root { return ofModel(id, at) }), err
}

func unreadable(what string) error {
	return wire.Refuse(http.StatusUnprocessableEntity, "INVALID_PARAMETER_VALUE", "artifacts", fmt.Sprintf("weir cannot read the artifacts of %s through the server, so it cannot judge them", what))
}

// maxHops bounds how often one source may name another.
const maxHops = 4

// locate finds the folder that a model's source names: the root in which it lies and its path there.
func locate(x *gateway.Exchange, source, runID string, hops int) (root, string, error) {
	if hops > maxHops {
		return root{}, "", unreadable(source)
	}
	scheme, rest, _ := strings.Cut(source, ":")
	switch scheme {
	case "mlflow-artifacts", "http", "https":
		if below, ok := strings.CutPrefix(reduced(source), proxyRoot); ok {
			return proxied(""), strings.Trim(below, "/"), nil
		}
	case "runs":
		id, below, _ := strings.Cut(strings.Trim(rest, "/"), "/")
		r, err := runRoot(x, id)
		return r, below, err
	case "models":
		first, below, _ := strings.Cut(strings.Trim(rest, "/"), "/")
		// A registered model may be called like a logged model's id: what has two parts is NAME/VERSION to MLflow.
		if below == "" && strings.HasPrefix(first, "m-") {
			r, err := loggedRoot(x, first)
			return r, "", err
		}
		if below != "" && !strings.Contains(below, "/") {
			uri, run, err := versionSource(x, first, below)
			if err != nil {
				return root{}, "", err
			}
			return locate(x, uri, run, hops+1)
		}
	}
	return locateWithin(x, source, runID)
}

// locateWithin finds a folder by its plain URI inside the artifacts of the run, or of the logged model, that it belongs to.
func locateWithin(x *gateway.Exchange, source, runID string) (root, string, error) {
	at := reduced(source)
	if runID != "" {
		if r, err := runRoot(x, runID); err == nil {
			if below, ok := strings.CutPrefix(at+"/", r.at+"/"); ok {
				return r, strings.Trim(below, "/"), nil
			}
		}
	}
	for _, s := range split(at) {
		if !strings.HasPrefix(s, "m-") {
			continue
		}
		if r, err := loggedRoot(x, s); err == nil {
			if below, ok := strings.CutPrefix(at+"/", r.at+"/"); ok {
				return r, strings.Trim(below, "/"), nil
			}
		}
	}
	return root{}, "", unreadable(source)
}

// versionSource asks where a version's files lie, and which run made it.
func versionSource(x *gateway.Exchange, name, version string) (uri, run string, err error) {
	pairs := []wire.Pair{{Name: "name", Value: name}, {Name: "version", Value: version}}
	o, err := ask(x, api(x, "api", "2.0", "mlflow", "model-versions", "get"), pairs...)
	if err != nil {
		return "", "", err
	}
	v, _ := asObject(o["model_version"])
	if isPromptVersion(v) {
		return "", "", nil
	}
	run = field(v, "run_id")
	if o, err = ask(x, api(x, "api", "2.0", "mlflow", "model-versions", "get-download-uri"), pairs...); err != nil {
		return "", "", err
	}
	return field(o, "artifact_uri"), run, nil
}

// isPromptVersion knows prompts, which MLflow 2.21 and later keep among the registered models: they have a text as a tag and no files.
func isPromptVersion(o wire.Object) bool {
	tags, _ := o["tags"].([]any)
	for _, v := range tags {
		t, _ := asObject(v)
		if field(t, "key") == "mlflow.prompt.is_prompt" && strings.EqualFold(field(t, "value"), "true") {
			return true
		}
	}
	return false
}

// listTime is how long a listing is believed; what goes through the gate forgets it at once.
const listTime = time.Minute

// listed lists a folder.
func listed(x *gateway.Exchange, r root, dir string) ([]file, error) {
	v, err := x.Remember("ls "+join(r.at, dir), listTime, func() (any, error) { return r.list(x, dir) })
	if err != nil {
		return nil, err
	}
	return v.([]file), nil
}

// forgetFolders drops what is remembered of the folders in which p lies: it has changed.
func forgetFolders(x *gateway.Exchange, at, p string) {
	for d := path.Dir(p); ; d = path.Dir(d) {
		if d == "." || d == "/" {
			d = ""
		}
		x.Forget("ls " + join(at, d))
		x.Forget("judged " + join(at, d))
		if d == "" {
			return
		}
	}
}

// Bounds of a model's folder.
const (
	maxFiles = 20_000
	maxDepth = 30
)

// walk lists all files below dir.
func walk(x *gateway.Exchange, r root, dir string) ([]string, error) {
	var all []string
	todo := []string{dir}
	for len(todo) > 0 {
		d := todo[0]
		todo = todo[1:]
		if strings.Count(d, "/")-strings.Count(dir, "/") > maxDepth {
			return nil, tooMany(join(r.at, dir))
		}
		entries, err := listed(x, r, d)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.dir {
				todo = append(todo, e.path)
			} else {
				all = append(all, e.path)
			}
		}
		if len(all)+len(todo) > maxFiles {
			return nil, tooMany(join(r.at, dir))
		}
	}
	return all, nil
}

func tooMany(what string) error {
	return wire.Refuse(http.StatusUnprocessableEntity, "INVALID_PARAMETER_VALUE", "artifacts", fmt.Sprintf("%s has more files or folders than are judged together (%d)", what, maxFiles))
}

// apart gives an exchange for work that goes on when its request has been answered.
func apart(x *gateway.Exchange, ctx context.Context) *gateway.Exchange {
	c := *x
	c.Ctx = ctx
	return &c
}
