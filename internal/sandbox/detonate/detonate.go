// Package detonate loads one model with its own framework in a room where nothing is worth taking, and says whether that bore out what the
// scan foretold. The room is the jail; this package knows loaders, bait and conclusions, not how a process is kept in.
package detonate

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"weir"
)

// loadPython is the program that runs in the jail; loadJava the one for MLeap.
var (
	//go:embed load.py
	loadPython []byte
	//go:embed Load.java
	loadJava []byte
)

// ErrNoFramework says that no interpreter that was offered has the framework that loads this model.
var ErrNoFramework = errors.New("the model's framework is not installed")

// Job is one process to run in the room.
type Job struct {
	Argv     []string
	Dir      string   // the working folder: may be read, not written
	Read     []string // files and folders that it needs besides
	Plant    map[string][]byte
	Loopback bool // it needs a network of its own, with nothing but itself in it
	Java     bool // it starts Java
	Stdout   *os.File
}

// Room runs a job and tells in order what it tried. The error is for a room that failed; what became of the job it says by its output.
type Room func(ctx context.Context, j Job, watch func(weir.Behaviour)) error

// Request is one detonation.
type Request struct {
	Model     string // absolute path of the file or folder
	Loader    Loader
	Pythons   []string // interpreters to try, first choice first
	Java      string   // "" when there is none
	Classpath []string // jars: MLeap's own, or further ones for H2O's server
	Room      Room
}

// Result is what one load did.
type Result struct {
	Model      string
	Framework  string // with its version
	Python     string
	Call       string // what was called, as Python or Java
	Type       string // of the loaded object; "" when it was not loaded
	Used       string // how it was used once, and the shape of what it said
	Unused     string // why it could not be used
	Error      string // why it was not loaded
	Canary     string // untouched, or what became of it
	Behaviours []weir.Behaviour

	lacks string // the module for want of which the load failed
}

// Loaded reports whether the load came to its end.
func (r *Result) Loaded() bool { return r.Type != "" }

// stage is one line of what the loader says.
type stage struct {
	Stage, Name, Version, Text, Type, How, Result, Error, Lacks string
}

// maxStages bounds what a loader may say, in bytes: hostile code can write there too.
const maxStages = 64 << 10

// Run tries the interpreters one after another until one has the framework and what the model needs besides, and tells what its load of the
// model did. What earlier loads did, which failed for want of a module, is part of the result: a model may want what is not there on purpose.
func Run(ctx context.Context, q Request) (*Result, error) {
	candidates := q.Pythons
	if q.Loader.Java {
		if q.Java == "" {
			return nil, fmt.Errorf("%w: %s needs Java", ErrNoFramework, q.Loader.Framework)
		}
		if len(q.Classpath) == 0 {
			return nil, fmt.Errorf("%w: name %s's jars with --classpath", ErrNoFramework, q.Loader.Framework)
		}
		candidates = []string{q.Java}
	}
	var missing []string
	var failed *Result
	for _, program := range candidates {
		r, absent, err := attempt(ctx, q, program)
		if err != nil {
			return nil, err
		}
		if absent != "" {
			missing = append(missing, fmt.Sprintf("%s has no %s", program, absent))
			continue
		}
		if failed != nil {
			r.Behaviours = append(failed.Behaviours, r.Behaviours...)
			if failed.Canary != untouched {
				r.Canary = failed.Canary
			}
		}
		if r.lacks == "" {
			return r, nil
		}
		failed = r
	}
	if failed != nil {
		return failed, nil
	}
	if len(missing) == 0 {
		missing = []string{"there is no Python"}
	}
	return nil, fmt.Errorf("%w: %s", ErrNoFramework, strings.Join(missing, "; "))
}

// attempt is one load with one interpreter; absent names the framework that it does not have.
func attempt(ctx context.Context, q Request, program string) (r *Result, absent string, err error) {
	dir, err := os.MkdirTemp("", "weir-detonate-")
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(dir)
	bait, err := layBait(dir)
	if err != nil {
		return nil, "", err
	}
	nonce := rand.Text() + ":"
	job, err := q.job(program, dir, nonce)
	if err != nil {
		return nil, "", err
	}
	stdout, err := os.CreateTemp("", "weir-detonate-")
	if err != nil {
		return nil, "", err
	}
	defer stdout.Close()
	if err := os.Remove(stdout.Name()); err != nil {
		return nil, "", err
	}
	job.Stdout = stdout
	r = &Result{Model: q.Model, Python: program, Behaviours: []weir.Behaviour{}}
	own := q.Loader.own()
	if err := q.Room(ctx, job, func(b weir.Behaviour) {
		if !own(b) {
			r.Behaviours = append(r.Behaviours, b)
		}
	}); err != nil {
		return nil, "", err
	}
	r.Canary = bait.touched()
	said := make([]byte, maxStages)
	n, _ := stdout.ReadAt(said, 0) // at its end it is short
	absent = r.read(said[:n], nonce)
	return r, absent, nil
}

// job writes the loader into dir and says how to start it.
func (q *Request) job(program, dir, nonce string) (Job, error) {
	name, text := "load.py", loadPython
	if q.Loader.Java {
		name, text = "Load.java", loadJava
	}
	work := filepath.Join(dir, "work")
	script := filepath.Join(dir, name)
	if err := os.WriteFile(script, text, 0o644); err != nil {
		return Job{}, err
	}
	j := Job{Dir: work, Read: append([]string{q.Model, script}, q.Classpath...), Plant: planted(), Loopback: q.Loader.Loopback, Java: q.Loader.Loopback || q.Loader.Java}
	if q.Loader.Java {
		j.Argv = []string{program, "-Xmx1g", "-cp", strings.Join(q.Classpath, string(os.PathListSeparator)), script, q.Model, nonce}
		return j, nil
	}
	arg, err := json.Marshal(map[string]any{"kind": q.Loader.Kind, "path": q.Model, "nonce": nonce, "java": q.Java, "classpath": append([]string{}, q.Classpath...)})
	if err != nil {
		return Job{}, err
	}
	j.Argv = []string{program, "-W", "ignore", script, string(arg)}
	return j, nil
}

// read takes the loader's lines apart; it gives the framework that was not there.
func (r *Result) read(said []byte, nonce string) (absent string) {
	lines := bufio.NewScanner(bytes.NewReader(said))
	lines.Buffer(nil, maxStages)
	for lines.Scan() {
		text, ok := strings.CutPrefix(lines.Text(), nonce)
		var s stage
		if !ok || json.Unmarshal([]byte(text), &s) != nil {
			continue
		}
		switch s.Stage {
		case "missing":
			// Once the load has begun, the model's code may have written this line, to have what it did forgotten.
			if r.Call == "" {
				return s.Name
			}
		case "framework":
			r.Framework = strings.TrimSpace(s.Name + " " + s.Version)
		case "call":
			r.Call = s.Text
		case "loaded":
			r.Type = s.Type
		case "failed":
			r.Error, r.lacks = s.Error, s.Lacks
		case "used":
			r.Used = strings.TrimSpace(s.How + " " + s.Result)
		case "unused":
			r.Unused = s.Error
		}
	}
	if r.Type == "" && r.Error == "" {
		r.Error = "the process ended in the middle of the load"
	}
	return ""
}
