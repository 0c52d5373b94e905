package advisory

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"
)

// Bounds of sources. The largest real record is some 2 MB; the largest export holds some 250,000.
const (
	maxRecord  = 16 << 20 // bytes of one record
	maxEntries = 4 << 20  // files of one archive or folder
	maxRatio   = 100      // an archive's content over its size
	maxTable   = 512 << 20
)

// Report says what became of a source.
type Report struct {
	Taken   int      // records
	Skipped int      // withdrawn, or only of ecosystems that weir has no version rules for
	Bad     int      // files that should be records and are none
	Errors  []string // of the first few
}

func (r *Report) bad(name string, err error) {
	r.Bad++
	if len(r.Errors) < 5 {
		r.Errors = append(r.Errors, fmt.Sprintf("%s: %v", name, err))
	}
}

// AddSource takes everything that a file or folder holds: zips of records (OSV's all.zip, or a delta), single records as OSV JSON or PyPA YAML,
// folders of both, CISA's catalogue of known exploited vulnerabilities (JSON) and FIRST's EPSS table (CSV, also as .gz). It fails where the
// source cannot be read or holds nothing of use; single broken records are counted.
func (b *Builder) AddSource(name string) (Report, error) {
	var rep Report
	before, skipped := b.Count()
	tables := len(b.exploit) + len(b.epss)
	info, err := os.Stat(name)
	if err == nil {
		if info.IsDir() {
			err = b.addFolder(name, &rep)
		} else {
			err = b.addFile(name, info.Size(), &rep)
		}
	}
	after, skippedNow := b.Count()
	rep.Taken, rep.Skipped = after-before, skippedNow-skipped
	if err == nil && rep.Taken+rep.Skipped == 0 && len(b.exploit)+len(b.epss) == tables {
		err = errors.New("it holds no advisories; weir db build takes zips and folders of OSV JSON or PyPA YAML")
		if len(rep.Errors) > 0 {
			err = fmt.Errorf("%w (%s)", err, rep.Errors[0])
		}
	}
	if err != nil {
		return rep, fmt.Errorf("advisory source %q: %w", name, bare(err))
	}
	return rep, nil
}

// bare drops the path that os puts before an error: the message names it already.
func bare(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

func (b *Builder) addFile(name string, size int64, rep *Report) error {
	lower := strings.ToLower(name)
	switch {
	case strings.HasSuffix(lower, ".zip"):
		return b.addZip(name, rep)
	case strings.HasSuffix(lower, ".csv"), strings.HasSuffix(lower, ".csv.gz"):
		return b.addEPSS(name)
	case size > maxRecord:
		return fmt.Errorf("%d bytes are more than a record can have; is it a zip under another name?", size)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if bytes.HasPrefix(data, []byte("PK\x03\x04")) {
		return b.addZip(name, rep)
	}
	if b.addKEV(data) {
		return nil
	}
	r, err := decodeAny(name, data)
	if err != nil {
		return err
	}
	b.add(r)
	return nil
}

// isRecord says by its name whether a file of a folder or archive should be a record.
func isRecord(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".json", ".yaml", ".yml":
		return !strings.HasPrefix(filepath.Base(name), ".")
	}
	return false
}

func decodeAny(name string, data []byte) (*record, error) {
	if ext := strings.ToLower(filepath.Ext(name)); ext == ".yaml" || ext == ".yml" {
		var r record
		if err := yaml.Unmarshal(data, &r); err != nil {
			return nil, err
		}
		if r.ID == "" {
			return nil, errors.New("not a record: it has no id")
		}
		return &r, nil
	}
	return decode(data)
}

// job is a record on its way: read, decoded, added in its order.
type job struct {
	name string
	read func() ([]byte, error)
	rec  *record
	err  error
	done chan struct{}
}

// pump decodes on all processors and adds in the source's order.
func (b *Builder) pump(rep *Report, produce func(send func(name string, read func() ([]byte, error)) bool) error) error {
	work := make(chan *job, 64)
	order := make(chan *job, 256)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for j := range work {
				var data []byte
				if data, j.err = j.read(); j.err == nil {
					j.rec, j.err = decodeAny(j.name, data)
				}
				close(j.done)
			}
		})
	}
	var perr error
	go func() {
		perr = produce(func(name string, read func() ([]byte, error)) bool {
			j := &job{name: name, read: read, done: make(chan struct{})}
			order <- j
			work <- j
			return true
		})
		close(work)
		close(order)
	}()
	for j := range order {
		<-j.done
		if j.err != nil {
			rep.bad(j.name, j.err)
			continue
		}
		b.add(j.rec)
	}
	workers.Wait()
	return perr
}

func (b *Builder) addFolder(root string, rep *Report) error {
	n := 0
	var zips []string
	err := b.pump(rep, func(send func(string, func() ([]byte, error)) bool) error {
		return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && strings.HasPrefix(d.Name(), ".") && name != root:
				return filepath.SkipDir
			case d.Type().IsRegular() && strings.EqualFold(filepath.Ext(name), ".zip"):
				zips = append(zips, name)
			case d.Type().IsRegular() && isRecord(name):
				if n++; n > maxEntries {
					return fmt.Errorf("more than %d files", maxEntries)
				}
				send(name, func() ([]byte, error) { return readFile(name) })
			}
			return nil
		})
	})
	for _, z := range zips {
		if err == nil {
			err = b.addZip(z, rep)
		}
	}
	return err
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return atMost(f, maxRecord)
}

// atMost reads all of r, or says that it is too long.
func atMost(r io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("more than %d bytes", most)
	}
	return data, err
}

// addZip reads a zip's records. Names in it are never used as paths; what expands beyond reason is refused before it is read.
func (b *Builder) addZip(name string, rep *Report) error {
	z, err := zip.OpenReader(name)
	if err != nil {
		return err
	}
	defer z.Close()
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if len(z.File) > maxEntries {
		return fmt.Errorf("%d entries are more than an export has", len(z.File))
	}
	budget := uint64(info.Size())*maxRatio + 1<<20
	var total uint64
	for _, f := range z.File {
		if total += f.UncompressedSize64; f.UncompressedSize64 > budget || total > budget {
			return fmt.Errorf("it expands to more than %d times its size, as no export of advisories does", maxRatio)
		}
	}
	files := slices.DeleteFunc(z.File, func(f *zip.File) bool { return !isRecord(f.Name) || f.FileInfo().IsDir() })
	return b.pump(rep, func(send func(string, func() ([]byte, error)) bool) error {
		for _, f := range files {
			send(f.Name, func() ([]byte, error) {
				r, err := f.Open()
				if err != nil {
					return nil, err
				}
				defer r.Close()
				return atMost(r, int64(min(f.UncompressedSize64, maxRecord)))
			})
		}
		return nil
	})
}

// addKEV takes CISA's catalogue, and says whether the bytes are one.
func (b *Builder) addKEV(data []byte) bool {
	var kev struct {
		Vulnerabilities []struct {
			CVE string `json:"cveID"`
		} `json:"vulnerabilities"`
	}
	if json.Unmarshal(data, &kev) != nil || len(kev.Vulnerabilities) == 0 || kev.Vulnerabilities[0].CVE == "" {
		return false
	}
	for _, v := range kev.Vulnerabilities {
		b.exploit[v.CVE] = true
	}
	return true
}

// addEPSS takes FIRST's table: lines of cve,epss,percentile below a comment and a head.
func (b *Builder) addEPSS(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(strings.ToLower(name), ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return err
		}
	}
	rows := csv.NewReader(io.LimitReader(r, maxTable))
	rows.Comment, rows.FieldsPerRecord, rows.ReuseRecord = '#', -1, true
	for {
		row, err := rows.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("EPSS table: %w", err)
		}
		if len(row) < 2 || !strings.HasPrefix(row[0], "CVE-") {
			continue
		}
		if p, err := strconv.ParseFloat(row[1], 64); err == nil && p > 0 && p <= 1 {
			b.epss[strings.Clone(row[0])] = p
		}
	}
}

// WriteFile writes the database beside its place and puts it there in one step, so that whoever has the old file mapped keeps it.
func (b *Builder) WriteFile(name string) (size int64, err error) {
	body, err := os.CreateTemp(filepath.Dir(name), ".weir-db-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(body.Name())
	defer body.Close()
	buffered := bufio.NewWriterSize(body, 1<<20)
	front, err := b.write(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		_, err = body.Seek(0, io.SeekStart)
	}
	if err != nil {
		return 0, err
	}
	return into(name, io.MultiReader(bytes.NewReader(front), body), func(string) error { return nil })
}

// into writes a file in one step, once it has been looked at.
func into(name string, r io.Reader, look func(name string) error) (int64, error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".weir-db-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name()) // after a rename there is nothing to remove
	n, err := io.Copy(f, r)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil { // the copy is looked at, not its source: nobody can change it in between
		err = look(f.Name())
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	return n, err
}

// Check reads all of a file: every package and every text. It is how an update is looked at before it takes the old one's place.
func Check(name string) error {
	data, release, err := mapFile(name)
	if err != nil {
		return err
	}
	defer release()
	p, err := parse(data)
	if err != nil {
		return err
	}
	return p.check()
}
