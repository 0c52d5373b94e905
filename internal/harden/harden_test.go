package harden

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// odd is a command whose words each mean something in one of the languages that it is written into.
var odd = []string{"python3", "-c", "print(\"$HOME $(PATH) ${X} `id`\")", "a: b # c", "- x", "\\n", "é<&>", "{{.Image}}", "line\nbreak"}

func service() Service {
	return Service{Command: odd, Image: "example.org/models/server:1@sha256:" + strings.Repeat("a", 64), Name: "iris", Port: 8080, Models: "/models",
		Memory: 2048, CPUs: 1.5, Processes: 64, Scratch: 128}
}

func written(t *testing.T, kind string) (text, filter []byte) {
	t.Helper()
	files, err := Write(kind, service())
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 2 || files[1].Name != "seccomp.json" {
		t.Fatalf("%d files", len(files))
	}
	return files[0].Text, files[1].Text
}

func documents(t *testing.T, text []byte) (all []map[string]any) {
	t.Helper()
	d := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var m map[string]any
		if err := d.Decode(&m); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		all = append(all, m)
	}
}

// at follows keys and indices.
func at(t *testing.T, v any, path ...any) any {
	t.Helper()
	for _, p := range path {
		switch k := p.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok || m[k] == nil {
				t.Fatalf("no %q in %v", k, v)
			}
			v = m[k]
		case int:
			l, ok := v.([]any)
			if !ok || k >= len(l) {
				t.Fatalf("no element %d in %v", k, v)
			}
			v = l[k]
		}
	}
	return v
}

func sameCommand(t *testing.T, got any, undo func(string) string) {
	t.Helper()
	var words []string
	for _, w := range got.([]any) {
		words = append(words, undo(w.(string)))
	}
	if !slices.Equal(words, odd) {
		t.Errorf("the command became %q", words)
	}
}

func dollars(s string) string { return strings.ReplaceAll(s, "$$", "$") }

func TestDocker(t *testing.T) {
	text, _ := written(t, "docker")
	var lines []string
	for l := range strings.Lines(string(text)) {
		if !strings.HasPrefix(l, "#") {
			lines = append(lines, strings.TrimSpace(l))
		}
	}
	last := lines[len(lines)-1]
	var words []any
	if err := json.Unmarshal([]byte(strings.TrimPrefix(last, "CMD ")), &words); err != nil {
		t.Fatalf("%v: %s", err, last)
	}
	sameCommand(t, words, func(s string) string { return s })
	user := ""
	for _, l := range lines {
		if u, ok := strings.CutPrefix(l, "USER "); ok {
			user = u
		}
	}
	if user != "65532:65532" {
		t.Errorf("it ends as user %q", user)
	}
}

func TestCompose(t *testing.T) {
	text, _ := written(t, "compose")
	doc := documents(t, text)[0]
	s := at(t, doc, "services", "iris")
	sameCommand(t, at(t, s, "entrypoint"), dollars)
	for path, want := range map[string]any{"read_only": true, "user": "65532:65532", "pids_limit": 64, "mem_limit": "2048m", "memswap_limit": "2048m", "cpus": 1.5,
		"cap_drop": []any{"ALL"}, "security_opt": []any{"no-new-privileges:true", "seccomp=./seccomp.json"}} {
		if got := at(t, s, path); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	if at(t, doc, "networks", "internal", "internal") != true || at(t, s, "volumes", 0, "read_only") != true {
		t.Error("the network is not internal, or the models can be written")
	}
	for _, bad := range []string{"privileged", "ports", "devices", "cap_add", "network_mode", "pid"} {
		if _, there := s.(map[string]any)[bad]; there {
			t.Errorf("%s is set", bad)
		}
	}
}

// TestKubernetes holds the pod to the Pod Security Standards' profile "restricted" and to what it does not ask for.
func TestKubernetes(t *testing.T) {
	text, _ := written(t, "kubernetes")
	docs := documents(t, text)
	if len(docs) != 2 || docs[0]["kind"] != "Pod" || docs[1]["kind"] != "NetworkPolicy" {
		t.Fatalf("%d documents", len(docs))
	}
	spec := at(t, docs[0], "spec")
	c := at(t, spec, "containers", 0)
	sameCommand(t, at(t, c, "command"), dollars)
	for _, e := range []struct {
		of   any
		path []any
		want any
	}{
		{spec, []any{"automountServiceAccountToken"}, false},
		{spec, []any{"hostNetwork"}, false},
		{spec, []any{"hostUsers"}, false},
		{spec, []any{"securityContext", "runAsNonRoot"}, true},
		{spec, []any{"securityContext", "runAsUser"}, user},
		{spec, []any{"securityContext", "seccompProfile", "localhostProfile"}, "weir/iris.json"},
		{c, []any{"securityContext", "allowPrivilegeEscalation"}, false},
		{c, []any{"securityContext", "readOnlyRootFilesystem"}, true},
		{c, []any{"securityContext", "capabilities", "drop"}, []any{"ALL"}},
		{c, []any{"resources", "limits", "memory"}, "2048Mi"},
		{c, []any{"resources", "limits", "cpu"}, "1.5"},
		{docs[1], []any{"spec", "policyTypes"}, []any{"Ingress", "Egress"}},
		{docs[1], []any{"spec", "egress"}, []any{}},
		{docs[1], []any{"spec", "podSelector", "matchLabels", "app"}, at(t, docs[0], "metadata", "labels", "app")},
	} {
		if got := at(t, e.of, e.path...); !reflect.DeepEqual(got, e.want) {
			t.Errorf("%v: %v, want %v", e.path, got, e.want)
		}
	}
}

func TestFilter(t *testing.T) {
	_, filter := written(t, "docker")
	var p profile
	if err := json.Unmarshal(filter, &p); err != nil {
		t.Fatal(err)
	}
	if p.DefaultAction != "SCMP_ACT_ERRNO" {
		t.Errorf("what is not listed: %s", p.DefaultAction)
	}
	free := map[string]bool{} // allowed whatever the arguments
	for _, s := range p.Syscalls {
		for _, n := range s.Names {
			if s.Action == "SCMP_ACT_ALLOW" && len(s.Args) == 0 {
				if free[n] {
					t.Errorf("%s is listed twice", n)
				}
				free[n] = true
			}
		}
	}
	for _, n := range strings.Fields("ptrace process_vm_readv process_vm_writev mount umount2 pivot_root chroot unshare setns clone clone3 bpf io_uring_setup keyctl add_key request_key userfaultfd " +
		"perf_event_open open_by_handle_at name_to_handle_at init_module finit_module kexec_load reboot swapon acct settimeofday clock_settime syslog iopl ioperm socket personality setuid setgid setresuid capset " +
		"mknod mknodat fsopen move_mount open_tree kcmp pidfd_getfd quotactl fanotify_init execveat modify_ldt vmsplice") {
		if free[n] {
			t.Errorf("%s is allowed", n)
		}
	}
	for _, n := range strings.Fields("read write mmap openat execve futex accept4 epoll_wait sendto recvfrom exit_group rseq getrandom statx") {
		if !free[n] {
			t.Errorf("%s, which every server needs, is refused", n)
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, change := range map[string]func(*Service){
		"no command":   func(s *Service) { s.Command = nil },
		"image":        func(s *Service) { s.Image = "x\nUSER 0" },
		"name":         func(s *Service) { s.Name = "a b" },
		"port":         func(s *Service) { s.Port = 80 },
		"models":       func(s *Service) { s.Models = "/a/../b" },
		"models, word": func(s *Service) { s.Models = "/a b" },
		"no memory":    func(s *Service) { s.Memory = 0 },
		"scratch":      func(s *Service) { s.Scratch = s.Memory },
		"zero byte":    func(s *Service) { s.Command = []string{"a\x00b"} },
	} {
		s := service()
		change(&s)
		if _, err := Write("compose", s); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := Write("helm", service()); err == nil {
		t.Error("a kind that does not exist is taken")
	}
}
