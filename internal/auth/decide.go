package auth

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
)

// Decide says whether p may do action to r. What nothing permits is denied, and a forbid wins over every permit; a forbid that cannot be evaluated
// (it asks for an attribute that is not there) forbids too: a mistake in a policy must not open what it was to close. A token's scopes
// narrow what its account may do and never widen it.
func (a *Auth) Decide(p Principal, action Action, r Resource) Decision {
	switch {
	case p.Name == "":
		return Decision{Policy: "nobody", Reason: "an account is needed"}
	case p.Foreign && action != Read && action != Download:
		return Decision{Policy: "foreign-site", Reason: "another site made the browser send this; use the pages of this server or a token"}
	case p.Scopes != nil && !slices.ContainsFunc(p.Scopes, func(s Scope) bool { return s.holds(action, &r) || s.personal(&p, action, &r) }):
		return Decision{Policy: "token-scope", Reason: fmt.Sprintf("token %s is not for %s of %s", p.Token, action, r.String())}
	}
	return a.opt().policy.decide(&p, action, &r)
}

// Lobby is the type of what everybody with any role on a server may read there: the files of its UI, its version, and lists whose rows are decided
// one by one. A grant or token for one experiment opens it too; reading is all that it opens.
const Lobby = "ui"

// holdsProjects tells what holds projects and is no project itself: without a type a scope never means these.
func holdsProjects(t string) bool { return t == "workspace" || t == "server" || t == "cluster" }

// holds reports whether the scope covers doing action to r.
func (s *Scope) holds(action Action, r *Resource) bool {
	if s.Server != "" && s.Server != r.Server {
		return false
	}
	if len(s.Actions) > 0 && !slices.Contains(s.Actions, action) && (r.Type != Lobby || action != Read) {
		return false
	}
	if s.Type == "" && s.ID == "" && s.Name == "" && len(s.Tags) == 0 || r.Type == Lobby && action == Read {
		return true
	}
	thing := s.thing(r)
	if thing == nil || s.ID != "" && s.ID != thing.ID {
		return false
	}
	if s.Name != "" && s.Name != thing.Name {
		if ok, err := path.Match(s.Name, thing.Name); err != nil || !ok || thing.Name == "" {
			return false
		}
	}
	for k, v := range s.Tags {
		if have, ok := thing.Tags[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// personal reports whether the scope covers what p itself made where names mean nothing: then only its server, type and actions count.
func (s *Scope) personal(p *Principal, action Action, r *Resource) bool {
	return r.Personal && p.owns(r) && (s.Server == "" || s.Server == r.Server) && (s.Type == "" || s.Type == r.Type) &&
		(len(s.Actions) == 0 || slices.Contains(s.Actions, action))
}

// thing is what the scope's other fields are compared with.
func (s *Scope) thing(r *Resource) *Resource {
	if s.Type != "" {
		if r.Type == s.Type {
			return r
		}
		for i := range r.Within {
			if r.Within[i].Type == s.Type {
				return &r.Within[i]
			}
		}
		return nil
	}
	if i := outermost(r.Within); i >= 0 {
		return &r.Within[i]
	}
	return r
}

// outermost finds the project among what holds a thing; -1: none does.
func outermost(within []Resource) int {
	for i := len(within) - 1; i >= 0; i-- {
		if !holdsProjects(within[i].Type) {
			return i
		}
	}
	return -1
}

// String names a resource for people.
func (r *Resource) String() string {
	name := r.Type
	if name == "" {
		name = "server"
	}
	switch {
	case r.Name != "":
		name += " " + fmt.Sprintf("%q", r.Name)
	case r.ID != "":
		name += " " + r.ID
	}
	if r.Server != "" {
		name += " on " + r.Server
	}
	return name
}

// held gives the roles that p has on r for action, sorted.
func (p *Principal) held(action Action, r *Resource) []string {
	var few [8]string
	out := few[:0]
	for i := range p.Roles {
		g := &p.Roles[i]
		if g.Role == RoleNone && r.Type == Lobby && !g.Scope.everything() {
			continue // what is closed is one thing, not the house
		}
		if (g.Scope.holds(action, r) || g.Role != RoleNone && g.Scope.personal(p, action, r)) && !slices.Contains(out, g.Role) {
			out = append(out, g.Role)
		}
	}
	slices.Sort(out)
	return slices.Clone(out)
}

var actionUIDs = func() map[Action]types.EntityUID {
	m := map[Action]types.EntityUID{}
	for _, a := range Actions() {
		m[a] = types.NewEntityUID("Action", types.String(a))
	}
	return m
}()

// contexts keeps the few contexts that there are: the roles held, and whether the thing is the principal's own.
var contexts sync.Map

type contextKey struct {
	roles string
	own   bool
}

func contextOf(roles []string, key contextKey) types.Record {
	if c, ok := contexts.Load(key); ok {
		return c.(types.Record)
	}
	values := make([]types.Value, len(roles))
	for i, r := range roles {
		values[i] = types.String(r)
	}
	c := types.NewRecord(types.RecordMap{"roles": types.NewSet(values...), "own": types.Boolean(key.own)})
	contexts.Store(key, c)
	return c
}

// owns reports whether r, or the thing that it is part of, was made by p.
func (p *Principal) owns(r *Resource) bool { return r.Owner != "" && r.Owner == p.Name }

func (ps *policies) decide(p *Principal, action Action, r *Resource) Decision {
	if _, ok := actionUIDs[action]; !ok {
		return Decision{Policy: "unknown-action", Reason: fmt.Sprintf("%q is no action", action)}
	}
	roles := p.held(action, r)
	verdict, why := ps.authorize(p, r, action, roles)
	for _, e := range why.Errors {
		if i := slices.IndexFunc(ps.list, func(one policy) bool { return one.id == e.PolicyID }); i >= 0 && ps.list[i].p.Effect() == cedar.Forbid {
			return Decision{Policy: string(e.PolicyID), Reason: "policy " + string(e.PolicyID) + " forbids and could not be evaluated: " + e.Message}
		}
	}
	d := Decision{Allow: verdict == cedar.Allow}
	if len(why.Reasons) > 0 {
		d.Policy = string(why.Reasons[0].PolicyID)
	}
	switch {
	case d.Allow:
		d.Reason = "policy " + d.Policy + " permits it"
	case d.Policy != "":
		d.Reason = "policy " + d.Policy + " forbids it"
	case len(roles) > 0:
		d.Policy, d.Reason = "default-deny", fmt.Sprintf("%s may not %s %s: the role %s does not include it", p.Name, action, r.String(), strings.Join(roles, " or "))
	default:
		d.Policy, d.Reason = "default-deny", fmt.Sprintf("%s may not %s %s: no role there", p.Name, action, r.String())
	}
	return d
}

// authorize asks the policies, or recalls what they said.
func (ps *policies) authorize(p *Principal, r *Resource, action Action, roles []string) (cedar.Decision, cedar.Diagnostic) {
	q := question{action, contextKey{strings.Join(roles, "\x00"), p.owns(r)}}
	if ps.own > 0 {
		return ps.evaluate(p, r, q, roles)
	}
	if have, ok := ps.known.Load(q); ok {
		v := have.(verdict)
		return v.decision, v.why
	}
	decision, why := ps.evaluate(p, r, q, roles)
	if len(why.Errors) == 0 {
		ps.known.Store(q, verdict{decision, why})
	}
	return decision, why
}

// evaluate contains a panic of the evaluator: what cannot be decided is denied.
func (ps *policies) evaluate(p *Principal, r *Resource, q question, roles []string) (v cedar.Decision, why cedar.Diagnostic) {
	defer func() {
		if x := recover(); x != nil {
			v, why = cedar.Deny, cedar.Diagnostic{Errors: []cedar.DiagnosticError{{PolicyID: "evaluator", Message: fmt.Sprint(x)}}}
		}
	}()
	return cedar.Authorize(ps, &entities{p, r}, cedar.Request{Principal: p.uid(), Action: actionUIDs[q.action], Resource: r.uid(r.Server), Context: contextOf(roles, q.contextKey)})
}
