// Command coraza measures what a web application firewall does against the attacks that weir's gate is tested with: Coraza with the OWASP core rules,
// as they are shipped, before the same real servers. It is a module of its own, so that weir links none of it.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	corazahttp "github.com/corazawaf/coraza/v3/http"

	"weir/internal/gateway/attack"
	"weir/internal/gateway/gatetest"
)

// The recommended configuration and the core rules without a change, but that they block.
const (
	setup = `
Include @coraza.conf-recommended
Include @crs-setup.conf.example
`
	rules = `
Include @owasp_crs/*.conf
SecRuleEngine On
`
	// methods lets those pass that MLflow and H2O need, as whoever puts the rules before them would: the core rules know GET, HEAD, POST and OPTIONS.
	methods = `SecAction "id:900200,phase:1,pass,t:none,nolog,setvar:'tx.allowed_methods=GET HEAD POST OPTIONS PUT PATCH DELETE'"`
)

func main() {
	versions := flag.String("versions", "new,2.9.2,2.16.2,3.46.0.12", "releases to attack, those of testdata/gate/setup.sh")
	flows := flag.Bool("flows", true, "send the everyday flows through it too")
	tuned := flag.Bool("methods", false, "let PUT, PATCH and DELETE pass")
	flag.Parse()
	directives := setup + rules
	if *tuned {
		directives = setup + methods + rules
	}
	if err := run(context.Background(), directives, strings.Split(*versions, ","), *flows); err != nil {
		fmt.Fprintln(os.Stderr, "coraza:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, directives string, versions []string, flows bool) error {
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(directives))
	if err != nil {
		return err
	}
	total := count{}
	for _, g := range groups(versions) {
		c, err := g.attack(ctx, waf)
		if err != nil {
			return fmt.Errorf("%s %s %q: %w", g.kind, g.version, g.setting, err)
		}
		total.add(c)
	}
	fmt.Printf("\n| attacks | worked bare | stopped |\n|---|---|---|\n")
	for _, k := range []string{technical, others} {
		fmt.Printf("| %s | %d | %d |\n", k, total.bare[k], total.stopped[k])
	}
	if flows {
		return everyday(ctx, waf)
	}
	return nil
}

// The two sorts of attacks: those that a firewall could see in a request, and those that look like anybody's request and are somebody else's thing.
const (
	technical = "paths, places, forgery, queries, uploads"
	others    = "without an account, or on what is somebody else's"
)

func sort(a *attack.Attack) string {
	for _, s := range []string{"/others-", "/anonymous-", "/login-", "/graphql-others", "/graphql-ajax", "/get-with-body", "/run-uuid", "/bracketed"} {
		if strings.Contains(a.ID, s) {
			return others
		}
	}
	return technical
}

type count struct{ bare, stopped map[string]int }

func (c *count) add(o count) {
	if c.bare == nil {
		c.bare, c.stopped = map[string]int{}, map[string]int{}
	}
	for k, n := range o.bare {
		c.bare[k] += n
	}
	for k, n := range o.stopped {
		c.stopped[k] += n
	}
}

// group is what one server is attacked with, as in the gate's own test.
type group struct {
	kind, version, setting string
	attacks                []*attack.Attack
}

func groups(versions []string) []group {
	var out []group
	for _, a := range append(attack.MLflow(), attack.H2O()...) {
		kind, _, _ := strings.Cut(a.ID, "/")
		for _, v := range a.Works {
			if !slices.Contains(versions, v) {
				continue
			}
			i := slices.IndexFunc(out, func(g group) bool { return g.kind == kind && g.version == v && g.setting == a.Server })
			if i < 0 {
				i, out = len(out), append(out, group{kind: kind, version: v, setting: a.Server})
			}
			out[i].attacks = append(out[i].attacks, a)
			break
		}
	}
	return out
}

func (g *group) attack(ctx context.Context, waf coraza.WAF) (count, error) {
	c := count{map[string]int{}, map[string]int{}}
	bare, stop, err := gatetest.StartTarget(g.kind, g.version, g.setting)
	if err != nil {
		return c, err
	}
	defer func() { stop() }()
	behind, end, err := before(waf, bare)
	if err != nil {
		return c, err
	}
	defer func() { end() }()
	for _, a := range g.attacks {
		r, err := attack.Run(ctx, a, bare)
		if err != nil || !r.Worked {
			fmt.Printf("%s does not work bare: %v\n", a.ID, err)
			continue
		}
		if a.Proof.Down { // the next attack needs a server
			end()
			stop()
			if bare, stop, err = gatetest.StartTarget(g.kind, g.version, g.setting); err != nil {
				return c, err
			}
			if behind, end, err = before(waf, bare); err != nil {
				return c, err
			}
		}
		through, err := attack.Run(ctx, a, behind)
		if err != nil {
			return c, err
		}
		k := sort(a)
		c.bare[k]++
		word := "passed"
		if !through.Worked {
			c.stopped[k]++
			word = "stopped"
		}
		fmt.Printf("%s\t%s\t%s\n", a.ID, g.version, word)
	}
	return c, nil
}

// before puts the firewall before a server.
func before(waf coraza.WAF, bare *attack.Target) (*attack.Target, func(), error) {
	address, end, err := proxy(waf, bare.Server)
	if err != nil {
		return nil, nil, err
	}
	t := *bare
	t.URL = address
	return &t, end, nil
}

func proxy(waf coraza.WAF, to string) (address string, end func(), err error) {
	u, err := url.Parse(to)
	if err != nil {
		return "", nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	p := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = u.Scheme, u.Host
		r.Out.Host = r.In.Host
	}}
	s := &http.Server{Handler: corazahttp.WrapHandler(waf, p)}
	go s.Serve(l)
	return "http://" + l.Addr().String(), func() { s.Close() }, nil
}

// everyday runs the flows of testdata/gate/flows bare and through the firewall, and says how many differ.
func everyday(ctx context.Context, waf coraza.WAF) error {
	bare, stop, err := gatetest.StartTarget("mlflow", "new", "")
	if err != nil {
		return err
	}
	defer stop()
	address, end, err := proxy(waf, bare.URL)
	if err != nil {
		return err
	}
	defer end()
	dir, err := os.MkdirTemp("", "coraza-flows-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	python, err := gatetest.Interpreter("gate-flows-3")
	if err != nil {
		return err
	}
	where := filepath.Join(gatetest.Root(), "testdata", "gate", "flows")
	for name, uri := range map[string]string{"bare": bare.URL, "firewall": address} {
		cmd := exec.CommandContext(ctx, python, "run.py", "--uri", uri, "--server", "3.17.2", "--out", filepath.Join(dir, name))
		cmd.Dir = where
		cmd.Env = append(os.Environ(), "HOME="+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			fmt.Printf("flows %s: %v\n%.2000s\n", name, err, out)
		}
	}
	out, err := exec.CommandContext(ctx, "python3", filepath.Join(where, "compare.py"), filepath.Join(dir, "bare"), filepath.Join(dir, "firewall"), "--least", "1").CombinedOutput()
	fmt.Printf("%s%v\n", out, err)
	return nil
}
