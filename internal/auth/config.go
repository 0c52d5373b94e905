package auth

import (
	"net/netip"
	"time"
)

// Config is the section "auth" of a configuration file, for whichever decoder reads it. Durations read like "12h", addresses like "10.0.0.0/8".
type Config struct {
	Session      time.Duration  `yaml:"session"`      // how long a browser stays logged in; default 12h
	Secure       bool           `yaml:"secure"`       // browsers come by https although TLS ends before the gate
	Forwarders   []netip.Prefix `yaml:"forwarders"`   // proxies whose X-Forwarded-For is believed
	Policies     []string       `yaml:"policies"`     // files of Cedar policies; the caller reads them
	Limits       Limits         `yaml:"limits"`       //
	Proxy        *Proxy         `yaml:"proxy"`        // trusted-header mode
	Certificates *Certificates  `yaml:"certificates"` // client certificates
	OIDC         []Provider     `yaml:"oidc"`         // identity providers
}

// Options gives the options that a Config says; policies are the content of its files.
func (c Config) Options(policies []PolicyFile) Options {
	return Options{Session: c.Session, Secure: c.Secure, Forwarders: c.Forwarders, Policies: policies, Limits: c.Limits, Proxy: c.Proxy, Certificates: c.Certificates, Providers: c.OIDC}
}
