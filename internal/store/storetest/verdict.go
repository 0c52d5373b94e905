package storetest

import (
	"context"
	"testing"

	"weir"
	"weir/internal/store"
)

func report(v weir.Verdict, rule string) store.Report {
	return store.Report{
		Verdict: v, Format: "pickle", Framework: "scikit-learn",
		Findings: []weir.Finding{{Rule: rule, Severity: weir.SeverityCritical, Message: "näme"}},
		Problems: []weir.Problem{{Path: "a", Stage: "parse", Reason: "r"}},
	}
}

func verdicts(t *testing.T, s store.Store) {
	ctx := context.Background()
	a := store.VerdictKey{Digest: "sha256:a", Hint: "content.pkl", Rules: "1"}
	b, later := a, a
	b.Hint, later.Rules = "MLmodel", "2"
	_, found, err := s.Verdict(ctx, a)
	must(t, err)
	same(t, found, false)
	must(t, s.Remember(ctx, map[store.VerdictKey]store.Report{
		a: report(weir.VerdictClean, "x"), b: report(weir.VerdictMalicious, "y"), later: report(weir.VerdictSuspicious, "z"),
	}, nil))
	r, found, err := s.Verdict(ctx, b)
	must(t, err)
	same(t, found, true)
	same(t, r, report(weir.VerdictMalicious, "y"))
	all, err := s.VerdictsOf(ctx, a.Digest, "1")
	must(t, err)
	same(t, len(all), 2)
	must(t, s.Remember(ctx, map[store.VerdictKey]store.Report{a: report(weir.VerdictIncomplete, "w")}, nil))
	r, _, err = s.Verdict(ctx, a)
	must(t, err)
	same(t, r, report(weir.VerdictIncomplete, "w"))
	all, err = s.VerdictsOf(ctx, "sha256:none", "1")
	must(t, err)
	same(t, len(all), 0)

	_, found, err = s.Waived(ctx, a.Digest)
	must(t, err)
	same(t, found, false)
	must(t, s.Waive(ctx, a.Digest, "ann: looked at"))
	why, found, err := s.Waived(ctx, a.Digest)
	must(t, err)
	same(t, found, true)
	same(t, why, "ann: looked at")
	must(t, s.Waive(ctx, a.Digest, ""))
	_, found, err = s.Waived(ctx, a.Digest)
	must(t, err)
	same(t, found, false)
}

func places(t *testing.T, s store.Store) {
	ctx := context.Background()
	var all []store.Place
	for _, p := range []string{"m", "m/a", "m/b/c", "m-other", "m0", "n"} {
		all = append(all, store.Place{Server: "s", Path: p, Digest: "sha256:" + p, Size: 7, Time: at(1)})
	}
	all = append(all, store.Place{Server: "other", Path: "m/a", Digest: "sha256:o", Size: 1, Time: at(1)})
	must(t, s.Remember(ctx, nil, all))
	p, found, err := s.Place(ctx, "s", "m/a")
	must(t, err)
	same(t, found, true)
	same(t, p, all[1])
	must(t, s.Remember(ctx, nil, []store.Place{{Server: "s", Path: "m/a", Digest: "sha256:new", Size: 8, Time: at(2)}}))
	p, _, err = s.Place(ctx, "s", "m/a")
	must(t, err)
	same(t, p.Digest, "sha256:new")
	must(t, s.ForgetPlaces(ctx, "s", "m"))
	for i, want := range []bool{false, false, false, true, true, true, true} {
		_, found, err := s.Place(ctx, all[i].Server, all[i].Path)
		must(t, err)
		if found != want {
			t.Errorf("after forgetting m: %s %s is there: %v, want %v", all[i].Server, all[i].Path, found, want)
		}
	}
}

func quarantine(t *testing.T, s store.Store) {
	ctx := context.Background()
	h := store.Held{
		ID: "q-000000000001", Time: at(1), Digest: "sha256:a", Size: 9, Server: "s", Name: "model.pkl", To: "artifact x", Who: "ann",
		Report: report(weir.VerdictMalicious, "x"), State: store.StateHeld, Attempts: 1,
	}
	newer := h
	newer.ID, newer.Time, newer.To = "q-000000000002", at(2), "artifact y"
	must(t, s.Hold(ctx, h))
	must(t, s.Hold(ctx, newer))
	all, err := s.AllHeld(ctx)
	must(t, err)
	same(t, all, []store.Held{newer, h})
	got, found, err := s.HeldBytes(ctx, h.Digest, "s", "artifact x")
	must(t, err)
	same(t, found, true)
	same(t, got, h)
	_, found, err = s.HeldBytes(ctx, h.Digest, "s", "artifact z")
	must(t, err)
	same(t, found, false)
	h.State, h.By, h.Reason, h.Decided = store.StateReleased, "eve", "looked at", at(3)
	must(t, s.Hold(ctx, h))
	got, found, err = s.Held(ctx, h.ID)
	must(t, err)
	same(t, found, true)
	same(t, got, h)
	all, err = s.Unlogged(ctx)
	must(t, err)
	same(t, len(all), 0)
	h.Unlogged = true
	must(t, s.Hold(ctx, h))
	all, err = s.Unlogged(ctx)
	must(t, err)
	same(t, all, []store.Held{h})
	_, found, err = s.Held(ctx, "q-ffffffffffff")
	must(t, err)
	same(t, found, false)
}
