// Package mleap reads the pipelines of the Java world: MLeap bundles (JSON and protobuf, as zip or folder), and Spark ML models with their
// metadata and Parquet files. Members go back to the engine; which of a bundle's files belong together is seen by rules of tree scope.
//
// Start with [Formats]. Facts on MLeap are from its sources at 0.16.0, 0.20.0 and 0.25.2 (bundle-ml: BundleFile, NodeSerializer, GraphSerializer,
// JsonSupport, the descriptor of BundleProto), on Spark from ml/util/ReadWrite.scala and python/pyspark/ml/util.py at 3.3.4.
package mleap

import (
	"bytes"
	"encoding/binary"
	"path"
	"slices"
	"strings"

	"weir"
	"weir/internal/format"
)

// Formats lists the formats of this room. Bundle's Parse is that of a zip file and is set where formats are listed.
var Formats = []format.Format{
	{
		Name: "mleap-bundle", Doc: "MLeap bundle: a pipeline as zip archive or folder", Framework: "mleap", Model: true, Parsed: true,
		Supersedes: []string{"zip"}, Match: matchBundle, MatchDir: func(names []string) bool { return slices.Contains(names, "bundle.json") },
	},
	{Name: "mleap-info", Doc: "MLeap bundle.json", Framework: "mleap", Model: true, Parsed: true, Match: matchInfo, Parse: parseInfo},
	{Name: "mleap-model", Doc: "MLeap model.json or model.pb: a transformer and its attributes", Framework: "mleap", Model: true, Parsed: true, Match: matchModel, Parse: parseModel},
	{Name: "mleap-node", Doc: "MLeap node.json or node.pb: a node of a pipeline", Framework: "mleap", Model: true, Parsed: true, Match: matchNode, Parse: parseNode},
	{Name: "spark-ml", Doc: "Spark ML metadata: the class of a pipeline or stage and its parameters", Framework: "spark", Model: true, Parsed: true,
		Match: matchSpark, MatchDir: matchSparkDir, Below: "metadata", Parse: parseSpark},
	{Name: "parquet", Doc: "Apache Parquet table", Model: false, Parsed: true, Match: matchParquet, Parse: parseParquet},
}

// matchBundle reports whether a zip holds a bundle, as far as both ends of it show: names of its first entries, names in the end of its
// directory. One that shows neither is recognised as a zip, and its members all the same.
func matchBundle(h format.Head) bool {
	if !bytes.HasPrefix(h.First, []byte("PK\x03\x04")) {
		return false
	}
	info, root := false, false
	see := func(name []byte) {
		info = info || string(name) == "bundle.json"
		root = root || bytes.HasPrefix(name, []byte("root/"))
	}
	entries(h.First, "PK\x03\x04", 26, 30, see)
	entries(h.Last, "PK\x01\x02", 28, 46, see)
	return info && root
}

// entries finds zip records of one signature in b and gives the names in them; length and name are offsets in the record (APPNOTE 4.3.7,
// 4.3.12).
func entries(b []byte, sig string, length, name int, see func([]byte)) {
	for {
		i := bytes.Index(b, []byte(sig))
		if i < 0 || len(b)-i < name {
			return
		}
		b = b[i:]
		n := int(binary.LittleEndian.Uint16(b[length:]))
		if n <= len(b)-name {
			see(b[name : name+n])
		}
		b = b[4:]
	}
}

// shape is what the beginning of a JSON text shows: the keys of the object that it is.
type shape struct {
	keys  []string
	kinds []byte // of their values, as in jsonValue
	blank bool   // nothing but white space was seen
}

// maxKeys bounds the keys that recognition looks at.
const maxKeys = 64

// shapeOf looks at a JSON text that is an object; nil when it is none.
func shapeOf(h format.Head) *shape {
	trimmed := bytes.TrimLeft(h.First, " \t\r\n")
	if len(trimmed) == 0 {
		return &shape{blank: len(h.First) == format.HeadSize}
	}
	if trimmed[0] != '{' {
		return nil
	}
	s := &shape{}
	// The text may well end within what is seen here: its error says nothing.
	_, _ = readJSON(bytes.NewReader(h.First), 1<<20, func(p []string, v jsonValue) {
		if len(p) == 1 && len(s.keys) < maxKeys && !slices.Contains(s.keys, p[0]) {
			s.keys, s.kinds = append(s.keys, p[0]), append(s.kinds, v.Kind)
		}
	})
	return s
}

func (s *shape) has(key string) bool { return slices.Contains(s.keys, key) }

// is reports whether a key was seen with a value of that kind.
func (s *shape) is(key string, kind byte) bool {
	i := slices.Index(s.keys, key)
	return i >= 0 && s.kinds[i] == kind
}

// scalars reports whether all values that were seen are texts, numbers and the like: what bundle.json consists of, however it is padded.
func (s *shape) scalars() bool {
	return !slices.ContainsFunc(s.kinds, func(k byte) bool { return k == '{' || k == '[' })
}

// only reports whether all keys that were seen, of which there are at least n, are among these.
func (s *shape) only(n int, keys ...string) bool {
	return len(s.keys) >= n && !slices.ContainsFunc(s.keys, func(k string) bool { return !slices.Contains(keys, k) })
}

// called reports whether a file has this name; loaders open these files by name and take what they find, so the name adds to
// what the content shows.
func called(h format.Head, name string) bool {
	return path.Base(strings.ReplaceAll(h.Name, `\`, "/")) == name
}

func matchInfo(h format.Head) bool {
	s := shapeOf(h)
	if s == nil {
		return false
	}
	if called(h, "bundle.json") {
		return s.blank || s.has("uid") || s.has("format") && s.has("name") || h.Size > int64(len(h.First)) && s.scalars()
	}
	return s.has("uid") && s.has("format") && s.only(4, "uid", "name", "format", "version", "timestamp", "meta")
}

func matchModel(h format.Head) bool {
	if s := shapeOf(h); s != nil {
		return called(h, "model.json") && (s.blank || s.has("op") || s.has("attributes")) || s.is("op", 's') && s.is("attributes", '{') && s.only(2, "op", "attributes")
	}
	return called(h, "model.pb") && looksLikeModel(h)
}

func matchNode(h format.Head) bool {
	if s := shapeOf(h); s != nil {
		return called(h, "node.json") && (s.blank || s.has("shape")) || s.is("name", 's') && s.is("shape", '{') && s.only(2, "name", "shape")
	}
	return called(h, "node.pb") && looksLikeNode(h)
}

// cut bounds text in facts.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// trailing says what stands behind a text that its reader takes for the whole file.
func trailing(in *format.Input, end int64) error {
	if end >= in.Size {
		return nil
	}
	buf := make([]byte, 4<<10)
	for at := end; at < in.Size; at += int64(len(buf)) {
		n, err := in.ReadAt(buf[:min(int64(len(buf)), in.Size-at)], at)
		if rest := bytes.TrimLeft(buf[:n], " \t\r\n"); len(rest) > 0 {
			from := at + int64(n-len(rest))
			in.Emit(weir.Oddity{Kind: weir.OddTrailing, Detail: "bytes after the definition", At: from, Size: in.Size - from})
			return handRest(in, from)
		}
		if n == 0 {
			return err
		}
	}
	return nil
}
