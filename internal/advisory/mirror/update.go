package mirror

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"weir/internal/advisory"
)

// DefaultSource is OSV's public export.
const DefaultSource = "https://osv-vulnerabilities.storage.googleapis.com"

// osvNames are the folders of OSV's export by package URL type.
var osvNames = map[string]string{"pypi": "PyPI", "maven": "Maven", "npm": "npm", "golang": "Go", "cargo": "crates.io"}

// Ecosystems are those that an update brings where nothing else is asked for.
var Ecosystems = []string{"pypi", "maven", "npm", "golang", "cargo"}

// Options say what to update, and from where.
type Options struct {
	From       string   // a URL, folder or file; empty: DefaultSource
	To         string   // the database's place
	Trust      string   // folder of what is trusted: the newest root and the versions that were seen
	Cache      string   // folder of interrupted and last downloads
	Root       string   // file of a repository's root that was carried here by hand; needed the first time
	Ecosystems []string // of an export; empty: all
	Now        time.Time
	Client     Client
	Note       func(string) // for what a person should know; may be nil
}

func (o *Options) note(format string, args ...any) {
	if o.Note != nil {
		o.Note(fmt.Sprintf(format, args...))
	}
}

// maxExport bounds one ecosystem's zip; npm's, the largest, has some 200 MB.
const maxExport = 4 << 30

// Update brings the database up to date, and gives what is in use afterwards. Where it fails, what was there stays.
func Update(ctx context.Context, o Options) (advisory.Info, error) {
	if o.From == "" {
		o.From = DefaultSource
	}
	for _, dir := range []string{filepath.Dir(o.To), o.Trust, o.Cache} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return advisory.Info{}, err
		}
	}
	src, local, err := o.source()
	if err != nil {
		return advisory.Info{}, err
	}
	if local != "" {
		return o.fromFiles(local)
	}
	signed, err := o.signed(ctx, src)
	if err != nil {
		return advisory.Info{}, err
	}
	if signed {
		return o.fromRepository(ctx, src)
	}
	return o.fromExport(ctx, src)
}

// place is where a repository or export lies: reads small files, and brings large ones.
type place interface {
	get(ctx context.Context, name string, max int64) ([]byte, error)
	bring(ctx context.Context, name, dest string, max int64) error
	String() string
}

// web is a place behind HTTP.
type web struct {
	base   string
	client *Client
}

func (w web) String() string { return w.base }

func (w web) get(ctx context.Context, name string, max int64) ([]byte, error) {
	return w.client.get(ctx, w.base+"/"+name, max)
}

func (w web) bring(ctx context.Context, name, dest string, max int64) error {
	_, err := w.client.download(ctx, name, w.base+"/"+name, dest, max)
	return err
}

// folder is a place on this machine, or on a disk that was carried here.
type folder string

func (f folder) String() string { return string(f) }

func (f folder) get(_ context.Context, name string, max int64) ([]byte, error) {
	file, err := os.Open(filepath.Join(string(f), filepath.FromSlash(name)))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", name, errMissing)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, max+1))
	if err == nil && int64(len(data)) > max {
		err = fmt.Errorf("%s: more than %d bytes", name, max)
	}
	return data, err
}

func (f folder) bring(_ context.Context, name, dest string, max int64) error {
	src, err := os.Open(filepath.Join(string(f), filepath.FromSlash(name)))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s: %w", name, errMissing)
	}
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(dest)
	if err != nil {
		return err
	}
	n, err := io.Copy(dst, io.LimitReader(src, max+1))
	if cerr := dst.Close(); err == nil {
		err = cerr
	}
	if err == nil && n > max {
		err = fmt.Errorf("%s: more than %d bytes", name, max)
	}
	return err
}

// source reads --from: a place, or files of this machine that are the source itself.
func (o *Options) source() (place, string, error) {
	u, err := url.Parse(o.From)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") {
		if u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
			return nil, "", fmt.Errorf("source %q: only a base address, without query, can be updated from", o.From)
		}
		return web{strings.TrimSuffix(o.From, "/"), &o.Client}, "", nil
	}
	name := strings.TrimPrefix(o.From, "file://")
	info, err := os.Stat(name)
	if err != nil {
		return nil, "", fmt.Errorf("source %q: neither a http(s) address nor a file or folder here", o.From)
	}
	if info.IsDir() {
		for _, mark := range []string{"timestamp.json", "PyPI/all.zip"} {
			if _, err := os.Stat(filepath.Join(name, mark)); err == nil {
				return folder(name), "", nil
			}
		}
	}
	return nil, name, nil
}

// fromFiles takes a built database, or builds one.
func (o *Options) fromFiles(name string) (advisory.Info, error) {
	if advisory.IsDatabase(name) {
		return advisory.Install(name, o.To)
	}
	return o.build([]string{name})
}

// signed says whether the place is a signed repository. Where one is trusted already, it must be: leaving the signatures out is no way around them.
func (o *Options) signed(ctx context.Context, src place) (bool, error) {
	if o.Root != "" {
		return true, nil
	}
	if _, err := os.Stat(o.rootFile(src)); err == nil {
		return true, nil
	}
	if src.String() == DefaultSource {
		return false, nil
	}
	_, err := src.get(ctx, "timestamp.json", maxMeta)
	switch {
	case errors.Is(err, errMissing):
		return false, nil
	case err != nil:
		return false, err
	}
	return false, fmt.Errorf("source %q is a signed repository: name its root once with --root FILE, as its publisher hands it out", src)
}

const maxMeta = 1 << 20

// seen is what was accepted from a repository.
type seen struct {
	Timestamp int64 `json:"timestamp"`
	Targets   int64 `json:"targets"`
}

// memory names files for one repository.
func (o *Options) memory(src place, what string) string {
	sum := sha256.Sum256([]byte(src.String()))
	return filepath.Join(o.Trust, hex.EncodeToString(sum[:8])+"."+what)
}

func (o *Options) rootFile(src place) string { return o.memory(src, "root.json") }

// fromRepository follows TUF's client workflow (section 5 of the specification).
func (o *Options) fromRepository(ctx context.Context, src place) (advisory.Info, error) {
	r, s, err := o.trusted(ctx, src)
	if err != nil {
		return advisory.Info{}, err
	}
	data, err := src.get(ctx, "timestamp.json", maxMeta)
	if err != nil {
		return advisory.Info{}, err
	}
	var stamp timestamp
	if err := r.open("timestamp.json", data, roleTimestamp, &stamp); err != nil {
		return advisory.Info{}, err
	}
	if err := stamp.current("timestamp.json", s.Timestamp, o.Now); err != nil {
		return advisory.Info{}, err
	}
	name := fmt.Sprintf("%d.targets.json", stamp.Targets.Version)
	if data, err = src.get(ctx, name, min(stamp.Targets.Length, maxMeta)); err != nil {
		return advisory.Info{}, err
	}
	if err := stamp.Targets.matches(name, data); err != nil {
		return advisory.Info{}, err
	}
	var t targets
	if err := r.open(name, data, roleTargets, &t); err != nil {
		return advisory.Info{}, err
	}
	if t.Version != stamp.Targets.Version {
		return advisory.Info{}, fmt.Errorf("%s: it is version %d", name, t.Version)
	}
	if err := t.current(name, s.Targets, o.Now); err != nil {
		return advisory.Info{}, err
	}
	if err := o.remember(src, seen{stamp.Version, t.Version}); err != nil {
		return advisory.Info{}, err
	}
	file, ok := t.Files[databaseName]
	if !ok || file.Length <= 0 || file.Length > maxDatabase || len(file.SHA256) != 2*sha256.Size {
		return advisory.Info{}, fmt.Errorf("%s: it names no database that could be taken", name)
	}
	return o.take(ctx, src, file)
}

// trusted reads the root that is trusted and follows it to the newest.
func (o *Options) trusted(ctx context.Context, src place) (*root, seen, error) {
	var s seen
	data, err := os.ReadFile(o.rootFile(src))
	if o.Root != "" && err != nil {
		data, err = os.ReadFile(o.Root)
	}
	if err != nil {
		return nil, s, err
	}
	r, err := openRoot("root", data)
	if err != nil {
		return nil, s, err
	}
	if b, err := os.ReadFile(o.memory(src, "seen.json")); err == nil {
		if err := json.Unmarshal(b, &s); err != nil {
			return nil, s, fmt.Errorf("what was seen of %q: %w; remove %q to begin anew", src, err, o.memory(src, "seen.json"))
		}
	}
	for range 1024 {
		name := fmt.Sprintf("%d.root.json", r.Version+1)
		b, err := src.get(ctx, name, maxMeta)
		if errors.Is(err, errMissing) {
			break
		}
		if err != nil {
			return nil, s, err
		}
		fresh, err := r.next(name, b)
		if err != nil {
			return nil, s, err
		}
		if !fresh.sameKeys(r, roleTimestamp) || !fresh.sameKeys(r, roleTargets) {
			s = seen{} // a stolen key may have signed enormous version numbers
		}
		r, data = fresh, b
	}
	if !o.Now.Before(r.Expires) {
		return nil, s, fmt.Errorf("root: valid until %s: it %w", r.Expires.Format(time.RFC3339), ErrExpired)
	}
	return r, s, replace(o.rootFile(src), data)
}

func (o *Options) remember(src place, s seen) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return replace(o.memory(src, "seen.json"), b)
}

// take brings the database that was signed, unless it is there.
func (o *Options) take(ctx context.Context, src place, file pointer) (advisory.Info, error) {
	if sum, err := digest(o.To); err == nil && sum == file.SHA256 {
		return advisory.Describe(o.To)
	}
	dest := filepath.Join(o.Cache, file.SHA256+".db")
	defer os.Remove(dest)
	defer os.Remove(dest + ".tag")
	if err := src.bring(ctx, path.Join("targets", file.SHA256+"."+databaseName), dest, file.Length); err != nil {
		return advisory.Info{}, err
	}
	sum, err := digest(dest)
	if err != nil {
		return advisory.Info{}, err
	}
	if sum != file.SHA256 {
		return advisory.Info{}, errors.New("the database is not the one that was signed: cut off or changed on the way")
	}
	return advisory.Install(dest, o.To)
}

func digest(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(f, maxDatabase+1)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// fromExport builds a database of OSV's zips. An ecosystem that is not to be had is said, and the last download of it serves.
func (o *Options) fromExport(ctx context.Context, src place) (advisory.Info, error) {
	if w, ok := src.(web); ok && strings.HasPrefix(w.base, "http://") {
		o.note("%s is neither signed nor encrypted: whoever sits between can change what it says", w.base)
	}
	list := o.Ecosystems
	if len(list) == 0 {
		list = Ecosystems
	}
	var zips []string
	var first error
	for _, e := range list {
		name, ok := osvNames[e]
		if !ok {
			return advisory.Info{}, fmt.Errorf("ecosystem %q: known are %s", e, strings.Join(Ecosystems, ", "))
		}
		sum := sha256.Sum256([]byte(src.String()))
		dest := filepath.Join(o.Cache, fmt.Sprintf("%s-%x.zip", e, sum[:4]))
		err := src.bring(ctx, name+"/all.zip", dest, maxExport)
		if err != nil {
			if ctx.Err() != nil {
				return advisory.Info{}, ctx.Err()
			}
			if first == nil {
				first = err
			}
			if _, serr := os.Stat(dest); serr != nil {
				o.note("%s: no advisories: %v", e, err)
				continue
			}
			o.note("%s: the last download serves: %v", e, err)
		}
		zips = append(zips, dest)
	}
	if len(zips) == 0 {
		return advisory.Info{}, first
	}
	return o.build(zips)
}

func (o *Options) build(sources []string) (advisory.Info, error) {
	b := advisory.NewBuilder()
	var first error
	used := 0
	for _, s := range sources {
		rep, err := b.AddSource(s)
		if err != nil {
			o.note("%v", err)
			if first == nil {
				first = err
			}
			continue
		}
		if rep.Bad > 0 {
			o.note("%s: %d records are broken and left out", filepath.Base(s), rep.Bad)
		}
		used++
		b.Sources = append(b.Sources, o.From+" "+filepath.Base(s))
	}
	if used == 0 {
		return advisory.Info{}, first
	}
	tmp := filepath.Join(o.Cache, "built.db")
	defer os.Remove(tmp)
	if _, err := b.WriteFile(tmp); err != nil {
		return advisory.Info{}, err
	}
	return advisory.Install(tmp, o.To)
}
