package wire_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/internal/audit"
	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// seenBy is one request as one side understood it. The gate's view and the upstream's must be equal.
type seenBy struct {
	Method string      `json:"method"`
	Path   string      `json:"path"` // decoded
	Query  [][2]string `json:"query"`
	Body   string      `json:"body"` // SHA-256 in hexadecimal
	Raw    []byte      `json:"raw"`  // upstream only: the bytes
}

func (s seenBy) same(o seenBy) bool {
	return s.Method == o.Method && s.Path == o.Path && slices.Equal(s.Query, o.Query) && s.Body == o.Body
}

func digest(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// rig is the real gate above the guard on connections in memory, before a recorder that reads raw bytes.
type rig struct {
	server *http.Server
	gate   *gateway.Gate
	up     net.Listener
	door   chan net.Conn

	mu     sync.Mutex
	gates  map[string]seenBy // by case, as the gate's checks saw it
	ups    map[string]seenBy // by case, as the recorder saw it
	sample []seenBy          // of those that were compared, for the readers of other languages
	nth    map[string]int    // requests seen on a connection, by its address
	faults []string
}

func newRig(t testing.TB) *rig {
	up, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{up: up, door: make(chan net.Conn), gates: map[string]seenBy{}, ups: map[string]seenBy{}, nth: map[string]int{}}
	go r.record()
	to := &url.URL{Scheme: "http", Host: up.Addr().String()}
	kind := &gateway.Kind{Name: "everything"}
	check := []gateway.Check{{Name: "view", Test: r.view}}
	for _, m := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"} {
		kind.Routes = append(kind.Routes,
			gateway.Route{Method: m, Resource: "thing", Action: auth.Read, Path: "/", Query: []string{"*", "b*"}, Body: gateway.Stream, Checks: check},
			gateway.Route{Method: m, Resource: "thing", Action: auth.Read, Path: "/json/{path...}", Query: []string{"*", "b*"}, Body: gateway.JSON, Checks: check},
			gateway.Route{Method: m, Resource: "thing", Action: auth.Read, Path: "/form/{path...}", Query: []string{"*", "b*"}, Body: gateway.Form, Checks: check},
			gateway.Route{Method: m, Resource: "thing", Action: auth.Read, Path: "/{path...}", Query: []string{"*", "b*"}, Body: gateway.Stream, Checks: check})
	}
	r.gate, err = gateway.New(gateway.Config{
		Upstreams: []*gateway.Upstream{{Name: "u", Kind: kind, To: to, Credential: gateway.Credential{Bearer: "gate-own"}}},
		Hosts:     []string{"gate.example"},
		Identify:  func(*http.Request, *wire.Request) (auth.Principal, error) { return auth.Principal{Name: "ann"}, nil },
		Decide: func(auth.Principal, auth.Action, auth.Resource) auth.Decision {
			return auth.Decision{Allow: true, Policy: "test"}
		},
		Record: func(audit.Record) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.server = &http.Server{Handler: http.HandlerFunc(r.serve), DisableGeneralOptionsHandler: true, ReadHeaderTimeout: 20 * time.Second}
	go r.server.Serve(wire.Listen(memory{r.door, make(chan struct{})}, wire.Options{}))
	t.Cleanup(func() { r.server.Close(); r.gate.Close(); up.Close() })
	return r
}

type caseKey struct{}

// serve numbers the requests of each connection before the gate gets them.
func (r *rig) serve(w http.ResponseWriter, in *http.Request) {
	r.mu.Lock()
	id := fmt.Sprintf("%s/%d", in.RemoteAddr, r.nth[in.RemoteAddr])
	r.nth[in.RemoteAddr]++
	r.mu.Unlock()
	ctx := in.Context()
	r.gate.ServeHTTP(w, in.WithContext(withCase{ctx, id}))
}

// view notes what the gate's checks see, and marks the request so that the recorder can say which one it got.
func (r *rig) view(x *gateway.Exchange) error {
	id := x.Ctx.Value(caseKey{}).(string)
	v := seenBy{Method: x.Method, Path: "/" + strings.Join(x.Segments, "/")}
	if x.Slash && len(x.Segments) > 0 {
		v.Path += "/"
	}
	for _, p := range x.Query {
		v.Query = append(v.Query, [2]string{p.Name, p.Value})
	}
	if x.Raw != nil {
		v.Body = digest(x.Raw)
	}
	x.Header["X-Case"] = []string{id}
	r.mu.Lock()
	r.gates[id] = v
	r.mu.Unlock()
	return nil
}

func (r *rig) fault(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.faults) < 20 {
		r.faults = append(r.faults, fmt.Sprintf(format, args...))
	}
}

// record is the upstream: it reads bytes by its own, strictest rules and calls everything else a fault.
func (r *rig) record() {
	for {
		c, err := r.up.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			for br := bufio.NewReader(c); ; {
				raw, id, v, err := readPlain(br)
				if err == io.EOF {
					return
				}
				if err != nil {
					if !errors.Is(err, errCut) {
						r.fault("upstream got %q: %v", raw, err)
					}
					return
				}
				r.mu.Lock()
				if _, twice := r.ups[id]; twice {
					r.faults = append(r.faults, "twice upstream: "+id)
				}
				v.Raw = raw
				r.ups[id] = v
				r.mu.Unlock()
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}
		}()
	}
}

var (
	errCut    = errors.New("the body was cut off")
	plainLine = regexp.MustCompile(`^(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) (/[A-Za-z0-9._~@:!$,=%/-]*)(\?[A-Za-z0-9._~%&=-]*)? HTTP/1\.1$`)
	plainHead = map[string]bool{"host": true, "user-agent": true, "content-length": true, "transfer-encoding": true, "authorization": true, "x-case": true,
		"accept": true, "accept-language": true, "accept-encoding": true, "content-type": true, "range": true, "cache-control": true, "if-match": true, "if-none-match": true,
		"if-range": true, "if-modified-since": true, "if-unmodified-since": true, "traceparent": true, "tracestate": true, "x-mlflow-workspace": true, "x-request-id": true}
)

// readPlain reads one request of the plainest form; what it cannot read is the gate's mistake.
func readPlain(br *bufio.Reader) (raw []byte, id string, v seenBy, err error) {
	for !bytes.HasSuffix(raw, []byte("\r\n\r\n")) {
		line, err := br.ReadBytes('\n')
		raw = append(raw, line...)
		if err != nil {
			if len(raw) == 0 {
				return nil, "", v, io.EOF
			}
			return raw, "", v, errCut
		}
	}
	lines := strings.Split(strings.TrimSuffix(string(raw), "\r\n\r\n"), "\r\n")
	m := plainLine.FindStringSubmatch(lines[0])
	if m == nil {
		return raw, "", v, errors.New("the request line is not plain")
	}
	v.Method = m[1]
	head := map[string]string{}
	for _, l := range lines[1:] {
		name, value, ok := strings.Cut(l, ": ")
		name = strings.ToLower(name)
		if _, twice := head[name]; !ok || twice || !plainHead[name] || strings.ContainsAny(value, "\r\n\x00") {
			return raw, "", v, fmt.Errorf("the header line %q", l)
		}
		head[name] = value
	}
	if head["authorization"] != "Bearer gate-own" {
		return raw, "", v, errors.New("the gate's credential is missing")
	}
	if id = head["x-case"]; id == "" {
		return raw, "", v, errors.New("a request that the gate did not see")
	}
	if v.Path, err = url.PathUnescape(m[2]); err != nil {
		return raw, id, v, err
	}
	for _, p := range strings.Split(strings.TrimPrefix(m[3], "?"), "&") {
		if p == "" {
			continue
		}
		name, value, _ := strings.Cut(p, "=")
		n, err1 := url.PathUnescape(name)
		w, err2 := url.PathUnescape(value)
		if err1 != nil || err2 != nil {
			return raw, id, v, errors.Join(err1, err2)
		}
		v.Query = append(v.Query, [2]string{n, w})
	}
	body, framed, err := plainBody(br, head)
	v.Body = digest(body)
	return append(raw, framed...), id, v, err
}

// plainBody reads the body and gives it also as it was framed.
func plainBody(br *bufio.Reader, head map[string]string) (body, framed []byte, err error) {
	length, fixed := head["content-length"]
	coding, chunked := head["transfer-encoding"]
	switch {
	case fixed && chunked:
		return nil, nil, errors.New("two framings")
	case fixed:
		n, err := strconv.Atoi(length)
		if err != nil || n < 0 || strconv.Itoa(n) != length {
			return nil, nil, fmt.Errorf("Content-Length %q", length)
		}
		body = make([]byte, n)
		if _, err := io.ReadFull(br, body); err != nil {
			return nil, nil, errCut
		}
		return body, body, nil
	case !chunked:
		return nil, nil, nil
	case coding != "chunked":
		return nil, nil, fmt.Errorf("Transfer-Encoding %q", coding)
	}
	for {
		line, err := br.ReadString('\n')
		framed = append(framed, line...)
		if err != nil {
			return nil, nil, errCut
		}
		n, err := strconv.ParseUint(strings.TrimSuffix(line, "\r\n"), 16, 31)
		if err != nil || !strings.HasSuffix(line, "\r\n") {
			return nil, framed, fmt.Errorf("chunk size %q", line)
		}
		data := make([]byte, n+2)
		if _, err := io.ReadFull(br, data); err != nil {
			return nil, nil, errCut
		}
		framed = append(framed, data...)
		if string(data[n:]) != "\r\n" {
			return nil, framed, errors.New("a chunk does not end")
		}
		if n == 0 {
			return body, framed, nil
		}
		body = append(body, data[:n]...)
	}
}

// send plays one connection and waits until the gate has ended it.
func (r *rig) send(addr string, stream []byte) (answers []byte) {
	c, s := pipe(addr)
	r.door <- s
	c.Write(stream)
	// An end of the client's side too early would cancel a request that is on its way; one that is never whole waits for it.
	quiet := time.AfterFunc(20*time.Millisecond, func() { c.CloseWrite() })
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		answers = append(answers, buf[:n]...)
		if err != nil {
			quiet.Stop()
			c.Close()
			return answers
		}
		quiet.Reset(20 * time.Millisecond)
	}
}

// compare holds what both sides saw of one connection against each other and against net/http's own reading of the same bytes.
func (r *rig) compare(addr string, stream []byte) (passed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.nth[addr]
	br := bufio.NewReader(bytes.NewReader(stream))
	for i := range n {
		id := fmt.Sprintf("%s/%d", addr, i)
		g, gateSaw := r.gates[id]
		u, upSaw := r.ups[id]
		delete(r.gates, id)
		delete(r.ups, id)
		var body []byte
		in, err := http.ReadRequest(br)
		whole := err == nil
		if whole {
			body, err = io.ReadAll(in.Body)
			whole = err == nil
		}
		if !upSaw {
			continue
		}
		if passed++; len(r.sample) < maxSample {
			r.sample = append(r.sample, u)
		}
		if g.Body == "" {
			g.Body = digest(body)
		}
		if !gateSaw || !whole || !g.same(u) || in.Method != g.Method {
			r.faults = append(r.faults, fmt.Sprintf("request %d of %q:\n gate     %+v\n upstream %+v\n net/http %v", i, stream, g, u, err))
		}
	}
	delete(r.nth, addr)
	return passed
}

// TestDesync sends mutated raw requests through the real gate to a recorder: whatever arrives there is what the gate's checks saw, in the plainest
// spelling; and other servers' own readers (Python's and Java's) get the same. WEIR_RAW is the number of requests: CI runs
// 30,000, make matrix a million.
func TestDesync(t *testing.T) {
	want := 30_000
	if s := os.Getenv("WEIR_RAW"); s != "" {
		var err error
		if want, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	r := newRig(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	requests, passed := 0, 0
	for worker := range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			m := mutator{rand.New(rand.NewPCG(20261124, uint64(worker)))}
			for conns := 0; ; conns++ {
				stream, n := m.stream()
				addr := fmt.Sprintf("10.%d.%d.%d:%d", worker, conns>>24&255, conns>>16&255, conns&0xffff)
				r.send(addr, stream)
				ok := r.compare(addr, stream)
				mu.Lock()
				requests += n
				passed += ok
				done := requests >= want
				mu.Unlock()
				if done {
					return
				}
			}
		}()
	}
	wg.Wait()
	for _, f := range r.faults {
		t.Error(f)
	}
	t.Logf("%d raw requests, %d reached the upstream", requests, passed)
	if passed < requests/20 || passed > requests*9/10 {
		t.Errorf("of %d requests %d passed: the mutator tries nothing", requests, passed)
	}
	r.readers(t)
}

// maxSample bounds what the slower readers get.
const maxSample = 3000

// readers has a sample of what the upstream got read by servers in other languages.
func (r *rig) readers(t *testing.T) {
	file := t.TempDir() + "/upstream.jsonl"
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	enc := json.NewEncoder(w)
	for _, v := range r.sample {
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	t.Run("Python", func(t *testing.T) { readPython(t, file, len(r.sample)) })
	t.Run("Java", func(t *testing.T) { readJava(t, file, len(r.sample)) })
}
