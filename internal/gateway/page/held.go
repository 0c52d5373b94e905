package page

import (
	"net/http"

	"weir/internal/auth"
	"weir/internal/store"
)

// maxRows bounds a list.
const maxRows = 500

func resource(h *store.Held) auth.Resource {
	return auth.Resource{Server: h.Server, Type: TypeQuarantine, ID: h.ID, Name: h.Name, Owner: h.Who}
}

// may says whether the visitor may do something to an item. Everybody sees what they sent themselves, and why it was held.
func (p *Pages) may(v *visit, a auth.Action, h *store.Held) bool {
	if a == auth.Read && h.Who == v.who.Name && v.who.Scopes == nil {
		return true
	}
	return p.Decide(v.who, a, resource(h)).Allow
}

type heldList struct {
	State string
	Items []store.Held
	More  int
	Count map[string]int // of each state
}

func (p *Pages) quarantine(v *visit) error {
	all, err := p.Quarantine.List(v.r.Context())
	if err != nil {
		return err
	}
	list := heldList{State: v.r.URL.Query().Get("state"), Count: map[string]int{}}
	if list.State != store.StateReleased && list.State != store.StateDeleted {
		list.State = store.StateHeld
	}
	for i := range all {
		h := &all[i]
		if !p.may(v, auth.Read, h) {
			continue
		}
		list.Count[h.State]++
		switch {
		case h.State != list.State:
		case len(list.Items) < maxRows:
			list.Items = append(list.Items, *h)
		default:
			list.More++
		}
	}
	return p.show(v, http.StatusOK, "quarantine", "Quarantine", list)
}

type heldItem struct {
	store.Held
	MayRelease, MayDelete bool
}

// get finds an item that the visitor may see. What they may not see does not exist.
func (p *Pages) get(v *visit) (*store.Held, error) {
	h, err := p.Quarantine.Get(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if !p.may(v, auth.Read, &h) {
		return nil, p.NotHeld
	}
	return &h, nil
}

func (p *Pages) item(v *visit) error {
	h, err := p.get(v)
	if err != nil {
		return err
	}
	return p.show(v, http.StatusOK, "item", "Held: "+h.Name, heldItem{
		*h, h.State == store.StateHeld && p.may(v, auth.Manage, h), h.State != store.StateDeleted && p.may(v, auth.Delete, h),
	})
}

func (p *Pages) release(v *visit) error {
	return p.decide(v, auth.Manage, "released", func(h *store.Held, reason string) error {
		_, err := p.Quarantine.Release(v.r.Context(), h.ID, v.who.Name, reason)
		return err
	})
}

func (p *Pages) delete(v *visit) error {
	return p.decide(v, auth.Delete, "deleted", func(h *store.Held, reason string) error {
		_, err := p.Quarantine.Delete(v.r.Context(), h.ID, v.who.Name, reason)
		return err
	})
}

func (p *Pages) decide(v *visit, a auth.Action, word string, do func(*store.Held, string) error) error {
	h, err := p.get(v)
	if err != nil {
		return err
	}
	if !p.may(v, a, h) {
		return &problem{http.StatusForbidden, "You may not do this. Ask somebody who manages this gate."}
	}
	if h.State == store.StateDeleted {
		return &problem{http.StatusConflict, "These bytes were deleted already."}
	}
	reason, err := v.reason()
	if err != nil {
		return err
	}
	if err := p.record(v, word, TypeQuarantine+":"+h.ID, reason, h.Digest); err != nil {
		return err
	}
	if err := do(h, reason); err != nil {
		return err
	}
	seeOther(v.w, p.Base+"quarantine/"+h.ID+"?done="+word)
	return nil
}
