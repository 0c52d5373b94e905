package mlflow

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strconv"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// rows says where the rows of an answer are and what each is about. An answer shows what whoever asks may read, in pages as full as the server's
// own: hidden rows are passed over, and the place to go on from is sealed, so that neither totals nor offsets tell of them.
type rows struct {
	field    string // of the answer
	most     int    // rows that the server gives at once
	resource func(x *gateway.Exchange, row wire.Object) (auth.Resource, error)
	prepare  func(x *gateway.Exchange, page []wire.Object) error // asks once for what many rows need; nil: nothing
}

var (
	experimentRows = rows{field: "experiments", most: 50000, resource: func(_ *gateway.Exchange, o wire.Object) (auth.Resource, error) {
		return experimentOf(o), nil
	}}
	modelRows = rows{field: "registered_models", most: 1000, resource: func(_ *gateway.Exchange, o wire.Object) (auth.Resource, error) {
		name, _ := o["name"].(string)
		return modelOf(name, tagsOf(o["tags"])), nil
	}}
	versionRows = rows{field: "model_versions", most: 200000, prepare: knowModels, resource: func(x *gateway.Exchange, o wire.Object) (auth.Resource, error) {
		name, _ := o["name"].(string)
		v, _ := text(o["version"])
		return theVersion(x, name, v)
	}}
	endpointRows   = rows{field: "endpoints", resource: rowNamed(endpoint, "endpoint_id", "name")}
	secretRows     = rows{field: "secrets", resource: rowNamed(secret, "secret_id", "secret_name")}
	definitionRows = rows{field: "model_definitions", resource: rowNamed(definition, "model_definition_id", "name")}
	workspaceRows  = rows{field: "workspaces", resource: rowNamed(workspace, "name", "name")}
)

func rowNamed(kind, id, name string) func(*gateway.Exchange, wire.Object) (auth.Resource, error) {
	return func(_ *gateway.Exchange, o wire.Object) (auth.Resource, error) {
		i, _ := text(o[id])
		n, _ := o[name].(string)
		return auth.Resource{Type: kind, ID: i, Name: n, Tags: tagsOf(o["tags"])}, nil
	}
}

// Bounds of one answer: what the gate reads of the server's pages in bytes, and how many it reads to fill one of its own.
const (
	pageBytes = 64 << 20
	pageReads = 100
	lookAhead = 1000 // rows asked for at once when a page must be filled
)

// pager seals the tokens that it hands out with a key of its own: they live as long as the process.
type pager struct{ seal cipher.AEAD }

func newPager() *pager {
	key := make([]byte, 32)
	rand.Read(key) // never fails (crypto/rand)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has a length that AES has
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has a block that GCM has
	}
	return &pager{seal}
}

// mark is a place in the server's own pages: row Skip of the page of Size rows that Token leads to.
type mark struct {
	Token string `json:"t"`
	Skip  int    `json:"s"`
	Size  int    `json:"n"`
}

func (p *pager) write(m mark, owner []byte) string {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings and numbers always can be written
	}
	nonce := make([]byte, p.seal.NonceSize())
	rand.Read(nonce)
	return base64.RawURLEncoding.EncodeToString(p.seal.Seal(nonce, nonce, b, owner))
}

// read opens a token. One that another account, route or filter got does not open.
func (p *pager) read(token string, owner []byte) (mark, error) {
	var m mark
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil && len(b) > p.seal.NonceSize() {
		b, err = p.seal.Open(nil, b[:p.seal.NonceSize()], b[p.seal.NonceSize():], owner)
		if err == nil && json.Unmarshal(b, &m) == nil && m.Skip >= 0 && m.Size >= 0 {
			return m, nil
		}
	}
	return m, refuse("mlflow/page-token", "page_token is none that the gate gave for this search")
}

// search is one request for a page, whether its parameters stand in the query or in the body.
type search struct {
	x     *gateway.Exchange
	token string
	size  int // 0: the server's default
}

func newSearch(x *gateway.Exchange) (search, error) {
	s := search{x: x}
	var err error
	if s.token, err = value(x, "page_token"); err != nil {
		return s, err
	}
	n, err := value(x, "max_results")
	if err != nil || n == "" {
		return s, err
	}
	if s.size, err = strconv.Atoi(n); err != nil || s.size < 1 {
		s.size = 0 // the server says what is wrong with it
	}
	return s, nil
}

// owner binds a token to who asks, where, and for what.
func (s search) owner() []byte {
	var parts []string
	for _, p := range s.x.Query {
		if p.Name != "page_token" && p.Name != "max_results" {
			parts = append(parts, p.Name+"="+p.Value)
		}
	}
	body := map[string]any{}
	for k, v := range s.x.JSON {
		if k != "page_token" && k != "max_results" {
			body[k] = v
		}
	}
	sort.Strings(parts)
	b, err := json.Marshal([]any{s.x.Who.Kind, s.x.Who.Name, s.x.Who.Token, s.x.Upstream.Name, s.x.Route.Path, s.x.Header.Get(inWorkspace), parts, body})
	if err != nil {
		return []byte(s.x.Who.Name) // what was read from JSON can be written again
	}
	return b
}

// page is one answer of the server.
type page struct {
	head   *http.Response // its body is read
	raw    []byte
	fields map[string]json.RawMessage
	list   []json.RawMessage
	rows   []wire.Object
	next   string
}

// get asks the server for the page at a place.
func (s search) get(at mark, field string) (*page, error) {
	query, body := s.x.Query, []byte(nil)
	if s.x.Method == "GET" {
		query = nil
		for _, p := range s.x.Query {
			if p.Name != "page_token" && p.Name != "max_results" {
				query = append(query, p)
			}
		}
		if at.Token != "" {
			query = append(query, wire.Pair{Name: "page_token", Value: at.Token})
		}
		if at.Size > 0 {
			query = append(query, wire.Pair{Name: "max_results", Value: strconv.Itoa(at.Size)})
		}
	} else {
		o := map[string]any{}
		for k, v := range s.x.JSON {
			o[k] = v
		}
		delete(o, "page_token")
		delete(o, "max_results")
		if at.Token != "" {
			o["page_token"] = at.Token
		}
		if at.Size > 0 {
			o["max_results"] = at.Size
		}
		var err error
		if body, err = json.Marshal(o); err != nil {
			return nil, err
		}
	}
	return fetch(s.x, query, body, field)
}

// fetch sends a request of the same route with another query or body, and reads the list in its answer.
func fetch(x *gateway.Exchange, query []wire.Pair, body []byte, field string) (*page, error) {
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	header := x.Header.Clone()
	header.Del("Accept-Encoding") // the answer is read here
	res, err := x.Send(x.Method, x.Segments, query, header, content, int64(len(body)))
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, pageBytes+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > pageBytes {
		return nil, fmt.Errorf("the server's answer is larger than %d bytes", pageBytes)
	}
	p := &page{head: res, raw: raw}
	if res.StatusCode != http.StatusOK {
		return p, nil
	}
	if err := json.Unmarshal(raw, &p.fields); err != nil {
		return nil, fmt.Errorf("the server's answer: %w", err)
	}
	if p.fields[field] != nil {
		if err := json.Unmarshal(p.fields[field], &p.list); err != nil {
			return nil, fmt.Errorf("the server's %s: %w", field, err)
		}
	}
	for _, r := range p.list {
		o, err := wire.ParseJSON(r, wire.AnswerLimits)
		if err != nil {
			return nil, errors.New("a row of the server's answer is no JSON object")
		}
		p.rows = append(p.rows, o)
	}
	if t := p.fields["next_page_token"]; t != nil {
		if err := json.Unmarshal(t, &p.next); err != nil {
			return nil, fmt.Errorf("the server's next_page_token: %w", err)
		}
	}
	return p, nil
}

// list answers a search page by page.
func (p *pager) list(r rows) gateway.Flow {
	return func(x *gateway.Exchange) error {
		s, err := newSearch(x)
		if err != nil {
			return err
		}
		owner := s.owner()
		at := mark{Size: s.size}
		if s.token != "" {
			if at, err = p.read(s.token, owner); err != nil {
				return err
			}
		}
		out, head, next, err := p.fill(s, r, at)
		if err != nil {
			return err
		}
		if out == nil { // the server refused, or there is nothing to hide
			return relay(x, head)
		}
		answer := map[string]any{}
		for k, v := range head.fields {
			answer[k] = v
		}
		delete(answer, "next_page_token")
		if answer[r.field] = out; len(out) == 0 {
			delete(answer, r.field) // as MLflow writes empty lists
		}
		if next != nil {
			answer["next_page_token"] = p.write(*next, owner)
		}
		return answerJSON(x, head, answer)
	}
}

// fill collects rows until a page is full and the row after it is found, so that a token is given only where something follows.
func (p *pager) fill(s search, r rows, at mark) (out []json.RawMessage, first *page, next *mark, err error) {
	want := s.size
	everything, err := may(s.x, auth.Read, auth.Resource{Type: s.x.Route.Resource})
	if err != nil {
		return nil, nil, nil, err
	}
	hidden := 0
	out = []json.RawMessage{}
	for n := 0; n < pageReads; n++ {
		pg, err := s.get(at, r.field)
		if err != nil {
			return nil, nil, nil, err
		}
		if first == nil {
			first = pg
		}
		if pg.head.StatusCode != http.StatusOK {
			return nil, pg, nil, nil
		}
		if want == 0 {
			want = max(len(pg.rows), 1)
		}
		if r.prepare != nil {
			if err := r.prepare(s.x, pg.rows); err != nil {
				return nil, nil, nil, err
			}
		}
		for i := at.Skip; i < len(pg.rows); i++ {
			res, err := r.resource(s.x, pg.rows[i])
			if err != nil {
				return nil, nil, nil, err
			}
			d, err := may(s.x, auth.Read, res)
			if err != nil {
				return nil, nil, nil, err
			}
			if !d.Allow {
				hidden++
				continue
			}
			if len(out) == want {
				return out, first, &mark{at.Token, i, at.Size}, nil
			}
			out = append(out, pg.list[i])
		}
		if pg.next == "" {
			if hidden == 0 && n == 0 && at.Token == "" && at.Skip == 0 {
				return nil, pg, nil, nil // the server's own answer, as it is
			}
			return out, first, nil, nil
		}
		at = mark{Token: pg.next, Size: at.Size}
		if len(out) == want && everything.Allow && hidden == 0 {
			return out, first, &at, nil
		}
		if hidden > 0 && at.Size < lookAhead {
			at.Size = min(lookAhead, r.most)
		}
	}
	return out, first, &at, nil // too many hidden rows in a row: a short page, and where to go on
}

// rows answers a list that comes in one piece.
func (p *pager) rows(r rows) gateway.Flow {
	return func(x *gateway.Exchange) error {
		pg, err := fetch(x, x.Query, nil, r.field)
		if err != nil {
			return err
		}
		if pg.head.StatusCode != http.StatusOK {
			return relay(x, pg)
		}
		out := []json.RawMessage{}
		for i, row := range pg.rows {
			res, err := r.resource(x, row)
			if err != nil {
				return err
			}
			d, err := may(x, auth.Read, res)
			if err != nil {
				return err
			}
			if d.Allow {
				out = append(out, pg.list[i])
			}
		}
		if len(out) == len(pg.rows) {
			return relay(x, pg)
		}
		answer := map[string]any{}
		for k, v := range pg.fields {
			answer[k] = v
		}
		if answer[r.field] = out; len(out) == 0 {
			delete(answer, r.field)
		}
		return answerJSON(x, pg, answer)
	}
}

// relay hands the server's answer back as it is.
func relay(x *gateway.Exchange, p *page) error {
	p.head.Body = io.NopCloser(bytes.NewReader(p.raw))
	return x.Relay(p.head)
}

// answerJSON hands another body back under the head of the server's answer.
func answerJSON(x *gateway.Exchange, p *page, answer any) error {
	b, err := json.MarshalIndent(answer, "", "  ")
	if err != nil {
		return err
	}
	x.AnswerHead(p.head)
	x.W.Header().Del("Etag")
	return x.Answer(p.head.StatusCode, "application/json", b)
}

// knowModels asks for the models of many versions at once: their tags decide who sees them.
func knowModels(x *gateway.Exchange, page []wire.Object) error {
	names := map[string]bool{}
	for _, o := range page {
		if n, ok := o["name"].(string); ok {
			names[n] = true
		}
	}
	if len(names) < 4 {
		return nil
	}
	_, err := remember(x, keyOf(x, registeredModel, " all"), forAWhile, func() (bool, error) {
		token := ""
		for range pageReads {
			query := []wire.Pair{{Name: "max_results", Value: "100"}}
			if token != "" {
				query = append(query, wire.Pair{Name: "page_token", Value: token})
			}
			a, err := ask(x, "2.0/mlflow/registered-models/search", query...)
			if err != nil {
				return false, absent(err)
			}
			for _, m := range list(a["registered_models"]) {
				name, _ := m["name"].(string)
				tags := tagsOf(m["tags"])
				if _, err := remember(x, keyOf(x, registeredModel, name), forAWhile, func() (map[string]string, error) { return tags, nil }); err != nil {
					return false, err
				}
			}
			if token, _ = a["next_page_token"].(string); token == "" {
				break
			}
		}
		return true, nil
	})
	return err
}
