package h2o

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// largestAnswer bounds the answers that flows read whole, in bytes: the model of a large ensemble has some megabytes of JSON.
const largestAnswer = 64 << 20

// answer is one that was read whole.
type answer struct {
	res  *http.Response
	body []byte
	json any // decoded; nil when it is no JSON
}

func (a *answer) ok() bool { return a.res.StatusCode/100 == 2 }

// fetch sends the request on and reads the answer.
func fetch(x *gateway.Exchange) (*answer, error) {
	res, err := x.Fetch()
	if err != nil {
		return nil, err
	}
	return readAnswer(res)
}

func readAnswer(res *http.Response) (*answer, error) {
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, largestAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("answer of the server: %w", err)
	}
	if len(b) > largestAnswer {
		return nil, fmt.Errorf("answer of the server: larger than %d bytes", largestAnswer)
	}
	a := &answer{res: res, body: b}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&a.json); err != nil {
		a.json = nil
	}
	return a, nil
}

// relay hands an answer back as it came.
func relay(x *gateway.Exchange, a *answer) error {
	x.AnswerHead(a.res)
	return x.Answer(a.res.StatusCode, a.res.Header.Get("Content-Type"), a.body)
}

// at walks into decoded JSON.
func at(v any, path ...string) any {
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

func textAt(v any, path ...string) string {
	s, _ := at(v, path...).(string)
	return s
}

// keyAt reads a key, which H2O writes as text or as {"name": …, "type": "Key<Frame>"}.
func keyAt(v any) (key, typ string) {
	switch v := v.(type) {
	case string:
		return v, ""
	case map[string]any:
		key, _ = v["name"].(string)
		t, _ := v["type"].(string)
		return key, typeOfKey(t)
	}
	return "", ""
}

func typeOfKey(t string) string {
	switch t {
	case "Key<Model>":
		return model
	case "Key<Grid>":
		return grid
	case "Key<AutoML>":
		return leaderboard
	}
	return frame
}

// record remembers whom a key belongs to.
func (s *site) record(x *gateway.Exchange, key string, m Made) error {
	if key == "" {
		return nil
	}
	return s.owners.set(x, key, m)
}

// adopt records keys without an owner for the owner of what names them.
func (s *site) adopt(x *gateway.Exchange, key string, m Made) error {
	if key == "" || m.Who == "" {
		return nil
	}
	if _, found, err := s.made(x, key); err != nil || found {
		return err
	}
	return s.record(x, key, m)
}

// newSession hands a session out. H2O's have four hexadecimal digits, so now and then it gives one that is in use: then it is asked again.
func (s *site) newSession(x *gateway.Exchange) error {
	for range 8 {
		a, err := fetch(x)
		if err != nil {
			return err
		}
		id := textAt(a.json, "session_key")
		if a.ok() && id != "" {
			m, found, err := s.owners.get(x, id)
			if err != nil {
				return err
			}
			if found && m.Who != x.Who.Name {
				continue
			}
			if err := s.record(x, id, Made{Type: "session", Who: x.Who.Name}); err != nil {
				return err
			}
		}
		return relay(x, a)
	}
	return wire.Refuse(http.StatusServiceUnavailable, "TEMPORARILY_UNAVAILABLE", "session", "the server has no free session: try again")
}

// makes remembers for the caller what a successful request made: what it named itself, and what the answer names.
func (s *site) makes(x *gateway.Exchange) error {
	a, err := fetch(x)
	if err != nil {
		return err
	}
	if a.ok() {
		if err := s.learn(x, a); err != nil {
			return err
		}
	}
	return relay(x, a)
}

func (s *site) learn(x *gateway.Exchange, a *answer) error {
	for _, r := range x.Resources {
		if r.ID != "" && r.Owner == x.Who.Name && x.Route.Action == auth.Write && r.Type != importRoot && r.Type != exportRoot {
			if err := s.record(x, r.ID, Made{Type: r.Type, Who: x.Who.Name}); err != nil {
				return err
			}
		}
	}
	return s.learnFrom(x, a.json)
}

// learnFrom records the job and its result, and the other keys that answers of making requests name.
func (s *site) learnFrom(x *gateway.Exchange, v any) error {
	for _, from := range []any{v, at(v, "job")} {
		dest, typ := keyAt(at(from, "dest"))
		if err := s.mine(x, typ, dest); err != nil {
			return err
		}
		if key, _ := keyAt(at(from, "key")); strings.HasPrefix(key, "$") {
			if err := s.adopt(x, key, Made{Type: job, Who: x.Who.Name, Before: wasThere(x, dest)}); err != nil {
				return err
			}
		}
	}
	var keys []any
	if textAt(v, "__meta", "schema_name") == "FrameKeyV3" { // the whole answer is the key
		keys = append(keys, v)
	}
	for _, field := range []string{"predictions_frame", "deviances_frame", "destination_frame", "vectors_frame", "result"} {
		keys = append(keys, at(v, field))
	}
	for _, one := range listAt(v, "model_metrics") {
		keys = append(keys, at(one, "predictions", "frame_id"))
	}
	for _, one := range slices.Concat(keys, listAt(v, "destination_frames")) {
		key, typ := keyAt(one)
		if _, ok := imported(key); ok {
			continue
		}
		if err := s.mine(x, typ, key); err != nil {
			return err
		}
	}
	assembly, _ := keyAt(at(v, "assembly"))
	return orError(s.mine(x, model, assembly), s.mine(x, leaderboard, textAt(v, "build_control", "project_name")))
}

// mine records a key that an answer names for the caller, unless it was there before the request.
func (s *site) mine(x *gateway.Exchange, typ, key string) error {
	if key == "" || wasThere(x, key) {
		return nil
	}
	m, found, err := s.made(x, key)
	if err != nil || found && (m.Who != x.Who.Name || m.Shares) {
		return err
	}
	return s.record(x, key, Made{Type: typ, Who: x.Who.Name})
}

// wasThere says that the request is about a key that is not the caller's own: H2O names the frame that is exported or changed as the result of
// the job that does it, and who may only do that must not become its owner.
func wasThere(x *gateway.Exchange, key string) bool {
	return slices.ContainsFunc(x.Resources, func(r auth.Resource) bool { return r.ID == key && r.Owner != x.Who.Name })
}

// deletes forgets what was deleted.
func (s *site) deletes(x *gateway.Exchange) error {
	a, err := fetch(x)
	if err != nil {
		return err
	}
	if a.ok() {
		for _, r := range x.Resources {
			if r.ID != "" {
				if err := s.owners.forget(x, r.ID); err != nil {
					return err
				}
			}
		}
	}
	return relay(x, a)
}

// imports filters nothing, since a key of an imported file says where the file lies, but records what else the answer names.
func (s *site) imports(x *gateway.Exchange) error { return s.makes(x) }

// rapids remembers what an expression made under a name of its own.
func (s *site) rapids(x *gateway.Exchange) error {
	a, err := fetch(x)
	if err != nil {
		return err
	}
	if !a.ok() {
		return relay(x, a)
	}
	t, err := parseRapids(value(x, "ast"))
	if err != nil {
		return relay(x, a) // nothing was said
	}
	r, err := usesOf(t, value(x, "session_id"))
	if err != nil {
		return err
	}
	for _, u := range r.uses {
		if !u.sure {
			continue // the server may not have come to it
		}
		switch u.how {
		case makes:
			res, _, err := s.resource(x, frame, u.key)
			if err != nil {
				return err
			}
			if res.Owner == "" || res.Owner == x.Who.Name {
				err = s.record(x, u.key, Made{Type: frame, Who: x.Who.Name})
			}
			if err != nil {
				return err
			}
		case deletes, moves:
			if err := s.owners.forget(x, u.key); err != nil {
				return err
			}
		case tries:
			if r.seen[use{u.key, reads, true}] || r.seen[use{u.key, reads, false}] {
				continue // (tmp= x x) succeeds and makes nothing
			}
			if err := s.adopt(x, u.key, Made{Type: frame, Who: x.Who.Name}); err != nil {
				return err
			}
		}
	}
	return relay(x, a)
}
