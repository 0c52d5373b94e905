package weir

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// Fact is what a parser saw. The set is closed and serialisable because facts cross the worker's pipe; only this package adds kinds.
type Fact interface{ fact() }

// Use says how an import is used, from mild to strong.
type Use uint8

// The uses.
const (
	UseNamed        Use = iota // resolved only: find_class
	UseInstantiated            // cls.__new__ (NEWOBJ, or a class's constructor through REDUCE, INST, OBJ)
	UseStateSet                // __setstate__, __dict__ or slots were given state
	UseCalled                  // called with arguments
)

var useNames = []string{"named", "instantiated", "state-set", "called"}

// String gives the name used in facts.
func (u Use) String() string { return nameOf(useNames, int(u)) }

// MarshalText writes the name.
func (u Use) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText reads a name.
func (u *Use) UnmarshalText(b []byte) error {
	i, err := indexOf("use", useNames, string(b))
	*u = Use(i)
	return err
}

// Import is one use of a Python object by a serialised stream. A parser emits it at the moment the unpickler would act, so nothing
// that follows in the stream can hide it.
type Import struct {
	Module   string  `json:"module"` // as the stream spells it
	Name     string  `json:"name"`   // dotted attribute path, as the stream spells it
	Use      Use     `json:"use"`
	Protocol int     `json:"protocol,omitempty"` // of the stream; decides whether Python 2 names are mapped
	Computed bool    `json:"computed,omitempty"` // the stream computes what is used: it cannot be known, and is never safe
	Op       string  `json:"op"`                 // the opcode (or function) that caused it
	Args     []Value `json:"args,omitempty"`     // for called, instantiated and state-set
	Evidence string  `json:"evidence"`           // readable Python; parsers may leave it out where the use is harmless: see Python
	At       int64   `json:"at"`                 // byte offset in the member
	Count    int64   `json:"count,omitempty"`    // further identical uses that were counted, not kept
	Dead     bool    `json:"dead,omitempty"`     // seen only by search or in a reading that no unpickler is known to take
}

// maxEvidence bounds the text of one fact in bytes.
const maxEvidence = 2048

// Python writes the use as Python for a person, bounded; n is the true number of arguments.
func (f Import) Python(n int64) string {
	path := f.Name
	if f.Module != "" {
		path = f.Module + "." + f.Name
	}
	var b strings.Builder
	switch f.Use {
	case UseNamed:
		if f.Computed {
			b.WriteString(f.Name)
		} else {
			b.WriteString("from " + f.Module + " import " + f.Name)
		}
	case UseCalled, UseInstantiated:
		b.WriteString(path)
		if f.Use == UseInstantiated {
			b.WriteString(".__new__")
		}
		w := Value{Kind: ValueCall, Items: f.Args, Len: n}
		b.WriteString(w.String())
	case UseStateSet:
		b.WriteString(path)
		switch f.Op {
		case "BUILD":
			b.WriteString("().__setstate__")
		default:
			b.WriteString("() ← " + f.Op + " ")
		}
		w := Value{Kind: ValueCall, Items: f.Args, Len: int64(len(f.Args))}
		b.WriteString(w.String())
	}
	s := b.String()
	if len(s) > maxEvidence {
		s = strings.ToValidUTF8(s[:maxEvidence], "") + "…"
	}
	return s
}

// ClassUse says what a reader does with a Java class.
type ClassUse string

// The uses of Java classes, as the grammar of object streams (Java Object Serialization Specification, chapter 6) and H2O's type map tell
// them apart.
const (
	ClassDescribed      ClassUse = "described"      // resolved: its descriptor stands in the stream, as itself, a superclass or an object of type Class
	ClassInstantiated   ClassUse = "instantiated"   // an object of it is made and given fields
	ClassProxy          ClassUse = "proxy"          // a dynamic proxy of Interfaces is resolved
	ClassEnum           ClassUse = "enum"           // a constant of it is looked up, which initialises it
	ClassExternalizable ClassUse = "externalizable" // made by its public constructor; its readExternal reads the stream
	ClassArray          ClassUse = "array"          // an array is made
	ClassStaticInit     ClassUse = "static-init"    // only initialised: Class.forName
)

// Class is one use of a Java class by a serialised stream or a loader's list of names. A class that is instantiated has at least two: the
// descriptor's, which stands even where the stream breaks right after it, and the object's.
type Class struct {
	Name       string       `json:"name"` // binary name as the stream spells it: java.util.Map$Entry, [Ljava.lang.String;
	How        ClassUse     `json:"how"`
	UID        int64        `json:"uid,omitempty"`        // serialVersionUID that the stream claims
	Flags      uint8        `json:"flags,omitempty"`      // classDescFlags: SC_WRITE_METHOD 1, SC_SERIALIZABLE 2, SC_EXTERNALIZABLE 4, SC_BLOCK_DATA 8, SC_ENUM 16
	Super      []string     `json:"super,omitempty"`      // serialisable superclasses, nearest first
	Interfaces []string     `json:"interfaces,omitempty"` // of a proxy
	Codebase   string       `json:"codebase,omitempty"`   // what annotates the class: RMI loads classes from the URLs there
	Field      string       `json:"field,omitempty"`      // the declared field, or other place, that carries the stream; empty where it is the file
	Fields     []ClassField `json:"fields,omitempty"`     // of the object, superclass first; bounded
	Runs       []string     `json:"runs,omitempty"`       // methods that run while it is read: its readObject; hashCode, equals, compareTo, toString of what it holds
	Evidence   string       `json:"evidence,omitempty"`   // readable: InvokerTransformer{iMethodName="exec", iArgs=["id"]}
	Searched   bool         `json:"searched,omitempty"`   // found only by searching bytes that the grammar gives another meaning
	At         int64        `json:"at"`                   // offset of the record in the member
	Count      int64        `json:"count,omitempty"`      // further uses of the same kind that were counted, not kept
}

// ClassField is a field of a Java object: its name and what it holds. An object is a ValueInstance whose Items are names and values in turn.
type ClassField struct {
	Name  string `json:"name"`
	Value Value  `json:"value"`
}

// Member is an archive entry, as spelled there.
type Member struct {
	Name      string `json:"name"`           // raw, as the archive's directory spells it
	Link      string `json:"link,omitempty"` // target of a symbolic or hard link
	Mode      uint32 `json:"mode,omitempty"` // Unix mode bits where the format has them
	Size      int64  `json:"size"`           // declared size, inflated
	Packed    int64  `json:"packed"`         // bytes in the container
	Encrypted bool   `json:"encrypted,omitempty"`
	At        int64  `json:"at"` // offset of the entry's header
}

// Code is executable content carried inside an artifact: a code object, a native library, a script.
type Code struct {
	Language string   `json:"language"` // python-bytecode, python, torchscript, native, java, shell, html
	Name     string   `json:"name"`     // what it is called there
	Calls    []string `json:"calls,omitempty"`
	Text     string   `json:"text,omitempty"` // a bounded excerpt for a person
	Auto     bool     `json:"auto,omitempty"` // runs when the artifact is loaded, not only when it is used
	// Member is the entry that holds it, where the parser of a container read that entry itself; At and Line are places in it.
	Member string `json:"member,omitempty"`
	At     int64  `json:"at"`
	Line   int    `json:"line,omitempty"`
}

// Call is one call in source code or in a compiled program of its own (TorchScript): the callee with its arguments as text.
type Call struct {
	Callee string   `json:"callee"` // resolved: aten::save, torch.load
	Args   []string `json:"args,omitempty"`
	Auto   bool     `json:"auto,omitempty"`   // reached when the artifact is loaded
	Func   string   `json:"func,omitempty"`   // the function that holds it
	Member string   `json:"member,omitempty"` // the entry that holds it, as in Code
	At     int64    `json:"at"`
	Line   int      `json:"line,omitempty"`
}

// Setting is one configuration value.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	At    int64  `json:"at"`
	Line  int    `json:"line,omitempty"`
}

// Storage is raw tensor data that an artifact names: which member or range holds it and how large the record says it is.
type Storage struct {
	Key   string `json:"key"`
	Type  string `json:"type"`  // torch.FloatStorage, dtype string
	Want  int64  `json:"want"`  // bytes that the record claims
	Have  int64  `json:"have"`  // bytes that are there; -1: no such member
	Views bool   `json:"views"` // some view of it lies outside
	At    int64  `json:"at"`
}

// Tensor is an array or tensor that an artifact holds, by the name under which a user knows it. Parsers emit it for `weir inspect` only.
type Tensor struct {
	Name  string  `json:"name"`  // layer.0.weight; empty when it has none
	DType string  `json:"dtype"` // numpy's or torch's name without the framework: float32, int64
	Shape []int64 `json:"shape"`
	Size  int64   `json:"size"` // bytes that its elements take
	At    int64   `json:"at"`   // of its data where that lies in the file itself, otherwise of its record
}

// Part is a named range of an artifact's bytes. Parsers emit it for `weir inspect` only: together the parts are the map of a file.
type Part struct {
	Kind string `json:"kind"` // header, entry, data, directory, end record, comment, pickle, array
	Name string `json:"name"`
	At   int64  `json:"at"`
	Size int64  `json:"size"`
}

// OddityKind names what is wrong with the structure of an artifact.
type OddityKind string

// The oddities. Rules decide which of them matter where.
const (
	OddMalformed   OddityKind = "malformed"   // not decodable from here on
	OddTruncated   OddityKind = "truncated"   // ends too early
	OddTrailing    OddityKind = "trailing"    // bytes after the end
	OddPrefixed    OddityKind = "prefixed"    // bytes before the beginning
	OddGap         OddityKind = "gap"         // bytes that nothing names
	OddOverlap     OddityKind = "overlap"     // ranges that share bytes
	OddDuplicate   OddityKind = "duplicate"   // two entries of one name
	OddDivergent   OddityKind = "divergent"   // real readers disagree about it
	OddAmbiguous   OddityKind = "ambiguous"   // recognised as several formats at once
	OddBomb        OddityKind = "bomb"        // expands far beyond what is stored
	OddEncrypted   OddityKind = "encrypted"   // cannot be read
	OddPath        OddityKind = "path"        // a member's name leaves its folder
	OddLink        OddityKind = "link"        // a link that leaves its folder
	OddChecksum    OddityKind = "checksum"    // stored and real checksum differ
	OddMismatch    OddityKind = "mismatch"    // two records of one thing disagree
	OddShape       OddityKind = "shape"       // a value that real writers do not write
	OddUnsupported OddityKind = "unsupported" // a method or version that weir does not read
	OddEmbedded    OddityKind = "embedded"    // found by searching where nothing should be
)

// Oddity is a structural fact that an honest writer does not cause.
type Oddity struct {
	Kind   OddityKind `json:"kind"`
	Detail string     `json:"detail"`
	At     int64      `json:"at"`
	Size   int64      `json:"size,omitempty"` // bytes concerned
}

// Note is a plain property of an artifact that rules and inspect output may want: a version, a producer, a count.
type Note struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// PinState says how closely a requirement names a version.
type PinState string

// The states. Every line of a manifest ends in one of them: nothing is dropped.
const (
	PinExact      PinState = "exact"      // one version: ==1.2, a lock file's entry, what is installed
	PinRange      PinState = "range"      // some versions: >=1.0,<2
	PinAny        PinState = "any"        // no constraint at all
	PinUnresolved PinState = "unresolved" // it cannot be said which package or version: Reason tells why
)

// Origin says what kind of statement a requirement is.
type Origin string

// The origins. Those that hold a closure (lock, installed, sbom) name what was really chosen, indirect packages included.
const (
	OriginManifest   Origin = "manifest"   // asked for by a person: requirements.txt, pyproject.toml, pom.xml
	OriginConstraint Origin = "constraint" // only bounds a version, should the package be needed: pip's -c
	OriginCommand    Origin = "command"    // installed by a command in a script, a Dockerfile, a notebook, a CI step
	OriginLock       Origin = "lock"
	OriginResolved   Origin = "resolved"  // what a package index said that the project's requirements come to (scan --resolve)
	OriginInstalled  Origin = "installed" // an environment on disk: *.dist-info, conda-meta
	OriginSBOM       Origin = "sbom"
	OriginBundled    Origin = "bundled" // carried inside an archive: a jar's pom.properties, a shaded class, a vendored copy
	OriginImage      Origin = "image"   // a container image that something starts from or runs
)

// Requirement is a package that an artifact or manifest asks for, holds or was resolved to.
type Requirement struct {
	Ecosystem string   `json:"ecosystem"` // the type of its package URL: pypi, maven, npm, golang, cargo, conda, oci; empty where none can be named
	Name      string   `json:"name"`      // in the ecosystem's canonical form (PEP 503; group:artifact; module path); empty where none can be named
	State     PinState `json:"state"`
	Version   string   `json:"version,omitempty"` // of an exact requirement, as written, local part included
	Range     string   `json:"range,omitempty"`   // the constraint in the ecosystem's own syntax; empty for exact ones and where there is none
	Origin    Origin   `json:"origin"`
	Text      string   `json:"text"` // the statement as written, bounded
	Line      int      `json:"line,omitempty"`
	Reason    string   `json:"reason,omitempty"` // why it is unresolved
	Direct    bool     `json:"direct"`           // asked for here, not only by another package
	Extras    []string `json:"extras,omitempty"`
	Marker    string   `json:"marker,omitempty"`   // the condition under which it holds (PEP 508), not evaluated
	Group     string   `json:"group,omitempty"`    // dev, test, an extra's name; empty for what always holds
	Hashes    int      `json:"hashes,omitempty"`   // digests that pin its files
	URL       string   `json:"url,omitempty"`      // where it comes from when that is no index: an archive's address, a repository (git+https://…), a path
	Commit    string   `json:"commit,omitempty"`   // of a repository, in full hex; a branch or tag is none
	Requires  []string `json:"requires,omitempty"` // canonical names of what it needs itself, where a lock, environment or SBOM says so
	Yanked    bool     `json:"yanked,omitempty"`
	// Spec is where the file's bytes hold the version constraint, operator included ("==1.2" or ">=1,<2"; for a bare version the version), so that
	// it can be replaced; Size 0: not known, or cannot be edited in place (UTF-16, a binary, a computed value). Form is how a new one is spelled there.
	Spec Span     `json:"spec,omitzero"`
	Form SpecForm `json:"form,omitempty"`
	// Set by internal/dependency when the manifests of a project are joined:
	Chain []string `json:"chain,omitempty"` // names from a direct requirement to what needs this one, outermost first; empty for direct ones
	Via   []string `json:"via,omitempty"`   // files that led to this one by -r or -c, outermost first
}

// PURL is the package URL (purl-spec): with its version where that is exact, empty where no package is named.
func (r Requirement) PURL() string {
	if r.Name == "" || r.Ecosystem == "" {
		return ""
	}
	name := r.Name
	if r.Ecosystem == "maven" {
		name = strings.Replace(name, ":", "/", 1)
	}
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = purlEscape(parts[i])
	}
	p := "pkg:" + r.Ecosystem + "/" + strings.Join(parts, "/")
	if r.State == PinExact && r.Version != "" {
		p += "@" + purlEscape(r.Version)
	}
	return p
}

// purlEscape percent-encodes what the specification of package URLs does not let stand: everything but letters, digits and .-_~:.
func purlEscape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(".-_~:", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// Span is a range of a file's bytes.
type Span struct {
	At   int64 `json:"at"`
	Size int64 `json:"size"`
}

// SpecForm says how a version constraint is spelled at its place.
type SpecForm string

// The forms.
const (
	SpecPEP440  SpecForm = "pep440"  // ==1.2.3 (requirements, pyproject's project table, conda's pip list, commands)
	SpecVersion SpecForm = "version" // a bare version: pom.xml, MLmodel, go.mod, a poetry table's "1.2.3"
	SpecPoetry  SpecForm = "poetry"  // poetry's own constraints: ^1.2, ~1.2, 1.2.*
	SpecConda   SpecForm = "conda"   // =1.2 or ==1.2 or a bare version after a blank
	SpecNPM     SpecForm = "npm"     // package.json
	SpecTag     SpecForm = "tag"     // of a container image
)

// Include is one manifest naming another: pip's -r and -c, a pom's parent or module, a workspace's member.
type Include struct {
	Path string `json:"path"` // as written, relative to the file that names it
	Kind string `json:"kind"` // requirement, constraint, parent, module, lock
	Text string `json:"text"`
	Line int    `json:"line,omitempty"`
}

// Act says what kind of thing a run tried.
type Act string

// The acts.
const (
	ActRead     Act = "read"     // opened a file or folder for reading
	ActWrite    Act = "write"    // opened for writing, created, removed, renamed, linked, changed mode or owner
	ActExec     Act = "exec"     // started a program
	ActConnect  Act = "connect"  // connected or sent to an address: host:port, unix:path, unix:@abstract
	ActResolve  Act = "resolve"  // asked for the address of a host
	ActListen   Act = "listen"   // bound or listened at an address
	ActSignal   Act = "signal"   // signalled a process that is not its child
	ActTrace    Act = "trace"    // looked into another process: ptrace, process_vm_readv, /proc/PID/mem
	ActMount    Act = "mount"    // mounts, changes of root, new namespaces
	ActKernel   Act = "kernel"   // other doors into the kernel: bpf, io_uring, keyctl, perf, userfaultfd, modules
	ActTerminal Act = "terminal" // pushed input into a terminal
	ActLimit    Act = "limit"    // ran into a bound: memory, processes, file size, descriptors, time
	ActPython   Act = "python"   // what Python's own audit events name (PEP 578): a meaning, which the other acts prove
)

// Answer says what became of an act.
type Answer string

// The answers.
const (
	AnswerAllowed Answer = "allowed" // within what the run was given
	AnswerDenied  Answer = "denied"  // refused by the jail
	AnswerAbsent  Answer = "absent"  // there was nothing there for it: a path outside the private root, a network that does not exist
	AnswerSeen    Answer = "seen"    // noticed; whether it was let through is not known to the source that names it
)

// Behaviour is one thing that a run tried, in the order in which it was seen. The kernel's word (Source "kernel") is the truth; what
// Python's audit hook adds (Source "python") gives it a meaning and can be forged by what runs.
type Behaviour struct {
	Act     Act      `json:"act"`
	Target  string   `json:"target"` // path, address, host, program, system call or limit; bounded
	Answer  Answer   `json:"answer"`
	Source  string   `json:"source"`            // kernel, python, proxy, jail
	Call    string   `json:"call,omitempty"`    // the system call, or Python's event: openat, pickle.find_class
	Args    []string `json:"args,omitempty"`    // of a program or of a Python event; bounded
	Python  string   `json:"python,omitempty"`  // the Python code that did it: file:line in function, innermost first
	Planted string   `json:"planted,omitempty"` // what the jail had planted at the target: a canary's name
	Program string   `json:"program,omitempty"` // that the process runs
	Process int      `json:"process,omitempty"` // its number inside the jail
	Count   int64    `json:"count,omitempty"`   // further equal acts, counted and not kept
}

func (Import) fact()      {}
func (Class) fact()       {}
func (Member) fact()      {}
func (Code) fact()        {}
func (Call) fact()        {}
func (Setting) fact()     {}
func (Storage) fact()     {}
func (Oddity) fact()      {}
func (Note) fact()        {}
func (Part) fact()        {}
func (Tensor) fact()      {}
func (Requirement) fact() {}
func (Include) fact()     {}
func (Behaviour) fact()   {}

// factKinds is the closed list: wire name → Go type.
var factKinds = map[string]reflect.Type{
	"import":      reflect.TypeFor[Import](),
	"class":       reflect.TypeFor[Class](),
	"member":      reflect.TypeFor[Member](),
	"code":        reflect.TypeFor[Code](),
	"call":        reflect.TypeFor[Call](),
	"setting":     reflect.TypeFor[Setting](),
	"storage":     reflect.TypeFor[Storage](),
	"oddity":      reflect.TypeFor[Oddity](),
	"note":        reflect.TypeFor[Note](),
	"part":        reflect.TypeFor[Part](),
	"tensor":      reflect.TypeFor[Tensor](),
	"requirement": reflect.TypeFor[Requirement](),
	"include":     reflect.TypeFor[Include](),
	"behaviour":   reflect.TypeFor[Behaviour](),
}

// KindOf names a fact's kind as facts are written in JSON.
func KindOf(f Fact) string {
	t := reflect.TypeOf(f)
	for k, want := range factKinds {
		if t == want {
			return k
		}
	}
	return fmt.Sprintf("unknown(%T)", f)
}

// DecodeFact reads a fact of the named kind from JSON.
func DecodeFact(kind string, b []byte) (Fact, error) {
	t, ok := factKinds[kind]
	if !ok {
		return nil, fmt.Errorf("fact kind %q is not known to this version", kind)
	}
	p := reflect.New(t)
	if err := json.Unmarshal(b, p.Interface()); err != nil {
		return nil, fmt.Errorf("fact of kind %q: %w", kind, err)
	}
	return p.Elem().Interface().(Fact), nil
}
