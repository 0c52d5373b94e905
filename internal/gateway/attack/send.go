package attack

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxAnswer = 4 << 20 // bytes of an answer's body that are looked at
	patience  = 90 * time.Second
)

// Answer is what one request got.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// send writes a request byte by byte as the step has it and reads the answer.
func send(ctx context.Context, base *url.URL, message []byte, wait time.Duration) (*Answer, error) {
	address := base.Host
	if base.Port() == "" {
		address = net.JoinHostPort(base.Hostname(), map[string]string{"https": "443"}[base.Scheme])
		if base.Scheme != "https" {
			address = net.JoinHostPort(base.Hostname(), "80")
		}
	}
	d := net.Dialer{Timeout: wait}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(wait))
	if base.Scheme == "https" {
		t := tls.Client(conn, &tls.Config{ServerName: base.Hostname(), MinVersion: tls.VersionTLS12})
		if err := t.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		conn = t
	}
	// A server may answer before it has read all, and close: what it said counts then, not that writing failed.
	_, writeErr := conn.Write(message)
	method, _, _ := strings.Cut(string(message[:min(len(message), 20)]), " ")
	r, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return nil, errors.Join(writeErr, err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer))
	if err != nil && len(body) == 0 {
		return nil, err
	}
	return &Answer{Status: r.StatusCode, Header: r.Header, Body: body}, nil
}

// compose writes a step's request as bytes: what the text has, and what it lacks of Host, Authorization, Content-Type and Content-Length.
func compose(text string, body []byte, base *url.URL, auth string) ([]byte, error) {
	head, inline, _ := strings.Cut(text, "\n\n")
	if body == nil {
		body = []byte(inline)
	}
	lines := strings.Split(strings.TrimRight(head, "\n"), "\n")
	method, target, ok := strings.Cut(lines[0], " ")
	if !ok {
		return nil, fmt.Errorf("the request line %q has no target", lines[0])
	}
	if p := strings.TrimRight(base.Path, "/"); p != "" && strings.HasPrefix(target, "/") {
		target = p + target
	}
	has := func(name string) bool {
		for _, l := range lines[1:] {
			if n, _, _ := strings.Cut(l, ":"); strings.EqualFold(n, name) {
				return true
			}
		}
		return false
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", method, target)
	add := func(name, value string) {
		if !has(name) && value != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	add("Host", base.Host)
	add("Authorization", auth)
	add("User-Agent", "weir-gate-check")
	add("Connection", "close")
	if len(body) > 0 {
		if body[0] == '{' {
			add("Content-Type", "application/json")
		}
	}
	if (len(body) > 0 || method == "POST" || method == "PUT" || method == "PATCH") && !has("Transfer-Encoding") {
		add("Content-Length", fmt.Sprint(len(body)))
	}
	for _, l := range lines[1:] {
		b.WriteString(l + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes(), nil
}
