package gatetest

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Browser is a real Chromium without a window, driven over its DevTools protocol by a pipe (--remote-debugging-pipe: JSON messages that end in NUL).
type Browser struct {
	cmd     *exec.Cmd
	in      *os.File
	mu      sync.Mutex
	next    int
	calls   map[int]chan message
	tabs    map[string]*Tab
	stopped chan struct{}
}

type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// NewBrowser starts Chromium for one test. It reaches loopback addresses only, since nothing here may call anybody.
func NewBrowser(t testing.TB, args ...string) *Browser {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			program = p
			break
		}
	}
	if program == "" {
		t.Fatal("gatetest: there is no Chromium: run testdata/gate/setup.sh ci")
	}
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	profile, err := os.MkdirTemp("", "gatetest-browser-")
	if err != nil {
		t.Fatal(err)
	}
	b := &Browser{in: ourOut, calls: map[int]chan message{}, tabs: map[string]*Tab{}, stopped: make(chan struct{})}
	b.cmd = exec.Command(program, append([]string{
		"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe", "--user-data-dir=" + profile,
		"--no-first-run", "--no-default-browser-check", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
		"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost", "--window-size=1400,1000", "--lang=en-US", "about:blank"}, args...)...)
	b.cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	b.cmd.Env = append(os.Environ(), "HOME="+profile, "TZ=UTC")
	ownGroup(b.cmd)
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	go b.read(ourIn)
	t.Cleanup(func() {
		ourOut.Close()
		killGroup(b.cmd)
		b.cmd.Wait()
		ourIn.Close()
		<-b.stopped
		os.RemoveAll(profile)
	})
	return b
}

func (b *Browser) read(from *os.File) {
	defer close(b.stopped)
	r := bufio.NewReaderSize(from, 1<<20)
	for {
		line, err := r.ReadBytes(0)
		if err != nil {
			b.mu.Lock()
			for id, c := range b.calls {
				close(c)
				delete(b.calls, id)
			}
			b.calls = nil
			b.mu.Unlock()
			return
		}
		var m message
		if json.Unmarshal(line[:len(line)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		c, tab := b.calls[m.ID], b.tabs[m.Session]
		delete(b.calls, m.ID)
		b.mu.Unlock()
		switch {
		case m.ID != 0 && c != nil:
			c <- m
		case m.ID == 0 && tab != nil:
			tab.event(&m)
		}
	}
}

// call sends a command and waits for its answer, a minute at most.
func (b *Browser) call(session, method string, params any) (json.RawMessage, error) {
	p, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	if b.calls == nil {
		b.mu.Unlock()
		return nil, errors.New("the browser has ended")
	}
	b.next++
	m := message{ID: b.next, Session: session, Method: method, Params: p}
	c := make(chan message, 1)
	b.calls[m.ID] = c
	text, _ := json.Marshal(m) // of strings and numbers
	_, err = b.in.Write(append(text, 0))
	b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case m, ok := <-c:
		switch {
		case !ok:
			return nil, errors.New("the browser has ended")
		case m.Error != nil:
			return nil, fmt.Errorf("%s: %s", method, m.Error.Message)
		}
		return m.Result, nil
	case <-time.After(time.Minute):
		return nil, fmt.Errorf("%s: no answer within a minute", method)
	}
}

// Tab is one page of a browser, with what it asked for and what it complained of.
type Tab struct {
	t       testing.TB
	b       *Browser
	session string

	mu       sync.Mutex
	open     map[string]string // requests on their way: "GET /path"
	changed  time.Time
	requests []Request
	console  []string
}

// Request is one request of a page with its answer.
type Request struct {
	Method, URL string
	Status      int    // 0: it failed
	Failed      string // why
	Type        string // of the content
}

// Tab opens a page of its own, with cookies of its own.
func (b *Browser) Tab(t testing.TB) *Tab {
	t.Helper()
	tab := &Tab{t: t, b: b, open: map[string]string{}}
	var context struct{ BrowserContextId string }
	tab.must(&context, "", "Target.createBrowserContext", map[string]any{})
	var target struct{ TargetId string }
	tab.must(&target, "", "Target.createTarget", map[string]any{"url": "about:blank", "browserContextId": context.BrowserContextId, "width": 1400, "height": 1000})
	var attached struct{ SessionId string }
	tab.must(&attached, "", "Target.attachToTarget", map[string]any{"targetId": target.TargetId, "flatten": true})
	tab.session = attached.SessionId
	b.mu.Lock()
	b.tabs[tab.session] = tab
	b.mu.Unlock()
	for _, domain := range []string{"Page", "Runtime", "Network", "Log"} {
		tab.must(nil, tab.session, domain+".enable", map[string]any{})
	}
	tab.must(nil, "", "Browser.setDownloadBehavior", map[string]any{"behavior": "deny", "browserContextId": context.BrowserContextId})
	return tab
}

func (tab *Tab) must(into any, session, method string, params any) {
	tab.t.Helper()
	r, err := tab.b.call(session, method, params)
	if err == nil && into != nil {
		err = json.Unmarshal(r, into)
	}
	if err != nil {
		tab.t.Fatal(err)
	}
}

// event keeps what a page asks for and complains of.
func (tab *Tab) event(m *message) {
	var p struct {
		RequestId string
		Request   struct{ Method, Url string }
		Response  struct {
			Status        int
			MimeType, Url string
		}
		RedirectResponse *struct{ Status int }
		ErrorText        string
		Type             string
		Args             []struct {
			Value       any
			Description string
		}
		Entry            struct{ Level, Text, Url, Source string }
		ExceptionDetails struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	if json.Unmarshal(m.Params, &p) != nil {
		return
	}
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tab.changed = time.Now()
	method := func() string { s, _, _ := strings.Cut(tab.open[p.RequestId], " "); return s }
	switch m.Method {
	case "Network.requestWillBeSent":
		if p.RedirectResponse != nil {
			method, url, _ := strings.Cut(tab.open[p.RequestId], " ")
			tab.requests = append(tab.requests, Request{Method: method, URL: url, Status: p.RedirectResponse.Status})
		}
		if !strings.HasPrefix(p.Request.Url, "data:") && !strings.HasPrefix(p.Request.Url, "blob:") {
			tab.open[p.RequestId] = p.Request.Method + " " + p.Request.Url
		}
	case "Network.responseReceived":
		if tab.open[p.RequestId] != "" {
			tab.requests = append(tab.requests, Request{Method: method(), URL: p.Response.Url, Status: p.Response.Status, Type: p.Response.MimeType})
		}
	case "Network.loadingFinished":
		delete(tab.open, p.RequestId)
	case "Network.loadingFailed":
		if what := tab.open[p.RequestId]; what != "" {
			method, url, _ := strings.Cut(what, " ")
			tab.requests = append(tab.requests, Request{Method: method, URL: url, Failed: p.ErrorText})
			delete(tab.open, p.RequestId)
		}
	case "Runtime.consoleAPICalled":
		if p.Type == "error" || p.Type == "assert" {
			var s []string
			for _, a := range p.Args {
				if a.Description != "" {
					s = append(s, a.Description)
				} else {
					s = append(s, fmt.Sprint(a.Value))
				}
			}
			tab.console = append(tab.console, "console: "+strings.Join(s, " "))
		}
	case "Runtime.exceptionThrown":
		tab.console = append(tab.console, "exception: "+p.ExceptionDetails.Text+" "+p.ExceptionDetails.Exception.Description)
	case "Log.entryAdded":
		if p.Entry.Level == "error" {
			tab.console = append(tab.console, p.Entry.Source+": "+p.Entry.Text+" "+p.Entry.Url)
		}
	}
}

// Open goes to an address and waits until the page has come to rest.
func (tab *Tab) Open(url string) {
	tab.t.Helper()
	tab.mu.Lock()
	clear(tab.open) // what the page before still waited for: nobody tells its end
	tab.mu.Unlock()
	tab.must(nil, tab.session, "Page.navigate", map[string]any{"url": url})
	tab.Rest()
}

// Rest waits until nothing was asked for during most of a second, five seconds at most: a page that streams never rests.
func (tab *Tab) Rest() {
	end := time.Now().Add(5 * time.Second)
	for time.Now().Before(end) {
		time.Sleep(100 * time.Millisecond)
		tab.mu.Lock()
		quiet := len(tab.open) == 0 && time.Since(tab.changed) > 900*time.Millisecond
		tab.mu.Unlock()
		if quiet {
			return
		}
	}
}

// Eval runs an expression in the page and gives its value as a string; promises are waited for.
func (tab *Tab) Eval(expression string) string {
	tab.t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	tab.must(&r, tab.session, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true})
	if r.ExceptionDetails != nil {
		tab.t.Fatalf("%s: %s %s", expression, r.ExceptionDetails.Text, r.ExceptionDetails.Exception.Description)
	}
	if r.Result.Value == nil {
		return ""
	}
	return fmt.Sprint(r.Result.Value)
}

// Wait waits until an expression is true, a minute at most.
func (tab *Tab) Wait(expression string) {
	tab.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if tab.Eval("!!("+expression+")") == "true" {
			return
		}
		if time.Now().After(end) {
			tab.t.Fatalf("%s: not within a minute; the page shows:\n%.2000s", expression, tab.Text())
		}
	}
}

// Text is what a person sees of the page.
func (tab *Tab) Text() string { return tab.Eval("document.body ? document.body.innerText : ''") }

// Key presses a key as a keyboard does: "Tab", "Enter", or one character.
func (tab *Tab) Key(name string) {
	tab.t.Helper()
	codes := map[string]int{"Tab": 9, "Enter": 13, "Escape": 27}
	p := map[string]any{"key": name, "code": name, "windowsVirtualKeyCode": codes[name]}
	if name == "Enter" {
		p["text"] = "\r"
	}
	if codes[name] == 0 {
		p = map[string]any{"key": name, "text": name}
	}
	p["type"] = "keyDown"
	tab.must(nil, tab.session, "Input.dispatchKeyEvent", p)
	delete(p, "text")
	p["type"] = "keyUp"
	tab.must(nil, tab.session, "Input.dispatchKeyEvent", p)
}

// Type types a text into what has the focus.
func (tab *Tab) Type(text string) {
	tab.t.Helper()
	tab.must(nil, tab.session, "Input.insertText", map[string]any{"text": text})
}

// Scheme makes the page believe that its user prefers light or dark.
func (tab *Tab) Scheme(name string) {
	tab.t.Helper()
	tab.must(nil, tab.session, "Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme", "value": name}}})
}

// Shot writes a picture of the page below GATETEST_SHOTS, for people; without that variable it does nothing.
func (tab *Tab) Shot(name string) {
	dir := os.Getenv("GATETEST_SHOTS")
	if dir == "" {
		return
	}
	tab.t.Helper()
	var r struct{ Data string }
	tab.must(&r, tab.session, "Page.captureScreenshot", map[string]any{"format": "png"})
	b, err := base64.StdEncoding.DecodeString(r.Data)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), b, 0o644)
	}
	if err != nil {
		tab.t.Error(err)
	}
}

// Take gives what the page asked for and complained of since the last time.
func (tab *Tab) Take() (requests []Request, console []string) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	requests, console = tab.requests, tab.console
	tab.requests, tab.console = nil, nil
	return requests, console
}

// Width makes the window as wide as a phone's or a desk's, in CSS pixels.
func (tab *Tab) Width(pixels int) {
	tab.t.Helper()
	tab.must(nil, tab.session, "Emulation.setDeviceMetricsOverride", map[string]any{"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": false})
}

// Unnamed gives the controls and pictures that a screen reader could only call by what they are.
func (tab *Tab) Unnamed() []string {
	tab.t.Helper()
	var tree struct {
		Nodes []struct {
			Ignored          bool
			Role, Name       struct{ Value any }
			BackendDOMNodeId int
		}
	}
	tab.must(&tree, tab.session, "Accessibility.getFullAXTree", map[string]any{})
	var out []string
	for _, n := range tree.Nodes {
		role, _ := n.Role.Value.(string)
		name, _ := n.Name.Value.(string)
		switch role {
		case "button", "link", "textbox", "combobox", "checkbox", "table", "region", "navigation", "img", "heading":
			if !n.Ignored && strings.TrimSpace(name) == "" {
				out = append(out, fmt.Sprintf("%s (node %d)", role, n.BackendDOMNodeId))
			}
		}
	}
	return out
}

// Faint gives the texts whose contrast with what is behind them is below 4.5 to 1 (WCAG 2.2, 1.4.3).
func (tab *Tab) Faint() string {
	tab.t.Helper()
	return tab.Eval(`(() => {
		const rgb = s => { const m = s.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m };
		const light = c => { const f = c.slice(0, 3).map(v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 }); return .2126 * f[0] + .7152 * f[1] + .0722 * f[2] };
		const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] > 0) return c } return rgb(getComputedStyle(document.documentElement).colorScheme.includes('dark') && matchMedia('(prefers-color-scheme: dark)').matches ? 'rgb(18,18,18)' : 'rgb(255,255,255)') };
		const out = [];
		for (const e of document.querySelectorAll('body *')) {
			if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility()) continue;
			const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
			const ratio = (a + .05) / (b + .05);
			if (ratio < 4.5) out.push(ratio.toFixed(2) + ' ' + e.tagName + ' ' + e.textContent.trim().slice(0, 40));
		}
		return out.join('\n');
	})()`)
}
