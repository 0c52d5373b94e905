package h2o

import (
	"net/http"
	"strings"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// site is one kind's memory: what the functions of its routes share.
type site struct {
	owners *owners
}

// resource describes a key. typ is what the caller takes it for; what the gate remembers wins.
func (s *site) resource(x *gateway.Exchange, typ, key string) (auth.Resource, Made, error) {
	if at, ok := imported(key); ok {
		if err := importable(x.Upstream, "key", at); err != nil {
			return auth.Resource{}, Made{}, err
		}
		return auth.Resource{Type: importRoot, ID: at, Name: at}, Made{}, nil
	}
	m, found, err := s.made(x, key)
	if err != nil {
		return auth.Resource{}, m, err
	}
	if found && (m.Type == frame || m.Type == model || m.Type == grid || m.Type == leaderboard) {
		typ = m.Type
	}
	return auth.Resource{Type: typ, ID: key, Name: key, Owner: m.Who, Personal: true}, m, nil
}

// imported gives the path or URL that a key of ImportFiles stands for: nfs://data/x.csv is /data/x.csv (PersistNFS, PersistEagerHTTP, …).
func imported(key string) (string, bool) {
	scheme, rest, ok := strings.Cut(key, ":/")
	if !ok {
		return "", false
	}
	if scheme == "nfs" {
		return rest, true
	}
	return key, true
}

// made looks a key's record up, its own or that of what it was made from.
func (s *site) made(x *gateway.Exchange, key string) (Made, bool, error) {
	m, found, err := s.owners.get(x, key)
	if err != nil || found {
		return m, found, err
	}
	for _, from := range origins(key) {
		if m, found, err = s.owners.get(x, from); err != nil {
			return m, false, err
		}
		if found {
			return Made{Who: m.Who, Type: derived(key, m.Type)}, true, nil
		}
	}
	return Made{}, false, nil
}

// derived is the type of what was made from something of type t.
func derived(key, t string) string {
	switch {
	case t == grid:
		return model
	case t == model && strings.Contains(key, "_cv_") && !strings.HasSuffix(key, "_cv_valid") && !strings.HasSuffix(key, "_cv_train"):
		return model
	}
	return frame
}

// fresh describes a key that the request makes. It is the caller's own when nothing has that name yet.
func (s *site) fresh(x *gateway.Exchange, typ, key string) (auth.Resource, error) {
	own := auth.Resource{Type: typ, ID: key, Name: key, Owner: x.Who.Name, Personal: true}
	if key == "" {
		return own, nil
	}
	if _, ok := imported(key); ok {
		return own, bad("key", "%.80q names an imported file", key)
	}
	r, m, err := s.resource(x, typ, key)
	if err != nil {
		return r, err
	}
	mine := m.Who == x.Who.Name || m.Who != "" && x.Can(auth.Write, r).Allow
	kept := m.Type == upload && !strings.HasPrefix(x.Route.Path, "/3/PostFile") // only other uploads take its place, which are scanned
	if mine && !kept {
		return r, nil
	}
	there, err := s.exists(x, key)
	if err == nil && mine && (there || m.Used) {
		err = uploadRefusal(key)
	}
	if err != nil || there {
		return r, err
	}
	return own, s.owners.set(x, key, Made{})
}

// exists asks the server for a frame or model of that name.
func (s *site) exists(x *gateway.Exchange, key string) (bool, error) {
	for _, at := range [][]string{{"3", "Frames", key, "light"}, {"3", "Models", key}} {
		if there, err := s.answers(x, at...); err != nil || there {
			return there, err
		}
	}
	return false, nil
}

// answers asks the server for something; only a 404 says that it is not there.
func (s *site) answers(x *gateway.Exchange, at ...string) (bool, error) {
	if strings.Contains(strings.Join(at, ""), "/") {
		return true, nil // no path of the gate's can say it
	}
	res, err := x.Send(http.MethodGet, at, nil, http.Header{"Accept": {"application/json"}}, nil, 0)
	if err != nil {
		return false, err
	}
	res.Body.Close()
	return res.StatusCode != http.StatusNotFound, nil
}

// need is one thing that the request does to one resource.
type need struct {
	action auth.Action
	on     auth.Resource
}

// locate gives what the route's action is about, and refuses when the rest of what the request does may not be.
func (s *site) locate(e *endpoint, r *rule) func(*gateway.Exchange) ([]auth.Resource, error) {
	return func(x *gateway.Exchange) ([]auth.Resource, error) {
		ps, err := e.params(x)
		if err != nil {
			return nil, err
		}
		needs, err := s.needs(x, e, r, ps)
		if err != nil {
			return nil, err
		}
		var main []auth.Resource
		for _, n := range needs {
			if d := x.Can(n.action, n.on); !d.Allow {
				return nil, hidden(x, n, d)
			}
			if n.action == r.action {
				main = append(main, n.on)
			}
		}
		if len(main) == 0 {
			main = []auth.Resource{s.general(x, r)}
		}
		return main, nil
	}
}

// hidden answers for something that may not be touched. What may not even be read is answered as if it were not there, in the words of H2O
// (H2OKeyNotFoundArgumentException): clients understand that, and it does not tell which names there are.
func hidden(x *gateway.Exchange, n need, d auth.Decision) error {
	x.Record.Decision = "deny"
	if x.Record.Reason = d.Reason; n.on.ID != "" && n.on.Type != importRoot && n.on.Type != exportRoot && !x.Can(auth.Read, n.on).Allow {
		return wire.Refuse(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", d.Policy, "Object '"+n.on.ID+"' not found")
	}
	return denied(d.Policy, "Permission denied: it would %s %s %q", n.action, n.on.Type, n.on.ID)
}

// general is what a request without a key of its own is about: the server makes one, or answers for all, or nothing in particular.
func (s *site) general(x *gateway.Exchange, r *rule) auth.Resource {
	g := auth.Resource{Type: r.about}
	if r.about != cluster && r.about != ui && r.about != importRoot {
		g.Owner, g.Personal = x.Who.Name, true
	}
	return g
}

// needs collects what a request does.
func (s *site) needs(x *gateway.Exchange, e *endpoint, r *rule, ps []param) ([]need, error) {
	if e.path == "/99/Rapids" {
		return s.rapidsNeeds(x, ps)
	}
	var all []need
	add := func(a auth.Action, res auth.Resource, err error) error {
		all = append(all, need{a, res})
		return err
	}
	for _, p := range ps {
		isMain := contains(r.main, lastName(p.name))
		for _, v := range p.values {
			var err error
			switch p.role {
			case newFrame, newModel, newKey:
				if e.method != http.MethodPost || r.action == auth.Delete || isMain && r.action != auth.Write {
					err = s.needKey(x, add, r, p, typeOf(p.role), v)
					break
				}
				var res auth.Resource
				res, err = s.fresh(x, typeOf(p.role), v)
				err = orError(err, add(auth.Write, res, nil))
			case gridKey, projectKey:
				if e.method == http.MethodPost && r.action == auth.Write {
					var res auth.Resource
					res, err = s.freshNamed(x, typeOf(p.role), v)
					err = orError(err, add(auth.Write, res, nil))
					break
				}
				err = s.needKey(x, add, r, p, typeOf(p.role), v)
			case readFrame, readModel, readKey, changeFrame:
				err = s.needKey(x, add, r, p, typeOf(p.role), v)
			case importPath, importPaths:
				err = add(r.action, auth.Resource{Type: importRoot, ID: v, Name: v}, nil)
			case exportPath:
				err = add(auth.Write, auth.Resource{Type: exportRoot, ID: v, Name: v}, nil)
			case sessionKey:
				err = s.ownSession(x, v)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return all, s.consumed(x, e, ps, &all)
}

func orError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func contains(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}

func lastName(s string) string { return s[strings.LastIndexByte(s, '.')+1:] }

func typeOf(r role) string {
	switch r {
	case readModel, newModel:
		return model
	case gridKey:
		return grid
	case projectKey:
		return leaderboard
	}
	return frame
}

// needKey adds what a request does to a key that exists.
func (s *site) needKey(x *gateway.Exchange, add func(auth.Action, auth.Resource, error) error, r *rule, p param, typ, key string) error {
	res, m, err := s.resource(x, typ, key)
	if err != nil {
		return err
	}
	isMain := contains(r.main, lastName(p.name))
	if m.Type == upload && !contains(takeUploads, p.name) && r.action != auth.Delete {
		return uploadRefusal(key)
	}
	a := auth.Read
	if isMain {
		a = r.action
	}
	if res.Type == importRoot {
		a = auth.Read // a file below the roots, under the name that ImportFiles gave it
	}
	if m.Shares && (a == auth.Delete || a == auth.Write) {
		return sharedRefusal(key)
	}
	return add(a, res, nil)
}

// takeUploads are the parameters that may hold raw uploads. Nothing else gets them: what is scanned must not change any more, and functions that
// change in place reach a frame's bytes through any other that shares them.
var takeUploads = []string{"source_frames", "model_key", "frame_id"}

func uploadRefusal(key string) error {
	return bad("upload", "%q is an upload of which nothing was made yet: parse it first", key)
}

func sharedRefusal(key string) error {
	return denied("shared-columns", "%q may share columns with a frame that is not yours, and H2O would change or delete those too: copy it first (h2o.deep_copy), or remove it by (rm %s)", key, key)
}

// freshNamed is fresh for what no frame or model can hide: grids and AutoML projects go on where another with that name stopped.
func (s *site) freshNamed(x *gateway.Exchange, typ, key string) (auth.Resource, error) {
	r, m, err := s.resource(x, typ, key)
	r.Type = typ
	if err != nil || m.Who != "" {
		return r, err
	}
	kind := "Grids"
	if typ == leaderboard {
		kind = "Leaderboards"
	}
	there, err := s.answers(x, "99", kind, key)
	if err == nil && !there {
		r.Owner = x.Who.Name
	}
	return r, err
}

// consumed adds the frames that a parse deletes when it is done.
func (s *site) consumed(x *gateway.Exchange, e *endpoint, ps []param, all *[]need) error {
	if e.path != "/3/Parse" {
		return nil
	}
	for _, f := range x.Form {
		if f.Name == "delete_on_done" && strings.EqualFold(f.Value, "false") {
			return nil
		}
	}
	for _, p := range ps {
		if p.name != "source_frames" {
			continue
		}
		for _, key := range p.values {
			res, m, err := s.resource(x, frame, key)
			if err != nil {
				return err
			}
			if m.Shares {
				return sharedRefusal(key)
			}
			if res.Type != importRoot {
				*all = append(*all, need{auth.Delete, res})
			}
		}
	}
	return nil
}

// check reads the parameters and looks at what each means; it runs before anybody is asked.
func (s *site) check(e *endpoint) func(*gateway.Exchange) error {
	return func(x *gateway.Exchange) error {
		ps, err := e.params(x)
		if err != nil {
			return err
		}
		if e.path == "/99/Assembly" {
			for _, p := range ps {
				if p.name == "steps" {
					if err := steps(p.values); err != nil {
						return err
					}
				}
			}
		}
		if e.path == "/99/Rapids" {
			t, session, found, err := expression(ps)
			if err != nil {
				return err
			}
			if found {
				if _, err := usesOf(t, session); err != nil {
					return bad("rapids", "ast: %v", err)
				}
			}
		}
		return e.means(x, ps)
	}
}

// never refuses a route whoever asks.
func never(why string) func(*gateway.Exchange) error {
	return func(*gateway.Exchange) error { return denied("route", "weir gate does not pass this on: %s", why) }
}

// value gives one parameter of a query or form.
func value(x *gateway.Exchange, name string) string {
	for _, list := range [][]wire.Pair{x.Query, x.Form} {
		for _, p := range list {
			if p.Name == name {
				return p.Value
			}
		}
	}
	return ""
}
