package main

import "testing"

func TestFitted(t *testing.T) {
	rows := [][]string{{"a/b", "high", "a title that is longer than its column is"}, {"c", "low", "short"}}
	for width, want := range map[int]string{
		0:   "a/b  high  a title that is longer than its column is\nc    low   short\n",
		100: "a/b  high  a title that is longer than its column is\nc    low   short\n",
		35:  "a/b  high  a title that is longer\n           than its column is\nc    low   short\n",
		15:  "a/b  high  a title that is longer than its column is\nc    low   short\n",
	} {
		if got := fitted(rows, width); got != want {
			t.Errorf("width %d:\n%s", width, got)
		}
	}
	if got := fitted(nil, 80); got != "" {
		t.Errorf("no rows: %q", got)
	}
}
