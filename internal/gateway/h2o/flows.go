package h2o

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
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
	return s.learnFrom(x, a.json, 0)
}

// learnFrom records the job and its result, and the other keys that answers of making requests name.
func (s *site) learnFrom(x *gateway.Exchange, v any, depth int) error {
	mine := func(typ, key string) error {
		m, found, err := s.made(x, key)
		if err != nil || found && m.Who != x.Who.Name {
			return err // the answer names something of somebody else: it was there before
		}
		if found && m.Shares {
			return nil
		}
		return s.record(x, key, Made{Type: typ, Who: x.Who.Name})
	}
	for _, from := range []any{v, at(v, "job")} {
		if key, typ := keyAt(at(from, "dest")); key != "" {
			if err := mine(typ, key); err != nil {
				return err
			}
		}
		if key, _ := keyAt(at(from, "key")); strings.HasPrefix(key, "$") {
			if err := mine(job, key); err != nil {
				return err
			}
		}
	}
	if key, typ := keyAt(v); textAt(v, "__meta", "schema_name") == "FrameKeyV3" && key != "" { // the whole answer is the key
		if err := mine(typ, key); err != nil {
			return err
		}
	}
	for _, field := range []string{"predictions_frame", "deviances_frame", "destination_frame", "vectors_frame", "result", "assembly"} {
		key, typ := keyAt(at(v, field))
		if field == "assembly" {
			typ = model
		}
		if key != "" {
			if err := mine(typ, key); err != nil {
				return err
			}
		}
	}
	if name := textAt(v, "build_control", "project_name"); name != "" {
		if err := mine(leaderboard, name); err != nil {
			return err
		}
	}
	list, _ := at(v, "model_metrics").([]any)
	for _, one := range list {
		if key, typ := keyAt(at(one, "predictions", "frame_id")); key != "" {
			if err := mine(typ, key); err != nil {
				return err
			}
		}
	}
	list, _ = at(v, "destination_frames").([]any)
	for _, one := range list {
		if key, typ := keyAt(one); key != "" {
			if _, ok := imported(key); ok {
				continue
			}
			if err := mine(typ, key); err != nil {
				return err
			}
		}
	}
	return nil
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
				if err := s.owners.set(x, r.ID, Made{}); err != nil {
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
		case deletes:
			if err := s.owners.set(x, u.key, Made{}); err != nil {
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
