package gateway_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// A download ends when it may have no more, and the client cannot take it for whole; what is no download is not counted.
func TestDownloadsAreCounted(t *testing.T) {
	const size = 1 << 20
	begun, left := 0, int64(size+100<<10)
	srv, records := gate(t, kind, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("x", size)) }), func(c *gateway.Config) {
		c.Downloads = func(_ context.Context, who auth.Principal, r []auth.Resource) (func(int64) error, error) {
			begun++
			if who.Name != "ann" || len(r) != 1 || r[0].Type != "file" {
				t.Errorf("%v downloads %v", who, r)
			}
			if begun > 2 {
				return nil, wire.Refuse(http.StatusTooManyRequests, "REQUEST_LIMIT_EXCEEDED", "quota", "enough")
			}
			return func(n int64) error {
				if left -= n; left < 0 {
					return wire.Refuse(http.StatusTooManyRequests, "REQUEST_LIMIT_EXCEEDED", "bulk-export", "enough")
				}
				return nil
			}, nil
		}
	})
	if status, body := do(t, "GET", srv.URL+"/things/1", ""); status != 200 || len(body) != size || begun != 0 {
		t.Errorf("no download: %d, %d bytes, begun %d", status, len(body), begun)
	}
	if status, body := do(t, "GET", srv.URL+"/files/a", ""); status != 200 || len(body) != size {
		t.Errorf("the first: %d, %d bytes", status, len(body))
	}
	r, err := http.NewRequest("GET", srv.URL+"/files/b", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer client")
	res, err := http.DefaultClient.Do(r)
	if err == nil {
		var body []byte
		body, err = io.ReadAll(res.Body)
		res.Body.Close()
		if len(body) > 200<<10 {
			t.Errorf("the second gave %d bytes", len(body))
		}
	}
	if err == nil {
		t.Error("the second seems whole")
	}
	if status, _ := do(t, "GET", srv.URL+"/files/c", ""); status != http.StatusTooManyRequests {
		t.Errorf("the third: %d", status)
	}
	got := records()[2]
	if got.Decision != "refuse" || got.Reason != "enough" {
		t.Errorf("written down: %+v", got)
	}
}
