//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sandbox

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// workerArg makes the test binary a worker.
const workerArg = "test-worker"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == workerArg {
		if err := Serve(testHandler); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	if len(os.Args) == 2 && os.Args[1] == parentArg {
		dyingParent()
	}
	os.Exit(m.Run())
}

// testConfig is a pool of test binaries.
func testConfig() Config {
	return Config{Argv: []string{"worker", workerArg}, Limits: Limits{Memory: testMemory}}
}

func newTestPool(t testing.TB, change func(*Config)) *Pool {
	t.Helper()
	cfg := testConfig()
	if change != nil {
		change(&cfg)
	}
	p, err := NewPool(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

var (
	sinkMu sync.Mutex
	sink   [][]byte
)

// testHandler does what the request says: a verb and one argument.
func testHandler(ctx context.Context, req []byte, files []*os.File, spool *os.File, send func([]byte) error) error {
	verb, arg, _ := strings.Cut(string(req), " ")
	n, _ := strconv.Atoi(arg)
	switch verb {
	case "echo":
		return send([]byte(arg))
	case "nothing":
		return nil
	case "work": // n microseconds
		for end := time.Now().Add(time.Duration(n) * time.Microsecond); time.Now().Before(end); {
		}
		return send([]byte("x"))
	case "fail":
		return errors.New(arg)
	case "frames": // n numbered frames
		for i := range n {
			if err := send([]byte(strconv.Itoa(i))); err != nil {
				return err
			}
		}
		return nil
	case "large":
		return send(make([]byte, n))
	case "read": // the content of each file
		for _, f := range files {
			b := make([]byte, 1<<10)
			k, _ := f.ReadAt(b, 0)
			if err := send(b[:k]); err != nil {
				return err
			}
		}
		return nil
	case "spool": // its size at the start, then n bytes more
		info, err := spool.Stat()
		if err != nil {
			return err
		}
		if err := send([]byte(strconv.FormatInt(info.Size(), 10))); err != nil {
			return err
		}
		_, err = spool.Write(make([]byte, n))
		return err
	case "wait": // until the deadline
		<-ctx.Done()
		if err := send([]byte("saw the end")); err != nil {
			return err
		}
		return ctx.Err()
	case "getenv":
		return send([]byte(strings.Join(os.Environ(), "\n")))
	case "pid":
		return send([]byte(strconv.Itoa(os.Getpid())))
	}
	if err := send([]byte("before")); err != nil {
		return err
	}
	switch verb {
	case "panic":
		panic(arg)
	case "gopanic":
		go panic(arg)
		select {}
	case "index":
		_ = files[n]
	case "exit":
		os.Exit(n)
	case "loop":
		for n >= 0 { // for ever
			n ^= 1
		}
	case "sleep":
		time.Sleep(time.Hour)
	case "die":
		_ = syscall.Kill(os.Getpid(), syscall.Signal(n))
		time.Sleep(time.Minute)
	case "bomb": // at most a GiB in all
		for range 256 {
			b := make([]byte, 4<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			sinkMu.Lock()
			sink = append(sink, b)
			sinkMu.Unlock()
		}
	case "recurse":
		return send([]byte(strconv.Itoa(recurse(n))))
	case "flood":
		for {
			if err := send(make([]byte, 1<<10)); err != nil {
				return err
			}
		}
	case "lie": // a length that is far beyond any bound, or within but never filled
		b := binary.BigEndian.AppendUint32(nil, uint32(n))
		_, _ = syscall.Write(socketFD, append(b, byte(kindData), 'x'))
		if n < 1<<20 {
			os.Exit(0)
		}
		time.Sleep(time.Minute)
	case "raw": // bytes of no frame
		_, _ = syscall.Write(socketFD, []byte(arg))
		time.Sleep(time.Minute)
	case "hello": // a second one
		_, _ = syscall.Write(socketFD, appendFrame(nil, kindHello, nil))
		time.Sleep(time.Minute)
	case "ends": // a forged end, and more behind it
		_, _ = syscall.Write(socketFD, appendFrame(appendFrame(nil, kindEnd, nil), kindData, []byte("forged")))
		time.Sleep(time.Minute)
	case "hangup": // closes the connection and lives on
		syscall.Close(socketFD)
		time.Sleep(time.Minute)
	case "try":
		return attempt(arg, files, send)
	default:
		return fmt.Errorf("no such verb %q", verb)
	}
	return nil
}

func recurse(n int) int {
	var pad [1024]byte
	pad[n%1024] = 1
	if n == 0 {
		return 0
	}
	return recurse(n-1) + int(pad[(n+1)%1024])
}
