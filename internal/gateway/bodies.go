package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"weir/internal/gateway/wire"
)

// The bounds of what bodies that are read whole may hold of the memory at once, in bytes. Four megabytes of JSON become up to 30 when they are read into
// values, and every account may send thousands of requests at once.
const (
	smallBody    = 64 << 10 // not counted: what clients send all day
	bodiesOfAll  = 64 << 20
	bodiesOfEach = 16 << 20 // of one account, or of all who need none: nobody keeps the others waiting
	bodiesWait   = 10 * time.Second
)

// bodies counts them. The zero value is ready.
type bodies struct {
	mu    sync.Mutex
	all   int64
	of    map[string]int64
	freed chan struct{} // closed when something was given back; nil: nobody waits
}

// take waits until n bytes may be held for who, at most bodiesWait, and gives what gives them back.
func (b *bodies) take(ctx context.Context, who string, n int64) (give func(), err error) {
	n = min(n, bodiesOfEach)
	timer := time.NewTimer(bodiesWait)
	defer timer.Stop()
	for {
		freed := b.try(who, n)
		if freed == nil {
			return sync.OnceFunc(func() { b.give(who, n) }), nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-timer.C:
			no := wire.Refuse(http.StatusServiceUnavailable, "TEMPORARILY_UNAVAILABLE", "bodies", "weir gate: too many large requests at once")
			no.Header = http.Header{"Retry-After": {"5"}}
			return nil, no
		}
	}
}

// try takes n bytes; where they do not fit it gives what is closed when it may be tried again.
func (b *bodies) try(who string, n int64) (freed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all+n <= bodiesOfAll && b.of[who]+n <= bodiesOfEach {
		if b.of == nil {
			b.of = map[string]int64{}
		}
		b.all += n
		b.of[who] += n
		return nil
	}
	if b.freed == nil {
		b.freed = make(chan struct{})
	}
	return b.freed
}

func (b *bodies) give(who string, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all -= n
	if b.of[who] -= n; b.of[who] == 0 {
		delete(b.of, who)
	}
	if b.freed != nil {
		close(b.freed)
		b.freed = nil
	}
}

// ReadBytes reads the whole body, at most limit bytes, into Raw. It waits while large bodies of others, or of the same account, fill the memory that there
// is for them; what it takes of that is given back when the request has ended.
func (x *Exchange) ReadBytes(limit int64) error {
	if n := x.expects(limit); n > smallBody {
		give, err := x.gate.bodies.take(x.Ctx, x.Who.Name, n)
		if err != nil {
			return err
		}
		x.ended = append(x.ended, give)
	}
	err := x.Request.ReadBytes(limit)
	x.Record.In += int64(len(x.Raw))
	return err
}

// expects says how large the body can become: as it says itself, or limit when it says nothing, or is compressed.
func (x *Exchange) expects(limit int64) int64 {
	if x.Encoding == "" && x.Length >= 0 {
		return min(x.Length, limit)
	}
	return limit
}

// bodyLimit bounds a body that is read whole, in bytes.
const bodyLimit = 4 << 20

// readBody reads what the route says that the body is, strictly, before anything looks at it.
func (x *Exchange) readBody() error {
	route := x.Route
	if route.Body == Stream {
		return nil
	}
	if route.Body == NoBody {
		if x.Length != 0 {
			// Some clients send an empty object with everything.
			if err := x.ReadBytes(64); err != nil {
				return err
			}
			if s := strings.TrimSpace(string(x.Raw)); s != "" && s != "{}" {
				return wire.Refuse(http.StatusBadRequest, "BAD_REQUEST", "body", "a body where none belongs")
			}
		}
		x.Raw, x.Length = nil, 0
		x.Header.Del("Content-Type")
		return nil
	}
	limit := route.Limit
	if limit == 0 {
		limit = bodyLimit
	}
	err := x.ReadBytes(limit)
	if err != nil {
		return err
	}
	b := x.Raw
	switch {
	case route.Body == Form:
		if len(b) > 0 && x.Type != "application/x-www-form-urlencoded" {
			return unsupported(x.Type, "application/x-www-form-urlencoded")
		}
		if x.Request.Form, err = wire.ParseForm(b); err == nil {
			x.Raw = []byte(wire.EncodeQuery(x.Request.Form))
		}
	case len(b) == 0:
		x.JSON = wire.Object{}
	case x.Type != "application/json":
		return unsupported(x.Type, "application/json")
	default:
		x.JSON, err = wire.ParseJSON(b, wire.BodyLimits)
	}
	if x.Raw == nil {
		x.Raw = []byte{}
	}
	return err
}

func unsupported(got, want string) error {
	return wire.Refuse(http.StatusUnsupportedMediaType, "BAD_REQUEST", "content-type", fmt.Sprintf("the body's Content-Type is %q; it must be %s", got, want))
}
