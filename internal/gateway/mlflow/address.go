package mlflow

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir/internal/gateway"
)

// addressLike are fields that the server connects to.
func addressLike(name string) bool { return name == "url" || name == "run_link" }

// testAddress takes the addresses that a server may be told to call: public ones, or hosts that the configuration names. What it calls, an
// attacker reads or triggers with the server's reach (CVE-2026-2393).
func testAddress(x *gateway.Exchange, name, v string) error {
	if name == "run_link" { // shown as a link, never called
		if v != "" && !strings.HasPrefix(strings.ToLower(v), "https://") && !strings.HasPrefix(strings.ToLower(v), "http://") {
			return refuse("", "run_link must be an http or https address")
		}
		return nil
	}
	if v == "" {
		return nil
	}
	return publicAddress(x, name, v)
}

func publicAddress(x *gateway.Exchange, name, v string) error {
	if !plain(v) || strings.ContainsAny(v, " \\") || len(v) > 2048 {
		return refuse("", "%s is no address", name)
	}
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return refuse("", "%s is no address", name)
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && x.Upstream.On["http-webhooks"]) {
		return hinted(refuse("", "%s must begin with https://", name), "switch: [http-webhooks]")
	}
	if u.User != nil || u.Fragment != "" || strings.Contains(v, "#") {
		return refuse("", "%s carries a user or a fragment", name)
	}
	host := strings.ToLower(u.Hostname())
	if slices.Contains(x.Upstream.Allow["webhook-hosts"], host) {
		return nil
	}
	hint := "allow: {webhook-hosts: [" + host + "]}"
	if len(x.Upstream.Allow["webhook-hosts"]) > 0 {
		return hinted(refuse("", "%s names a host that is not listed", name), hint)
	}
	if why := local(x.Ctx, host, resolve); why != "" {
		return hinted(refuse("", "%s %s", name, why), hint)
	}
	return nil
}

// local says why a host is not a public one; nothing when it is. Its spellings are those that any resolver takes: dotted, decimal, octal,
// hexadecimal, IPv6 with an IPv4 address inside.
func local(ctx context.Context, host string, resolve func(context.Context, string) ([]netip.Addr, error)) string {
	host = strings.TrimSuffix(host, ".")
	if a, err := netip.ParseAddr(host); err == nil {
		if a.Zone() != "" || !public(a) {
			return "is an address that is not public"
		}
		return ""
	}
	if numeric(host) {
		return "is an address in an unusual spelling"
	}
	if !dnsName(host) {
		return "has a host that is no name"
	}
	labels := strings.Split(host, ".")
	if len(labels) == 1 || localEnds[labels[len(labels)-1]] {
		return "has a host that only a local network knows"
	}
	found, err := resolve(ctx, host)
	if err != nil || len(found) == 0 {
		return "has a host that the gate cannot resolve"
	}
	for _, a := range found {
		if !public(a) {
			return "has a host whose address is not public"
		}
	}
	return ""
}

func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// localEnds are top-level names that no public resolver answers (RFC 6761, 6762, 7686, 8375, 9476 and custom).
var localEnds = map[string]bool{"local": true, "localhost": true, "localdomain": true, "internal": true, "intranet": true, "lan": true, "home": true,
	"corp": true, "private": true, "arpa": true, "test": true, "invalid": true, "example": true, "onion": true, "alt": true, "svc": true, "cluster": true}

// numeric says whether resolvers of the C library read this as an IPv4 address: one to four parts, each decimal, octal or hexadecimal.
func numeric(host string) bool {
	parts := strings.Split(host, ".")
	last := parts[len(parts)-1]
	_, err := strconv.ParseUint(last, 0, 64)
	return err == nil || strings.Trim(last, "0123456789") == "" && last != "" || strings.HasPrefix(last, "0x")
}

func dnsName(host string) bool {
	if host == "" || len(host) > 253 {
		return false
	}
	for _, l := range strings.Split(host, ".") {
		if l == "" || len(l) > 63 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// notPublic are the blocks of the IANA special-purpose registries that netip has no method for, and those in which an IPv4 address hides.
var notPublic = sync.OnceValue(func() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
		netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
		netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("::/96"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"),
		netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
		netip.MustParsePrefix("3fff::/20"), netip.MustParsePrefix("5f00::/16"), netip.MustParsePrefix("fec0::/10"),
	}
})

func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsValid() || a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || a.IsInterfaceLocalMulticast() {
		return false
	}
	for _, p := range notPublic() {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// secretAddress holds what the server's AI gateway is told to call to addresses that are not of the inside.
var secretAddress = check{Name: "mlflow/addresses", Test: func(x *gateway.Exchange) error {
	return eachSecret(x, func(name, v string) error {
		if strings.Contains(v, "://") {
			return publicAddress(x, name, v)
		}
		return nil
	})
}}

// secretValue refuses keys that are none, but the name of a variable of the server's or of a file there: the AI gateway sends what stands in it to
// the address that is configured beside it.
var secretValue = check{Name: "mlflow/secret-values", CVE: []string{"CVE-2026-4035"}, Test: func(x *gateway.Exchange) error {
	return eachSecret(x, func(name, v string) error {
		if strings.HasPrefix(v, "$") || strings.Contains(v, "${") || strings.HasPrefix(strings.ToLower(v), "file:") || strings.HasPrefix(v, "/") ||
			strings.HasPrefix(v, "~") || strings.HasPrefix(v, "./") || strings.Contains(v, "../") {
			return refuse("", "%s refers to something of the server's own", name)
		}
		return nil
	})
}}

func eachSecret(x *gateway.Exchange, test func(name, v string) error) error {
	for _, name := range []string{"secret_value", "auth_config"} {
		for k, v := range tagsOf(x.JSON[name]) {
			if err := test(name+"."+k, strings.TrimSpace(v)); err != nil {
				return err
			}
		}
	}
	return nil
}
