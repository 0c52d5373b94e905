// Package harden writes how a serving command is run with nothing but what it needs: a Dockerfile stage, a compose service or a Kubernetes
// pod, and their filter of system calls.
//
// Start with [Write]. What it writes is meant to be read and kept under version control; every line that is not obvious says why it is there.
package harden

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"text/template"
)

// Service is the command that is to be run, and what it is given.
type Service struct {
	Command   []string // as exec(2) takes it; nothing in it is expanded
	Image     string   // what holds the command; best by digest
	Name      string   // of the service or pod: a DNS label (RFC 1123)
	Port      int      // on which it listens
	Models    string   // absolute folder inside, read-only, that holds the models
	Memory    int64    // MiB
	CPUs      float64  // processors
	Processes int      // processes and threads at once
	Scratch   int64    // MiB that /tmp may hold; they count as memory
}

// File is one thing that [Write] makes.
type File struct {
	Name string // relative
	Text []byte
}

// Kinds are what [Write] knows.
func Kinds() []string { return []string{"docker", "compose", "kubernetes"} }

//go:embed templates
var templates embed.FS

// user is the id that runs inside: nobody's on the distributions that images are made from, and what "distroless" images call nonroot.
const user = 65532

var label = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// reference is an image's name as registries take it (distribution/reference), loosely: what matters is that it is one word.
var reference = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:@+-]*$`)

var folder = regexp.MustCompile(`^(/[A-Za-z0-9._-]+)+$`)

// Check says what is wrong with a service.
func (s Service) Check() error {
	switch {
	case len(s.Command) == 0:
		return errors.New("there is no command to serve")
	case !reference.MatchString(s.Image):
		return fmt.Errorf("%q is not the name of an image", s.Image)
	case !label.MatchString(s.Name):
		return fmt.Errorf("%q is not a name of lower-case letters, digits and hyphens", s.Name)
	case s.Port < 1024 || s.Port > 65535:
		return fmt.Errorf("port %d needs privileges that the service has not: take one from 1024 to 65535", s.Port)
	case !folder.MatchString(s.Models) || strings.Contains(s.Models, "/.."):
		return fmt.Errorf("%q is not an absolute folder", s.Models)
	case s.Memory < 16 || s.CPUs <= 0 || s.Processes < 1 || s.Scratch < 1:
		return errors.New("memory, processors, processes and scratch space must each be more than nothing")
	case s.Scratch >= s.Memory:
		return fmt.Errorf("%d MiB of scratch space leave nothing of %d MiB of memory", s.Scratch, s.Memory)
	}
	for _, w := range s.Command {
		if strings.ContainsAny(w, "\x00") {
			return fmt.Errorf("the word %q of the command holds a zero byte", w)
		}
	}
	return nil
}

// Pinned reports whether the image is named by its content, so that it cannot be exchanged.
func (s Service) Pinned() bool { return strings.Contains(s.Image, "@sha256:") }

// Write gives the files of one kind: the description, and seccomp.json, which it refers to.
func Write(kind string, s Service) ([]File, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	name, ok := map[string]string{"docker": "Dockerfile", "compose": "compose.yaml", "kubernetes": "pod.yaml"}[kind]
	if !ok {
		return nil, fmt.Errorf("%q is not a kind of description (%s)", kind, strings.Join(Kinds(), ", "))
	}
	t, err := template.New(name).Funcs(template.FuncMap{"words": words, "literal": literal, "user": func() int { return user },
		"cpus": func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }}).ParseFS(templates, "templates/"+name)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, s); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	filter, err := Filter()
	if err != nil {
		return nil, err
	}
	return []File{{name, b.Bytes()}, {"seccomp.json", filter}}, nil
}

// words writes a command as a JSON array, which is YAML too and what Dockerfiles take.
func words(command []string) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(command); err != nil {
		return "", err
	}
	return strings.TrimSpace(b.String()), nil
}

// literal is words for compose and Kubernetes, which would put variables in: to both, $$ is a dollar.
func literal(command []string) (string, error) {
	out := make([]string, len(command))
	for i, w := range command {
		out[i] = strings.ReplaceAll(w, "$", "$$")
	}
	return words(out)
}
