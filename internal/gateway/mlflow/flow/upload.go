package flow

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"

	"weir/internal/gateway"
	"weir/internal/gateway/intake"
	"weir/internal/gateway/wire"
)

// How artifacts get in: everything that a client sends is spooled and judged by the intake, and only then sent on.

// pathVar names the variable of the table's lines that holds an artifact's path.
const pathVar = "path"

// PutArtifact takes in PUT …/mlflow-artifacts/artifacts/PATH.
func PutArtifact(x *gateway.Exchange) error {
	p := x.Vars[pathVar]
	b := wager(x, proxyRoot, p)
	defer b.end()
	return takeIn(x, proxyRoot, p, b, func(f *os.File, size int64) (*http.Response, error) {
		return x.Send(http.MethodPut, x.Segments, x.Query, contentType(x), f, size)
	})
}

// UploadArtifact takes in POST …/mlflow/upload-artifact, by which the interface logs small files: the body is the file.
func UploadArtifact(x *gateway.Exchange) error {
	id, _ := x.Param("run_uuid")
	p, _ := x.Param("path")
	root, err := runRoot(x, id)
	if err != nil {
		return err
	}
	return takeIn(x, root.at, p, nil, func(f *os.File, size int64) (*http.Response, error) {
		return x.Send(http.MethodPost, x.Segments, x.Query, contentType(x), f, size)
	})
}

// bodyOf is the request's body, never nil.
func bodyOf(x *gateway.Exchange) io.Reader {
	if x.Request.Body == nil {
		return http.NoBody
	}
	return x.Request.Body
}

func contentType(x *gateway.Exchange) http.Header {
	h := http.Header{}
	if t := x.Header.Get("Content-Type"); t != "" {
		h.Set("Content-Type", t)
	}
	return h
}

// takeIn admits the file that is the request's body, on its way to root/p, and has it delivered; b, if not nil, is sending it already.
func takeIn(x *gateway.Exchange, root, p string, b *bet, deliver func(*os.File, int64) (*http.Response, error)) error {
	it, err := x.Admit(bodyOf(x), intake.Meta{Name: p, To: "artifact " + join(root, p), Length: x.Length, Max: x.Route.Limit, Tail: b.reader()})
	if err != nil {
		return err
	}
	defer it.Discard()
	if res := b.won(it.Digest); res != nil {
		return x.Relay(res)
	}
	res, err := hand(x, it, root, p, deliver)
	if err != nil {
		return err
	}
	return x.Relay(res)
}

// hand delivers an admitted item and remembers where it lies.
func hand(x *gateway.Exchange, it *intake.Item, root, p string, deliver func(*os.File, int64) (*http.Response, error)) (*http.Response, error) {
	n, err := x.Intake()
	if err != nil {
		return nil, err
	}
	f, err := it.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	w := writers.begin(x, n, root, p, it.Size)
	res, err := deliver(f, it.Size)
	w.end(it.Digest, res)
	return res, err
}

// writers are the transfers that are under way to the servers.
var writers = writing{to: map[string]*overlap{}}

// writing knows which places are being written.
type writing struct {
	mu sync.Mutex
	to map[string]*overlap
}

// overlap is what goes to one place at one time.
type overlap struct {
	now  int
	many bool // there was more than one at a time
}

// writer is one transfer on its way to a place.
type writer struct {
	n     *intake.Intake
	place intake.Place
	under *overlap
	gone  func() // forgets the folders above
}

// begin forgets what lay at root/p. What the server may have got in part is judged anew by whoever downloads it.
func (w *writing) begin(x *gateway.Exchange, n *intake.Intake, root, p string, size int64) *writer {
	t := &writer{n: n, place: intake.Place{Server: x.Upstream.Name, Path: join(root, p), Digest: unfinished, Size: size}, gone: func() { forgetFolders(x, root, p) }}
	w.mu.Lock()
	o := w.to[t.key()]
	if o == nil {
		o = &overlap{}
		w.to[t.key()] = o
	}
	if o.now++; o.now > 1 {
		o.many = true
	}
	t.under = o
	w.mu.Unlock()
	n.SetPlace(t.place)
	t.gone()
	return t
}

func (t *writer) key() string { return t.place.Server + " " + t.place.Path }

// end remembers what lies there when the server has taken all of it, which res says; nil: it did not. When another transfer was under way to the same
// place, nobody knows which of them stays.
func (t *writer) end(digest string, res *http.Response) {
	if res != nil && res.StatusCode/100 == 2 {
		p := t.place
		p.Digest = digest
		t.n.SetPlace(p)
	}
	writers.mu.Lock()
	o := t.under
	if o.now--; o.now == 0 {
		delete(writers.to, t.key())
	}
	many := o.many
	writers.mu.Unlock()
	if many {
		t.n.SetPlace(t.place)
	}
	t.gone() // what was asked while the file was on its way was told of the folder without it
}

// unfinished stands for the digest of what is being written.
const unfinished = "unfinished"

// join names a place below a root.
func join(root, p string) string {
	if p == "" {
		return root
	}
	return strings.TrimSuffix(root, "/") + "/" + strings.TrimPrefix(p, "/")
}

// field reads a string of a JSON body; empty when it is not there or no string.
func field(o wire.Object, name string) string {
	s, _ := o[name].(string)
	return s
}

// number reads a whole number, which MLflow takes as a number or as text (protobuf's JSON form of int64).
func number(o wire.Object, name string) (int, bool) {
	switch v := o[name].(type) {
	case json.Number:
		n, err := strconv.Atoi(v.String())
		return n, err == nil
	case float64:
		return int(v), v == float64(int(v))
	case string:
		n, err := strconv.Atoi(v)
		return n, err == nil
	}
	return 0, false
}

// multipart is what an upload in parts remembers of its beginning.
type multipart struct {
	Server string `json:"server"`
	Who    string `json:"who"`
	Path   string `json:"path"` // below the proxy's root
}

// CreateMultipart answers POST …/mpu/create/FOLDER itself: the parts are sent to the gate, and the server gets the whole by PUT when it was judged.
// So it works with every store, also with those that know no parts.
func CreateMultipart(x *gateway.Exchange) error {
	n, err := x.Intake()
	if err != nil {
		return err
	}
	parts, ok := number(x.JSON, "num_parts")
	if !ok {
		parts = 1
	}
	to, err := multipartPath(x)
	if err != nil {
		return err
	}
	m := multipart{x.Upstream.Name, x.Who.Name, to}
	about, err := json.Marshal(m)
	if err != nil {
		return err
	}
	meta := intake.Meta{Server: m.Server, Name: m.Path, To: "artifact " + join(proxyRoot, m.Path), Who: m.Who, Length: -1}
	u, err := n.Begin(meta, parts, about)
	if err != nil {
		return err
	}
	type credential struct {
		URL     string            `json:"url"`
		Part    int               `json:"part_number"`
		Headers map[string]string `json:"headers"`
	}
	answer := struct {
		ID          string       `json:"upload_id"`
		Credentials []credential `json:"credentials"`
	}{ID: u.ID}
	for i := 1; i <= parts; i++ {
		answer.Credentials = append(answer.Credentials, credential{x.Here() + "/" + transferPath + "/parts/" + ticketPrefix + u.ID + "/" + strconv.Itoa(i), i, map[string]string{}})
	}
	return answerJSON(x, answer)
}

// multipartPath is where the whole goes: MLflow takes the base name of "path", which is the file's name at the client, below the URL's folder.
func multipartPath(x *gateway.Exchange) (string, error) {
	local := strings.ReplaceAll(field(x.JSON, "path"), `\`, "/")
	base := local[strings.LastIndexByte(local, '/')+1:]
	if err := wire.CheckSegment(base); err != nil {
		return "", err
	}
	return join(x.Vars[pathVar], base), nil
}

func answerJSON(x *gateway.Exchange, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return x.Answer(http.StatusOK, "application/json", b)
}

// opened finds the upload that a request names; one of somebody else or for another place is not there.
func opened(x *gateway.Exchange) (*intake.Upload, multipart, error) {
	var m multipart
	n, err := x.Intake()
	if err != nil {
		return nil, m, err
	}
	u, err := n.Upload(field(x.JSON, "upload_id"))
	if err != nil {
		return nil, m, err
	}
	to, err := multipartPath(x)
	if err != nil {
		return nil, m, err
	}
	if err := json.Unmarshal(u.About, &m); err != nil || m != (multipart{x.Upstream.Name, x.Who.Name, to}) {
		return nil, m, intake.ErrNoUpload
	}
	return u, m, nil
}

// CompleteMultipart puts the parts together, judges the whole and sends it on.
func CompleteMultipart(x *gateway.Exchange) error {
	u, m, err := opened(x)
	if err != nil {
		return err
	}
	n, err := x.Intake()
	if err != nil {
		return err
	}
	it, err := u.Join(x.Ctx, etags(x.JSON))
	if err != nil {
		return err
	}
	defer it.Discard()
	if err := x.Settle(n, it); err != nil {
		if !it.Passes() && it.Verdict != 0 {
			u.Abort() // it lies in quarantine
		}
		return err
	}
	to := append(proxySegments(x), strings.Split(m.Path, "/")...)
	res, err := hand(x, it, proxyRoot, m.Path, func(f *os.File, size int64) (*http.Response, error) {
		return x.Send(http.MethodPut, to, nil, http.Header{"Content-Type": {"application/octet-stream"}}, f, size)
	})
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return x.Relay(res)
	}
	res.Body.Close()
	u.Abort()
	return x.Answer(http.StatusOK, "application/json", []byte("{}"))
}

// etags gives the parts' tags in order; nil when none are told.
func etags(o wire.Object) []string {
	list, _ := o["parts"].([]any)
	if len(list) == 0 {
		return nil
	}
	tags := make([]string, len(list))
	for i, v := range list {
		part, _ := asObject(v)
		n, ok := number(part, "part_number")
		if !ok {
			n = i + 1
		}
		if n >= 1 && n <= len(tags) {
			tags[n-1] = strings.Trim(field(part, "etag"), `"`)
		}
	}
	return tags
}

// asObject reads an object within a body.
func asObject(v any) (wire.Object, bool) {
	switch o := v.(type) {
	case wire.Object:
		return o, true
	case map[string]any:
		return o, true
	}
	return nil, false
}

// AbortMultipart gives an upload in parts up.
func AbortMultipart(x *gateway.Exchange) error {
	u, _, err := opened(x)
	if err != nil {
		return err
	}
	u.Abort()
	return x.Answer(http.StatusOK, "application/json", []byte("{}"))
}

// DeleteArtifact passes a deletion on and forgets what lay there.
func DeleteArtifact(x *gateway.Exchange) error {
	n, err := x.Intake()
	if err != nil {
		return err
	}
	p := x.Vars[pathVar]
	if err := n.ForgetPlaces(x.Ctx, x.Upstream.Name, join(proxyRoot, p)); err != nil {
		return err
	}
	defer forgetFolders(x, proxyRoot, path.Join(p, mainFile)) // the folder itself may be what goes
	return x.Forward()
}
