package h2o

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
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

// upload carries out PostFile: the bytes are spooled and scanned, and the server gets them when they may pass. It always gets them bare, also
// when the client (Flow, curl) wrapped them in a form: how H2O finds the end of a part is its own affair (ServletUtils.extractPartInputStream).
func (s *site) upload(x *gateway.Exchange) error {
	key := value(x, "destination_frame")
	it, err := receive(x, key)
	if err != nil {
		return err
	}
	defer it.Discard()
	made := Made{Type: upload, Who: x.Who.Name, Digest: it.Digest}
	if made.Holds, err = s.holds(x, it); err != nil {
		return err
	}
	a, err := s.post(x, key, it)
	if err != nil {
		return err
	}
	if a.ok() {
		if key = textAt(a.json, "destination_frame"); key == "" {
			return errors.New("the server took an upload and did not say under which name")
		}
		if err := s.record(x, key, made); err != nil {
			return err
		}
	}
	return relay(x, a)
}

// receive takes the body in. What may not pass goes to quarantine and is answered with why.
func receive(x *gateway.Exchange, name string) (*intake.Item, error) {
	n, err := x.Intake()
	if err != nil {
		return nil, err
	}
	m := intake.Meta{Server: x.Upstream.Name, Name: name, To: "the upload " + name, Who: x.Who.Name, Length: x.Length}
	body := x.Request.Body
	switch x.Type {
	case "", "application/octet-stream":
	case "multipart/form-data":
		if body, m.Name, err = onePart(x, name); err != nil {
			return nil, err
		}
		m.Length = -1
	default:
		return nil, wire.Refuse(http.StatusUnsupportedMediaType, "BAD_REQUEST", "content-type", "an upload is application/octet-stream, or multipart/form-data with one part")
	}
	it, err := n.Receive(x.Ctx, body, m)
	if err != nil {
		return nil, err
	}
	return it, turn(x, n, it)
}

// turn hands an item on or locks it up; it is discarded when it may not pass.
func turn(x *gateway.Exchange, n *intake.Intake, it *intake.Item) error {
	x.Judged(it)
	x.Record.In = max(x.Record.In, it.Size)
	err := n.Turn(x.Ctx, it)
	if err != nil {
		it.Discard()
	}
	return err
}

// onePart gives the only part of a form and the name that its sender gave the file.
func onePart(x *gateway.Exchange, name string) (io.Reader, string, error) {
	boundary := x.Params["boundary"]
	if boundary == "" {
		return nil, "", bad("multipart", "the form has no boundary")
	}
	r := multipart.NewReader(x.Request.Body, boundary)
	p, err := r.NextRawPart()
	if err != nil {
		return nil, "", bad("multipart", "the form has no part")
	}
	if name == "" {
		name = p.FileName()
	}
	return &lastPart{r, p}, name, nil
}

// lastPart reads a part and fails when another follows.
type lastPart struct {
	r *multipart.Reader
	p *multipart.Part
}

func (l *lastPart) Read(b []byte) (int, error) {
	n, err := l.p.Read(b)
	if err == io.EOF {
		if _, more := l.r.NextRawPart(); more != io.EOF {
			return n, bad("multipart", "the form has more than one part")
		}
	}
	return n, err
}

// post gives the server scanned bytes under a key; an empty one lets it choose.
func (s *site) post(x *gateway.Exchange, key string, it *intake.Item) (*answer, error) {
	f, err := it.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var query []wire.Pair
	if key != "" {
		query = []wire.Pair{{Name: "destination_frame", Value: key}}
	}
	res, err := x.Send(http.MethodPost, []string{"3", "PostFile"}, query, nil, f, it.Size)
	if err != nil {
		return nil, err
	}
	return readAnswer(res)
}

// stored is for notebooks: they are scanned too.
func (s *site) stored(x *gateway.Exchange) error {
	it, err := receive(x, x.Vars["name"]+".flow")
	if err != nil {
		return err
	}
	defer it.Discard()
	f, err := it.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	res, err := x.Send(http.MethodPost, x.Segments, nil, nil, f, it.Size)
	if err != nil {
		return err
	}
	return x.Relay(res)
}

// trusted says whether a report is good enough for what becomes a model: clean, or released by somebody, or unverified where that is switched on.
func trusted(x *gateway.Exchange, r *intake.Report, what string) error {
	if r.Verdict == weir.VerdictClean || r.Waived != "" || r.Verdict == weir.VerdictUnverified && x.Upstream.On["unverified-models"] {
		return nil
	}
	no := intake.Refuse(r, what, "")
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
	n, err := x.Intake()
	if err != nil {
		return nil, err
	}
	unreadable := func() error {
		no := denied("unscanned", "weir gate cannot read %q, so it cannot scan it: upload the file instead (h2o.upload_model, h2o.upload_mojo)", p)
		return no
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
		f, err := r.Open(rel)
		if err != nil {
			return nil, unreadable()
		}
		defer f.Close()
		if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
			return nil, unreadable()
		}
		it, err := n.Receive(x.Ctx, f, intake.Meta{Server: x.Upstream.Name, Name: path.Base(p), To: "the model " + path.Base(p), Who: x.Who.Name, Length: -1})
		if err != nil {
			return nil, err
		}
		return it, turn(x, n, it)
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
		if _, err := s.scanned(x, key); err != nil {
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

// firstOf finds the first of some names in a stream; memory is one buffer whatever its length.
func firstOf(r io.Reader, names []string) (string, error) {
	longest := 0
	for _, n := range names {
		longest = max(longest, len(n))
	}
	buf := make([]byte, 0, 256<<10+longest)
	for {
		keep := min(len(buf), longest)
		copy(buf[:keep], buf[len(buf)-keep:])
		n, err := io.ReadFull(r, buf[keep:cap(buf)])
		buf = buf[:keep+n]
		for _, name := range names {
			if bytes.Contains(buf, []byte(name)) {
				return name, nil
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return "", nil
		}
		if err != nil {
			return "", err
		}
	}
}

// binaryKey reads the name of the model at the beginning of a binary model: magic, version, type map, the model's type, then its key (AutoBuffer
// and Keyed of h2o-core).
func binaryKey(b []byte) (string, bool) {
	c := cursor{b: b}
	if len(b) < 2 || b[0] != 0x1C || b[1] != 0xED {
		return "", false
	}
	c.b = b[2:]
	c.text() // version
	if lead := c.number(); lead < 0 {
		return "", false
	}
	n := c.number()
	if n > 0 {
		c.number() // trailing nulls
	}
	for i := 0; i < n && !c.broken; i++ {
		c.text()
	}
	c.number() // type of the model
	c.number() // type of the key
	key := c.text()
	return key, !c.broken && goodKey(key)
}

// cursor reads AutoBuffer's numbers and strings; broken is set when there are none.
type cursor struct {
	b      []byte
	broken bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.broken = true
		return make([]byte, max(0, min(n, 8)))
	}
	v := c.b[:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) number() int {
	switch v := c.take(1)[0]; v {
	case 0xFF:
		b := c.take(2)
		return int(int16(uint16(b[0]) | uint16(b[1])<<8))
	case 0xFE:
		b := c.take(4)
		return int(int32(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24))
	default:
		return int(v) - 1
	}
}

func (c *cursor) text() string {
	n := c.number()
	if n < 0 {
		return ""
	}
	return string(c.take(n))
}
