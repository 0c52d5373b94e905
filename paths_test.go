package weir_test

import (
	"testing"

	"weir"
)

func TestClimbs(t *testing.T) {
	for path, want := range map[string]bool{
		"": false, "a/b": false, "a/../b": false, "./a": false, "a//../b": false, "/a": false, "...": false, "..a/b": false, `..\a`: false,
		"..": true, "../a": true, "a/../..": true, "a/../../a/b": true, "./..": true, "/..": true, "a//../../b": true,
	} {
		if got := weir.Climbs(path); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
}
