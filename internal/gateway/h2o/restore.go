package h2o

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strings"

	"weir"
	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/intake"
	"weir/internal/gateway/wire"
)

// trusted says whether a report is good enough for what becomes a model: clean, or released by somebody, or unverified where that is switched on.
func trusted(x *gateway.Exchange, r *intake.Report, what string) error {
	if r.Verdict == weir.VerdictClean || r.Waived != "" || r.Verdict == weir.VerdictUnverified && x.Upstream.On["unverified-models"] {
		return nil
	}
	no := intake.Refuse(r, what, "")
	if x.Observing() {
		x.Record.Observed = no.Reason
		return nil
	}
	if r.Verdict == weir.VerdictUnverified {
		no.Hint = "switch: [unverified-models]"
	}
	if r.Verdict == weir.VerdictNone {
		no.Reason = fmt.Sprintf("weir holds %s back: it is no model that weir knows", what)
	}
	return no
}

// scanPath reads a file below an import root and takes it in, so that the server gets these bytes and no others. Links that lead out of the root
// are not followed.
func (s *site) scanPath(x *gateway.Exchange, p string) (*intake.Item, error) {
	if err := below(x.Upstream.Allow["import-roots"], "import-roots", "dir", p); err != nil {
		return nil, err
	}
	if _, err := x.Intake(); err != nil {
		return nil, err
	}
	unreadable := func() error {
		return denied("unscanned", "weir gate cannot read %q, so it cannot scan it: upload the file instead (h2o.upload_model, h2o.upload_mojo)", p)
	}
	for _, root := range x.Upstream.Allow["import-roots"] {
		rel, ok := strings.CutPrefix(p, strings.TrimSuffix(path.Clean(root), "/")+"/")
		if !ok {
			continue
		}
		r, err := os.OpenRoot(root)
		if err != nil {
			return nil, unreadable()
		}
		defer r.Close()
		if st, err := r.Stat(rel); err != nil || !st.Mode().IsRegular() { // before it is opened: a pipe would wait for a writer
			return nil, unreadable()
		}
		f, err := r.Open(rel)
		if err != nil {
			return nil, unreadable()
		}
		defer f.Close()
		return x.Admit(f, intake.Meta{Name: path.Base(p), To: "the model " + path.Base(p), Length: -1})
	}
	return nil, unreadable()
}

// importModel restores a binary model from a path: the gate scans the file and gives the server these bytes by upload.
func (s *site) importModel(x *gateway.Exchange) error {
	dir := value(x, "dir")
	it, err := s.scanPath(x, dir)
	if err != nil {
		return err
	}
	defer it.Discard()
	if err := trusted(x, &it.Report, path.Base(dir)); err != nil {
		return err
	}
	holds, err := s.holds(x, it)
	if err != nil {
		return err
	}
	key, err := s.carry(x, it)
	if err != nil {
		return err
	}
	defer s.drop(x, key)
	return s.restore(x, key, holds)
}

// carry posts scanned bytes under a name that nobody can guess.
func (s *site) carry(x *gateway.Exchange, it *intake.Item) (string, error) {
	var b [16]byte
	rand.Read(b[:]) // never fails since Go 1.24
	key := "weir_gate_" + hex.EncodeToString(b[:])
	a, err := s.post(x, key, it)
	if err != nil {
		return "", err
	}
	if !a.ok() {
		return "", fmt.Errorf("the server did not take scanned bytes: %d", a.res.StatusCode)
	}
	return key, nil
}

// drop removes what carry posted.
func (s *site) drop(x *gateway.Exchange, key string) {
	if res, err := x.Send(http.MethodDelete, []string{"3", "DKV", key}, nil, nil, nil, 0); err == nil {
		res.Body.Close() // a key that stays costs memory and nothing else
	}
}

// uploadModel restores a binary model from a key that bytes were posted to: only when these were scanned and are clean.
func (s *site) uploadModel(x *gateway.Exchange) error {
	key := value(x, "dir")
	release, err := s.owners.claim(x, key)
	if err != nil {
		return err
	}
	defer release()
	m, err := s.scanned(x, key)
	if err != nil {
		return err
	}
	return s.restore(x, key, m.Holds)
}

// scanned takes the key of an upload of one's own whose bytes may become a model.
func (s *site) scanned(x *gateway.Exchange, key string) (Made, error) {
	m, found, err := s.made(x, key)
	if err != nil {
		return m, err
	}
	if !goodKey(key) || !found || m.Type != upload || m.Digest == "" {
		return m, denied("unscanned", "%.80q holds nothing that was uploaded through the gate, so nobody knows what it is", key)
	}
	if r := (auth.Resource{Type: frame, ID: key, Name: key, Owner: m.Who, Personal: true}); !x.Can(auth.Read, r).Allow {
		return m, denied("owner", "Permission denied: %q is not yours", key)
	}
	n, err := x.Intake()
	if err != nil {
		return m, err
	}
	report, found, err := n.Verdict(x.Ctx, m.Digest)
	if err != nil {
		return m, err
	}
	if !found { // the rules are newer than the scan
		return m, denied("unscanned", "%q was scanned by older rules: upload it again", key)
	}
	x.Record.Digest = m.Digest
	return m, trusted(x, &report, key)
}

// restore lets the server make a model of scanned bytes. holds is the name that the model has in them.
func (s *site) restore(x *gateway.Exchange, key, holds string) error {
	if holds == "" {
		return bad("model", "the gate cannot tell the name of the model in this file, so it cannot tell whose it would overwrite")
	}
	r, err := s.fresh(x, model, holds)
	if err != nil {
		return err
	}
	if d := x.Can(auth.Write, r); !d.Allow {
		return denied(d.Policy, "Permission denied: it would overwrite the model %q", holds)
	}
	segments := []string{"99", "Models.upload.bin"}
	form := []wire.Pair{{Name: "dir", Value: key}}
	body := []byte(wire.EncodeQuery(form))
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	segments = append(segments, x.Vars["model_id"])
	if x.Vars["model_id"] == "" {
		segments[2] = "any" // H2O ignores it (ModelsHandler.uploadModel), and the path must have it
	}
	res, err := x.Send(http.MethodPost, segments, nil, header, bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return err
	}
	a, err := readAnswer(res)
	if err != nil {
		return err
	}
	if a.ok() {
		for _, v := range listAt(a.json, "models") {
			name, _ := keyAt(at(v, "model_id"))
			if name == "" {
				name, _ = keyAt(v)
			}
			if err := s.record(x, name, Made{Type: model, Who: x.Who.Name}); err != nil {
				return err
			}
		}
	}
	return relay(x, a)
}

// generic makes a model of a MOJO (or POJO): of scanned bytes alone. A path is read, scanned and posted, and its parameter replaced by the key.
func (s *site) generic(x *gateway.Exchange) error {
	p, key := value(x, "path"), value(x, "model_key")
	if at, ok := imported(key); ok {
		p, key = at, ""
	}
	switch {
	case p != "" && key != "":
		return bad("model", "path and model_key: one of them says what the model is")
	case p != "":
		it, err := s.scanPath(x, p)
		if err != nil {
			return err
		}
		defer it.Discard()
		if err := trusted(x, &it.Report, path.Base(p)); err != nil {
			return err
		}
		if key, err = s.carry(x, it); err != nil {
			return err
		}
	case key != "":
		release, err := s.owners.claim(x, key)
		if err != nil {
			return err
		}
		defer release()
		m, err := s.scanned(x, key)
		if err != nil {
			return err
		}
		m.Used = true // the server reads the bytes in a job, and again later
		if err := s.record(x, key, m); err != nil {
			return err
		}
	default:
		return bad("model", "model_key: nothing says what the model is")
	}
	var form []wire.Pair
	for _, f := range x.Form {
		if f.Name != "path" && f.Name != "model_key" {
			form = append(form, f)
		}
	}
	x.Form = append(form, wire.Pair{Name: "model_key", Value: key})
	x.Raw = []byte(wire.EncodeQuery(x.Form))
	return s.makes(x)
}

// holds tells the name of the binary model in an item, and refuses one in which the name of somebody else's model stands: restoring a model puts
// it, and all that was saved with it, under the names in the file (Keyed.readAll), whatever lies there.
func (s *site) holds(x *gateway.Exchange, it *intake.Item) (string, error) {
	f, err := it.Open()
	if err != nil {
		return "", err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 64<<10)
	head, err := r.Peek(64 << 10)
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("spooled upload: %w", err)
	}
	name, ok := binaryKey(head)
	if !ok {
		return "", nil
	}
	foreign, err := s.foreignModels(x)
	if err != nil || len(foreign) == 0 {
		return name, err
	}
	found, err := firstOf(r, foreign)
	if err != nil {
		return "", fmt.Errorf("spooled upload: %w", err)
	}
	if found != "" {
		return "", denied("overwrite", "the file holds the name of the model %q, which is not yours and would be overwritten", found)
	}
	return name, nil
}

// foreignModels lists the models that the caller may not change.
func (s *site) foreignModels(x *gateway.Exchange) ([]string, error) {
	res, err := x.Send(http.MethodGet, []string{"3", "Models"}, nil, http.Header{"Accept": {"application/json"}}, nil, 0)
	if err != nil {
		return nil, err
	}
	a, err := readAnswer(res)
	if err != nil {
		return nil, err
	}
	if !a.ok() {
		return nil, fmt.Errorf("the server does not list its models: %d", a.res.StatusCode)
	}
	var names []string
	for _, v := range listAt(a.json, "models") {
		r, ok, err := nameIn(model, "model_id")(s, x, v)
		if err != nil {
			return nil, err
		}
		if ok && !x.Can(auth.Write, r).Allow {
			names = append(names, r.ID)
		}
	}
	return names, nil
}
