package wire

import (
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// ends sends text and then nothing, and gives what comes back until the server closes. Without bounds on the server's side this would not end.
func ends(t *testing.T, addr, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, text)
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	b, err := io.ReadAll(c)
	if err != nil {
		t.Errorf("%q: the server does not give up: %v", text, err)
	}
	return string(b)
}

func TestSlow(t *testing.T) {
	addr := serve(t, Options{Head: 100 * time.Millisecond, Stall: 100 * time.Millisecond})
	get := "GET / HTTP/1.1\r\n" + hostLine + "\r\n"
	for _, tt := range []struct{ name, send, want string }{
		{"half a head", "GET / HTTP/1.1\r\nHo", ""},
		{"half a head after a request", get + "GET / HTTP/1.1\r\nHo", "200 OK"},
		{"half a body", "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 10\r\n\r\nabc", "wire/slow"},
		{"half a chunk", "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\n\r\na\r\nabc", "wire/slow"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := ends(t, addr, tt.send); !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
				t.Errorf("answered %q, want %q", got, tt.want)
			}
		})
	}
}

// TestLoris keeps sending: a byte now and then, for ever.
func TestLoris(t *testing.T) {
	addr := serve(t, Options{Head: 200 * time.Millisecond, Stall: 5 * time.Second, Patience: 200 * time.Millisecond, MinRate: 1 << 20})
	for name, first := range map[string]string{
		"head": "GET / HTTP/1.1\r\n" + hostLine + "X: ",
		"body": "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 1000000\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			io.WriteString(c, first)
			for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
				if _, err := io.WriteString(c, "a"); err != nil {
					return
				}
				if time.Since(start) > 20*time.Second {
					t.Fatal("a byte now and then keeps the connection")
				}
			}
		})
	}
}

// TestMaxIdle: of five connections where four may wait, one is closed and the others go on.
func TestMaxIdle(t *testing.T) {
	addr := serve(t, Options{MaxIdle: 4, Brief: 50 * time.Millisecond})
	get := "GET / HTTP/1.1\r\n" + hostLine + "\r\n"
	closed := make(chan net.Conn, 5)
	var conns []net.Conn
	for range 5 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
		io.WriteString(c, get)
		if _, err := c.Read(make([]byte, 4096)); err != nil {
			closed <- c // so early already
			continue
		}
		go func() {
			if _, err := c.Read(make([]byte, 1)); err == io.EOF {
				closed <- c
			}
		}()
	}
	var gone net.Conn
	select {
	case gone = <-closed:
	case <-time.After(20 * time.Second):
		t.Fatal("all five are kept")
	}
	for _, c := range conns {
		if c == gone {
			continue
		}
		if _, err := io.WriteString(c, get); err != nil {
			t.Errorf("one of the others was closed too: %v", err)
		}
	}
	select {
	case <-closed:
		t.Error("two were closed")
	case <-time.After(200 * time.Millisecond):
	}
}

func TestMaxConns(t *testing.T) {
	addr := serve(t, Options{MaxConns: 2})
	for range 2 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET / HTTP/1.1\r\n"+hostLine+"\r\n")
		if _, err := c.Read(make([]byte, 4096)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil || isTimeout(err) {
		t.Errorf("a third connection stays: %d, %v", n, err)
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

// TestIdleMemory: what a connection costs while it waits is bounded, and stays the same however many requests it has carried.
func TestIdleMemory(t *testing.T) {
	addr := serve(t, Options{MaxIdle: 10_000})
	const n = 400
	conns := make([]net.Conn, n)
	for i := range conns {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns[i] = c
	}
	round := func() uint64 {
		var wg sync.WaitGroup
		for _, c := range conns {
			wg.Add(1)
			go func() {
				defer wg.Done()
				io.WriteString(c, "POST / HTTP/1.1\r\n"+hostLine+"X: "+strings.Repeat("x", 20_000)+"\r\nContent-Length: 3\r\n\r\nabc")
				if _, err := c.Read(make([]byte, 4096)); err != nil {
					t.Error(err)
				}
			}()
		}
		wg.Wait()
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	first := round()
	for range 3 {
		round()
	}
	last := round()
	if grown := int64(last) - int64(first); grown > n*8<<10 {
		t.Errorf("%d idle connections grew by %d bytes", n, grown)
	}
}
