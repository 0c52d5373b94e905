package mlflow

import (
	"errors"
	"net/url"
	"strings"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// uri is a place that the server reads or writes at. There is one reading of it: no user, query, fragment or parameters, and a path without dots.
type uri struct {
	scheme, host, path string // path without its final '/'
}

// parseURI refuses everything that two of MLflow's readers (urllib, posixpath, its stores) read as two places: CVE-2023-6909, CVE-2024-1483,
// CVE-2024-1558, CVE-2024-1593, CVE-2024-1594, CVE-2024-3848 and others are of that sort.
func parseURI(name, v string) (uri, error) {
	if len(v) > 2048 || !plain(v) || strings.ContainsAny(v, "\\#?;") || strings.TrimSpace(v) != v {
		return uri{}, refuse("", "%s has a \\ # ? ; or control character, or blanks around it, or is too long", name)
	}
	if strings.Contains(v, "%") {
		return uri{}, refuse("", "%s is percent-encoded: it must stand there as it is", name)
	}
	scheme, rest, ok := strings.Cut(v, ":")
	if !ok || strings.Contains(scheme, "/") {
		scheme, rest = "", v
	} else if strings.Trim(strings.ToLower(scheme), "abcdefghijklmnopqrstuvwxyz0123456789+-") != "" || len(scheme) < 2 {
		return uri{}, refuse("", "%s has no scheme that is known", name)
	}
	u := uri{scheme: strings.ToLower(scheme)}
	if after, has := strings.CutPrefix(rest, "//"); has {
		host, p, slash := strings.Cut(after, "/")
		if strings.Contains(host, "@") && u.scheme != "abfss" && u.scheme != "abfs" && u.scheme != "wasbs" {
			return uri{}, refuse("", "%s carries a user", name)
		}
		if strings.ContainsAny(host, " %") {
			return uri{}, refuse("", "%s names no host", name)
		}
		u.host, rest = strings.ToLower(host), ""
		if slash {
			rest = "/" + p
		}
		if u.scheme == "" {
			return uri{}, refuse("", "%s begins with //", name)
		}
	}
	for _, s := range strings.Split(strings.TrimSuffix(strings.TrimPrefix(rest, "/"), "/"), "/") {
		if s == "." || s == ".." || s == "" && strings.Trim(rest, "/") != "" {
			return uri{}, refuse("", "%s has an empty segment, . or ..", name)
		}
	}
	u.path = strings.TrimSuffix(rest, "/")
	return u, nil
}

// within says whether u is root or below it.
func (u uri) within(root uri) bool {
	if u.scheme != root.scheme || u.host != root.host {
		return false
	}
	return u.path == root.path || strings.HasPrefix(u.path, root.path+"/")
}

// allowedBelow says whether a configured list has a root that u lies in. A root of nothing but a scheme and a host counts for all of it.
func allowedBelow(x *gateway.Exchange, list string, u uri) bool {
	for _, r := range x.Upstream.Allow[list] {
		root, err := parseURI(list, r)
		if err == nil && u.within(root) {
			return true
		}
	}
	return false
}

// locationLike are fields that say where the server, and every client of it, will write and read artifacts from then on.
var locationLike = []string{"artifact_location", "default_artifact_root", "trace_archival_config.location"}

// artifactLocation: where artifacts lie is for the server to choose, or for the configuration to open.
var artifactLocation = check{Name: "mlflow/artifact-location", Test: func(x *gateway.Exchange) error {
	for _, name := range locationLike {
		v, err := value(x, name)
		if err != nil {
			return err
		}
		if v == "" {
			continue
		}
		u, err := parseURI(name, v)
		if err != nil {
			return err
		}
		if !allowedBelow(x, "artifact-locations", u) {
			return hinted(refuse("", "%s is chosen by the server here", name), "allow: {artifact-locations: ["+v+"]}")
		}
	}
	return nil
}}

// newVersion: whoever registers must be allowed to write the model, and to read what becomes its content; and the content must be what it is said
// to be of.
func newVersion(x *gateway.Exchange) ([]auth.Resource, error) {
	name, err := value(x, "name")
	if err != nil {
		return nil, err
	}
	m, err := theModel(x, name)
	if err != nil {
		return nil, err
	}
	tags := tagsOf(x.JSON["tags"])
	if m.Tags == nil && strings.EqualFold(tags[isPrompt], "true") {
		m = modelOf(name, tags)
	}
	if err := need(x, x.Route.Action, versionOf(m, "")); err != nil {
		return nil, err
	}
	if err := checkSource(x, tags); err != nil {
		return nil, err
	}
	return []auth.Resource{versionOf(m, "")}, nil
}

// promptSources is what clients send for a prompt, which has no files.
var promptSources = map[string]bool{"prompt-template": true, "dummy-source": true}

func checkSource(x *gateway.Exchange, tags map[string]string) error {
	source, err := value(x, "source")
	if err != nil {
		return err
	}
	roots, err := declared(x)
	if err != nil {
		return err
	}
	if promptSources[source] {
		if !strings.EqualFold(tags[isPrompt], "true") {
			return refuse("mlflow/source", "only a prompt has no files")
		}
		return nil
	}
	if tags[isPrompt] != "" && x.Specific("CVE-2026-2614") { // CVE-2026-2614: the tag alone made MLflow trust any source
		return refuse("mlflow/source", "a prompt's source is \"prompt-template\"")
	}
	if rest, ok := strings.CutPrefix(source, "models:"); ok {
		return rule(modelsSource(x, rest), "mlflow/source")
	}
	u, err := parseURI("source", source)
	if err != nil {
		return rule(err, "mlflow/source")
	}
	if u.scheme == "runs" {
		return rule(runsSource(x, u), "mlflow/source")
	}
	for _, r := range roots {
		if root, err := parseURI("artifact_uri", r); err == nil && u.within(root) {
			return nil
		}
	}
	if u.scheme == "mlflow-artifacts" && u.path != "" {
		r, err := locatePath(x, strings.TrimPrefix(u.path, "/"))
		if err != nil {
			return err
		}
		if len(r.Within) > 0 {
			return need(x, auth.Download, r)
		}
	}
	if allowedBelow(x, "sources", u) {
		return nil
	}
	return hinted(refuse("mlflow/source", "source is not inside the artifacts of the run or logged model that it is said to be of"), "allow: {sources: ["+source+"]}")
}

// declared gives where the artifacts of the run and of the logged model lie that a version is said to be of, once they may be read.
func declared(x *gateway.Exchange) ([]string, error) {
	var roots []string
	for _, d := range []struct{ field, kind string }{{"run_id", run}, {"model_id", loggedModel}} {
		id, err := value(x, d.field)
		if err != nil {
			return nil, err
		}
		if id == "" {
			continue
		}
		r, err := thePlaced(x, d.kind, id)
		if err != nil {
			return nil, err
		}
		if err := need(x, auth.Download, r); err != nil {
			return nil, err
		}
		p, err := whereIs(x, d.kind, id)
		if err != nil && !errors.Is(err, errAbsent) {
			return nil, err
		}
		roots = append(roots, p.location)
	}
	return roots, nil
}

// runsSource is runs:/ID/path.
func runsSource(x *gateway.Exchange, u uri) error {
	id, _, ok := strings.Cut(strings.TrimPrefix(u.path, "/"), "/")
	if !ok || u.host != "" || !isID(id) {
		return refuse("", "source must be runs:/ID/path")
	}
	if mine, _ := value(x, "run_id"); mine != "" && mine != id {
		return refuse("", "source is of another run than run_id")
	}
	r, err := theRun(x, id)
	if err != nil {
		return err
	}
	return need(x, auth.Download, r)
}

// modelsSource is models:/ID of a logged model, models:/NAME/VERSION or models:/NAME@ALIAS. The server looks these up, so they are names and no
// paths; urllib ends the path at a '?', and other versions at a '#'.
func modelsSource(x *gateway.Exchange, rest string) error {
	parts := strings.Split(strings.TrimPrefix(rest, "/"), "/")
	if !strings.HasPrefix(rest, "/") || strings.TrimSpace(parts[0]) == "" || len(parts) > 2 || strings.ContainsAny(rest, `?#\`) {
		return refuse("", "source must be models:/ID, models:/NAME/VERSION or models:/NAME@ALIAS")
	}
	name, find := parts[0], theModel
	if i := strings.LastIndex(name, "@"); len(parts) == 1 && i > 0 {
		name = name[:i]
	} else if len(parts) == 1 {
		find = theLoggedModel
		if !isID(name) {
			return refuse("", "source names no logged model")
		}
	}
	if err := testName("source", name); err != nil {
		return err
	}
	r, err := find(x, name)
	if err != nil {
		return err
	}
	return need(x, auth.Download, r)
}

// artifactPath finds what a path below the server's artifact store belongs to.
func artifactPath(name string) finder {
	return func(x *gateway.Exchange) ([]auth.Resource, error) {
		p, err := value(x, name)
		if err != nil || p == "" {
			return nil, err
		}
		// The server puts what has no such beginning below it: one file would have two names.
		if w := x.Header.Get(inWorkspace); w != "" && w != usualWorkspace && !strings.HasPrefix(p+"/", "workspaces/"+w+"/") {
			return nil, refuse("mlflow/workspace", "artifacts of the workspace %s lie below workspaces/%s", w, w)
		}
		r, err := locatePath(x, p)
		return []auth.Resource{r}, err
	}
}

// locatePath reads EXPERIMENT/RUN/artifacts/…, EXPERIMENT/models/ID/artifacts/… and EXPERIMENT/traces/ID/artifacts/…, with the path of a workspace or
// of an experiment's own location before it. The server must agree that the run's files, or the experiment's, lie there: an id in a path proves
// nothing, since clients may choose an experiment's location.
func locatePath(x *gateway.Exchange, p string) (auth.Resource, error) {
	nowhere := auth.Resource{Type: artifact, ID: p}
	segments := strings.Split(strings.TrimSuffix(p, "/"), "/")
	for i, s := range segments {
		kind := ""
		switch {
		case i > 0 && segments[i-1] == "models" && strings.HasPrefix(s, "m-"):
			kind = loggedModel
		case i > 0 && segments[i-1] == "traces":
			kind = trace
		case len(s) == 32 && strings.Trim(s, "0123456789abcdef") == "":
			kind = run
		}
		if kind == "" || i > 8 {
			continue
		}
		w, err := whereIs(x, kind, s)
		if errors.Is(err, errAbsent) {
			continue
		}
		if err != nil {
			return nowhere, err
		}
		home := w.location
		if home == "" { // traces do not say
			info, err := infoOfExperiment(x, w.experiment)
			if err != nil {
				return nowhere, absent(err)
			}
			home = info.location
		}
		if served(home, p) {
			return inExperiment(x, artifact, p, w.experiment)
		}
	}
	for _, s := range segments[:min(len(segments), 3)] {
		if !isID(s) {
			continue
		}
		info, err := infoOfExperiment(x, s)
		if err == nil && served(info.location, p) {
			return inExperiment(x, artifact, p, s)
		}
		if err != nil && !errors.Is(err, errAbsent) {
			return nowhere, err
		}
	}
	return nowhere, nil
}

// served says whether a path of the artifact store lies at or below a location of the form mlflow-artifacts:/….
func served(location, p string) bool {
	root, err := url.Parse(location)
	if err != nil || root.Scheme != "mlflow-artifacts" {
		return false
	}
	base := strings.Trim(root.Path, "/")
	p = strings.Trim(p, "/")
	return base != "" && (p == base || strings.HasPrefix(p, base+"/"))
}

// rule gives a refusal the name of the check that made it.
func rule(err error, name string) error {
	var r *wire.Refusal
	if errors.As(err, &r) && r.Rule == "" {
		r.Rule = name
	}
	return err
}
