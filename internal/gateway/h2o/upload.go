package h2o

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"

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
	release, err := s.owners.claim(x, key)
	if err != nil {
		return err
	}
	defer release()
	if made.Used, err = s.replaces(x, key, it.Digest); err != nil {
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

// replaces prepares a key for other bytes: until the server has them all, nobody knows what lies there. Where a model was made of what lies there
// (used), only the same bytes may come again, since the server goes on reading them there.
func (s *site) replaces(x *gateway.Exchange, key, digest string) (used bool, err error) {
	if key == "" {
		return false, nil
	}
	m, _, err := s.owners.get(x, key)
	switch {
	case err != nil || !m.Used:
		if err == nil {
			err = s.record(x, key, Made{Type: upload, Who: x.Who.Name})
		}
		return false, err
	case m.Digest != digest:
		return true, wire.Refuse(http.StatusConflict, "RESOURCE_CONFLICT", "used", fmt.Sprintf("a model was made of other bytes that %q holds or held: choose another name", key))
	}
	return true, nil
}

// receive takes the body in. What may not pass goes to quarantine and is answered with why.
func receive(x *gateway.Exchange, name string) (*intake.Item, error) {
	m := intake.Meta{Name: name, To: "the upload " + name, Length: x.Length}
	body := x.Request.Body
	switch x.Type {
	case "", "application/octet-stream":
	case "multipart/form-data":
		var err error
		if body, m.Name, err = onePart(x, name); err != nil {
			return nil, err
		}
		m.Length = -1
	default:
		return nil, wire.Refuse(http.StatusUnsupportedMediaType, "BAD_REQUEST", "content-type", "an upload is application/octet-stream, or multipart/form-data with one part")
	}
	return x.Admit(body, m)
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
