package policy

import (
	"bytes"
	"testing"
)

// FuzzReadBaseline: a file that is no report is an error, never a panic and never an empty baseline without one.
func FuzzReadBaseline(f *testing.F) {
	f.Add([]byte(`{"schema":"weir/report/v1","findings":[{"fingerprint":"00"}]}`))
	f.Add([]byte("{\"start\":{\"schema\":\"weir/report/v1\"}}\n{\"finding\":{\"fingerprint\":\"00\"}}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := ReadBaseline(bytes.NewReader(text))
		if (b == nil) == (err == nil) {
			t.Errorf("got %v, %v", b, err)
		}
	})
}
