package wire

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// Read makes the canonical reading of a request that came through the guard or over HTTP/2. A request that could be read in two ways gives a
// *Refusal, and so does one that the guard has refused below, with the guard's reason.
func Read(in *http.Request) (*Request, error) {
	if in.Method == refusedMethod {
		return nil, standInReason(in)
	}
	r := &Request{Method: in.Method, Client: in.Header, Length: in.ContentLength, Body: in.Body}
	if err := r.readLine(in); err != nil {
		return nil, err
	}
	var err error
	if r.Header, err = readHeader(in.Header); err != nil {
		return nil, err
	}
	if err := r.readType(in.Header); err != nil {
		return nil, err
	}
	if err := r.readEncoding(in.Header); err != nil {
		return nil, err
	}
	if r.Remote, err = netip.ParseAddrPort(in.RemoteAddr); err == nil {
		r.Remote = netip.AddrPortFrom(r.Remote.Addr().Unmap(), r.Remote.Port())
	}
	if r.Encoding != "" {
		r.encoded, r.Body = in.Body, failing{Refuse(415, "BAD_REQUEST", "wire/content-encoding", "a compressed body is not accepted here")}
	}
	return r, nil
}

// readLine reads method, target and host.
func (r *Request) readLine(in *http.Request) error {
	known := false
	for _, m := range methods {
		known = known || string(m) == r.Method
	}
	if !known {
		return Refuse(405, "BAD_REQUEST", "wire/method", "this method is not allowed")
	}
	target := in.RequestURI
	if target == "" { // a request that was not read by a server
		target = in.URL.RequestURI()
	}
	if r := checkTarget([]byte(target)); r != nil { // for HTTP/2; the guard has done it for HTTP/1.1
		return r
	}
	path, query, _ := strings.Cut(target, "?")
	var err error
	if r.Segments, r.Slash, err = splitPath(path); err != nil {
		return err
	}
	if r.Query, err = ParseForm([]byte(query)); err != nil {
		return err
	}
	if !validHost([]byte(in.Host)) {
		return bad("wire/host", "the Host is not a name or address with an optional port")
	}
	if h, ok := in.Header["Host"]; ok && (len(h) != 1 || !strings.EqualFold(h[0], in.Host)) { // HTTP/2 with both :authority and host
		return bad("wire/host", "the Host differs from the authority")
	}
	if len(in.Trailer) > 0 {
		return bad("wire/trailer", "trailers are not allowed")
	}
	port := ":80"
	if in.TLS != nil {
		port = ":443"
	}
	r.Host = strings.TrimSuffix(strings.ToLower(in.Host), port)
	return nil
}

// standInReason takes the guard's refusal out of its stand-in.
func standInReason(in *http.Request) *Refusal {
	status, err := strconv.Atoi(in.Header.Get("Status"))
	if err != nil || status < 400 || status > 599 || in.ProtoMajor != 1 {
		return Refuse(405, "BAD_REQUEST", "wire/method", "this method is not allowed")
	}
	return Refuse(status, "BAD_REQUEST", in.Header.Get("Rule"), in.Header.Get("Reason"))
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Inflate makes Body the plain bytes of a compressed body, at most limit of them (then the error is a *Refusal with 413), for routes whose clients
// may compress: OTLP exporters do when OTEL_EXPORTER_OTLP_COMPRESSION says so; no client of MLflow or H2O compresses JSON. What goes upstream
// is what was inflated. Without compression it only bounds the body.
func (r *Request) Inflate(limit int64) error {
	if r.Encoding == "" {
		if r.Length > limit {
			return tooLarge(limit)
		}
		if r.Body != nil {
			r.Body = &bounded{r: r.Body, left: limit, limit: limit}
		}
		return nil
	}
	z, err := gzip.NewReader(r.encoded)
	if err != nil {
		return bad("wire/content-encoding", "the body is not gzip")
	}
	r.Body, r.Encoding, r.Length, r.encoded = &bounded{r: z, left: limit, limit: limit}, "", -1, nil
	return nil
}

func tooLarge(limit int64) *Refusal {
	return Refuse(413, "INVALID_PARAMETER_VALUE", "wire/body-size", "the body is larger than "+strconv.FormatInt(limit, 10)+" bytes")
}

// bounded gives at most left bytes, then a refusal if there are more.
type bounded struct {
	r           io.Reader
	left, limit int64
}

// Read reads.
func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if int64(n) > b.left {
		n, b.left = int(b.left), 0
		return n, tooLarge(b.limit)
	}
	b.left -= int64(n)
	if errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) {
		err = bad("wire/content-encoding", "the compressed body is damaged")
	}
	return n, err
}

// ReadBytes reads the whole body, plain, at most limit bytes, into Raw and leaves Body empty. Length becomes that of Raw.
func (r *Request) ReadBytes(limit int64) error {
	if err := r.Inflate(limit); err != nil {
		return err
	}
	if r.Body == nil {
		return nil
	}
	size := min(max(r.Length, 0), limit, 1<<20)
	b := make([]byte, 0, size+1)
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return bodyError(err)
		}
	}
	r.Raw, r.Length, r.Body = b, int64(len(b)), http.NoBody
	return nil
}

// bodyError makes a refusal of what ended a body early.
func bodyError(err error) error {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return bad("wire/body", "the body ended early")
}
