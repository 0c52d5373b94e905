package auth

import (
	"context"
	"slices"

	"github.com/cedar-policy/cedar-go"
)

// Explanation is a decision with all that went into it.
type Explanation struct {
	Decision Decision
	Counts   []Granted // grants that count for this resource and action
	Others   []Granted // grants of the principal that do not
	Policies []string  // every policy that speaks for or against it
	Would    []string  // ready roles that would be enough, the least first; empty when it is allowed or something forbids it
}

// Explain decides and says why.
func (a *Auth) Explain(ctx context.Context, p Principal, action Action, r Resource) (Explanation, error) {
	e := Explanation{Decision: a.Decide(p, action, r)}
	all, err := a.storage.Grants(ctx)
	if err != nil {
		return e, err
	}
	for _, g := range all {
		if g.Group && !slices.Contains(p.Groups, g.To) || !g.Group && g.To != p.Name {
			continue
		}
		if g.Scope.holds(action, &r) {
			e.Counts = append(e.Counts, g)
		} else {
			e.Others = append(e.Others, g)
		}
	}
	if _, ok := actionUIDs[action]; !ok {
		return e, nil
	}
	roles := p.held(action, &r)
	verdict, why := a.opt().policy.authorize(&p, &r, action, roles)
	for _, w := range why.Reasons {
		e.Policies = append(e.Policies, string(w.PolicyID))
	}
	if verdict == cedar.Allow || len(why.Reasons) > 0 {
		return e, nil
	}
	for _, role := range []string{RoleViewer, RoleReader, RoleDeployer, RoleScientist, RoleMaintainer, RoleAdmin} {
		with := slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(roles), role))))
		if v, _ := a.opt().policy.authorize(&p, &r, action, with); v == cedar.Allow {
			e.Would = append(e.Would, role)
		}
	}
	return e, nil
}
