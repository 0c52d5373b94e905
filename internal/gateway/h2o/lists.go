package h2o

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// named reads the resource of one element of a list; ok is false when it cannot be told, and then the element is not shown.
type named func(s *site, x *gateway.Exchange, v any) (r auth.Resource, ok bool, err error)

func nameIn(typ, field string) named {
	return func(s *site, x *gateway.Exchange, v any) (auth.Resource, bool, error) {
		key, _ := keyAt(at(v, field))
		if key == "" {
			return auth.Resource{}, false, nil
		}
		return s.shown(x, typ, key)
	}
}

// shown is resource for a key that the server says: one that may not even be named is not shown.
func (s *site) shown(x *gateway.Exchange, typ, key string) (auth.Resource, bool, error) {
	r, _, err := s.resource(x, typ, key)
	if _, refused := err.(*wire.Refusal); refused {
		return r, false, nil
	}
	return r, err == nil, err
}

// jobResult is what a job makes: who may read that may see the job.
func (s *site) jobResult(_ *site, x *gateway.Exchange, v any) (auth.Resource, bool, error) {
	jobKey, _ := keyAt(at(v, "key"))
	if m, found, err := s.owners.get(x, jobKey); err != nil || found {
		return auth.Resource{Type: job, ID: jobKey, Owner: m.Who, Personal: true}, err == nil, err
	}
	key, typ := keyAt(at(v, "dest"))
	if key == "" {
		return auth.Resource{Type: job, ID: jobKey}, true, nil
	}
	return s.shown(x, typ, key)
}

// list filters one list of the answer by what the caller may read. An answer of which nothing is hidden goes back as it came.
func (s *site) list(field string, name named) gateway.Flow {
	return func(x *gateway.Exchange) error {
		a, err := fetch(x)
		if err != nil {
			return err
		}
		all, ok := at(a.json, field).([]any)
		if !a.ok() || !ok {
			if a.ok() && at(a.json, field) != nil {
				return fmt.Errorf("answer of the server: %q is no list", field)
			}
			return relay(x, a)
		}
		if key, _ := keyAt(at(all0(all), "frame_id")); key == "" && len(all) > 0 && field == "frames" && value(x, "_exclude_fields") != "" {
			return bad("exclude", "_exclude_fields: the gate needs frames/frame_id to tell which frames are yours")
		}
		var seen []any
		for _, v := range all {
			r, ok, err := name(s, x, v)
			if err != nil {
				return err
			}
			if x.Observing() || ok && x.Can(auth.Read, r).Allow {
				seen = append(seen, v)
			}
		}
		if len(seen) == len(all) {
			return relay(x, a)
		}
		return s.reduced(x, a, field, seen)
	}
}

func all0(list []any) any {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// reduced answers with a list made shorter, and without what stands beside it about other things.
func (s *site) reduced(x *gateway.Exchange, a *answer, field string, seen []any) error {
	o := a.json.(map[string]any)
	if seen == nil {
		seen = []any{}
	}
	o[field] = seen
	for _, beside := range []string{"compatible_frames", "compatible_models", "domain"} {
		if _, ok := o[beside]; ok {
			o[beside] = []any{}
		}
	}
	return answerJSON(x, a, o)
}

func answerJSON(x *gateway.Exchange, a *answer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("answer of the server: %w", err)
	}
	x.AnswerHead(a.res)
	return x.Answer(a.res.StatusCode, a.res.Header.Get("Content-Type"), b)
}

// oneJob shows a job to whoever started it or may read its result.
func (s *site) oneJob(x *gateway.Exchange) error {
	a, err := fetch(x)
	if err != nil {
		return err
	}
	all, _ := at(a.json, "jobs").([]any)
	if all == nil {
		all = []any{a.json}
	}
	for _, v := range all {
		if !a.ok() {
			break
		}
		r, ok, err := s.jobResult(s, x, v)
		if err != nil {
			return err
		}
		if !x.Observing() && (!ok || !x.Can(auth.Read, r).Allow) {
			return denied("job", "Permission denied")
		}
		// What a job of one's own made is one's own, also when its name was not known when it began.
		if m, _, err := s.owners.get(x, r.ID); err != nil {
			return err
		} else if r.Type == job && m.Who == x.Who.Name && !m.Before {
			if key, typ := keyAt(at(v, "dest")); key != "" {
				if err := s.adopt(x, key, Made{Type: typ, Who: x.Who.Name}); err != nil {
					return err
				}
			}
		}
	}
	return relay(x, a)
}

// cancel asks first whose job it is.
func (s *site) cancel(x *gateway.Exchange) error {
	id := x.Vars["job_id"]
	answer, status, err := x.Ask(http.MethodGet, []string{"3", "Jobs", id}, nil, nil)
	if err != nil {
		return err
	}
	list, _ := answer["jobs"].([]any)
	if status != http.StatusOK || len(list) != 1 {
		return wire.Refuse(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", "job", "there is no such job")
	}
	r, ok, err := s.jobResult(s, x, plainObject(list[0]))
	if err != nil {
		return err
	}
	if !x.Observing() && (!ok || !x.Can(auth.Write, r).Allow) {
		return denied("job", "Permission denied")
	}
	return x.Forward()
}

// plainObject makes a map of what wire read.
func plainObject(v any) any {
	switch v := v.(type) {
	case wire.Object:
		m := make(map[string]any, len(v))
		for k, w := range v {
			m[k] = plainObject(w)
		}
		return m
	case []any:
		v = slices.Clone(v)
		for i := range v {
			v[i] = plainObject(v[i])
		}
		return v
	}
	return v
}

// typeahead shows only what lies below the roots.
func (s *site) typeahead(x *gateway.Exchange) error {
	a, err := fetch(x)
	if err != nil {
		return err
	}
	all, _ := at(a.json, "matches").([]any)
	var seen []any
	for _, v := range all {
		p, _ := v.(string)
		if x.Observing() || importable(x.Upstream, "src", p) == nil && x.Can(auth.Read, auth.Resource{Type: importRoot, ID: p, Name: p}).Allow {
			seen = append(seen, v)
		}
	}
	if !a.ok() || len(seen) == len(all) {
		return relay(x, a)
	}
	return s.reduced(x, a, "matches", seen)
}

// members records the models of a grid, a leaderboard or a cross-validation for the owner of the whole.
func (s *site) members(x *gateway.Exchange) error {
	a, err := fetch(x)
	if err != nil {
		return err
	}
	if !a.ok() || len(x.Resources) == 0 || x.Resources[0].Owner == "" {
		return relay(x, a)
	}
	who := x.Resources[0].Owner
	output := at(all0(listAt(a.json, "models")), "output")
	lists := map[string][]any{
		model: slices.Concat(listAt(a.json, "model_ids"), listAt(a.json, "leaderboard", "models"), listAt(a.json, "models"), listAt(output, "cross_validation_models"), []any{at(output, "metalearner")}),
		frame: slices.Concat(listAt(output, "cross_validation_predictions"), []any{at(output, "cross_validation_holdout_predictions_frame_id"), at(output, "cross_validation_fold_assignment_frame_id"),
			at(output, "levelone_frame_id")}),
	}
	for typ, list := range lists {
		for _, v := range list {
			if id := at(v, "model_id"); id != nil {
				v = id
			}
			key, _ := keyAt(v)
			if err := s.adopt(x, key, Made{Type: typ, Who: who}); err != nil {
				return err
			}
		}
	}
	return relay(x, a)
}

func listAt(v any, path ...string) []any {
	list, _ := at(v, path...).([]any)
	return list
}
