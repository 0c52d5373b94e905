package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"weir/internal/auth"
)

// TestAuthOfGateFile: every key of the section auth of gate.yaml arrives where it is meant to.
func TestAuthOfGateFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "gate.yaml")
	text := `data: d
auth:
  session: 8h30m
  secure: true
  forwarders: [172.16.0.0/12]
  policies: [own.cedar]
  limits:
    account: {per-second: 50, burst: 600}
    address: {per-second: -1}
    wrong: {per-second: 0.5, burst: 5}
    class: {upload: {per-second: 2, burst: 10}}
    tries: 7
    lock: 1m
  proxy: {allow: [10.0.0.0/24, "::1/128"], user: X-Forwarded-User, groups: X-Forwarded-Groups}
  certificates: {from: [uri, cn], accounts: {"spiffe://corp/train": trainer}}
  oidc:
    - name: corp
      title: Corporate login
      issuer: https://login.example.org
      client-id: weir
      client-secret-file: secret
      url: https://gate.example.org
      scopes: [openid, groups]
      user-claim: upn
      groups-claim: roles
      groups-prefix: "corp:"
      audiences: [https://gate.example.org]
      algorithms: [ES256]
      ca: ca.pem
upstreams: [{name: u, kind: generic, to: "http://127.0.0.1:1"}]
`
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := readGateFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want := auth.Config{
		Session: 8*time.Hour + 30*time.Minute, Secure: true, Forwarders: []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12")}, Policies: []string{filepath.Join(dir, "own.cedar")},
		Limits: auth.Limits{Account: auth.Rate{PerSecond: 50, Burst: 600}, Address: auth.Rate{PerSecond: -1}, Wrong: auth.Rate{PerSecond: 0.5, Burst: 5},
			Class: map[string]auth.Rate{"upload": {PerSecond: 2, Burst: 10}}, Tries: 7, Lock: time.Minute},
		Proxy:        &auth.Proxy{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("::1/128")}, User: "X-Forwarded-User", Groups: "X-Forwarded-Groups"},
		Certificates: &auth.Certificates{From: []string{"uri", "cn"}, Accounts: map[string]string{"spiffe://corp/train": "trainer"}},
		OIDC: []auth.Provider{{Name: "corp", Title: "Corporate login", Issuer: "https://login.example.org", ClientID: "weir", SecretFile: filepath.Join(dir, "secret"),
			URL: "https://gate.example.org", Scopes: []string{"openid", "groups"}, UserClaim: "upn", GroupsClaim: "roles", GroupsPrefix: "corp:",
			Audiences: []string{"https://gate.example.org"}, Algorithms: []string{"ES256"}, CA: filepath.Join(dir, "ca.pem")}},
	}
	if !reflect.DeepEqual(f.Auth, want) {
		t.Errorf("got  %+v\nwant %+v", f.Auth, want)
	}
}
