//go:build unix

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// idle opens connections that carry one request each and then wait, and others that never finish their head, and says what that costs the gate and
// whoever comes after them.
func (b *bench) idle(n int, t target, pid int) error {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil && files.Cur < uint64(n)+1000 {
		n = int(files.Cur) - 1000
	}
	fmt.Printf("## %d idle connections, then %d that never finish a head\n\n| | memory of the gate | p50 of a request | p99 |\n|---|---|---|---|\n", n, n/4)
	row := func(what string) error {
		c, err := dial(t)
		if err != nil {
			return err
		}
		defer c.close()
		times := make([]time.Duration, 0, 2000)
		for len(times) < cap(times) {
			start := time.Now()
			if err := c.ask(); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
			times = append(times, time.Since(start))
		}
		sortTimes(times)
		fmt.Printf("| %s | %s | %s | %s |\n", what, resident(pid), ms(quantile(times, 50)), ms(quantile(times, 99)))
		return nil
	}
	if err := row("before"); err != nil {
		return err
	}
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	for range n {
		c, err := dial(t)
		if err != nil {
			return err
		}
		open = append(open, c.conn)
		if err := c.ask(); err != nil {
			return err
		}
	}
	if err := row("all idle"); err != nil {
		return err
	}
	time.Sleep(3 * time.Second)
	if err := row("3 s later"); err != nil {
		return err
	}
	for range n / 4 {
		c, err := net.Dial("tcp", t.addr)
		if err != nil {
			return err
		}
		open = append(open, c)
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
	}
	if err := row("with slow heads"); err != nil {
		return err
	}
	time.Sleep(12 * time.Second)
	if err := row("12 s later"); err != nil {
		return err
	}
	fmt.Println()
	return nil
}

// resident gives a process's resident memory.
func resident(pid int) string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(v), " kB"))
			return fmt.Sprintf("%d MiB", kib/1024)
		}
	}
	return "unknown"
}
