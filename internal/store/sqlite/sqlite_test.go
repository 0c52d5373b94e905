package sqlite

import (
	"context"
	"database/sql"
	"encoding/base64"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"weir/internal/auth"
	"weir/internal/store"
	"weir/internal/store/storetest"
)

func TestStore(t *testing.T) {
	dir := t.TempDir()
	storetest.Run(t, func(t *testing.T, name string) store.Store {
		s, err := Open(filepath.Join(dir, name+" ü?#%41.db")) // a name that a URI would read in another way
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
	if _, err := os.Stat(filepath.Join(dir, "accounts ü?#%41.db")); err != nil {
		t.Errorf("the store does not lie where it was to: %v", err)
	}
}

func TestModeOfFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // modes are those of Unix
	}
	path := filepath.Join(t.TempDir(), "weir.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("files %v, error %v: want the store and its journal", files, err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v: hashes of passwords lie there", filepath.Base(f), info.Mode().Perm())
		}
	}
}

func TestNewerStoreIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.db")
	d, err := open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.exec(context.Background(), `UPDATE schema_version SET version = 999 WHERE series = 'auth'`); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Fatalf("error %v, want one about a newer weir", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database at all\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", ":memory:", "a\x00b", text, filepath.Join(t.TempDir(), "missing", "weir.db")} {
		if s, err := Open(path); err == nil {
			s.Close()
			t.Errorf("%q was opened", path)
		}
	}
}

// basicAuth makes the database that an MLflow has written; password hashes and all.
func basicAuth(t *testing.T, version string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "basic_auth-"+version+".sql"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "basic_auth.db")
	pool, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if _, err := pool.Exec(string(text)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadBasicAuth(t *testing.T) {
	for version, extra := range map[string][]auth.MLflowPermission{
		"2.9.2":  nil,
		"3.17.2": {{Type: "experiment", Key: "*", Permission: "READ", Workspace: "default"}},
	} {
		t.Run(version, func(t *testing.T) {
			list, err := ReadBasicAuth(context.Background(), basicAuth(t, version))
			if err != nil {
				t.Fatal(err)
			}
			workspace, no := "", "NO_PERMISSIONS"
			if extra != nil {
				workspace, no = "default", "DENY"
			}
			want := []auth.MLflowAccount{
				{Name: "admin", Admin: true},
				{Name: "ann", Permissions: []auth.MLflowPermission{{Type: "experiment", Key: "1", Permission: "MANAGE", Workspace: workspace}, {Type: "experiment", Key: "2", Permission: "READ", Workspace: workspace}, {Type: "registered_model", Key: "fraud", Permission: "EDIT", Workspace: workspace}}},
				{Name: "bob", Permissions: append([]auth.MLflowPermission{{Type: "experiment", Key: "2", Permission: no, Workspace: workspace}, {Type: "registered_model", Key: "fraud", Permission: "READ", Workspace: workspace}}, extra...)},
				{Name: "no such name!"},
			}
			for i := range list {
				if !strings.HasPrefix(list[i].Hash, "scrypt:") {
					t.Errorf("hash of %q is %q", list[i].Name, list[i].Hash)
				}
				list[i].Hash = ""
				slices.SortFunc(list[i].Permissions, func(a, b auth.MLflowPermission) int { return strings.Compare(a.Type+a.Key, b.Type+b.Key) })
			}
			for i := range want {
				slices.SortFunc(want[i].Permissions, func(a, b auth.MLflowPermission) int { return strings.Compare(a.Type+a.Key, b.Type+b.Key) })
			}
			if !reflect.DeepEqual(list, want) {
				t.Errorf("got  %+v\nwant %+v", list, want)
			}
		})
	}
}

// TestImport: who had a password in MLflow has it in the gate, once its hash is argon2id like any other.
func TestImport(t *testing.T) {
	ctx := context.Background()
	for _, version := range []string{"2.9.2", "3.17.2"} {
		t.Run(version, func(t *testing.T) {
			users, err := ReadBasicAuth(ctx, basicAuth(t, version))
			if err != nil {
				t.Fatal(err)
			}
			s, err := Open(filepath.Join(t.TempDir(), "weir.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			a, err := auth.Open(s, auth.Options{})
			if err != nil {
				t.Fatal(err)
			}
			out, err := a.ImportMLflow(ctx, users, "mlflow", "READ")
			if err != nil {
				t.Fatal(err)
			}
			if len(out.Accounts) != 3 || len(out.Skipped) != 1 {
				t.Errorf("imported %+v", out)
			}
			if again, err := a.ImportMLflow(ctx, users, "mlflow", "READ"); err != nil || len(again.Accounts) != 0 || again.Grants != 0 {
				t.Errorf("a second import did %+v, error %v", again, err)
			}
			header := "Basic " + base64.StdEncoding.EncodeToString([]byte("ann:ann has a password"))
			for range 2 {
				ann, err := a.Identify(ctx, auth.Credentials{Header: map[string][]string{"Authorization": {header}}})
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range []struct {
					action auth.Action
					r      auth.Resource
					want   bool
				}{
					{auth.Delete, auth.Resource{Type: "experiment", ID: "1"}, true},
					{auth.Delete, auth.Resource{Type: "experiment", ID: "1", Server: "other"}, false},
					{auth.Download, auth.Resource{Type: "experiment", ID: "2"}, true},
					{auth.Write, auth.Resource{Type: "experiment", ID: "2"}, false},
					{auth.Read, auth.Resource{Type: "experiment", ID: "77"}, true},
					{auth.Deploy, auth.Resource{Type: "model-version", ID: "3", Within: []auth.Resource{{Type: "registered-model", ID: "fraud", Name: "fraud"}}}, true},
					{auth.Delete, auth.Resource{Type: "registered-model", ID: "fraud", Name: "fraud"}, false},
				} {
					if c.r.Server == "" {
						c.r.Server = "mlflow"
					}
					if d := a.Decide(ann, c.action, c.r); d.Allow != c.want {
						t.Errorf("%s %s: %+v", c.action, c.r.String(), d)
					}
				}
			}
			acc, err := s.Account(ctx, "ann")
			if err != nil || !strings.HasPrefix(acc.Password, "$argon2id$") {
				t.Errorf("after a login the hash is %.20q, error %v", acc.Password, err)
			}
			bob, err := a.Named(ctx, "bob")
			if err != nil {
				t.Fatal(err)
			}
			if d := a.Decide(bob, auth.Read, auth.Resource{Server: "mlflow", Type: "experiment", ID: "2"}); d.Allow || d.Policy != "none" {
				t.Errorf("what MLflow denied bob is %+v", d)
			}
		})
	}
}

func TestReadBasicAuthRefuses(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(dir, "weir.db")
	s, err := Open(own)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	for _, path := range []string{text, own, filepath.Join(dir, "missing")} {
		if _, err := ReadBasicAuth(context.Background(), path); err == nil {
			t.Errorf("%q was read", filepath.Base(path))
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "missing")); err == nil {
		t.Error("reading made a file")
	}
}
