package gateway

import (
	"fmt"
	"slices"
	"strings"

	"weir/internal/auth"
	"weir/internal/gateway/wire"
)

// router finds the route of a request: literal segments before variables, variables before a rest.
type router struct {
	methods map[string]*node
}

type node struct {
	literal map[string]*node
	one     *node // {name}
	route   *Route
	slash   *Route // the same path with a '/' at its end
	rest    *Route // {name...}
}

// newRouter compiles a table. A path that two routes claim, or that cannot be read, is an error of the table.
func newRouter(routes []Route) (*router, error) {
	r := &router{methods: map[string]*node{}}
	for i := range routes {
		if err := r.add(&routes[i]); err != nil {
			return nil, fmt.Errorf("route %s %s: %w", routes[i].Method, routes[i].Path, err)
		}
	}
	return r, nil
}

func (r *router) add(route *Route) error {
	if route.Method == "" || !strings.HasPrefix(route.Path, "/") {
		return fmt.Errorf("a route is a method and a path that begins with '/'")
	}
	if !route.Public && (route.Resource == "" || !slices.Contains(auth.Actions(), route.Action)) {
		return fmt.Errorf("it does %q to %q: a route that is not public needs an action and what that is done to", route.Action, route.Resource)
	}
	n := r.methods[route.Method]
	if n == nil {
		n = &node{}
		r.methods[route.Method] = n
	}
	parts := strings.Split(route.Path[1:], "/")
	slash := parts[len(parts)-1] == ""
	if slash {
		parts = parts[:len(parts)-1]
	}
	for i, p := range parts {
		name, variable := strings.CutPrefix(p, "{")
		name = strings.TrimSuffix(name, "}")
		switch {
		case !variable && p == "":
			return fmt.Errorf("an empty segment")
		case !variable:
			if n.literal == nil {
				n.literal = map[string]*node{}
			}
			if n.literal[p] == nil {
				n.literal[p] = &node{}
			}
			n = n.literal[p]
		case strings.HasSuffix(name, "...") && i == len(parts)-1 && !slash:
			return claim(&n.rest, route)
		case strings.HasSuffix(name, "..."):
			return fmt.Errorf("{name...} can only be the last segment")
		default:
			if n.one == nil {
				n.one = &node{}
			}
			n = n.one
		}
	}
	if slash {
		return claim(&n.slash, route)
	}
	return claim(&n.route, route)
}

func claim(at **Route, route *Route) error {
	if *at != nil {
		return fmt.Errorf("the table has it twice, as %s too", (*at).Path)
	}
	*at = route
	return nil
}

// find gives the route for a request, and its variables. HEAD is read as GET.
func (r *router) find(req *wire.Request) (route *Route, vars map[string]string) {
	method := req.Method
	if method == "HEAD" {
		method = "GET"
	}
	n := r.methods[method]
	if n == nil {
		return nil, nil
	}
	route = n.find(req.Segments, req.Slash)
	if route == nil {
		return nil, nil
	}
	return route, variables(route.Path, req.Segments)
}

func (n *node) find(segments []string, slash bool) *Route {
	if len(segments) == 0 {
		if slash {
			return n.slash
		}
		return n.route
	}
	if next := n.literal[segments[0]]; next != nil {
		if r := next.find(segments[1:], slash); r != nil {
			return r
		}
	}
	if n.one != nil {
		if r := n.one.find(segments[1:], slash); r != nil {
			return r
		}
	}
	return n.rest // its last segment may end in '/': a folder
}

// variables reads the segments that a pattern names; a rest is joined by '/', which no segment can hold.
func variables(pattern string, segments []string) map[string]string {
	if !strings.Contains(pattern, "{") {
		return nil
	}
	vars := map[string]string{}
	for i, p := range strings.Split(pattern[1:], "/") {
		name, ok := strings.CutPrefix(p, "{")
		if !ok || i >= len(segments) {
			continue
		}
		name = strings.TrimSuffix(name, "}")
		if rest, ok := strings.CutSuffix(name, "..."); ok {
			vars[rest] = strings.Join(segments[i:], "/")
			break
		}
		vars[name] = segments[i]
	}
	return vars
}

// allowed lists the methods that a path has in the table, sorted: for the answer to a wrong one.
func (r *router) allowed(req *wire.Request) []string {
	var methods []string
	for m, n := range r.methods {
		if n.find(req.Segments, req.Slash) != nil {
			methods = append(methods, m)
		}
	}
	slices.Sort(methods)
	return methods
}
