package storetest

import (
	"context"
	"testing"

	"weir/internal/store"
)

func memos(t *testing.T, s store.Store) {
	ctx := context.Background()
	want := func(server, key, value string) {
		t.Helper()
		got, ok, err := s.Memo(ctx, server, key)
		if err != nil || ok != (value != "") || got != value {
			t.Errorf("%s %s: %q, %v, %v; want %q", server, key, got, ok, err, value)
		}
	}
	want("one", "a", "")
	for _, v := range []string{"first", "second"} {
		if err := s.KeepMemo(ctx, "one", "a", v); err != nil {
			t.Fatal(err)
		}
	}
	want("one", "a", "second")
	want("two", "a", "") // another server's key of the same name
	for range 2 {
		if err := s.DropMemo(ctx, "one", "a"); err != nil {
			t.Fatal(err)
		}
	}
	want("one", "a", "")
}
