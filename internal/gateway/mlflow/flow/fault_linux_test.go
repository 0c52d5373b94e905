package flow_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"weir/internal/gateway/gatetest"
)

// pids gives the process that runs a gate, and its workers.
func pids(t *testing.T, g *gatetest.Gate) (gate int, workers []int) {
	t.Helper()
	parents := map[int]int{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		args, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err != nil {
			continue // it has ended meanwhile
		}
		if bytes.HasPrefix(args, []byte(g.Binary+"\x00gate\x00")) && bytes.Contains(args, []byte(g.Config)) {
			gate = pid
		}
		stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue
		}
		var state string
		var parent int
		fmt.Sscan(string(stat[bytes.LastIndexByte(stat, ')')+1:]), &state, &parent)
		parents[pid] = parent
	}
	for pid := range parents {
		for up := parents[pid]; up > 1; up = parents[up] {
			if up == gate {
				workers = append(workers, pid)
				break
			}
		}
	}
	if gate == 0 || len(workers) == 0 {
		t.Fatalf("the gate is %d, its workers %v", gate, workers)
	}
	return gate, workers
}

// TestKilledInScan: kill -9 while the workers have the bytes and nobody has the verdict. Nothing of it is visible, its workers end with it, the next
// gate clears the spool and asks again.
func TestKilledInScan(t *testing.T) {
	server := gatetest.Shared(t, "mlflow", "new")
	g, err := gatetest.StartGate(gatetest.Plan{}, server.Of("mlflow"))
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(g.Dir)
	d := &door{Gate: g, server: server}
	bad, err := os.ReadFile(filepath.Join(gatetest.Root(), "testdata", "malicious", "stdlib", "os-popen.pkl"))
	if err != nil {
		t.Fatal(err)
	}
	now := make(chan struct{})
	close(now)
	_, workers := pids(t, g)
	for _, w := range workers {
		if err := syscall.Kill(w, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() {
		_, err := d.put("6/x/artifacts/bad.pkl", bad, now)
		done <- err
	}()
	d.arrives(t, int64(len(bad)))
	select {
	case err := <-done:
		t.Fatalf("it was answered although no worker runs: %v", err)
	default:
	}
	g.Kill()
	if err := <-done; err == nil {
		t.Error("the upload has an answer although the gate was killed")
	}
	if d.spooled() == 0 {
		t.Error("the gate was not killed within the scan")
	}
	until(t, "workers outlive their gate", func() bool {
		for _, w := range workers {
			if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w)); err == nil && !strings.Contains(string(stat), ") Z ") {
				return false
			}
		}
		return true
	})
	again := gatetest.NewGate(t, gatetest.Plan{Dir: g.Dir, Accounts: []gatetest.Account{}}, server.Of("mlflow"))
	again.Accounts = g.Accounts
	d.Gate = again
	if n := d.spooled(); n != 0 {
		t.Errorf("%d bytes are left in the spool", n)
	}
	if _, err := os.Stat(filepath.Join(server.Dir, "artifacts", "6")); err == nil {
		t.Error("something of the upload is visible")
	}
	if status, err := d.put("6/x/artifacts/bad.pkl", bad, now); status != http.StatusUnprocessableEntity {
		t.Errorf("sent again: %d, %v", status, err)
	}
}

// TestEnded: a gate that is told to end (SIGTERM of a service, SIGINT of a terminal) lets an upload that is under way come to its end, takes no new one,
// and then goes, with nothing left behind.
func TestEnded(t *testing.T) {
	server := gatetest.Shared(t, "mlflow", "new")
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			d := &door{Gate: gatetest.NewGate(t, gatetest.Plan{}, server.Of("mlflow")), server: server}
			content := bytes.Repeat([]byte("0123456789abcdef"), 1<<17)
			path := fmt.Sprintf("5/x/artifacts/%d.txt", signal)
			s := d.begin(t, path, content)
			gate, _ := pids(t, d.Gate)
			if err := syscall.Kill(gate, signal); err != nil {
				t.Fatal(err)
			}
			until(t, "the gate still takes connections", func() bool {
				res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(d.URL + "/healthz")
				if err == nil {
					res.Body.Close()
				}
				return err != nil
			})
			if status := s.finish(); status != http.StatusOK {
				t.Errorf("the upload that was under way: %d", status)
			}
			<-d.Done()
			if n := d.spooled(); n != 0 {
				t.Errorf("%d bytes are left in the spool", n)
			}
			if got, err := os.ReadFile(filepath.Join(server.Dir, "artifacts", filepath.FromSlash(path))); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes arrived, %v", len(got), err)
			}
		})
	}
}
