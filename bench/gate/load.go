package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// path is what every target is asked for: a read that MLflow's clients send all the time.
const path = "/api/2.0/mlflow/experiments/get?experiment_id=0"

// client is one connection. It writes prepared bytes and reads just enough of the answer, so that it takes little of the processor from the servers.
type client struct {
	conn net.Conn
	r    *bufio.Reader
	out  []byte
	t    target
}

func dial(t target) (*client, error) {
	c, err := net.Dial("tcp", t.addr)
	if err != nil {
		return nil, err
	}
	out := "GET " + path + " HTTP/1.1\r\nHost: " + t.addr + "\r\nUser-Agent: mlflow-python-client/3.17.2\r\nAccept: */*\r\n" + t.header + "\r\n"
	return &client{c, bufio.NewReader(c), []byte(out), t}, nil
}

func (c *client) close() { c.conn.Close() }

// ask sends the request and reads the answer. A server may have closed the connection since the last one (uvicorn does): then it tries once again.
func (c *client) ask() error {
	err := c.once()
	if errors.Is(err, errClosed) {
		fresh, err := dial(c.t)
		if err != nil {
			return err
		}
		c.close()
		*c = *fresh
		return c.once()
	}
	return err
}

var errClosed = errors.New("the server closed the connection")

func (c *client) once() error {
	c.conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := c.conn.Write(c.out); err != nil {
		return errClosed
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return errClosed
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		rest, _ := c.r.Peek(c.r.Buffered())
		return fmt.Errorf("answered %q %q", line, rest)
	}
	length, chunked := -1, false
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			break
		}
		if len(line) > 16 && bytes.EqualFold(line[:15], []byte("content-length:")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[15:]))); err != nil {
				return err
			}
		}
		chunked = chunked || bytes.EqualFold(bytes.TrimSpace(line), []byte("transfer-encoding: chunked"))
	}
	switch {
	case chunked:
		return c.chunks()
	case length < 0:
		return errors.New("an answer without a length")
	}
	_, err = c.r.Discard(length)
	return err
}

func (c *client) chunks() error {
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, c.r, n+2); err != nil || n == 0 {
			return err
		}
	}
}

// load keeps conns connections busy for a while and gives requests per second.
func load(t target, conns int, d time.Duration) (float64, error) {
	var done atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	start := time.Now()
	end := start.Add(d)
	for range conns {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c, err := dial(t)
			if err == nil {
				defer func() { c.close() }()
				for time.Now().Before(end) && failed.Load() == nil {
					if err = c.ask(); err != nil {
						break
					}
					done.Add(1)
				}
			}
			if err != nil {
				failed.Store(&err)
			}
		}()
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(done.Load()) / time.Since(start).Seconds(), nil
}
