package h2o_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// browse opens Flow in Chromium, through a hop that adds the account's token and notes what the page asked for, and gives its DOM.
func browse(t *testing.T, to, token string) (dom string, asked map[string]int) {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	asked = map[string]int{}
	var lock sync.Mutex
	hop := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // as the browser said it: its Origin is compared with it
			if token != "" {
				r.Out.Header.Set("Authorization", token)
			}
		},
		ModifyResponse: func(res *http.Response) error {
			lock.Lock()
			defer lock.Unlock()
			asked[res.Request.Method+" "+res.Request.URL.Path] = res.StatusCode
			return nil
		},
	})
	defer hop.Close()
	profile := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+profile,
		"--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--virtual-time-budget=8000", "--dump-dom", hop.URL+"/")
	cmd.Env = append(os.Environ(), "HOME="+profile)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("chromium (testdata/gate/setup.sh installs it): %v", err)
	}
	lock.Lock()
	defer lock.Unlock()
	return string(out), asked
}

// TestFlowPage: Flow loads in a real browser, finds all that it asks for at its start, and looks as without the gate. Only notebooks that are kept on
// the server are not for everybody.
func TestFlowPage(t *testing.T) {
	h := newHouse(t, real[0])
	bare, without := browse(t, h.server.URL, "")
	dom, through := browse(t, h.URL, h.Accounts["ann"].Bearer())
	for _, text := range []string{"Untitled Flow", "Assistance", "importFiles", "getFrames", "H2O.ai"} {
		if !strings.Contains(bare, text) {
			t.Errorf("without the gate there is no %q on the page", text)
		}
		if !strings.Contains(dom, text) {
			t.Errorf("through the gate there is no %q on the page", text)
		}
	}
	if len(without) < 8 {
		t.Errorf("the page asked for %v only", without)
	}
	var differ []string
	for path, status := range without {
		if got := through[path]; got != status && !strings.Contains(path, "/NodePersistentStorage/") {
			differ = append(differ, fmt.Sprintf("%s: %d, without the gate %d", path, got, status))
		}
	}
	slices.Sort(differ)
	if len(differ) > 0 {
		t.Errorf("through the gate other answers:\n%s", strings.Join(differ, "\n"))
	}
}
