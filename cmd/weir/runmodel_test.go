package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir"
	"weir/internal/sandbox/detonate"
)

// script is a room in which what happens was written down before: what the loader says, and what was seen.
func script(t *testing.T, said []string, seen ...weir.Behaviour) detonate.Room {
	return func(_ context.Context, j detonate.Job, watch func(weir.Behaviour)) error {
		var job struct{ Nonce, Path string }
		if err := json.Unmarshal([]byte(j.Argv[len(j.Argv)-1]), &job); err != nil || !filepath.IsAbs(job.Path) {
			t.Errorf("the loader was given %q: %v", j.Argv, err)
		}
		if len(j.Plant[".aws/credentials"]) == 0 {
			t.Error("no credentials are planted")
		}
		for _, s := range said {
			fmt.Fprintln(j.Stdout, job.Nonce+s)
		}
		for _, b := range seen {
			watch(b)
		}
		return nil
	}
}

// TestDetonate: the two accounts of a model are joined, in the exit code and in words, and both are in the report.
func TestDetonate(t *testing.T) {
	root := filepath.Join("..", "..", "testdata")
	hostile := filepath.Join(root, "malicious", "torch", "zip-data-pkl.pt")
	honest := filepath.Join(root, "benign", "torch", "zip", "state-linear.pth")
	loaded := []string{`{"stage":"framework","name":"torch","version":"2.9"}`, `{"stage":"call","text":"torch.load(MODEL)"}`, `{"stage":"loaded","type":"dict"}`}
	failed := []string{`{"stage":"framework","name":"torch","version":"2.9"}`, `{"stage":"failed","error":"ValueError: no"}`}
	shell := weir.Behaviour{Act: weir.ActExec, Target: "/bin/sh", Answer: weir.AnswerDenied, Source: "kernel"}
	judge := func(bs []weir.Behaviour) (out []weir.Finding) {
		for _, b := range bs {
			out = append(out, weir.Finding{Rule: "behaviour/program-started", Severity: weir.SeverityCritical, Evidence: string(b.Act) + " " + b.Target})
		}
		return out
	}
	for _, c := range []struct {
		name, model string
		room        detonate.Room
		code        int
		words       []string
	}{
		{"confirmed", hostile, script(t, loaded, shell), 1, []string{": confirmed: ", "critical pickle/", "did       critical behaviour/program-started: exec /bin/sh", "with torch 2.9", "loaded    dict", "canary    untouched"}},
		{"refuted", hostile, script(t, loaded), 0, []string{": refuted for this path: "}},
		{"not reached", hostile, script(t, failed), 3, []string{": not reached: ", "failed    ValueError: no"}},
		{"failed too late", hostile, script(t, failed, shell), 1, []string{": confirmed: "}},
		{"unforeseen", honest, script(t, loaded, shell), 1, []string{": unforeseen: "}},
		{"quiet", honest, script(t, loaded), 0, []string{": quiet: "}},
		{"cut off", honest, script(t, nil), 3, []string{": not reached: ", "ended in the middle"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stderr bytes.Buffer
			a := &app{stdin: strings.NewReader(""), stderr: &stderr}
			rules, ends := map[string]bool{}, 0
			err := a.detonate(t.Context(), detonation{model: c.model, pythons: []string{os.Args[0]}, room: c.room, judge: judge, isolate: "off"}, func(e weir.Event) error {
				if e.Finding != nil {
					rules[e.Finding.Rule] = true
				}
				if e.End != nil {
					ends++
				}
				return nil
			})
			if got := fail(&stderr, err); got != c.code {
				t.Errorf("exit code %d, want %d: %v", got, c.code, err)
			}
			for _, w := range c.words {
				if !strings.Contains(stderr.String(), w) {
					t.Errorf("%q is not in\n%s", w, stderr.String())
				}
			}
			if acted := strings.Contains(stderr.String(), "did  "); rules["behaviour/program-started"] != acted || ends != 1 {
				t.Errorf("the report has %v and %d ends", rules, ends)
			}
		})
	}
}

// TestDetonateRefuses: what cannot be loaded at all is an error of weir's own, and says what to do.
func TestDetonateRefuses(t *testing.T) {
	text := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(text, []byte("nothing to load\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	model := filepath.Join("..", "..", "testdata", "benign", "torch", "zip", "state-linear.pth")
	missing := script(t, []string{`{"stage":"missing","name":"torch"}`})
	broken := detonate.Room(func(context.Context, detonate.Job, func(weir.Behaviour)) error {
		return errors.New("no namespaces here")
	})
	for _, c := range []struct {
		d    detonation
		want string
	}{
		{detonation{model: filepath.Join(t.TempDir(), "gone.pt"), room: missing}, "no such file"},
		{detonation{model: text, room: missing}, "--loader names one: "},
		{detonation{model: model, loader: "no-such", room: missing}, "--loader names one: "},
		{detonation{model: model, room: missing}, "has no torch"},
		{detonation{model: model, loader: "mleap", room: missing}, "MLeap"},
		{detonation{model: model, room: broken}, "no namespaces here"},
	} {
		c.d.pythons, c.d.isolate = []string{os.Args[0]}, "off"
		c.d.judge = func([]weir.Behaviour) []weir.Finding { return nil }
		var stderr bytes.Buffer
		a := &app{stdin: strings.NewReader(""), stderr: &stderr}
		err := a.detonate(t.Context(), c.d, func(weir.Event) error { return nil })
		if code := fail(&stderr, err); code != exitRun || !strings.Contains(stderr.String()+fmt.Sprint(err), c.want) {
			t.Errorf("%s: code %d: %s", c.want, code, stderr.String())
		}
	}
}

// TestLoaderOfEach: what the scan says of a real model leads to the loader of its framework.
func TestLoaderOfEach(t *testing.T) {
	root := filepath.Join("..", "..", "testdata")
	for file, want := range map[string]string{
		"benign/torch/zip/module-linear.pt":                     "torch",
		"benign/torch/tar/state.pt":                             "torch",
		"benign/torch/package/module.pt":                        "torch-package",
		"malicious/torch/legacy-object.pt":                      "torch",
		"malicious/torch/script-setstate-save.pt":               "torchscript",
		"malicious/torch/polyglot-pickle-then-zip.pt":           "torch",
		"benign/sklearn/1.7/bagging.joblib":                     "joblib",
		"benign/xgboost/classifier.joblib.z":                    "joblib",
		"benign/xgboost/booster-p4.pkl":                         "pickle",
		"benign/h2o/3.46.0.12/gbm.bin":                          "h2o-binary",
		"benign/h2o/mojo/gbm.mojo.zip":                          "h2o-mojo",
		"malicious/h2o/pojo-static/weir_gbm.java":               "h2o-mojo",
		"benign/mleap/0.20.0/dct-json.zip":                      "mleap",
		"malicious/joblib-file/after-array.joblib":              "joblib",
		"malicious/torch/zip-extension-safetensors.safetensors": "torch",
	} {
		model := filepath.Join(root, filepath.FromSlash(file))
		a := &app{stdin: strings.NewReader("")}
		said, err := a.foretold(t.Context(), detonation{model: model, isolate: "off"}, func(weir.Event) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		l, ok := detonate.For(model, said.formats)
		if !ok || l.Kind != want {
			t.Errorf("%s, recognised as %q: %q, want %q", file, said.formats, l.Kind, want)
		}
	}
}
