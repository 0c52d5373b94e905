// Command gate measures weir gate against plain nginx, the bare server and MLflow's own login, in one run, turn by turn.
//
//	go run ./bench/gate [-seconds 3] [-rounds 5] [-conns 32] [-idle 10000] [-only dummy|mlflow]
//
// It needs nginx and, for the part with a real MLflow, the environment gate-mlflow-new that testdata/gate/setup.sh makes. All servers listen on loopback,
// are children of this process and end with it.
package main

import (
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "dummy" {
		dummy(os.Args[2])
	}
	seconds := flag.Float64("seconds", 2, "of load on each target in each round")
	rounds := flag.Int("rounds", 5, "turns; the median counts")
	conns := flag.Int("conns", 32, "connections under load")
	only := flag.String("only", "", "dummy or mlflow: measure before that server alone; else before both")
	idle := flag.Int("idle", 10_000, "idle connections to the gate; 0: leave that out")
	weir := flag.String("weir", "", "the binary to measure; by default it is built")
	flag.Parse()
	b := &bench{slice: time.Duration(*seconds * float64(time.Second)), rounds: *rounds, conns: *conns, idling: *idle, weir: *weir}
	ended := make(chan error, 1)
	go func() { ended <- b.run(*only) }()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	var err error
	select {
	case err = <-ended:
	case s := <-stop:
		err = errors.New(s.String())
	}
	b.stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	slice  time.Duration
	rounds int
	conns  int
	idling int
	weir   string
	dir    string
	mu     sync.Mutex
	ends   []func()
}

func (b *bench) atEnd(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ends = append(b.ends, f)
}

func (b *bench) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.ends) - 1; i >= 0; i-- {
		b.ends[i]()
	}
}

// target is one way to the same answer.
type target struct {
	name, addr, header string
}

func (b *bench) run(only string) error {
	var err error
	if b.dir, err = os.MkdirTemp("", "weir-bench-gate"); err != nil {
		return err
	}
	b.atEnd(func() { os.RemoveAll(b.dir) })
	fmt.Printf("%s, %d cores, %s; %d rounds of %v, %d connections; load average before: %s\n\n", time.Now().UTC().Format("2006-01-02 15:04"), runtime.NumCPU(), runtime.Version(), b.rounds, b.slice, b.conns, loadAverage())
	if only != "mlflow" {
		addr, err := b.startDummy()
		if err != nil {
			return err
		}
		if err := b.measure("before a fast dummy", addr, nil); err != nil || only == "dummy" {
			return err
		}
	}
	addr, err := b.startMLflow("mlflow", nil)
	if err != nil {
		return err
	}
	own, err := b.startMLflow("basic-auth", []string{"--app-name", "basic-auth"})
	if err != nil {
		return err
	}
	return b.measure("before MLflow", addr, []target{{"MLflow's own basic-auth", own, basicHeader()}})
}

// basicPassword is that of admin in the basic-auth app, see startMLflow; only this run's server on loopback has it.
const basicPassword = "bench-password"

func basicHeader() string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("admin:"+basicPassword)) + "\r\n"
}

// measure puts nginx and weir gate before the server at addr and compares.
func (b *bench) measure(title, addr string, more []target) error {
	proxy, err := b.startNginx(addr)
	if err != nil {
		return err
	}
	gate, token, pid, err := b.startGate(addr)
	if err != nil {
		return err
	}
	targets := append([]target{{"bare", addr, ""}, {"nginx", proxy, ""}, {"weir gate", gate, "Authorization: Bearer " + token + "\r\n"}}, more...)
	fmt.Printf("## %s\n\n", title)
	if err := b.latency(targets); err != nil {
		return err
	}
	if err := b.throughput(targets); err != nil {
		return err
	}
	if b.idling == 0 || len(more) > 0 {
		return nil
	}
	return b.idle(b.idling, targets[2], pid)
}

// latency sends one request at a time, to the targets in turn, so that all meet the same moments of the machine.
func (b *bench) latency(targets []target) error {
	times := make([][]time.Duration, len(targets))
	clients := make([]*client, len(targets))
	for i, t := range targets {
		c, err := dial(t)
		if err != nil {
			return err
		}
		defer c.close()
		clients[i] = c
	}
	// A login of MLflow's own takes most of a second: then fewer have to do.
	const least, most, warm = 60, 20_000, 5
	end := time.Now().Add(b.slice * time.Duration(b.rounds) * time.Duration(len(targets)) / 2)
	for n := 0; n < most && (n < least+warm || time.Now().Before(end)); n++ {
		for i, c := range clients {
			start := time.Now()
			if err := c.ask(); err != nil {
				return fmt.Errorf("%s: %w", targets[i].name, err)
			}
			if n >= warm {
				times[i] = append(times[i], time.Since(start))
			}
		}
	}
	fmt.Println("| one request at a time | n | p50 | p99 | added p50 | added p99 |")
	fmt.Println("|---|---|---|---|---|---|")
	for i, t := range targets {
		sortTimes(times[i])
		p50, p99 := quantile(times[i], 50), quantile(times[i], 99)
		fmt.Printf("| %s | %d | %s | %s | %s | %s |\n", t.name, len(times[i]), ms(p50), ms(p99), ms(p50-quantile(times[0], 50)), ms(p99-quantile(times[0], 99)))
	}
	fmt.Println()
	return nil
}

func sortTimes(t []time.Duration) { slices.Sort(t) }

func quantile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)*percent/100]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.3f ms", float64(d.Microseconds())/1000) }

// throughput keeps all connections busy, one target after another, in rounds.
func (b *bench) throughput(targets []target) error {
	rates := make([][]float64, len(targets))
	for range b.rounds {
		for i, t := range targets {
			r, err := load(t, b.conns, b.slice)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			rates[i] = append(rates[i], r)
		}
	}
	fmt.Printf("| %d connections, busy | requests/s, median | least–most | of nginx | of bare |\n|---|---|---|---|---|\n", b.conns)
	median := func(i int) float64 {
		slices.Sort(rates[i])
		return rates[i][len(rates[i])/2]
	}
	for i, t := range targets {
		m := median(i)
		fmt.Printf("| %s | %.0f | %.0f–%.0f | %.2f | %.2f |\n", t.name, m, rates[i][0], rates[i][len(rates[i])-1], m/median(1), m/median(0))
	}
	fmt.Println()
	return nil
}

func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}
