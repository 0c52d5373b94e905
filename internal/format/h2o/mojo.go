package h2o

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"weir"
	"weir/internal/format"
	"weir/internal/format/opaque"
)

// MOJO is the zip file that model.download_mojo writes and hex.genmodel reads. What is in it is told by its members, model.ini first, so that
// a MOJO that was unpacked into a folder is read the same way. Its Parse is that of zip files, which the catalogue gives it.
var MOJO = format.Format{
	Name: "h2o-mojo", Doc: "H2O-3 MOJO", Framework: "h2o", Model: true, Parsed: true, Supersedes: []string{"zip"}, Match: matchMOJO,
}

// matchMOJO looks for the names of a MOJO's members at both ends of a zip file. One that it misses is read as a zip file, with the same facts.
func matchMOJO(h format.Head) bool {
	if !bytes.HasPrefix(h.First, []byte("PK\x03\x04")) || !bytes.Contains(h.Last, []byte("PK\x05\x06")) {
		return false
	}
	has := func(name string) bool {
		return bytes.Contains(h.Last, []byte(name)) || bytes.Contains(h.First, []byte(name))
	}
	return has("model.ini") && (has("experimental/modelDetails.json") || has("domains/d0") || has("trees/t00_000.bin")) || has("experimental/modelDetails.json")
}

// Info is model.ini of a MOJO: what the model is, its columns, and the files of their domains (ModelMojoReader.parseModelInfo).
var Info = format.Format{
	Name: "h2o-mojo-info", Doc: "model.ini of an H2O-3 MOJO", Framework: "h2o", Model: true, Parsed: true,
	Match: func(h format.Head) bool {
		text := bytes.TrimLeft(h.First, " \t\r\n\x1c\x1d\x1e\x1f\x0b\x0c")
		for bytes.HasPrefix(text, []byte("#")) { // comments
			_, text, _ = bytes.Cut(text, []byte("\n"))
			text = bytes.TrimSpace(text)
		}
		return bytes.HasPrefix(text, []byte("[info]")) || path.Base(h.Name) == "model.ini" && bytes.Contains(text, []byte("[info]"))
	},
	Parse: parseInfo,
}

// Details is experimental/modelDetails.json of a MOJO: the model as H2O's REST interface shows it.
var Details = format.Format{
	Name: "h2o-mojo-details", Doc: "modelDetails.json of an H2O-3 MOJO", Framework: "h2o", Parsed: true,
	Match: func(h format.Head) bool {
		return bytes.HasPrefix(h.First, []byte(`{"__meta":{"schema_version":3,"schema_name":"`))
	},
	Parse: parseDetails,
}

const maxInfoLine = 1 << 20

// counts are the entries of [info] by which the reader sizes its arrays before it reads what fills them.
var counts = map[string]bool{
	"n_columns": true, "n_domains": true, "n_features": true, "n_classes": true, "n_trees": true, "n_trees_per_class": true, "ntrees": true,
	"submodel_count": true, "base_models_num": true, "vec_size": true, "vocab_size": true, "ncolA": true, "nrowY": true, "ncolX": true, "center_num": true,
	"k": true, "nums": true, "cats": true, "num_rules": true, "depth": true,
}

// parseInfo emits a Setting for every entry that says which files are read, and Notes about the model.
func parseInfo(in *format.Input) error {
	p := &infoParser{in: in}
	sc := bufio.NewScanner(io.NewSectionReader(in, 0, in.Size))
	sc.Buffer(make([]byte, 0, 64<<10), maxInfoLine)
	for sc.Scan() {
		p.number++
		line := strings.TrimFunc(sc.Text(), func(r rune) bool { return r <= ' ' }) // String.trim
		if line != "" && line[0] != '#' {
			p.line(line)
		}
		p.at += int64(len(sc.Bytes())) + 1
	}
	p.end()
	if err := sc.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("line %d is longer than %d bytes: %w", p.number+1, maxInfoLine, format.ErrLimit)
		}
		return errors.Join(fmt.Errorf("h2o: model.ini: %w", err), opaque.Format.Parse(in))
	}
	return opaque.Format.Parse(in)
}

type infoParser struct {
	in      *format.Input
	section string
	number  int
	at      int64
	columns int64 // lines of [columns]
	want    int64 // n_columns
	facts   int
}

func (p *infoParser) line(line string) {
	if line == "[info]" || line == "[columns]" || line == "[domains]" {
		p.section = line
		return
	}
	switch p.section {
	case "[info]":
		key, value, _ := strings.Cut(line, "=")
		p.info(strings.TrimSpace(key), strings.TrimSpace(value))
	case "[columns]":
		p.columns++
	case "[domains]":
		key, value, _ := strings.Cut(line, ":")
		n, file, _ := strings.Cut(strings.TrimSpace(value), " ")
		p.size("domain of column "+key, n)
		p.file("domain "+key, "domains/"+file)
	}
}

func (p *infoParser) info(key, value string) {
	switch {
	case key == "h2o_version" || key == "algorithm" || key == "algo" || key == "mojo_version" || key == "category":
		p.in.Emit(weir.Note{Key: "h2o." + key, Value: short(value)})
	case strings.HasPrefix(key, "submodel_dir_"):
		if path.Clean(value) == "." || path.Clean(value) == "/" {
			p.odd(weir.OddShape, fmt.Sprintf("%s is %q: the model holds itself, and the reader does not come to an end", key, value))
		}
		p.file(key, value)
	}
	if key == "n_columns" {
		p.want, _ = strconv.ParseInt(value, 10, 64)
	}
	if counts[key] || strings.HasSuffix(key, "_size1") || strings.HasSuffix(key, "_size2") || strings.HasSuffix(key, "_size") {
		p.size(key, value)
	}
	if key == "neural_network_sizes" {
		for n := range strings.SplitSeq(strings.Trim(value, "[]"), ",") {
			p.size(key, n)
		}
	}
}

// maxCount is more than any real model has of anything: trees, columns, levels, words.
const maxCount = 100_000_000

func (p *infoParser) size(what, value string) {
	n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err == nil && (n > maxCount || n < -1) {
		p.odd(weir.OddShape, fmt.Sprintf("%s is %s: the reader makes an array of that size before it reads anything", short(what), short(value)))
	}
}

// file emits the name of a file or folder that the reader opens, when it is not one of a MOJO's own.
func (p *infoParser) file(key, name string) {
	if p.facts++; p.facts > 10_000 {
		return
	}
	if leaves(name) {
		p.odd(weir.OddPath, fmt.Sprintf("%s is %q, outside the model's folder", short(key), short(name)))
	}
}

func (p *infoParser) odd(kind weir.OddityKind, detail string) {
	p.in.Emit(weir.Oddity{Kind: kind, Detail: detail, At: p.at})
}

func (p *infoParser) end() {
	if p.section != "" && p.section != "[info]" && p.columns != p.want {
		p.odd(weir.OddMismatch, fmt.Sprintf("n_columns is %d, and %d columns are listed", p.want, p.columns))
	}
}

// leaves reports whether a name, appended to a folder's as java.io.File does on any system, can be of something outside the folder.
func leaves(name string) bool {
	return weir.Climbs(strings.ReplaceAll(name, `\`, "/")) || strings.ContainsRune(name, 0)
}

// parseDetails looks for script in the texts of the model, which tools show in a browser.
func parseDetails(in *format.Input) error {
	err := scripts(in)
	if err != nil {
		err = fmt.Errorf("h2o: modelDetails.json: %w", err)
	}
	return errors.Join(err, opaque.Format.Parse(in))
}
