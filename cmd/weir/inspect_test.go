package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestInspectManyMembers: a description is not cut where a scan would have enough.
func TestInspectManyMembers(t *testing.T) {
	const members = 21_000
	name := filepath.Join(t.TempDir(), "many.zip")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for i := range members {
		w, err := z.Create(fmt.Sprintf("m/%d", i))
		if err == nil {
			_, err = w.Write([]byte("text"))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := run(&app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, today: time.Now}, []string{"inspect", "--isolate", "off", "--all", name})
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if got := strings.Count(out.String(), "    m/"); got != members {
		t.Errorf("%d members are shown, want %d", got, members)
	}
}
