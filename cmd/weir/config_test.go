package main

import (
	"errors"
	"strings"
	"testing"
)

// FuzzParseConfig: every text is either a configuration or an error that names the file and is wrong use.
func FuzzParseConfig(f *testing.F) {
	f.Add("fail-on: high\nignore:\n  - {rule: a/b, reason: r, until: 2026-12-31}\nlimits: {time: 5m}\ntrust: [a.b]\n")
	f.Add("a: &x [*x]\n? [b]\n: c\n--- \n...\n")
	f.Add("limits: !!binary aGVsbG8=\n<<: {a: b}\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseConfig("weir.yaml", []byte(text))
		var fail *failure
		switch {
		case err == nil && c == nil:
			t.Error("neither")
		case err != nil && (!errors.As(err, &fail) || fail.code != exitUsage || !strings.HasPrefix(err.Error(), "weir.yaml")):
			t.Errorf("got %v", err)
		}
	})
}

// TestEveryOptionCanBeSet: the defaults are right values, and variables read what flags read.
func TestEveryOptionCanBeSet(t *testing.T) {
	for _, o := range options() {
		if err := o.check(o.def); err != nil {
			t.Errorf("the default of %s: %v", o.key, err)
		}
		if s, ok := o.def.(string); ok && s != "" {
			if v, err := o.read(s); err != nil || v != s {
				t.Errorf("%s: %v, %v", o.env(), v, err)
			}
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "256MiB": 256 << 20, "16 GiB": 16 << 30, "5kB": 5000, "7B": 7} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "-1", "MiB", "1.5GiB", "1XB", "99999999TiB", "1 MiB MiB"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
	for _, n := range []int64{1, 1 << 20, 3 << 30, 1000} {
		if got, err := parseSize(size(n)); err != nil || got != n {
			t.Errorf("%d: %q, %v", n, size(n), err)
		}
	}
}

func TestClosest(t *testing.T) {
	words := []string{"scan", "report", "explain", "fail-on"}
	for word, want := range map[string]string{"scna": "scan", "sacn": "scan", "Scan": "scan", "explian": "explain", "fail_on": "fail-on", "xyz": "", "": ""} {
		if got := closest(word, words); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}
