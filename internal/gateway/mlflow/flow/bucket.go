package flow

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// bucket is how files are delivered to addresses that the protected server has signed. It follows no redirect: what was signed is one address.
var bucket = &http.Transport{
	DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
	TLSHandshakeTimeout:   10 * time.Second,
	ResponseHeaderTimeout: 10 * time.Minute,
	IdleConnTimeout:       30 * time.Second,
	DisableCompression:    true,
}

// deliver puts a file to a signed address. The answer's body is dropped: a bucket's words are not the server's.
func deliver(x *gateway.Exchange, to string, headers any, f *os.File, size int64) (*http.Response, error) {
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, wire.Refuse(http.StatusBadGateway, "TEMPORARILY_UNAVAILABLE", "transfer", "the server gave an address for the upload that is none")
	}
	req, err := http.NewRequestWithContext(x.Ctx, http.MethodPut, u.String(), struct{ io.Reader }{f})
	if err != nil {
		return nil, err
	}
	req.ContentLength = size
	if size == 0 {
		req.Body = http.NoBody
	}
	if h, ok := asObject(headers); ok {
		for name, v := range h {
			if s, ok := v.(string); ok {
				req.Header.Set(name, s)
			}
		}
	}
	res, err := bucket.RoundTrip(req)
	if err != nil {
		return nil, wire.Refuse(http.StatusBadGateway, "TEMPORARILY_UNAVAILABLE", "transfer", "the bucket behind the server did not take the file")
	}
	if res.StatusCode/100 != 2 {
		res.Body.Close()
		return nil, wire.Refuse(http.StatusBadGateway, "TEMPORARILY_UNAVAILABLE", "transfer", fmt.Sprintf("the bucket behind the server answered %d", res.StatusCode))
	}
	return res, nil
}

// answerMost bounds the answers that are read whole, in bytes.
const answerMost = 1 << 20

func readObject(r io.Reader) (wire.Object, error) {
	b, err := io.ReadAll(io.LimitReader(r, answerMost+1))
	if err != nil {
		return nil, err
	}
	if len(b) > answerMost {
		return nil, fmt.Errorf("the server answered with more than %d bytes", answerMost)
	}
	return wire.ParseJSON(b, wire.AnswerLimits)
}
