package flow

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"weir/internal/gateway"
	"weir/internal/gateway/intake"
)

// A large upload takes its time twice when it is spooled whole before it is sent on. So where the server was seen to drop transfers that break off
// (see probe), its bytes are sent on while they arrive, all but the last; these follow when the verdict lets them, else the transfer is cut. Whoever
// asks the server gets nothing of it before.

// Bounds of sending ahead.
const (
	aheadFrom  = 8 << 20          // bytes of an upload for which it is worth it
	aheadSlots = 4                // uploads of one upstream at once; the others are sent when they are judged, as if nothing was known of the server
	lookTime   = 2 * time.Second  // for the server to say what it is; one that is busier than that gets nothing before its time
	probedFor  = time.Hour        // a probe is believed so long, as long as the server looks the same
	retryProbe = 10 * time.Minute // after one that did not work
)

// framing is how the length of a body is told.
type framing int

const (
	never    framing = iota // to send ahead is not safe
	byLength                // Content-Length
	byChunks                // Transfer-Encoding: chunked
)

// holdsBack is the name of the switch that forbids to send ahead.
const holdsBack = "scan-before-sending"

// ahead is what is known of how a server takes transfers that break off.
type ahead struct {
	slots chan struct{}

	mu      sync.Mutex
	server  string // what was probed, as its version tells
	how     framing
	until   time.Time
	probing bool
	spoiled bool // for good: the server kept a transfer that broke off although the probe said otherwise, or what the probe made
}

func aheadOf(x *gateway.Exchange) *ahead {
	return x.State("ahead", func() any { return &ahead{slots: make(chan struct{}, aheadSlots)} }).(*ahead)
}

// framing says how an upload may be sent ahead. When nothing is known yet, it is found out beside, for the uploads to come.
func (a *ahead) framing(x *gateway.Exchange) framing {
	ctx, cancel := context.WithTimeout(x.Ctx, lookTime)
	defer cancel()
	server, err := fingerprint(x.Under(ctx))
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil || a.spoiled {
		return never
	}
	if a.server == server && time.Now().Before(a.until) {
		return a.how
	}
	if !a.probing {
		a.probing = true
		go a.probe(x.Under(context.Background()), server)
	}
	return never
}

// probe finds out anew.
func (a *ahead) probe(x *gateway.Exchange, server string) {
	ctx, cancel := context.WithTimeout(context.Background(), probeTime)
	defer cancel()
	how, err := probe(x.Under(ctx))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.probing, a.server, a.how, a.until = false, server, how, time.Now().Add(probedFor)
	switch {
	case err != nil:
		a.how, a.until = never, time.Now().Add(retryProbe)
		a.spoiled = errors.Is(err, errLeft) // it would be left there again and again
		slog.Info("large uploads are sent on when they are judged: how the server takes transfers that break off could not be found out", "upstream", x.Upstream.Name, "error", err)
	case how == never:
		slog.Info("large uploads are sent on when they are judged: the server keeps transfers that break off", "upstream", x.Upstream.Name)
	default:
		slog.Info("large uploads are sent on while they arrive: the server drops transfers that break off", "upstream", x.Upstream.Name)
	}
}

// bet is one upload that is sent on while it arrives.
type bet struct {
	x      *gateway.Exchange // its context ends the sending
	a      *ahead
	tail   *intake.Tail
	to     *writer // from its beginning to its end
	lost   bool    // it was begun, and the server did not get all of it
	cancel context.CancelFunc
	done   chan struct{}
	res    *http.Response // nil: the sending came to no end
}

// wager begins to send a PUT of root/p ahead when that is safe and worth it; nil: it is not.
func wager(x *gateway.Exchange, root, p string) *bet {
	n, err := x.Intake()
	if err != nil || x.Length < aheadFrom || x.Upstream.On[holdsBack] {
		return nil
	}
	a := aheadOf(x)
	how := a.framing(x)
	if how == never {
		return nil
	}
	select {
	case a.slots <- struct{}{}:
	default:
		return nil
	}
	ctx, cancel := context.WithCancel(x.Ctx)
	b := &bet{x: x.Under(ctx), a: a, tail: intake.NewTail(x.Length), cancel: cancel, done: make(chan struct{})}
	length := x.Length
	if how == byChunks {
		length = -1
	}
	go func() {
		defer close(b.done)
		if !b.tail.Worthwhile() {
			return
		}
		b.to = writers.begin(b.x, n, root, p, x.Length)
		// An error does not matter: then it is sent once more in the usual way, which tells.
		b.res, _ = b.x.Send(http.MethodPut, b.x.Segments, b.x.Query, contentType(b.x), b.tail, length)
	}()
	return b
}

// reader is what the intake tells of the upload.
func (b *bet) reader() *intake.Tail {
	if b == nil {
		return nil
	}
	return b.tail
}

// won lets the rest through and gives the server's answer, digest being that of the whole; nil when the upload must be sent in the usual way.
func (b *bet) won(digest string) *http.Response {
	if b == nil {
		return nil
	}
	b.tail.Pass()
	<-b.done
	res := b.res
	if b.to != nil {
		b.to.end(digest, res)
		b.res, b.to, b.lost = nil, nil, res == nil
	}
	return res
}

// end cuts what was not won. It is called in any case, after the answer was read.
func (b *bet) end() {
	if b == nil {
		return
	}
	b.tail.Cut()
	b.cancel()
	go func() {
		<-b.done
		<-b.a.slots
		defer b.tail.Close()
		if b.res != nil { // it answered before the end, and is not asked any more
			b.res.Body.Close()
		}
		if b.to != nil {
			b.to.end("", nil)
			b.lost = true
		}
		if b.lost {
			b.a.verify(b.x, b.tail.Begins())
		}
	}()
}

// verify looks whether the server kept a transfer that was cut, some seconds later: then the probe was wrong, and nothing is sent ahead any more.
// What lies there is no danger to those who come through the gate: it is judged before it goes out, like all that the gate did not send whole.
func (a *ahead) verify(x *gateway.Exchange, sent io.Reader) {
	time.Sleep(verifyAfter)
	ctx, cancel := context.WithTimeout(context.Background(), probeTime)
	defer cancel()
	_, kept, err := holds(x.Under(ctx), x.Segments, sent)
	if err != nil || !kept {
		return
	}
	a.mu.Lock()
	a.spoiled = true
	a.mu.Unlock()
	slog.Error("the server kept a part of an upload that was cut before its end: uploads are sent on only when they are judged from now on", "upstream", x.Upstream.Name, "path", strings.Join(x.Segments, "/"))
}
