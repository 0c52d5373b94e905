package wire

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func newClient(addr string) *Client {
	return &Client{Addr: addr, Slow: &http.Transport{DialContext: (&net.Dialer{}).DialContext, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 8,
		ResponseHeaderTimeout: 5 * time.Second, MaxResponseHeaderBytes: 8 << 10, DisableCompression: true}}
}

func ask(t testing.TB, c *Client, method, path string, body []byte) (string, error) {
	return askContext(context.Background(), t, c, method, path, body)
}

func askContext(ctx context.Context, t testing.TB, c *Client, method, path string, body []byte) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+c.Addr+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return fmt.Sprint(res.StatusCode, " ", string(b)), err
}

func TestClient(t *testing.T) {
	var conns atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/early":
			w.WriteHeader(http.StatusEarlyHints)
		case "/chunks":
			for range 3 {
				fmt.Fprintf(w, "part ")
				w.(http.Flusher).Flush()
			}
		case "/close":
			w.Header().Set("Connection", "close")
		}
		fmt.Fprintf(w, "%s %s %s %q", r.Method, r.RequestURI, r.Header.Get("Content-Length"), b)
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	c := newClient(strings.TrimPrefix(srv.URL, "http://"))
	defer c.CloseIdleConnections()
	for _, tt := range []struct{ method, path, body, want string }{
		{"GET", "/a%20b?c=d", "", `200 GET /a%20b?c=d  ""`},
		{"POST", "/", `{"a":1}`, `200 POST / 7 "{\"a\":1}"`},
		{"POST", "/", "", `200 POST / 0 ""`},
		{"DELETE", "/", "", `200 DELETE /  ""`},
		{"GET", "/chunks", "", `200 part part part GET /chunks  ""`},
		{"GET", "/early", "", `200 GET /early  ""`},
		{"HEAD", "/", "", "200 "},
		{"GET", "/last", "", `200 GET /last  ""`},
	} {
		if got, err := ask(t, c, tt.method, tt.path, []byte(tt.body)); err != nil || got != tt.want {
			t.Errorf("%s %s: %q, %v; want %q", tt.method, tt.path, got, err, tt.want)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections for requests one after another", n)
	}
	if _, err := ask(t, c, "GET", "/close", nil); err != nil {
		t.Error(err)
	}
	if got, err := ask(t, c, "GET", "/after", nil); err != nil || conns.Load() != 2 {
		t.Errorf("after a connection that the server closed: %q, %v, %d connections", got, err, conns.Load())
	}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range 50 {
				body := fmt.Sprintf("%d-%d", i, j)
				if got, err := ask(t, c, "PUT", "/x", []byte(body)); err != nil || got != fmt.Sprintf("200 PUT /x %d %q", len(body), body) {
					t.Errorf("%q, %v", got, err)
				}
			}
		}()
	}
	wg.Wait()
	if len(c.idle) > 8 {
		t.Errorf("%d idle connections are kept", len(c.idle))
	}
}

// crude answers each request of a connection by the next of the texts as they are; after the last it closes. It counts requests.
func crude(t *testing.T, texts ...string) (*Client, *atomic.Int64) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var asked atomic.Int64
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				br := bufio.NewReader(conn)
				for _, text := range texts {
					r, err := http.ReadRequest(br)
					if err != nil {
						return
					}
					io.Copy(io.Discard, r.Body)
					asked.Add(1)
					io.WriteString(conn, text)
				}
			}()
		}
	}()
	c := newClient(l.Addr().String())
	t.Cleanup(c.CloseIdleConnections)
	return c, &asked
}

const answered = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func TestClientFaults(t *testing.T) {
	t.Run("closed while idle", func(t *testing.T) {
		c, _ := crude(t, answered)
		for range 3 {
			if got, err := ask(t, c, "POST", "/", []byte("x")); got != "200 ok" {
				t.Fatalf("%q, %v", got, err)
			}
			for i := 0; len(c.idle) > 0 && quiet(c.idle[0].Conn) && i < 200; i++ { // until its end has come
				time.Sleep(10 * time.Millisecond)
			}
		}
	})
	t.Run("a second answer that nobody asked for", func(t *testing.T) {
		c, _ := crude(t, answered+"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged", answered)
		for range 3 {
			if got, err := ask(t, c, "GET", "/", nil); got != "200 ok" {
				t.Fatalf("%q, %v", got, err)
			}
		}
	})
	t.Run("a write is not sent twice", func(t *testing.T) {
		c, asked := crude(t, answered, "")
		ask(t, c, "POST", "/", nil)
		if got, err := ask(t, c, "POST", "/", nil); err == nil || asked.Load() != 2 {
			t.Errorf("%q, %v, %d requests", got, err, asked.Load())
		}
	})
	t.Run("a read is sent again", func(t *testing.T) {
		c, asked := crude(t, answered, "")
		ask(t, c, "GET", "/", nil)
		if got, err := ask(t, c, "GET", "/", nil); got != "200 ok" || asked.Load() != 3 {
			t.Errorf("%q, %v, %d requests", got, err, asked.Load())
		}
	})
	for name, text := range map[string]string{
		"nothing":          "",
		"half a head":      "HTTP/1.1 200 OK\r\nContent-Le",
		"half a body":      "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf",
		"half a chunk":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"no HTTP":          "hello\r\n\r\n",
		"two lengths":      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
		"a long head":      "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 20<<10) + "\r\nContent-Length: 2\r\n\r\nok",
		"only information": strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 10),
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := crude(t, text)
			if got, err := ask(t, c, "GET", "/", nil); err == nil {
				t.Errorf("answered %q", got)
			}
			if len(c.idle) != 0 {
				t.Error("the connection is kept")
			}
		})
	}
	t.Run("the caller gives up", func(t *testing.T) {
		stop := make(chan struct{})
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/body" {
				io.WriteString(w, "first")
				w.(http.Flusher).Flush()
			}
			<-stop
		}))
		defer srv.Close()
		defer close(stop)
		c := newClient(strings.TrimPrefix(srv.URL, "http://"))
		for _, path := range []string{"/head", "/body"} {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(50*time.Millisecond, cancel)
			if got, err := askContext(ctx, t, c, "GET", path, nil); err == nil || path == "/head" && !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %q, %v", path, got, err)
			}
		}
	})
	t.Run("a header that would split the request", func(t *testing.T) {
		c, asked := crude(t, answered)
		r := &http.Request{Method: "GET", URL: &url.URL{Scheme: "http", Host: c.Addr, Path: "/"}, Host: c.Addr, Header: http.Header{"X": {"a\r\nHost: b"}}}
		if _, err := c.RoundTrip(r); err == nil || asked.Load() != 0 {
			t.Errorf("%v, %d requests", err, asked.Load())
		}
	})
}
