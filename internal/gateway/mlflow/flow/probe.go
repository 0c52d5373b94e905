package flow

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"weir/internal/gateway"
)

// Whether a server keeps what it got of an upload that broke off differs by what runs it: gunicorn hands half a body with Content-Length on as if
// it were the whole, and notices the end that a chunked one lacks; uvicorn tells the application that the client is gone, and MLflow's own handler
// then drops what it has, while one behind a bridge to WSGI may not. Versions and proxies between change that. So it is tried.

// Bounds of the probe.
const (
	probeTime   = time.Minute
	probeSize   = 300_000                // bytes of a file; more than any buffer between holds whole
	probeLook   = 6                      // times that what must not be there is looked for
	probePause  = 500 * time.Millisecond // before each
	verifyAfter = 3 * time.Second        // after a cut, when the server had its time to keep it
)

// probe finds out whether the artifact proxy drops uploads that break off, and with which framing.
func probe(x *gateway.Exchange) (framing, error) {
	var failed error
	for _, how := range []framing{byLength, byChunks} {
		drops, err := probeFraming(x, how)
		if err == nil && drops {
			return how, nil
		}
		failed = errors.Join(failed, err)
	}
	return never, failed
}

// fingerprint tells servers apart: another one is probed anew.
func fingerprint(x *gateway.Exchange) (string, error) {
	res, err := x.Send(http.MethodGet, api(x, "version"), nil, nil, nil, 0)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	version, err := io.ReadAll(io.LimitReader(res.Body, 256))
	return fmt.Sprintf("%d %q %q", res.StatusCode, res.Header.Get("Server"), version), err
}

// probeFraming uploads one file whole, which must arrive, and several that break off at places that differ to a reader of the framing, of which
// nothing may be there, neither at once nor a few seconds later. It removes what it made.
func probeFraming(x *gateway.Exchange, how framing) (drops bool, err error) {
	id := make([]byte, 8)
	rand.Read(id)
	folder := append(proxySegments(x), "weir-probe-"+hex.EncodeToString(id)) // of its own: old MLflows delete folders only
	place := func(n int) []string { return append(slices.Clip(folder), strconv.Itoa(n)) }
	defer func() { err = errors.Join(err, remove(x, folder)) }()
	content := bytes.Repeat([]byte("weir probes whether uploads that break off are kept\n"), probeSize/52)
	length := int64(len(content))
	if how == byChunks {
		length = -1
	}
	// The head is about 200 bytes: after it alone, after its first bytes, within a chunk, near the end.
	breaks := []int64{400, 70_000, 131_072, 200_001, int64(len(content)) - 100}
	for i, after := range breaks {
		if err := x.Break(place(i), content, how == byChunks, after, i%2 == 1); err != nil {
			return false, err
		}
	}
	whole := place(len(breaks))
	// The body as the gate sends it: without GetBody, so that it streams.
	res, err := x.Send(http.MethodPut, whole, nil, nil, io.MultiReader(bytes.NewReader(content)), length)
	if err != nil {
		return false, err
	}
	res.Body.Close()
	if res.StatusCode/100 != 2 {
		return false, fmt.Errorf("the server answered %d to a whole upload", res.StatusCode)
	}
	if n, there, err := holds(x, whole, bytes.NewReader(content)); err != nil || !there || n != int64(len(content)) {
		return false, errors.Join(errors.New("a whole upload did not arrive"), err)
	}
	// The folder's list says what is there; that a file cannot be read says less, since some stores make MLflow answer 500 to that.
	for range probeLook {
		time.Sleep(probePause)
		there, err := proxied(folder[len(folder)-1]).list(x, "")
		if err != nil {
			return false, err
		}
		switch {
		case len(there) > 1:
			return false, nil
		case len(there) == 0:
			return false, errors.New("a whole upload is not listed")
		}
	}
	return true, nil
}

// errLeft says that something of a probe is left at the server.
var errLeft = errors.New("what was tried could not be removed")

// remove deletes what the probe made.
func remove(x *gateway.Exchange, segments []string) error {
	res, err := x.Send(http.MethodDelete, segments, nil, nil, nil, 0)
	if err != nil {
		return fmt.Errorf("%w: %w", errLeft, err)
	}
	res.Body.Close()
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%w: the server answered %d", errLeft, res.StatusCode)
	}
	return nil
}

// holds reports whether all that lies at a place is what r gives, or its beginning, and how many bytes that are.
func holds(x *gateway.Exchange, segments []string, r io.Reader) (size int64, same bool, err error) {
	res, err := x.Send(http.MethodGet, segments, nil, nil, nil, 0)
	if err != nil {
		return 0, false, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, false, nil
	}
	a, b := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(res.Body, a)
		m, rerr := io.ReadFull(r, b[:n])
		if rerr != nil && rerr != io.EOF && rerr != io.ErrUnexpectedEOF {
			return size, false, rerr
		}
		size += int64(n)
		if m < n || !bytes.Equal(a[:n], b[:n]) {
			return size, false, nil
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return size, true, nil
		}
		if err != nil {
			return size, false, err
		}
	}
}
