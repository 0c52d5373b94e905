package h2o

import (
	"strings"

	"weir/internal/auth"
	"weir/internal/gateway"
)

// ownSession refuses the session of somebody else.
func (s *site) ownSession(x *gateway.Exchange, id string) error {
	if id == "_specialSess" {
		return nil
	}
	m, found, err := s.owners.get(x, id)
	if err != nil {
		return err
	}
	if found && m.Who != x.Who.Name && !x.Can(auth.Manage, auth.Resource{Type: cluster}).Allow {
		return denied("session", "the session is not yours")
	}
	if !found {
		return s.owners.set(x, id, Made{Type: "session", Who: x.Who.Name})
	}
	return nil
}

// expression gives the parsed Rapids of a request and its session.
func expression(ps []param) (t term, session string, found bool, err error) {
	for _, p := range ps {
		switch {
		case p.role == sessionKey && len(p.values) == 1:
			session = p.values[0]
		case p.role == rapidsText && len(p.values) == 1:
			if t, err = parseRapids(p.values[0]); err != nil {
				return t, session, false, bad("rapids", "ast: %v", err)
			}
			found = true
		}
	}
	return t, session, found, nil
}

// rapidsNeeds says what an expression does to whose frames, and remembers which temporary frames share columns with those of others.
func (s *site) rapidsNeeds(x *gateway.Exchange, ps []param) ([]need, error) {
	t, session, found, err := expression(ps)
	if err != nil || !found {
		return nil, err
	}
	if session != "" {
		if err := s.ownSession(x, session); err != nil {
			return nil, err
		}
	}
	r, err := usesOf(t, session)
	if err != nil {
		return nil, bad("rapids", "ast: %v", err)
	}
	var all []need
	if r.reserved != "" {
		all = append(all, need{auth.Manage, auth.Resource{Type: cluster}})
	}
	foreign := false
	for _, u := range r.uses {
		n, shares, err := s.useNeed(x, u)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
		foreign = foreign || shares
	}
	return all, s.markShared(x, r, foreign)
}

// useNeed says what one use of a key needs. shares: what is made of it may hold columns of a frame that the caller cannot change.
func (s *site) useNeed(x *gateway.Exchange, u use) (n need, shares bool, err error) {
	if !goodKey(u.key) {
		return n, false, bad("key", "ast: %.80q cannot be the name of a frame or model", u.key)
	}
	if u.how == makes {
		res, err := s.fresh(x, frame, u.key)
		return need{auth.Write, res}, false, err
	}
	res, m, err := s.resource(x, frame, u.key)
	if err != nil {
		return n, false, err
	}
	if m.Type == upload && u.how != deletes {
		return n, false, uploadRefusal(u.key)
	}
	switch u.how {
	case tries: // it fails when the name is taken, so it can only make what is the caller's
		if m.Who == "" {
			res.Owner = x.Who.Name
		}
		return need{auth.Write, res}, false, nil
	case changes:
		if m.Shares {
			return n, false, sharedRefusal(u.key)
		}
		return need{auth.Write, res}, false, nil
	case deletes, moves:
		return need{auth.Delete, res}, false, nil
	}
	own := m.Who != "" && m.Who == x.Who.Name
	return need{auth.Read, res}, m.Shares || !own && !x.Can(auth.Write, res).Allow, nil
}

// markShared records for every temporary frame that an expression makes whether its columns may be somebody else's.
func (s *site) markShared(x *gateway.Exchange, r *reading, foreign bool) error {
	for _, u := range r.uses {
		if u.how != tries {
			continue
		}
		m, found, err := s.owners.get(x, u.key)
		if err != nil {
			return err
		}
		if foreign || found && m.Shares {
			// Even when the expression fails in the end: a mark too many costs a copy, one too few another's data.
			if err := s.owners.set(x, u.key, Made{Type: frame, Who: x.Who.Name, Shares: foreign || m.Shares}); err != nil {
				return err
			}
		}
	}
	return nil
}

// steps checks the expressions of an assembly: "name__class__ast__inplace__names" (AssemblyHandler.fit). They see one frame, "dummy".
func steps(values []string) error {
	for _, v := range values {
		part := strings.Split(v, "__")
		if len(part) < 5 {
			return bad("assembly", "steps: %.80q is no step", v)
		}
		switch part[1] {
		case "H2OColSelect", "H2OColOp", "H2OBinaryOp", "H2OScaler":
		default:
			return bad("assembly", "steps: %.80q is no class of a step", part[1])
		}
		if part[1] == "H2OScaler" {
			continue
		}
		t, err := parseRapids(part[2])
		if err != nil {
			return bad("assembly", "steps: %v", err)
		}
		r, err := usesOf(t, "")
		if err != nil {
			return bad("assembly", "steps: %v", err)
		}
		for _, u := range r.uses {
			if u.key != "dummy" || u.how != reads {
				return bad("assembly", "steps: an expression may only read its own frame, not %.80q", u.key)
			}
		}
		if r.reserved != "" {
			return bad("assembly", "steps: %s", r.reserved)
		}
	}
	return nil
}
