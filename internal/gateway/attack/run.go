package attack

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Target is what is attacked.
type Target struct {
	URL    string            // where the attacker's requests go
	Auth   string            // the attacker's Authorization header; empty: none
	Server string            // the server itself, for victims and probes; empty: it cannot be reached but through URL, and the harmless form runs
	Admin  string            // the Authorization header that the server itself wants from its administrator
	Dir    string            // the server's own folder
	Vars   map[string]string // what steps may use besides: things that were made before
	Alive  string            // a path that a living server answers: /health
	// Browse opens a page with a browser; nil: a step that needs one fails.
	Browse func(ctx context.Context, url string) error
	// Load loads a model from the server itself, as somebody else, in a folder; whether the model is one does not matter. nil: as Browse.
	Load     func(ctx context.Context, model, dir string) error
	Listener *Listener // the one that the server was started with; nil: each run has its own
}

// Result says what came of an attack.
type Result struct {
	Worked  bool              // the proof holds
	Why     string            // what of the proof holds or does not
	Steps   int               // of the attacker's that were answered
	Left    int               // of the attacker's that could not be made, since an earlier one gave nothing
	Refused int               // answered with 400, 401, 403, 404, 405, 409, 413, 415, 422, 429 or 431
	Broken  int               // answered with 5xx, or not at all
	Trail   []Trace           // of the attacker's steps
	Vars    map[string]string // all variables at the end
}

// Trace is what one step got.
type Trace struct {
	Request string // its first line
	Status  int    // 0: no answer
	Body    string // the beginning of the answer
}

// run is one attack under way.
type run struct {
	attack   *Attack
	target   *Target
	base     *url.URL
	server   *url.URL
	vars     map[string]string
	answers  []*Answer // the attacker's
	result   Result
	harmless bool
	listener *Listener
}

// Run carries out an attack and looks for its effect. An error means that the run itself could not be made (a victim's step failed, files could not
// be written), not that the attack did nothing.
func Run(ctx context.Context, a *Attack, t *Target) (*Result, error) {
	r := &run{attack: a, target: t, vars: map[string]string{}, harmless: t.Server == ""}
	var err error
	if r.base, err = url.Parse(t.URL); err != nil {
		return nil, err
	}
	steps, proof := a.Steps, a.Proof
	if r.harmless {
		if a.Check != nil {
			steps, proof = a.Check.Steps, a.Check.Proof
			defer func() {
				for _, s := range a.Check.Clean {
					r.step(ctx, &s) // what was never made is not there to be removed
				}
			}()
		} else if !a.ReadOnly {
			return nil, fmt.Errorf("%s has no harmless form", a.ID)
		}
		r.pretend()
	} else {
		if r.server, err = url.Parse(t.Server); err != nil {
			return nil, err
		}
		dir, err := os.MkdirTemp("", "weir-attack-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		if err := r.prepare(dir); err != nil {
			return nil, err
		}
	}
	maps.Copy(r.vars, t.Vars)
	if err := r.listen(); err != nil {
		return nil, err
	}
	if t.Listener == nil && !r.harmless {
		defer r.listener.Close()
	}
	// What an earlier run left where this one's proof will be looked for proves nothing.
	if name, err := expand(proof.File, r.vars); err == nil && name != "" && !r.harmless {
		if err := os.RemoveAll(name); err != nil {
			return nil, err
		}
	}
	for i := range steps {
		for range max(1, steps[i].Times) {
			if err := r.step(ctx, &steps[i]); err != nil {
				return nil, fmt.Errorf("%s: step %d: %w", a.ID, i+1, err)
			}
		}
	}
	r.result.Vars = r.vars
	r.result.Worked, r.result.Why, err = r.prove(ctx, &proof)
	return &r.result, err
}

// listen starts the attacker's listener; in the harmless form nobody needs one.
func (r *run) listen() (err error) {
	if r.listener = r.target.Listener; r.harmless {
		return nil
	}
	if r.listener == nil {
		if r.listener, err = Listen(); err != nil {
			return err
		}
	}
	r.vars["listener"] = r.listener.Addr
	r.listener.reset(r.replies())
	return nil
}

func nonce() string {
	b := make([]byte, 6)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// prepare makes the files that the proof is about.
func (r *run) prepare(dir string) error {
	n := nonce()
	secretDir, canaryDir, preyDir := filepath.Join(dir, "secret-"+n), filepath.Join(dir, "canary-"+n), filepath.Join(dir, "prey-"+n)
	for _, d := range []string{secretDir, canaryDir, preyDir} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	name, text := r.attack.Secret, r.attack.SecretText
	if name == "" {
		name = "note.txt"
	}
	if text == "" {
		text = "${secret}"
	}
	r.vars = map[string]string{
		"nonce": n, "host": r.base.Host, "server-dir": r.target.Dir, "up": strings.TrimSuffix(strings.Repeat("../", 16), "/"),
		"secret": "canary-secret-" + nonce(), "secret-dir": secretDir, "secret-name": name, "secret-file": filepath.Join(secretDir, name),
		"canary-dir": canaryDir, "canary-name": "written.txt", "canary-file": filepath.Join(canaryDir, "written.txt"),
		"prey-dir": preyDir, "prey-name": "prey.txt", "prey-file": filepath.Join(preyDir, "prey.txt"),
	}
	r.bulk()
	if err := os.WriteFile(r.vars["secret-file"], []byte(must(text, r.vars)), 0o644); err != nil {
		return err
	}
	return os.WriteFile(r.vars["prey-file"], []byte("prey "+n), 0o644)
}

// pretend gives the variables of the harmless form: a file that every Unix system has, and nothing to write or delete.
func (r *run) pretend() {
	r.vars = map[string]string{"nonce": nonce(), "host": r.base.Host, "up": strings.TrimSuffix(strings.Repeat("../", 16), "/"),
		"secret": "localhost", "secret-dir": "/etc", "secret-name": "hosts", "secret-file": "/etc/hosts"}
	r.bulk()
}

// bulk adds what attacks by sheer length send, and what of it must come back. It is made here because the suite's literals are made at each start
// of weir, whatever it is started for.
func (r *run) bulk() {
	long := strings.Repeat("x", 900_000)
	r.vars["long"], r.vars["most"] = long, long[:800_000]
}

func (r *run) replies() map[string]Reply {
	out := map[string]Reply{}
	for p, reply := range r.attack.Listener {
		reply.Body = must(reply.Body, r.vars)
		header := maps.Clone(reply.Header)
		for k, v := range header {
			header[k] = must(v, r.vars)
		}
		reply.Header = header
		out[must(p, r.vars)] = reply
	}
	return out
}

// step makes one request. Only a victim's that fails is an error.
func (r *run) step(ctx context.Context, s *Step) error {
	switch {
	case s.Browse != "":
		return r.browse(ctx, s)
	case s.Load != "":
		return r.load(ctx, s)
	}
	text, err := expand(s.Request, r.vars)
	if u := unknown(""); errors.As(err, &u) && (s.By != Victim || s.Maybe) {
		r.result.Left++
		return nil
	} else if err != nil {
		return err
	}
	base, auth := r.base, r.target.Auth
	switch s.By {
	case Victim:
		base, auth = r.server, r.target.Admin
	case Nobody:
		auth = ""
	}
	body := s.Body
	if body != nil {
		body = []byte(must(string(body), r.vars))
	}
	if s.Make != nil {
		body = s.Make(r.vars)
	}
	message, err := compose(text, body, base, auth)
	if err != nil {
		return err
	}
	answer, err := send(ctx, base, message, patience)
	for n := 0; n < 900 && s.Until != "" && err == nil && answer.Status < 400 && !bytes.Contains(answer.Body, []byte(s.Until)); n++ {
		time.Sleep(200 * time.Millisecond)
		answer, err = send(ctx, base, message, patience)
	}
	if s.By == Victim {
		if err != nil {
			return fmt.Errorf("the victim's own request: %w", err)
		}
		if answer.Status >= 400 && !s.Maybe {
			return fmt.Errorf("the victim's own request was answered with %d: %.300s", answer.Status, answer.Body)
		}
	} else {
		r.note(text, answer)
	}
	if answer == nil {
		return nil
	}
	for name, from := range s.Save {
		if v, ok := save(must(from, r.vars), answer.Body); ok {
			r.vars[name] = v
		}
	}
	if s.WaitHeard != "" && r.listener != nil && answer.Status < 400 {
		r.listener.wait(must(s.WaitHeard, r.vars), 10*time.Second)
	}
	return nil
}

func (r *run) browse(ctx context.Context, s *Step) error {
	path, err := expand(s.Browse, r.vars)
	if err != nil {
		r.result.Left++
		return nil
	}
	if r.target.Browse == nil {
		return errors.New("this attack needs a browser")
	}
	if err := r.target.Browse(ctx, strings.TrimRight(r.target.URL, "/")+path); err != nil {
		return err
	}
	if s.WaitHeard != "" {
		r.listener.wait(must(s.WaitHeard, r.vars), 2*time.Second)
	}
	return nil
}

func (r *run) load(ctx context.Context, s *Step) error {
	model, err := expand(s.Load, r.vars)
	if err != nil {
		r.result.Left++
		return nil
	}
	if r.target.Load == nil {
		return errors.New("this attack needs somebody who loads a model")
	}
	return r.target.Load(ctx, model, r.vars["canary-dir"])
}

// note remembers an answer to the attacker and counts it.
func (r *run) note(text string, a *Answer) {
	line, _, _ := strings.Cut(text, "\n")
	tr := Trace{Request: line}
	if a == nil {
		r.result.Broken++
	} else {
		r.answers = append(r.answers, a)
		r.result.Steps++
		tr.Status, tr.Body = a.Status, string(a.Body[:min(len(a.Body), 300)])
		switch {
		case a.Status >= 500:
			r.result.Broken++
		case a.Status >= 400:
			r.result.Refused++
		}
	}
	r.result.Trail = append(r.result.Trail, tr)
}

// prove looks for the effect.
func (r *run) prove(ctx context.Context, p *Proof) (bool, string, error) {
	for _, part := range []struct {
		asked bool
		holds func() (bool, string, error)
	}{
		{p.Answer != "", func() (bool, string, error) { return r.proveAnswer(must(p.Answer, r.vars)) }},
		{p.Like != "", func() (bool, string, error) {
			re := regexp.MustCompile(p.Like)
			return slices.ContainsFunc(r.answers, func(a *Answer) bool { return re.Match(a.Body) }), "whether an answer says it", nil
		}},
		{p.File != "", func() (bool, string, error) { return proveFile(must(p.File, r.vars), must(p.Holds, r.vars)) }},
		{p.Gone != "", func() (bool, string, error) {
			_, err := os.Stat(must(p.Gone, r.vars))
			return os.IsNotExist(err), "whether the file is gone", nil
		}},
		{p.Heard != "", func() (bool, string, error) {
			return r.listener != nil && r.listener.wait(must(p.Heard, r.vars), 500*time.Millisecond), "whether the listener heard it", nil
		}},
		{len(p.Either) > 0, func() (ok bool, why string, err error) {
			for i := range p.Either {
				if ok, why, err = r.prove(ctx, &p.Either[i]); ok || err != nil {
					break
				}
			}
			return ok, why, err
		}},
		{p.Inline, func() (bool, string, error) { return r.proveInline() }},
		{p.Probe != nil, func() (bool, string, error) { return r.proveProbe(ctx, p) }},
		{p.Down, func() (bool, string, error) { return r.proveDown(ctx) }},
	} {
		if !part.asked {
			continue
		}
		if ok, why, err := part.holds(); !ok || err != nil {
			return false, why, err
		}
	}
	return true, "all of the proof holds", nil
}

func (r *run) proveAnswer(want string) (bool, string, error) {
	for _, a := range r.answers {
		if bytes.Contains(a.Body, []byte(want)) {
			return true, "", nil
		}
	}
	return false, "no answer holds what was to be returned", nil
}

func proveFile(name, want string) (bool, string, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return false, "the file is not there", nil
	}
	return bytes.Contains(b, []byte(want)), "what the file holds", nil
}

// proveInline says whether a browser that opened the last answer would run a script in it.
func (r *run) proveInline() (bool, string, error) {
	if len(r.answers) == 0 {
		return false, "there was no answer", nil
	}
	a := r.answers[len(r.answers)-1]
	kind, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	sniffs := err != nil && !strings.EqualFold(a.Header.Get("X-Content-Type-Options"), "nosniff")
	active := sniffs || kind == "text/html" || kind == "application/xhtml+xml" || strings.HasSuffix(kind, "/xml") || strings.HasSuffix(kind, "+xml")
	disposition, _, _ := mime.ParseMediaType(a.Header.Get("Content-Disposition"))
	policy := strings.ToLower(a.Header.Get("Content-Security-Policy"))
	sandbox := strings.Contains(policy, "sandbox") && !strings.Contains(policy, "allow-scripts")
	switch {
	case a.Status >= 400 && !bytes.Contains(a.Body, []byte("<script")):
		return false, "the last answer is an error", nil
	case !active:
		return false, "the last answer's type runs no scripts", nil
	case disposition == "attachment":
		return false, "the last answer is a download", nil
	case sandbox:
		return false, "the last answer is under a sandbox", nil
	}
	return bytes.Contains(a.Body, []byte("<script")), "whether the script is in the last answer", nil
}

func (r *run) proveProbe(ctx context.Context, p *Proof) (bool, string, error) {
	text, err := expand(p.Probe.Request, r.vars)
	if err != nil {
		return false, "what would be asked for was never made", nil
	}
	base, auth := r.server, r.target.Admin
	if r.harmless {
		base, auth = r.base, r.target.Auth
	}
	message, err := compose(text, p.Probe.Body, base, auth)
	if err != nil {
		return false, "", err
	}
	a, err := send(ctx, base, message, patience)
	if err != nil {
		return false, "", fmt.Errorf("the probe: %w", err)
	}
	if p.Hides != "" {
		return !bytes.Contains(a.Body, []byte(must(p.Hides, r.vars))), "whether the server still shows it", nil
	}
	return bytes.Contains(a.Body, []byte(must(p.Shows, r.vars))), "whether the server shows it", nil
}

func (r *run) proveDown(ctx context.Context) (bool, string, error) {
	message, err := compose("GET "+r.target.Alive, nil, r.server, r.target.Admin)
	if err != nil {
		return false, "", err
	}
	for range 10 { // a server that ends does so a moment after its answer
		a, err := send(ctx, r.server, message, 5*time.Second)
		if err != nil || a.Status >= 500 {
			return true, "", nil
		}
		time.Sleep(300 * time.Millisecond)
	}
	return false, "the server still answers", nil
}
