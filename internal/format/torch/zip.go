package torch

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"

	"weir"
	"weir/internal/format"
	"weir/internal/format/archive"
	"weir/internal/format/pickle"
)

// Bounds on what is copied of members that this room reads itself, beside what the engine reads.
const (
	maxPickleCopy = 16 << 20 // of a compressed pickle
	maxPickleHeld = 1 << 20  // of a stored pickle: reading it in memory saves many small reads
	maxTextCopy   = 4 << 20  // of a manifest or configuration
	peekSize      = 4 << 10  // of everything else, to tell native code
)

// ParseZip reads any zip file of torch: it opens the archive as the archive room does, hands every member to the engine, and adds what only
// torch's own reading shows: storages, TorchScript, manifests, native code. A zip that has none of these gives what the plain parser gives.
func ParseZip(in *format.Input) error {
	z, found, err := archive.OpenZip(in.ReaderAt, in.Size, in.Limits)
	for _, o := range found {
		in.Emit(o)
	}
	if z == nil {
		return fmt.Errorf("zip: %w", err)
	}
	c := &container{in: in, zip: z, explained: map[int]bool{}}
	c.keep(err)
	z.Describe(in)
	c.index()
	c.pickles()
	for _, early := range []bool{true, false} { // a configuration explains the weights beside it
		for i := range z.Entries {
			if !c.explained[i] && (!early || c.role(z.Entries[i].Name) == roleWeights) {
				c.member(i)
			}
		}
	}
	c.keep(z.HandGaps(in))
	if c.script.close(); c.script.over {
		c.keep(fmt.Errorf("TorchScript of more than %d functions: %w", maxFunctions, format.ErrLimit))
	}
	if c.err != nil {
		return fmt.Errorf("zip: %w", c.err)
	}
	return nil
}

// container is one zip file while it is read.
type container struct {
	in        *format.Input
	zip       *archive.ZipArchive
	byName    map[string]int   // lower-case name → entry; -1 when several have it
	least     map[string]int64 // lower-case name that several entries have → the least size of them
	first     string           // lower-case folder of the first entry, which is the one that torch reads
	explained map[int]bool     // entries that need no more reading: storages that a record names and that fit, and what was handed over
	script    program
	manifest  manifest
	err       error
}

// keep remembers the first error: the parse goes on, because the next member may be the bad one.
func (c *container) keep(err error) {
	if c.err == nil && err != nil {
		c.err = err
	}
}

// index makes names findable the way torch finds them: miniz compares without case (mz_zip_reader_locate_file).
func (c *container) index() {
	c.byName, c.least = make(map[string]int, len(c.zip.Entries)), map[string]int64{}
	for i := range c.zip.Entries {
		e := &c.zip.Entries[i]
		name := strings.ToLower(e.Name)
		if i == 0 {
			c.first, _, _ = strings.Cut(name, "/")
		}
		size := max(0, e.Size)
		if j, ok := c.byName[name]; !ok {
			c.byName[name] = i
		} else {
			if j >= 0 {
				c.byName[name], c.least[name] = -1, max(0, c.zip.Entries[j].Size)
			}
			c.least[name] = min(c.least[name], size)
		}
	}
	for _, base := range []string{"version", "byteorder", ".data/serialization_id", ".format_version", ".storage_alignment", "archive_format", "archive_version"} {
		i, ok := c.byName[c.first+"/"+base]
		if !ok || i < 0 {
			continue
		}
		if b := c.small(&c.zip.Entries[i]); b != "" {
			c.in.Emit(weir.Note{Key: "torch." + strings.TrimPrefix(path.Base(base), "."), Value: b})
		}
	}
}

// small reads a stored member of a few characters.
func (c *container) small(e *archive.ZipEntry) string {
	r, ok := c.zip.Stored(e)
	if !ok || r.Size() > 64 {
		return ""
	}
	b := make([]byte, r.Size())
	if _, err := r.ReadAt(b, 0); err != nil && err != io.EOF {
		return ""
	}
	return strings.ToValidUTF8(strings.TrimSpace(string(b)), "?")
}

// hand gives an entry to the engine and returns what it was recognised as, with a copy of its first bytes.
func (c *container) hand(e *archive.ZipEntry, limit int64) (copied []byte, sum format.Summary, err error) {
	in := *c.in
	in.Nested = func(name string, r io.ReaderAt, size int64) (format.Summary, error) {
		b := make([]byte, min(limit, size))
		if n, err := r.ReadAt(b, 0); err == nil || err == io.EOF {
			copied = b[:n]
		}
		var err error
		sum, err = c.in.Nested(name, r, size)
		return sum, err
	}
	in.Expand = func(name string, src io.Reader, packed int64) (format.Summary, error) {
		keep := &prefix{limit: limit}
		var err error
		sum, err = c.in.Expand(name, io.TeeReader(src, keep), packed)
		copied = keep.Bytes()
		return sum, err
	}
	err = c.zip.Hand(&in, e)
	return copied, sum, err
}

// prefix keeps the first bytes that are written to it.
type prefix struct {
	bytes.Buffer
	limit int64
}

func (p *prefix) Write(b []byte) (int, error) {
	if n := p.limit - int64(p.Len()); n > 0 {
		p.Buffer.Write(b[:min(int64(len(b)), n)])
	}
	return len(b), nil
}

// pickles reads all members that torch unpickles by their name, and then finds the storages that they speak of.
func (c *container) pickles() {
	for i := range c.zip.Entries {
		e := &c.zip.Entries[i]
		if isPickleName(e.Name) && !e.Dir() {
			c.explained[i] = true
			c.pickle(e)
		}
	}
}

// isPickleName reports whether torch or torch.package unpickle a member of this name whatever it holds.
func isPickleName(name string) bool {
	base := baseName(name)
	return strings.HasSuffix(base, ".pkl") || strings.HasSuffix(base, ".pickle") || strings.HasSuffix(base, ".debug_pkl")
}

// pickle has the engine parse one pickle, which gives its facts, and follows it once more for its storages. The second run costs little:
// the tensors are elsewhere. A member that is not recognised as a pickle is followed as one all the same, because torch would do so.
func (c *container) pickle(e *archive.ZipEntry) {
	limit := int64(maxPickleCopy)
	stored, ok := c.zip.Stored(e)
	if ok {
		limit = maxPickleHeld
	}
	copied, sum, err := c.hand(e, limit)
	c.keep(err)
	var r io.ReaderAt = bytes.NewReader(copied)
	size := int64(len(copied))
	if ok && stored.Size() > size {
		r, size = stored, stored.Size()
	}
	if !ok && sum.Size > size {
		c.keep(fmt.Errorf("%q: storages of a pickle of %d bytes: %w", cut(e.Name, 100), sum.Size, format.ErrLimit))
	}
	if size == 0 {
		return
	}
	run := *c.in
	run.ReaderAt, run.Name, run.Size = r, e.Name, size
	t := newTracker(&run)
	if isPickled(sum.Formats) && strings.HasSuffix(baseName(e.Name), ".debug_pkl") {
		return // source positions: no storages
	}
	if isPickled(sum.Formats) {
		quiet := run
		quiet.Emit = func(weir.Fact) {}
		quiet.Trace = nil
		quiet.Nested = func(string, io.ReaderAt, int64) (format.Summary, error) { return format.Summary{}, nil }
		quiet.Expand = func(string, io.Reader, int64) (format.Summary, error) { return format.Summary{}, nil }
		opt := t.options(0)
		opt.Silent = true
		_, _ = pickle.Run(&quiet, opt) // its errors are the engine's to tell
	} else {
		res, err := pickle.Run(&run, t.options(0))
		if len(sum.Formats) == 0 { // otherwise it was read as what it is, a compressed pickle of MLflow's for one
			c.keep(err)
		}
		if err == nil && res.End < size {
			c.in.Emit(weir.Oddity{Kind: weir.OddTrailing, Detail: "bytes after the pickle", At: res.End, Size: size - res.End})
		}
	}
	if baseName(e.Name) == "bytecode.pkl" {
		c.bytecode(r, size)
	}
	c.locate(e, t)
	c.keep(t.emit())
}

func isPickled(formats []string) bool {
	for _, f := range formats {
		if f == "pickle" || f == "joblib" || f == "torch-legacy" {
			return true
		}
	}
	return false
}

// locate finds the member of each storage (torch/serialization.py, torch/package, caffe2/serialize): data/0 beside data.pkl, or
// .data/0.storage below the archive's root. One that fits exactly and that all readers see alike needs no reading.
func (c *container) locate(e *archive.ZipEntry, t *tracker) {
	name := strings.ToLower(e.Name)
	folder := strings.TrimSuffix(name, path.Ext(name)) + "/"
	root, _, _ := strings.Cut(name, "/")
	// torch takes "little" and "big" there and nothing else; without the member the storages are little-endian (torch/serialization.py).
	if i, ok := c.byName[root+"/byteorder"]; !ok || i >= 0 && c.zip.Entries[i].Size == int64(len("little")) {
		t.file = c.in.ReaderAt
	}
	for _, s := range t.order {
		key := strings.ToLower(s.key)
		s.key = folder + s.key
		for _, name := range []string{folder + key, root + "/.data/" + key + ".storage", root + "/.data/" + key} {
			i, ok := c.byName[name]
			if !ok {
				continue
			}
			if i < 0 {
				s.key, s.have = name, c.least[name] // any reader may take any of them
				break
			}
			m := &c.zip.Entries[i]
			s.key, s.have = m.Name, max(0, m.Size)
			if m.Method == archive.ZipStored && m.Data > 0 {
				s.data = m.Data
			}
			if c.fits(m, s.want) {
				c.explained[i] = true
			}
			break
		}
	}
}

// fits reports whether a member is raw data of that size beyond doubt; in a deep scan nothing is.
func (c *container) fits(m *archive.ZipEntry, want int64) bool {
	const all = archive.ViewPython | archive.ViewTorch
	return !c.in.Deep && m.Method == archive.ZipStored && m.Size == want && m.Packed == want && m.Data >= 0 && m.Data <= c.in.Size-want &&
		!m.Encrypted() && m.First && m.Last && m.Views&all == all
}

// member handles everything that is neither a pickle nor a storage.
func (c *container) member(i int) {
	e := &c.zip.Entries[i]
	if e.Dir() && e.Packed == 0 {
		c.keep(c.zip.Hand(c.in, e))
		return
	}
	c.explained[i] = true
	role := c.role(e.Name)
	limit := int64(peekSize)
	switch role {
	case roleScript, rolePython:
		limit = maxSource
	case roleManifest, roleWeights, roleExtern:
		limit = maxTextCopy
	}
	if r, ok := c.zip.Stored(e); ok && role == roleExtern && r.Size() <= maxTextCopy {
		b := make([]byte, r.Size())
		if n, err := r.ReadAt(b, 0); (err == nil || err == io.EOF) && n == len(b) && isModuleList(b) {
			externs(b, c.in.Emit)
			return
		}
	}
	copied, sum, err := c.hand(e, limit)
	c.keep(err)
	if len(copied) == 0 {
		return
	}
	whole := int64(len(copied)) < limit || sum.Size <= limit
	switch role {
	case roleScript:
		if c.script.size+len(copied) > maxSources || !whole {
			c.keep(fmt.Errorf("%q: TorchScript source: %w", cut(e.Name, 100), format.ErrLimit))
			return
		}
		c.script.add(e.Name, string(copied), c.in.Emit)
	case rolePython:
		c.python(e, copied)
	case roleManifest:
		c.readManifest(copied)
	case roleExtern:
		externs(copied, c.in.Emit)
	case roleWeights:
		c.weights(e.Name, copied)
	}
	if kind := nativeKind(copied); kind != "" {
		c.in.Emit(weir.Code{Language: "native", Name: e.Name, Member: e.Name, Text: kind, Auto: strings.Contains(strings.ToLower(e.Name), "aotinductor")})
	}
}
