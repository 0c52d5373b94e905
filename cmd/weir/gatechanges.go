package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"weir/internal/audit"
	"weir/internal/auth"
)

// changesEvery is how soon a change of accounts stands in the audit log.
const changesEvery = 2 * time.Second

// logChanges writes down who got, changed or lost an account, a token or a role, whichever process did it: the commands cannot write to the log of a
// gate that runs. The first line holds a digest of what there was at the start: it tells whether something was changed while no gate ran.
func (p *gateParts) logChanges(ctx context.Context) error {
	generation, err := p.store.Generation(ctx)
	if err != nil {
		return err
	}
	had, err := standing(ctx, p.store)
	if err != nil {
		return err
	}
	if err := p.audit.Append(had.opened()); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(changesEvery):
			}
			if err := p.noteChanges(ctx, &generation, &had); err != nil && ctx.Err() == nil {
				slog.Error("changes of accounts cannot be written down", "error", err)
			}
		}
	}()
	p.closes = append(p.closes, func() error { stop(); <-ended; return nil })
	return nil
}

// noteChanges writes down what differs from what there was. What cannot be written is written the next time.
func (p *gateParts) noteChanges(ctx context.Context, generation *int64, had *state) error {
	now, err := p.store.Generation(ctx)
	if err != nil || now == *generation {
		return err
	}
	have, err := standing(ctx, p.store)
	if err != nil {
		return err
	}
	for _, r := range had.changes(have) {
		if err := p.audit.Append(r); err != nil {
			return err
		}
	}
	*generation, *had = now, have
	return nil
}

// state is what stands in the store about who may come in and do what: by type and identifier, in words. No secret is in it.
type state map[string]string

func standing(ctx context.Context, s auth.Storage) (state, error) {
	out := state{}
	accounts, err := s.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		words := []string{string(a.Kind), "proven by " + proof(a)}
		if a.Disabled {
			words = append(words, "disabled")
		}
		if len(a.Groups) > 0 {
			words = append(words, "in "+strings.Join(a.Groups, ", "))
		}
		out["account:"+a.Name] = strings.Join(words, ", ") + ", as of " + a.Changed.Format(time.RFC3339)
	}
	tokens, err := s.Tokens(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, t := range tokens {
		words := []string{"of " + t.Account}
		for _, sc := range t.Scopes {
			words = append(words, "for "+sc.String())
		}
		if !t.Revoked.IsZero() {
			words = append(words, "revoked")
		}
		out["token:weir_"+t.ID] = strings.Join(words, ", ")
	}
	grants, err := s.Grants(ctx)
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		out[fmt.Sprintf("role:%d", g.ID)] = fmt.Sprintf("%s to %s for %s, given by %s", g.Role, holder(g), g.Scope, g.By)
	}
	return out, nil
}

// opened is the line of a gate's start.
func (s state) opened() audit.Record {
	h := sha256.New()
	counts := map[string]int{}
	for _, key := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(h, "%q %q\n", key, s[key])
		kind, _, _ := strings.Cut(key, ":")
		counts[kind]++
	}
	return audit.Record{Time: time.Now().UTC(), Route: "accounts", Decision: "allow", More: map[string]any{
		"accounts": counts["account"], "tokens": counts["token"], "roles": counts["role"], "digest": "sha256:" + hex.EncodeToString(h.Sum(nil)),
	}}
}

// changes are the lines about what differs.
func (s state) changes(now state) []audit.Record {
	var out []audit.Record
	add := func(key, what string) {
		out = append(out, audit.Record{Time: time.Now().UTC(), Route: "accounts", Action: "manage", Resource: []string{key}, Decision: "allow", Reason: what})
	}
	for _, key := range slices.Sorted(maps.Keys(now)) {
		switch was, ok := s[key]; {
		case !ok:
			add(key, "made: "+now[key])
		case was != now[key]:
			add(key, "changed: "+now[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s)) {
		if _, ok := now[key]; !ok {
			add(key, "removed: "+s[key])
		}
	}
	return out
}
