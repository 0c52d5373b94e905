package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/gateway"
	"weir/internal/gateway/h2o"
	"weir/internal/gateway/mlflow"
	"weir/internal/gateway/serving"
	"weir/internal/gateway/wire"
)

// gateFlags are what the gate and its commands are told on the command line; the rest stands in gate.yaml.
type gateFlags struct {
	config, data  string
	listen        string
	to, kind      string
	hosts         []string
	observe       bool
	cert, key     string
	adminPassword string
	clock         func() time.Time // nil: the system's
}

func newGate(a *app) *cobra.Command {
	g := &gateFlags{}
	cmd := &cobra.Command{
		Use:     "gate",
		Short:   "Stand before MLflow, H2O and other servers: who may do what, and nothing unscanned gets in or out",
		GroupID: "work",
		Long: `Gate is the one door to a server that trusts whoever reaches it. It knows who asks, lets them do only what they
may, refuses malformed and hostile requests before the server sees them, and lets no model in or out unscanned.
Clients keep working as they are: only the address and a token change.

With --to and --kind it stands before one server. More of them, TLS, roles and OIDC are told in a gate.yaml
(--config); docs/gateway.md describes it. The first start makes an account "admin" and prints its password once.`,
		Example: `  weir gate --listen 127.0.0.1:5001 --to http://127.0.0.1:5000 --kind mlflow --data gate
  weir gate user add ann --role scientist --data gate
  weir gate token add ann --expires 90d --data gate`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return subcommandOnly(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if g.config == "" && g.to == "" {
				return cmd.Help()
			}
			f, err := g.load()
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return a.gate(ctx, f, g)
		},
	}
	p := cmd.PersistentFlags()
	p.StringVar(&g.config, "config", "", "read this gate.yaml `FILE`")
	p.StringVar(&g.data, "data", "", "`FOLDER` for accounts, quarantine and the audit log")
	f := cmd.Flags()
	f.StringVar(&g.listen, "listen", "", "`ADDRESS` to listen on (default 127.0.0.1:5001)")
	f.StringVar(&g.to, "to", "", "`URL` of the server to stand before")
	f.StringVar(&g.kind, "kind", "", "what that server is: `KIND` ("+kindNames()+")")
	f.StringArrayVar(&g.hosts, "host", nil, "`NAME` under which the gate is reached; can be given more than once")
	f.BoolVar(&g.observe, "observe", false, "decide and write down without refusing, for the first week")
	f.StringVar(&g.cert, "tls-cert", "", "certificate `FILE` (PEM); it is read again when it changes")
	f.StringVar(&g.key, "tls-key", "", "private key `FILE` of that certificate")
	f.StringVar(&g.adminPassword, "admin-password-file", "", "at the first start, read the password of admin from this `FILE` instead of making one")
	cmd.AddCommand(gateCommands(a, g)...)
	return cmd
}

// gateCommands are the commands of daily work, each in a file of its own.
func gateCommands(a *app, g *gateFlags) []*cobra.Command {
	return []*cobra.Command{newGateUser(a, g), newGateToken(a, g), newGateRole(a, g), newGateCan(a, g), newGateTest(a, g), newGateQuota(a, g), newGateLearn(a, g), newGateQuarantine(a, g), newGateCheck(a)}
}

// gateKind is one sort of server that the gate knows. Its tables are large, so they are made when one is used: every start of weir would pay.
type gateKind struct {
	name string
	make func() *gateway.Kind
}

// gateKinds lists every sort of server that the gate knows.
func gateKinds() []gateKind {
	return []gateKind{
		{"mlflow", mlflow.Kind}, {"h2o", h2o.Kind}, {"mlflow-scoring", serving.Scoring}, {"v2", serving.V2}, {"torchserve", serving.TorchServe}, {"generic", gateway.Generic},
	}
}

func kindNames() string {
	var names []string
	for _, k := range gateKinds() {
		names = append(names, k.name)
	}
	return strings.Join(names, ", ")
}

// load reads the configuration file and lays the flags over it.
func (g *gateFlags) load() (*gateFile, error) {
	f := &gateFile{}
	if g.config != "" {
		var err error
		if f, err = readGateFile(g.config); err != nil {
			return nil, err
		}
	}
	if g.data != "" {
		f.Data = g.data
	}
	if f.Data == "" {
		return nil, usage("Give a folder with --data, or data: in gate.yaml.", "the gate needs a folder for accounts, quarantine and the audit log")
	}
	if g.listen != "" {
		f.Listen = g.listen
	}
	if f.Listen == "" {
		f.Listen = "127.0.0.1:5001"
	}
	if g.to != "" {
		if len(f.Upstreams) > 0 {
			return nil, usage("Leave out --to, or the upstreams in the file.", "--to names a server, and %s has upstreams too", g.config)
		}
		if g.kind == "" {
			return nil, usage("Kinds: "+kindNames(), "--to needs --kind: what is that server?")
		}
		f.Upstreams = []upstreamFile{{Name: g.kind, Kind: g.kind, To: g.to}}
	}
	f.Hosts = append(f.Hosts, g.hosts...)
	f.Observe = f.Observe || g.observe
	if g.cert != "" || g.key != "" {
		f.TLS.Cert, f.TLS.Key = g.cert, g.key
	}
	if (f.TLS.Cert == "") != (f.TLS.Key == "") {
		return nil, f.errorf("tls: a certificate needs its key, and a key its certificate")
	}
	return f, nil
}

// dataDir makes the gate's folder if it is not there. Only its owner can look into it.
func (f *gateFile) dataDir() error {
	if err := os.MkdirAll(f.Data, 0o700); err != nil {
		return misconfigured("data", bare(err))
	}
	probe, err := os.CreateTemp(f.Data, ".probe*")
	if err != nil {
		return misconfigured(fmt.Sprintf("data: %q cannot be written", f.Data), bare(err))
	}
	probe.Close()
	return os.Remove(probe.Name())
}

// memory for the gate itself, in bytes: it stays flat under many uploads, because bodies are spooled.
const gateMemory = 80 << 20

// gate runs a gate until ctx ends.
func (a *app) gate(ctx context.Context, f *gateFile, g *gateFlags) error {
	if a.getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(gateMemory)
	}
	if a.getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
	if err := f.dataDir(); err != nil {
		return err
	}
	ups, err := f.upstreams()
	if err != nil {
		return err
	}
	p, err := a.openParts(ctx, f, g)
	if err != nil {
		return err
	}
	defer p.close()
	gate, err := p.gate(f, ups)
	if err != nil {
		return err
	}
	defer gate.Close()
	l, err := net.Listen("tcp", f.Listen)
	if err != nil {
		return misconfigured("listen", bare(err))
	}
	if g.config != "" { // else there is nothing to read again, and a terminal that closes ends the gate
		defer p.reloadOnHangUp(g, f)()
	}
	if f.Metrics != "" {
		stop, err := p.serveMetrics(f)
		if err != nil {
			return err
		}
		defer stop()
	}
	return a.serveGate(ctx, l, f, gate)
}

func (a *app) serveGate(ctx context.Context, l net.Listener, f *gateFile, h http.Handler) error {
	var o wire.Options
	scheme := "http"
	if f.TLS.Cert != "" {
		scheme = "https"
		var err error
		o.TLS, err = wire.Certificates(f.TLS.Cert, f.TLS.Key, f.TLS.ClientCA, func(err error) { slog.Warn(err.Error()) })
		if err != nil {
			return misconfigured("tls", err)
		}
	}
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, DisableGeneralOptionsHandler: true,
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug), // what strangers send is in the audit log
	}
	if at, err := netip.ParseAddrPort(l.Addr().String()); err == nil && scheme == "http" && !at.Addr().IsLoopback() && !f.Auth.Secure {
		slog.Warn("passwords and tokens cross the network as they are: give the gate a certificate (tls), or put TLS before it and say so (auth.secure)")
	}
	fmt.Fprintf(a.stderr, "weir gate: listening on %s://%s\n", scheme, l.Addr())
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(wire.Listen(l, o)) }()
	select {
	case err := <-failed:
		return internal(err)
	case <-ctx.Done():
	}
	// Let what is under way come to its end, but not for ever.
	end, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := srv.Shutdown(end)
	if errors.Is(err, context.DeadlineExceeded) {
		srv.Close()
	}
	return nil
}

// storeFile is where accounts, tokens, verdicts and quarantine are kept below the data folder.
func (f *gateFile) storeFile() string { return filepath.Join(f.Data, "weir.db") }
