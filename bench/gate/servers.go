package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// dummy answers as MLflow does to an experiment, as fast as Go can.
func dummy(addr string) {
	answer := []byte(`{"experiment": {"experiment_id": "0", "name": "Default", "artifact_location": "mlflow-artifacts:/0", "lifecycle_stage": "active",` +
		` "last_update_time": 1763990000000, "creation_time": 1763990000000}}`)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = []string{"application/json"}
		w.Write(answer)
	})
	fmt.Fprintln(os.Stderr, http.ListenAndServe(addr, h))
	os.Exit(1)
}

// start runs a command that ends with the benchmark, and waits until it listens.
func (b *bench) start(addr string, cmd *exec.Cmd) error {
	log, err := os.Create(filepath.Join(b.dir, filepath.Base(cmd.Path)+"-"+strings.ReplaceAll(addr, ":", "-")+".log"))
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = log, log
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait(); log.Close() }()
	b.atEnd(func() { endGroup(cmd); <-exited })
	for range 1200 {
		select {
		case err := <-exited:
			exited <- err
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("%s ended: %v: %s", cmd.Path, err, text)
		case <-time.After(100 * time.Millisecond):
		}
		if c, err := net.Dial("tcp", addr); err == nil {
			return c.Close()
		}
	}
	return fmt.Errorf("%s does not listen on %s after two minutes", cmd.Path, addr)
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (b *bench) startDummy() (string, error) {
	addr, err := freeAddr()
	if err != nil {
		return "", err
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	return addr, b.start(addr, exec.Command(self, "dummy", addr))
}

// startNginx is a plain proxy at its best: connections to the server are kept, nothing is logged.
func (b *bench) startNginx(to string) (string, error) {
	addr, err := freeAddr()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(b.dir, "nginx-"+strings.ReplaceAll(addr, ":", "-"))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	conf := fmt.Sprintf(`daemon off;
worker_processes auto;
pid %[1]s/pid;
error_log %[1]s/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  keepalive_requests 1000000;
  upstream server { server %[2]s; keepalive 64; keepalive_requests 1000000; }
  server {
    listen %[3]s;
    location / { proxy_pass http://server; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; }
  }
}
`, dir, to, addr)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		return "", err
	}
	return addr, b.start(addr, exec.Command("nginx", "-c", file, "-p", dir, "-e", filepath.Join(dir, "error.log")))
}

// gateYAML leaves everything on; only the rates are above what a load generator sends.
const gateYAML = `listen: %s
data: %s
auth:
  limits:
    account: {per-second: 1000000, burst: 1000000}
    address: {per-second: 1000000, burst: 1000000}
upstreams:
  - {name: mlflow, kind: mlflow, to: "http://%s"}
`

// startGate is the real binary as a user starts it: accounts in SQLite, roles, the audit log in files.
func (b *bench) startGate(to string) (addr, token string, pid int, err error) {
	if addr, err = freeAddr(); err != nil {
		return "", "", 0, err
	}
	weir := b.weir
	if weir == "" {
		weir = filepath.Join(b.dir, "weir")
		build := exec.Command("go", "build", "-o", weir, "./cmd/weir")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return "", "", 0, fmt.Errorf("go build: %w: %s", err, out)
		}
		b.weir = weir
	}
	data := filepath.Join(b.dir, "gate-"+strings.ReplaceAll(addr, ":", "-"))
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", "", 0, err
	}
	config := filepath.Join(data, "gate.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, gateYAML, addr, data, to), 0o600); err != nil {
		return "", "", 0, err
	}
	cmd := exec.Command(weir, "gate", "--config", config)
	if err := b.start(addr, cmd); err != nil {
		return "", "", 0, err
	}
	for _, args := range [][]string{{"user", "add", "bench", "--service", "--role", "scientist"}, {"token", "add", "bench"}} {
		out, err := exec.Command(weir, append(append([]string{"gate"}, args...), "--data", data)...).Output()
		if err != nil {
			return "", "", 0, fmt.Errorf("weir gate %s: %w: %s", strings.Join(args, " "), err, out)
		}
		token = strings.TrimSpace(string(out))
	}
	return addr, token, cmd.Process.Pid, nil
}

// startMLflow starts a real server with a store of its own.
func (b *bench) startMLflow(name string, more []string) (string, error) {
	addr, err := freeAddr()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(b.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	root, err := os.Getwd()
	if err != nil {
		return "", err
	}
	_, port, _ := net.SplitHostPort(addr)
	args := append([]string{"server", "--host", "127.0.0.1", "--port", port, "--workers", "2", "--backend-store-uri", "sqlite:///" + dir + "/mlflow.db", "--artifacts-destination", dir + "/artifacts"}, more...)
	cmd := exec.Command(filepath.Join(root, ".cache", "venv", "gate-mlflow-new", "bin", "mlflow"), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(cmd.Path)+":"+os.Getenv("PATH"), "HOME="+dir, "MLFLOW_DISABLE_TELEMETRY=true", "DO_NOT_TRACK=true",
		"MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false", // five more processes, which only the job routes need
		"MLFLOW_FLASK_SERVER_SECRET_KEY=bench")
	if len(more) > 0 {
		ini := filepath.Join(dir, "auth.ini")
		text := "[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///" + dir + "/basic_auth.db\nadmin_username = admin\nadmin_password = " + basicPassword + "\n" +
			"authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
		if err := os.WriteFile(ini, []byte(text), 0o600); err != nil {
			return "", err
		}
		cmd.Env = append(cmd.Env, "MLFLOW_AUTH_CONFIG_PATH="+ini)
	}
	return addr, b.start(addr, cmd)
}
