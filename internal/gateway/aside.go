package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"weir/internal/audit"
)

// What flows need beside the one request that they carry out.

// State gives what a flow keeps of this upstream for as long as the gate lives, made by fresh at the first time. It is shared by all exchanges.
func (x *Exchange) State(key string, fresh func() any) any {
	if v, ok := x.Upstream.states.Load(key); ok {
		return v
	}
	v, _ := x.Upstream.states.LoadOrStore(key, fresh())
	return v
}

// Under gives a copy of the exchange for requests of the gate's own that end with another context, also after the exchange itself has ended. It
// must not answer.
func (x *Exchange) Under(ctx context.Context) *Exchange {
	own, request := *x, *x.Request
	request.Header = request.Header.Clone()
	own.Ctx, own.Request, own.W, own.Record, own.ended = ctx, &request, nil, &audit.Record{}, nil
	return &own
}

// Break sends a PUT to the upstream, on a connection of its own, and breaks it off after so many bytes of what stands on the wire, head and framing
// included: how the server takes that tells whether it can be sent what may still be cut. reset ends the connection with RST instead of FIN.
func (x *Exchange) Break(segments []string, body []byte, chunked bool, after int64, reset bool) error {
	u := x.Upstream
	conn, err := u.transport.Slow.DialContext(x.Ctx, "tcp", hostPort(u.To))
	if err != nil {
		return &upstreamError{u.Name, err}
	}
	defer conn.Close()
	end, _ := x.Ctx.Deadline()
	if err := conn.SetDeadline(end); err != nil {
		return err
	}
	r := u.request(x.Ctx, http.MethodPut, segments, false, nil)
	x.carry(r.Header)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	if chunked {
		r.ContentLength = -1
	}
	to := conn
	if u.To.Scheme == "https" {
		own := &tls.Config{}
		if u.TLS != nil {
			own = u.TLS.Clone()
		}
		if own.ServerName == "" {
			own.ServerName = u.To.Hostname()
		}
		to = tls.Client(conn, own)
	}
	out := &breaking{to, after, false}
	if err := r.Write(out); !out.broke {
		return &upstreamError{u.Name, fmt.Errorf("a request that was to break off: %w", err)}
	}
	if t, ok := conn.(*net.TCPConn); ok && reset {
		return t.SetLinger(0)
	}
	return nil
}

var errBroken = errors.New("broken off on purpose")

// breaking passes on so many bytes and then breaks.
type breaking struct {
	w     io.Writer
	left  int64
	broke bool
}

// Write implements io.Writer.
func (b *breaking) Write(p []byte) (int, error) {
	n, err := b.w.Write(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err == nil && n < len(p) {
		b.broke, err = true, errBroken
	}
	return n, err
}
