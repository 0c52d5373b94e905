package auth

import (
	_ "embed"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"

	"weir"
)

// The ready roles.
const (
	RoleNone       = "none"
	RoleViewer     = "viewer"
	RoleReader     = "reader"
	RoleScientist  = "scientist"
	RoleDeployer   = "deployer"
	RoleMaintainer = "maintainer"
	RoleAdmin      = "admin"
)

//go:embed roles.cedar
var rolesText []byte

// RolesText gives the policies of the ready roles, to read and to copy from.
func RolesText() string { return string(rolesText) }

// PolicyFile is one file of Cedar policies.
type PolicyFile struct {
	Name string
	Text []byte
}

// The bounds of policies: each is evaluated at every decision.
const (
	longestPolicies = 1 << 20 // bytes of one file
	mostPolicies    = 1000
	deepestPolicy   = 200
)

// policies are compiled once.
type policies struct {
	list  []policy // forbids first
	roles []string
	own   int // how many are the user's
	// known keeps verdicts while there is no policy of the user's own: the ready roles look at the action and the context alone, so a verdict holds
	// for everybody with the same roles. There are as many as sets of roles; the policies never change, so none has to be forgotten.
	known sync.Map // question → verdict
}

// question is all that the ready roles ask about.
type question struct {
	action Action
	contextKey
}

type verdict struct {
	decision cedar.Decision
	why      cedar.Diagnostic
}

type policy struct {
	id cedar.PolicyID
	p  *cedar.Policy
}

// All gives the policies in order; cedar.Authorize takes it.
func (p *policies) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, one := range p.list {
			if !yield(one.id, one.p) {
				return
			}
		}
	}
}

// Role is a role that can be granted.
type Role struct {
	Name string
	Doc  string // one line; empty when its policy says nothing
	Own  bool   // from a policy of the user's own
}

var roleUse = weir.Pattern(`context\.roles\.contains(?:All|Any)?\(([^)]*)\)`)
var quoted = weir.Pattern(`"([A-Za-z0-9][A-Za-z0-9._-]{0,63})"`)

// rolesIn finds the roles that a policy's text asks for.
func rolesIn(text []byte) []string {
	var out []string
	for _, m := range roleUse().FindAllSubmatch(text, -1) {
		for _, q := range quoted().FindAllSubmatch(m[1], -1) {
			out = append(out, string(q[1]))
		}
	}
	return out
}

// compile reads the ready roles and the user's files.
func compile(files []PolicyFile) (*policies, error) {
	p := &policies{}
	names := map[cedar.PolicyID]string{}
	roles := map[string]bool{}
	for i, f := range slices.Concat([]PolicyFile{{"ready roles", rolesText}}, files) {
		if len(f.Text) > longestPolicies {
			return nil, fmt.Errorf("policies %q: %d bytes are more than %d", f.Name, len(f.Text), longestPolicies)
		}
		list, err := parsePolicies(f)
		if err != nil {
			return nil, err
		}
		for n, one := range list {
			id := cedar.PolicyID(fmt.Sprintf("%s#%d", f.Name, n+1))
			if name, ok := one.Annotations()["id"]; ok {
				id = cedar.PolicyID(name)
			}
			if other, ok := names[id]; ok {
				return nil, fmt.Errorf("policies %q: a policy with the id %q stands in %q already", f.Name, id, other)
			}
			names[id] = f.Name
			p.list = append(p.list, policy{id, one})
			for _, r := range rolesIn(one.MarshalCedar()) {
				roles[r] = true
			}
			if i > 0 {
				p.own++
			}
		}
	}
	if len(p.list) > mostPolicies {
		return nil, fmt.Errorf("%d policies are more than %d", len(p.list), mostPolicies)
	}
	slices.SortStableFunc(p.list, func(a, b policy) int { return forbidsFirst(a) - forbidsFirst(b) })
	p.roles = slices.Sorted(maps.Keys(roles))
	return p, nil
}

func forbidsFirst(p policy) int {
	if p.p.Effect() == cedar.Forbid {
		return 0
	}
	return 1
}

// parsePolicies contains what the parser might do with a hostile file.
func parsePolicies(f PolicyFile) (list cedar.PolicyList, err error) {
	defer func() {
		if r := recover(); r != nil {
			list, err = nil, fmt.Errorf("policies %q: the parser failed: %v", f.Name, r)
		}
	}()
	if d := nesting(f.Text); d > deepestPolicy {
		return nil, fmt.Errorf("policies %q: brackets are nested %d deep, more than %d", f.Name, d, deepestPolicy)
	}
	list, err = cedar.NewPolicyListFromBytes(f.Name, f.Text)
	if err != nil {
		return nil, fmt.Errorf("policies %q: %w", f.Name, err)
	}
	return list, nil
}

// nesting is how deep brackets are nested at most: the parser recurses, and a stack that overflows ends the process.
func nesting(text []byte) int {
	depth, deepest := 0, 0
	for _, c := range text {
		switch c {
		case '(', '[', '{':
			depth++
			deepest = max(deepest, depth)
		case ')', ']', '}':
			depth--
		}
	}
	return deepest
}

func (p *policies) hasRole(name string) bool {
	_, ok := slices.BinarySearch(p.roles, name)
	return ok
}

// Roles lists the roles that can be granted, by name.
func (a *Auth) Roles() []Role {
	docs := map[string]string{}
	own := map[string]bool{}
	ready := rolesIn(rolesText)
	for _, one := range a.opt().policy.list {
		for _, r := range rolesIn(one.p.MarshalCedar()) {
			own[r] = !slices.Contains(ready, r)
			if doc, ok := one.p.Annotations()["doc"]; ok && docs[r] == "" {
				docs[r] = string(doc)
			}
		}
	}
	var out []Role
	for _, r := range a.opt().policy.roles {
		out = append(out, Role{r, docs[r], own[r]})
	}
	return out
}

// entities answers what a policy asks about the three, each made when it is asked for: the ready roles look at the context alone.
type entities struct {
	p *Principal
	r *Resource
}

// typeOf makes a Cedar type of a resource's type: registered-model is RegisteredModel.
func typeOf(t string) types.EntityType {
	b := make([]byte, 0, len(t))
	up := true
	for i := range len(t) {
		c := t[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		switch {
		case !letter && (c < '0' || c > '9' || len(b) == 0):
			up = true
		case up && c >= 'a' && c <= 'z':
			b, up = append(b, c-'a'+'A'), false
		default:
			b, up = append(b, c), false
		}
	}
	if len(b) == 0 {
		return "Server"
	}
	return types.EntityType(b)
}

// uid names a resource: its identifier on its server. Where it has none yet (an experiment that is to be made) its name stands behind "name:", so that
// one named "12" is not taken for number 12.
func (r *Resource) uid(server string) types.EntityUID {
	id := r.ID
	if id == "" {
		id = "name:" + r.Name
	}
	return types.NewEntityUID(typeOf(r.Type), types.String(server+"/"+id))
}

func serverUID(name string) types.EntityUID { return types.NewEntityUID("Server", types.String(name)) }

// Get finds an entity.
func (e *entities) Get(uid types.EntityUID) (types.Entity, bool) {
	switch {
	case uid == e.p.uid(): // never a resource's, which holds a '/'
		return e.p.entity(uid), true
	case uid == e.r.uid(e.r.Server):
		return e.r.entity(uid, e.r.Server, e.r.Within), true
	}
	for i := range e.r.Within {
		if w := &e.r.Within[i]; uid == w.uid(e.r.Server) {
			return w.entity(uid, e.r.Server, e.r.Within[i+1:]), true
		}
	}
	return types.Entity{}, false
}

func (p *Principal) uid() types.EntityUID {
	t := types.EntityType("User")
	if p.Kind == Service {
		t = "Service"
	}
	return types.NewEntityUID(t, types.String(p.Name))
}

func (p *Principal) entity(uid types.EntityUID) types.Entity {
	parents := make([]types.EntityUID, len(p.Groups))
	list := make([]types.Value, len(p.Groups))
	for i, g := range p.Groups {
		parents[i], list[i] = types.NewEntityUID("Group", types.String(g)), types.String(g)
	}
	return types.Entity{UID: uid, Parents: types.NewEntityUIDSet(parents...), Attributes: types.NewRecord(types.RecordMap{
		"name": types.String(p.Name), "kind": types.String(p.Kind), "method": types.String(p.Method), "groups": types.NewSet(list...),
	})}
}

func (r *Resource) entity(uid types.EntityUID, server string, within []Resource) types.Entity {
	parents := make([]types.EntityUID, 0, len(within)+1)
	for i := range within {
		parents = append(parents, within[i].uid(server))
	}
	parents = append(parents, serverUID(server))
	tags := make(types.RecordMap, len(r.Tags))
	for k, v := range r.Tags {
		tags[types.String(k)] = types.String(v)
	}
	project := uid
	if i := outermost(within); i >= 0 {
		project = within[i].uid(server)
	}
	attrs := types.RecordMap{
		"project": project, // the experiment of a run, the model of a version: resource.project.name like "fraud-*"
		"server":  types.String(server), "type": types.String(r.Type), "id": types.String(r.ID), "name": types.String(r.Name), "owner": types.String(r.Owner),
	}
	return types.Entity{UID: uid, Parents: types.NewEntityUIDSet(parents...), Attributes: types.NewRecord(attrs), Tags: types.NewRecord(tags)}
}
