package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// frame is RFC 5424's header as it must be, then the line.
var frame = regexp.MustCompile(`^<10([89])>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \S+ weir \d+ audit - (\{.*\})$`)

// wantMessages reads until the lines that were appended have come.
func wantMessages(t *testing.T, read func() (string, error)) {
	t.Helper()
	severities := ""
	for seq := 1; seq <= 3; seq++ { // opened, allow, deny
		text, err := read()
		if err != nil {
			t.Fatal(err)
		}
		m := frame.FindStringSubmatch(text)
		if m == nil || !strings.HasPrefix(m[2], fmt.Sprintf(`{"seq":%d,`, seq)) {
			t.Fatalf("message %d: %q", seq, text)
		}
		severities += m[1]
	}
	if severities != "998" {
		t.Errorf("severities %q", severities)
	}
}

func appendTwo(t *testing.T, to string) {
	t.Helper()
	l := open(t, t.TempDir(), Options{Syslog: to})
	denied := record(2)
	denied.Decision = "deny"
	if err := errors.Join(l.Append(record(1)), l.Append(denied), l.Flush()); err != nil {
		t.Fatal(err)
	}
}

func TestSyslogDatagrams(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "log")
	for _, to := range []string{"udp", "unix"} {
		t.Run(to, func(t *testing.T) {
			var conn net.PacketConn
			var err error
			address := "unix://" + socket
			if to == "unix" {
				conn, err = net.ListenPacket("unixgram", socket)
			} else if conn, err = net.ListenPacket("udp", "127.0.0.1:0"); err == nil {
				address = "udp://" + conn.LocalAddr().String()
			}
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			appendTwo(t, address)
			buf := make([]byte, 64<<10)
			wantMessages(t, func() (string, error) {
				conn.SetReadDeadline(time.Now().Add(time.Minute))
				n, _, err := conn.ReadFrom(buf)
				return string(buf[:n]), err
			})
		})
	}
}

func TestSyslogStream(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			address := "127.0.0.1:0"
			if network == "unix" {
				address = filepath.Join(t.TempDir(), "log")
			}
			listener, err := net.Listen(network, address)
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			appendTwo(t, network+"://"+listener.Addr().String())
			conn, err := listener.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetReadDeadline(time.Now().Add(time.Minute))
			r := bufio.NewReader(conn)
			wantMessages(t, func() (string, error) {
				size, err := r.ReadString(' ')
				if err != nil {
					return "", err
				}
				n, err := strconv.Atoi(strings.TrimSpace(size))
				if err != nil || n > 64<<10 {
					return "", fmt.Errorf("length %q: %w", size, err)
				}
				buf := make([]byte, n)
				_, err = io.ReadFull(r, buf)
				return string(buf), err
			})
		})
	}
}

func TestSyslogAddress(t *testing.T) {
	for _, to := range []string{"http://x", "udp://x", "/dev/log", "tcp://:%zz"} {
		if _, err := Open(t.TempDir(), Options{Syslog: to}); err == nil {
			t.Errorf("%q was taken", to)
		}
	}
}

// safeBuffer is a receiver that can fail.
type safeBuffer struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	fail bool
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail {
		return 0, io.ErrClosedPipe
	}
	return b.buf.Write(p)
}

func (b *safeBuffer) set(fail bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = fail
}

func TestStdoutOnly(t *testing.T) {
	if _, err := Open("", Options{}); err == nil {
		t.Error("a log that goes nowhere was opened")
	}
	out := &safeBuffer{}
	l := open(t, "", Options{Stdout: out})
	if err := l.Append(record(1)); err != nil {
		t.Fatal(err)
	}
	out.set(true)
	eventually(t, func() bool { return l.Append(record(2)) != nil })
	out.set(false)
	eventually(t, func() bool { return l.Ready() == nil })
	if err := errors.Join(l.Append(record(3)), l.Close()); err != nil {
		t.Fatal(err)
	}
	text := out.buf.String()
	if n := strings.Count(text, "\n"); n < 4 || !strings.Contains(text, "r000002") || !strings.Contains(text, "r000003") {
		t.Errorf("%d lines: %s", n, text)
	}
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if !strings.HasPrefix(line, fmt.Sprintf(`{"seq":%d,`, i+1)) {
			t.Errorf("line %d: %s", i+1, line)
		}
	}
}

// A copy that cannot be delivered does not stop a log that has its file, unless Strict says so.
func TestCopyFails(t *testing.T) {
	for _, strict := range []bool{false, true} {
		out := &safeBuffer{fail: true}
		l := open(t, t.TempDir(), Options{Stdout: out, Strict: strict})
		if strict {
			eventually(t, func() bool { return l.Append(record(2)) != nil })
			continue
		}
		for range 3 {
			if err := errors.Join(l.Append(record(1)), l.Flush()); err != nil {
				t.Error(err)
			}
		}
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for range 3000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it did not happen")
}
