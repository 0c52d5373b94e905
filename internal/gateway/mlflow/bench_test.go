package mlflow

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// BenchmarkChecks measures what the checks of a line cost: one metric, as most requests are, and a batch of a thousand.
func BenchmarkChecks(b *testing.B) {
	metrics := []m{}
	for i := range 1000 {
		metrics = append(metrics, m{"key": fmt.Sprintf("loss/%d", i), "value": 0.5, "timestamp": 1700000000000, "step": i})
	}
	for name, c := range map[string]struct {
		path string
		body m
	}{
		"metric": {"2.0/mlflow/runs/log-metric", m{"run_id": "d41d8cd98f00b204e9800998ecf8427e", "key": "loss", "value": 0.5, "timestamp": 1700000000000, "step": 1}},
		"batch":  {"2.0/mlflow/runs/log-batch", m{"run_id": "d41d8cd98f00b204e9800998ecf8427e", "metrics": metrics}},
	} {
		b.Run(name, func(b *testing.B) {
			raw, err := json.Marshal(c.body)
			if err != nil {
				b.Fatal(err)
			}
			body, err := wire.ParseJSON(raw, wire.BodyLimits)
			if err != nil {
				b.Fatal(err)
			}
			for _, r := range Kind().Routes {
				if r.Path != "/api/"+c.path {
					continue
				}
				x := &gateway.Exchange{Request: &wire.Request{Method: "POST", JSON: body, Header: http.Header{}}}
				for b.Loop() {
					for _, check := range r.Checks {
						if err := check.Test(x); err != nil {
							b.Fatal(err)
						}
					}
				}
			}
		})
	}
}
