package wire

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Certificates reads a certificate chain and its key (PEM files), and optionally the authorities whose client certificates are accepted, and gives
// a function for Options.TLS that reads them again when the files change. A changed file that cannot be read leaves the old certificate in use
// and calls complain. With authorities, a client may show a certificate; whether it must is decided by who checks the caller.
func Certificates(certFile, keyFile, clientCA string, complain func(error)) (func() *tls.Config, error) {
	c := &certificates{files: []string{certFile, keyFile, clientCA}, complain: complain}
	config, err := c.load()
	if err != nil {
		return nil, err
	}
	c.config, c.stamp, c.looked = config, c.stamps(), time.Now()
	return c.get, nil
}

type certificates struct {
	files    []string // certificate, key, client authorities; the last may be empty
	complain func(error)

	mu     sync.Mutex
	config *tls.Config
	stamp  string
	looked time.Time
}

// get looks at the files at most once a second.
func (c *certificates) get() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	if since := time.Since(c.looked); since >= 0 && since < time.Second {
		return c.config
	}
	c.looked = time.Now()
	stamp := c.stamps()
	if stamp == c.stamp {
		return c.config
	}
	config, err := c.load()
	if err != nil {
		c.complain(fmt.Errorf("the old certificate stays in use: %w", err))
		return c.config
	}
	c.config, c.stamp = config, stamp
	return c.config
}

// stamps changes when a file does.
func (c *certificates) stamps() string {
	var s string
	for _, f := range c.files {
		if st, err := os.Stat(f); err == nil {
			s += fmt.Sprint(st.Size(), st.ModTime().UnixNano(), " ")
		}
	}
	return s
}

func (c *certificates) load() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(c.files[0], c.files[1])
	if err != nil {
		return nil, fmt.Errorf("certificate %q with key %q: %w", c.files[0], c.files[1], err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if c.files[2] == "" {
		return config, nil
	}
	pem, err := os.ReadFile(c.files[2])
	if err != nil {
		return nil, fmt.Errorf("client authorities: %w", err)
	}
	config.ClientCAs = x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("client authorities in %q: %w", c.files[2], errors.New("no certificate found"))
	}
	config.ClientAuth = tls.VerifyClientCertIfGiven
	return config, nil
}
