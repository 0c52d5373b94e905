package telemetry

import (
	"encoding/json"
	"net/http"
	"slices"
)

// Health answers 200 {"status":"ok"} while every part works, else 503 with the names of those that do not. Why they do not is for the logs: anybody
// may ask here.
func Health(parts map[string]func() error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := struct {
			Status string   `json:"status"`
			Broken []string `json:"broken,omitempty"`
		}{Status: "ok"}
		for name, works := range parts {
			if works() != nil {
				answer.Status, answer.Broken = "broken", append(answer.Broken, name)
			}
		}
		slices.Sort(answer.Broken)
		body, err := json.Marshal(answer)
		if err != nil {
			body = []byte(`{"status":"broken"}`)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if answer.Status != "ok" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		if r.Method != http.MethodHead {
			_, _ = w.Write(append(body, '\n')) // whoever asked and went away wants nothing more
		}
	})
}
