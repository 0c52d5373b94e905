package mlflow

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

func TestPaths(t *testing.T) {
	for _, p := range []string{"", "model", "model/data/model.pkl", "model/", "a b/c.txt", "100%/x", "a..b/c", "ünï/côde", "x;y", "k=v&w", "a/b:c"} {
		if err := testPath("path", p); err != nil {
			t.Errorf("%q is refused: %v", p, err)
		}
	}
	for _, p := range []string{"..", "../x", "a/../b", "/etc/passwd", "a//b", "./a", "a/./b", `a\b`, `..\x`, "a#b", "a?b", "file:///etc", "C:/x", "c:x", "%2e%2e/x",
		"a/%2e%2e%2fb", "%252e%252e/x", "%25252525252525252e", "%2fetc", "%5c..", "a\x00b", "a\nb", "a%00b", "..;/x", ".. /x", "...", "\xff", "http:/x", "a\u202eb",
		"a/%23b", strings.Repeat("x", 1001)} {
		if testPath("path", p) == nil {
			t.Errorf("%q is let through", p)
		}
	}
}

func TestNamesKeysAndIDs(t *testing.T) {
	for _, n := range []string{"my model", "/Shared/team/exp", "größe", "a.b", "v1..2", "x%y", "lr=0.1/bs=3"} {
		if err := testName("name", n); err != nil {
			t.Errorf("the name %q is refused: %v", n, err)
		}
	}
	for _, n := range []string{"../x", "a/../../b", "a\nb", strings.Repeat("n", 501), `a\b`, "file://x", "%2e%2e/x", "a/%252e%252e/b", "x\x00"} {
		if testName("name", n) == nil {
			t.Errorf("the name %q is let through", n)
		}
	}
	for _, k := range []string{"loss", "val/loss", "mlflow.note.content", "a b", "system/cpu_utilization_percentage", "top-5 acc (%)"} {
		if err := testKey("key", k); err != nil {
			t.Errorf("the key %q is refused: %v", k, err)
		}
	}
	for _, k := range []string{"../x", "/abs", "a//b", "a/../b", ".", "a/", `a\..\b`, "x\x00y"} {
		if testKey("key", k) == nil {
			t.Errorf("the key %q is let through", k)
		}
	}
	for _, id := range []string{"0", "123", "d41d8cd98f00b204e9800998ecf8427e", "m-1f2e", "tr-1f", "0b1c-4f", "tr:x"} {
		if err := testID("run_id", id); err != nil {
			t.Errorf("the id %q is refused: %v", id, err)
		}
	}
	for _, id := range []string{"../0", "0/..", "a b", "0\n", "١", "a%2fb", "-1", "'; drop"} {
		if testID("run_id", id) == nil {
			t.Errorf("the id %q is let through", id)
		}
	}
}

func TestURIs(t *testing.T) {
	for _, v := range []string{"s3://bucket/a/b", "mlflow-artifacts:/0/x/artifacts", "file:///srv/mlruns/0", "/srv/mlruns/0", "runs:/x/model", "models:/m/1", "models:/m-1",
		"dbfs:/a", "wasbs://c@account.blob.core.windows.net/a", "gs://b/x", "models:/m@champion", "runs:/x/my model"} {
		if _, err := parseURI("source", v); err != nil {
			t.Errorf("%q is refused: %v", v, err)
		}
	}
	for _, v := range []string{"//srv/x", "http:///?/../../etc", "mlflow-artifacts:/a%3f/../..", "http:///;..%2f..%2f", "x/#/../y", "file:///a/../b", "s3://b//x", "s3://u:p@b/x",
		`file:\\host\x`, "s3://b/x?y", " a", "c:/x", "s3://b c/x", "file:///a\x00", "s3://b/./x", "runs:/x/..", "file://%6c/x"} {
		if _, err := parseURI("source", v); err == nil {
			t.Errorf("%q is let through", v)
		}
	}
	inside := func(a, b string) bool {
		u, err := parseURI("a", a)
		r, err2 := parseURI("b", b)
		return err == nil && err2 == nil && u.within(r)
	}
	if !inside("s3://b/t/x", "s3://b/t") || !inside("s3://b/t", "s3://b/t/") || !inside("s3://B/t", "s3://b") {
		t.Error("what is below a root must count as that")
	}
	if inside("s3://b/team2", "s3://b/team") || inside("s3://c/t", "s3://b/t") || inside("gs://b/t", "s3://b/t") || inside("/t", "file:/t") {
		t.Error("what is beside a root must not")
	}
	if !served("mlflow-artifacts:/0/r/artifacts", "0/r/artifacts/model") || served("mlflow-artifacts:/0/r/artifacts", "0/r/artifacts2") || served("s3://0/r", "0/r") {
		t.Error("served() takes another folder for the run's")
	}
}

func TestLocalAddresses(t *testing.T) {
	resolve := func(_ context.Context, host string) ([]netip.Addr, error) {
		switch host {
		case "hooks.example.org":
			return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, nil
		case "rebind.example.org":
			return []netip.Addr{netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("10.0.0.1")}, nil
		}
		return nil, errors.New("no such host")
	}
	for _, h := range []string{"hooks.example.org", "93.184.216.34", "2606:2800:220:1::1", "hooks.example.org."} {
		if why := local(t.Context(), h, resolve); why != "" {
			t.Errorf("%s %s", h, why)
		}
	}
	for _, h := range []string{"localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "[::1]", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1",
		"169.254.169.254", "10.1.2.3", "192.168.0.1", "172.16.0.1", "100.64.0.1", "0.0.0.0", "0", "fe80::1", "fe80::1%eth0", "fd00::1", "64:ff9b::7f00:1", "2002:7f00:1::",
		"::127.0.0.1", "metadata.google.internal", "printer.local", "intranet", "rebind.example.org", "nowhere.example.org", "224.0.0.1", "127.0.0.1.", "1.2.3.0x4", "ⓛocalhost",
		"127。0。0。1", "a_b..c", ""} {
		if local(t.Context(), h, resolve) == "" {
			t.Errorf("%q passes for public", h)
		}
	}
}

func TestTagsThatAreRead(t *testing.T) {
	for k, v := range map[string]string{"mlflow.note.content": "see https://example.org", "mlflow.parentRunId": "d41d8cd98f00b204e9800998ecf8427e", "team": "javascript:x",
		"mlflow.log-model.history": `[{"artifact_path":"model","run_id":"x"}]`, "mlflow.loggedArtifacts": `[{"path":"a.json","type":"table"}]`, "mlflow.trace.spansLocation": "TRACKING_STORE"} {
		if err := testTag(&gateway.Exchange{}, k, v); err != nil {
			t.Errorf("%s=%s is refused: %v", k, v, err)
		}
	}
	for k, v := range map[string]string{"mlflow.source.name": "java\tscript:alert(1)", "mlflow.parentRunId": "../0", "mlflow.log-model.history": `[{"artifact_path":"../../x"}]`,
		"mlflow.loggedArtifacts": `[{"path":"/etc/passwd"}]`, "mlflow.trace.archiveLocation": "file:///etc", "mlflow.trace.spansLocation": "file:///x"} {
		if testTag(&gateway.Exchange{}, k, v) == nil {
			t.Errorf("%s=%s is let through", k, v)
		}
	}
}

// TestFields holds bodies to the fields that MLflow reads.
func TestFields(t *testing.T) {
	shapes := readShapes()
	test := func(route, body string) error {
		s := shapes.requests[route]
		if s == nil {
			t.Fatalf("no request %s", route)
		}
		o, err := wire.ParseJSON([]byte(body), wire.BodyLimits)
		if err != nil {
			t.Fatal(err)
		}
		return s.test(&gateway.Exchange{Request: &wire.Request{JSON: o}}, nil)
	}
	for _, c := range [][2]string{
		{"POST 2.0/mlflow/runs/create", `{"experiment_id":"0","start_time":1700000000000,"tags":[{"key":"a","value":"b"}],"user_id":null}`},
		{"POST 2.0/mlflow/runs/create", `{"experiment_id":0,"start_time":"1700000000000"}`},
		{"POST 2.0/mlflow/runs/log-batch", `{"run_id":"x","metrics":[{"key":"m","value":"NaN","timestamp":1,"step":"3"},{"key":"m","value":"Infinity"}],"params":[],"tags":[]}`},
		{"POST 2.0/mlflow/runs/search", `{"experiment_ids":["0",1],"run_view_type":"ACTIVE_ONLY","max_results":100,"order_by":[]}`},
		{"POST 2.0/mlflow/model-versions/transition-stage", `{"name":"m","version":"1","stage":"Staging","archive_existing_versions":true}`},
	} {
		if err := test(c[0], c[1]); err != nil {
			t.Errorf("%s %s is refused: %v", c[0], c[1], err)
		}
	}
	for _, c := range [][2]string{
		{"POST 2.0/mlflow/runs/create", `{"experimentId":"0"}`},
		{"POST 2.0/mlflow/runs/create", `{"experiment_id":"0","experimentId":"1"}`},
		{"POST 2.0/mlflow/runs/create", `{"experiment_id":["0"]}`},
		{"POST 2.0/mlflow/runs/create", `{"experiment_id":"0","tags":{"key":"a"}}`},
		{"POST 2.0/mlflow/runs/log-batch", `{"run_id":"x","metrics":[{"key":"m","modelId":"m-1"}]}`},
		{"POST 2.0/mlflow/runs/search", `{"experiment_ids":"0"}`},
		{"POST 2.0/mlflow/runs/search", `{"experiment_ids":[null]}`},
		{"POST 2.0/mlflow/runs/search", `{"max_results":"1e3"}`},
		{"POST 2.0/mlflow/runs/search", `{"surprise":1}`},
	} {
		if test(c[0], c[1]) == nil {
			t.Errorf("%s %s is let through", c[0], c[1])
		}
	}
}
