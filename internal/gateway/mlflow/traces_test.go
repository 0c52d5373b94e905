package mlflow_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"weir/internal/audit"
	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/mlflow"
	"weir/internal/gateway/wire"
)

// TestCompressedTraces: collectors compress what they export; the server gets the plain bytes, and no bomb.
func TestCompressedTraces(t *testing.T) {
	var encoding, body string
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			encoding, body = r.Header.Get("Content-Encoding"), string(b)
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"experiment": {"experiment_id": "1", "name": "x", "lifecycle_stage": "active"}}`)
	}))
	defer up.Close()
	to, err := url.Parse(up.URL)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(gateway.Config{
		Upstreams: []*gateway.Upstream{{Name: "u", Kind: mlflow.Kind(), To: to}},
		Identify:  func(*http.Request, *wire.Request) (auth.Principal, error) { return auth.Principal{Name: "ann"}, nil },
		Decide: func(auth.Principal, auth.Action, auth.Resource) auth.Decision {
			return auth.Decision{Allow: true, Policy: "test"}
		},
		Record: func(audit.Record) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	send := func(plain []byte) int {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write(plain)
		w.Close()
		r := httptest.NewRequest("POST", "/v1/traces", &z)
		r.Host = "localhost"
		r.Header.Set("Content-Type", "application/x-protobuf")
		r.Header.Set("Content-Encoding", "gzip")
		r.Header.Set("X-Mlflow-Experiment-Id", "1")
		out := httptest.NewRecorder()
		func() {
			defer func() { recover() }() // an answer that was cut off
			g.ServeHTTP(out, r)
		}()
		return out.Code
	}
	if status := send([]byte("\x12\x05spans")); status != http.StatusOK || encoding != "" || body != "\x12\x05spans" { // field 2: none that MLflow reads
		t.Errorf("status %d, the server got %q with encoding %q", status, body, encoding)
	}
	body = ""
	if status := send(make([]byte, 17<<20)); status == http.StatusOK || body != "" {
		t.Errorf("17 MiB in a small body: status %d, the server got %d bytes", status, len(body))
	}
}
