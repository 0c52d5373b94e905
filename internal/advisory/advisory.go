// Package advisory is the offline advisory database: it builds one compact file from OSV data, maps it into memory and matches versions against
// it.
//
// Start with [Open], which gives the pack that weir embeds together with the files that a user named; [DB.Advise] answers what is known of one
// requirement. [Builder] makes such files. The file's form is described in layout.go; a damaged or foreign file is refused, whole or at the
// place that is damaged.
package advisory

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"weir"
	"weir/internal/version"
)

//go:embed pack.db
var embedded []byte

// DB is one or more advisory files, asked as one. It is safe for concurrent use. Of two records about one flaw in different files the newer
// counts; of equally new ones the one in the file that was named later.
type DB struct {
	packs []*pack
	mu    sync.Mutex
	err   error
}

// Open opens the embedded pack and, over it, the given files. Its error names the file and says how to mend it.
func Open(files ...string) (*DB, error) {
	p, err := parse(embedded)
	if err != nil {
		return nil, fmt.Errorf("embedded advisory pack: %w", err)
	}
	p.name = "embedded"
	db := &DB{packs: []*pack{p}}
	for _, name := range files {
		data, release, err := mapFile(name)
		if err == nil {
			if p, err = parse(data); err != nil {
				release()
			}
		}
		if err != nil {
			db.Close()
			return nil, fmt.Errorf("advisory database %q: %w", name, err)
		}
		p.name, p.release = name, release
		db.packs = append(db.packs, p)
	}
	return db, nil
}

// Embedded opens the pack inside the binary alone.
func Embedded() (*DB, error) { return Open() }

// Close gives the mapped files back. The database must not be asked afterwards.
func (db *DB) Close() error {
	for _, p := range db.packs {
		if p.release != nil {
			p.release()
			p.release = nil
		}
	}
	db.packs = nil
	return nil
}

// Err is the first damage that an answer met; answers touched by it say weir.AffectedUnknown.
func (db *DB) Err() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.err
}

func (db *DB) fail(err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.err == nil {
		db.err = err
	}
}

// Info describes one file of a database.
type Info struct {
	File       string         `json:"file"` // "embedded" for the pack in the binary
	Date       time.Time      `json:"date"` // of the data: the newest record's, or the day its sources were taken
	Records    int            `json:"records"`
	Packages   int            `json:"packages"`
	Bytes      int64          `json:"bytes"`
	Ecosystems map[string]int `json:"ecosystems"` // advisories by package URL type
	Sources    []string       `json:"sources"`
	Serial     int64          `json:"serial,omitempty"` // of a published repository
}

// Info describes the files, the embedded pack first.
func (db *DB) Info() []Info {
	var out []Info
	for _, p := range db.packs {
		out = append(out, p.info())
	}
	return out
}

func (p *pack) info() Info {
	return Info{File: p.name, Date: p.meta.Date, Records: p.records, Packages: p.packages, Bytes: int64(len(p.data)), Ecosystems: p.meta.Ecosystems,
		Sources: p.meta.Sources, Serial: p.meta.Serial}
}

// Date is the newest date of the files.
func (db *DB) Date() time.Time {
	var t time.Time
	for _, p := range db.packs {
		if p.meta.Date.After(t) {
			t = p.meta.Date
		}
	}
	return t
}

// Covers says whether any file holds advisories of an ecosystem. conda is covered by pypi's.
func (db *DB) Covers(ecosystem string) bool {
	if ecosystem == "conda" {
		ecosystem = "pypi"
	}
	return slices.ContainsFunc(db.packs, func(p *pack) bool { return p.meta.Ecosystems[ecosystem] > 0 })
}

// subject is what a requirement asks for in the terms of the database.
type subject struct {
	scheme version.Scheme
	name   string
	plain  func(string) string // the version's spelling here → the ecosystem's in requirements
}

// subjectOf maps a requirement to the ecosystem that its advisories are filed under. Packages of conda are looked up as PyPI's of the same
// source; their versions read as PEP 440.
func subjectOf(r weir.Requirement) (s subject, ok bool) {
	s.plain = func(v string) string { return v }
	s.scheme = version.For(r.Ecosystem)
	s.name = r.Name
	switch s.scheme {
	case version.None:
		return s, false
	case version.Conda:
		s.scheme = version.PEP440
		if n, known := condaNames[r.Name]; known {
			s.name = n
		}
	case version.Go:
		if r.Name != "stdlib" && r.Name != "toolchain" {
			s.plain = func(v string) string {
				if v != "" && v[0] != 'v' {
					return "v" + v
				}
				return v
			}
		}
	}
	s.name = Canonical(s.scheme.String(), s.name)
	return s, s.name != ""
}

// condaNames are the packages whose name on conda's channels is another than on PyPI.
var condaNames = map[string]string{
	"pytorch": "torch", "pytorch-cpu": "torch", "pytorch-gpu": "torch", "tensorflow-base": "tensorflow", "tensorflow-mkl": "tensorflow",
	"tensorflow-eigen": "tensorflow", "py-xgboost": "xgboost", "opencv": "opencv-python", "py-opencv": "opencv-python", "msgpack-python": "msgpack",
	"pytables": "tables", "mlflow-skinny": "mlflow", "mlflow-ui": "mlflow", "ray-core": "ray", "ray-default": "ray", "ray-serve": "ray",
	"dask-core": "dask", "jupyter_server": "jupyter-server", "matplotlib-base": "matplotlib", "pyspark": "pyspark", "h2o-py": "h2o",
	"keras-base": "keras", "pillow-simd": "pillow", "ruamel_yaml": "ruamel-yaml",
}

// errDamaged begins every error about bytes that are not as the builder wrote them.
var errDamaged = errors.New("damaged; build or download it again (weir db update)")
