package mleap

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"

	"weir"
	"weir/internal/format"
)

// Parquet files (parquet-format README and parquet.thrift): "PAR1", column chunks, metadata, their length in four bytes, "PAR1".
const (
	parquetMagic = "PAR1"
	parquetTail  = 8
	maxFooter    = 32 << 20 // metadata of real files are a few kilobytes
)

func matchParquet(h format.Head) bool {
	return h.Size >= 12 && bytes.HasPrefix(h.First, []byte(parquetMagic)) && (bytes.HasSuffix(h.Last, []byte(parquetMagic)) || bytes.HasSuffix(h.Last, []byte("PARE")))
}

// span is a range of a file that the metadata name.
type span struct{ at, size int64 }

// table is what the metadata of a file say.
type table struct {
	in      *format.Input
	base    int64 // offset of the metadata in the file
	key     []byte
	chunk   [3]int64 // of the column chunk at hand: dictionary page, data page, size of all
	index   [2]span  // its column and offset index
	spans   []span
	copies  map[int64]bool // offsets at which the metadata of a column stand again, or its Bloom filter begins
	columns int64
	err     error
}

// parseParquet reads the metadata and accounts for all bytes: column chunks are raw data that they name. What Spark keeps in the
// metadata names classes that it instantiates when it reads the table's schema.
func parseParquet(in *format.Input) error {
	tail := make([]byte, parquetTail)
	if _, err := in.ReadAt(tail, in.Size-parquetTail); err != nil && err != io.EOF {
		return fmt.Errorf("parquet: %w", err)
	}
	if string(tail[4:]) != parquetMagic {
		in.Emit(weir.Oddity{Kind: weir.OddEncrypted, Detail: "the metadata are encrypted", At: in.Size - parquetTail})
		return fmt.Errorf("parquet metadata: %w", format.ErrEncrypted)
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	if n > in.Size-12 {
		in.Emit(weir.Oddity{Kind: weir.OddTruncated, Detail: "the metadata are longer than the file", At: in.Size - parquetTail})
		return handRest(in, 4)
	}
	if n > maxFooter {
		return fmt.Errorf("parquet: metadata of %d bytes: %w", n, format.ErrLimit)
	}
	b := make([]byte, n)
	t := &table{in: in, base: in.Size - parquetTail - n, copies: map[int64]bool{}}
	if _, err := in.ReadAt(b, t.base); err != nil && err != io.EOF {
		return fmt.Errorf("parquet: %w", err)
	}
	r := &thriftReader{b: b, steps: in.Limits.Steps, visit: t.visit}
	err := r.structure()
	if err != nil {
		in.Emit(weir.Oddity{Kind: weir.OddMalformed, Detail: err.Error(), At: t.base})
		err = fmt.Errorf("parquet: %w", err)
	} else if r.at < len(b) {
		in.Emit(weir.Oddity{Kind: weir.OddTrailing, Detail: "bytes after the metadata", At: t.base + int64(r.at), Size: n - int64(r.at)})
		_, err = in.Nested("[suffix]", io.NewSectionReader(in, t.base+int64(r.at), n-int64(r.at)), n-int64(r.at))
	}
	return cmp.Or(err, t.err, t.gaps())
}

// visit takes what matters of FileMetaData: {1 version, 2 schema, 4 row groups {1 columns {1 file path, 2 file offset, 3 metadata {7 size, 9 data page,
// 11 dictionary page, 14 Bloom filter}, 4 and 5 offset index, 6 and 7 column index}}, 5 key and value {1, 2}, 6 created by}.
func (t *table) visit(p []int16, v thriftValue) {
	at := t.base + int64(v.At)
	switch {
	case len(p) == 2 && p[0] == 5 && p[1] == 1:
		t.key = v.Text
	case len(p) == 2 && p[0] == 5 && p[1] == 2:
		t.property(string(t.key), v.Text, at)
	case len(p) == 1 && p[0] == 6:
		t.in.Emit(weir.Note{Key: "parquet.created-by", Value: cut(string(v.Text), maxText)})
	case len(p) == 1 && p[0] == 3:
		t.in.Emit(weir.Note{Key: "parquet.rows", Value: fmt.Sprint(v.Int)})
	case len(p) < 2 || p[0] != 4 || p[1] != 1:
	case len(p) == 3 && p[2] == 1:
		t.in.Emit(weir.Setting{Key: "parquet.file", Value: cut(string(v.Text), maxText), At: at})
	case len(p) == 3 && p[2] == 2, len(p) == 4 && p[2] == 3 && p[3] == 14:
		if len(t.copies) < maxSpans {
			t.copies[v.Int] = true
		}
	case len(p) == 3 && p[2] >= 4 && p[2] <= 7:
		x := &t.index[(p[2]-4)/2]
		if p[2]%2 == 0 {
			x.at = v.Int
		} else {
			x.size = v.Int
		}
	case len(p) == 4 && p[2] == 3 && (p[3] == 9 || p[3] == 11 || p[3] == 7):
		t.chunk[map[int16]int{11: 0, 9: 1, 7: 2}[p[3]]] = v.Int
	case len(p) == 2 && v.Kind == thriftStruct:
		t.chunk, t.index = [3]int64{}, [2]span{}
	case len(p) == 2 && v.Kind == 0:
		t.chunkEnds()
	}
}

// maxSpans bounds the ranges that are remembered.
const maxSpans = 200_000

func (t *table) chunkEnds() {
	t.columns++
	from := t.chunk[1]
	if d := t.chunk[0]; d > 0 && (d < from || from <= 0) { // an empty column has a dictionary and no data
		from = d
	}
	for _, s := range []span{{from, t.chunk[2]}, t.index[0], t.index[1]} {
		if s.at >= 4 && s.size > 0 && s.size <= t.base-s.at && len(t.spans) < maxSpans {
			t.spans = append(t.spans, s)
		} else if s.size > 0 {
			t.in.Emit(weir.Oddity{Kind: weir.OddMismatch, Detail: fmt.Sprintf("a column of %d bytes at %d does not lie in the file", s.size, s.at), At: t.base})
		}
	}
}

// gaps hands over what no column names.
func (t *table) gaps() error {
	slices.SortFunc(t.spans, func(a, b span) int { return cmp.Compare(a.at, b.at) })
	at := int64(len(parquetMagic))
	for _, s := range append(t.spans, span{t.base, 0}) {
		if s.at > at {
			if !t.repeats(at, s.at) {
				t.in.Emit(weir.Oddity{Kind: weir.OddGap, Detail: fmt.Sprintf("%d bytes that no column names", s.at-at), At: at, Size: s.at - at})
			}
			if _, err := t.in.Nested(fmt.Sprintf("[gap@%d]", at), io.NewSectionReader(t.in, at, s.at-at), s.at-at); err != nil {
				return err
			}
		}
		at = max(at, s.at+s.size)
	}
	return nil
}

// maxRepeat bounds what is read of a gap to see whether it consists of metadata; Bloom filters behind their headers are not read.
const maxRepeat = 1 << 20

// repeats reports whether a gap consists of what columns name without its size. Until 2024 Arrow wrote each column's metadata a second time
// behind the column, where file_offset points (parquet.thrift, ColumnChunk); Bloom filters begin with a header whose first field is the number
// of bytes behind it (BloomFilterHeader). Such bytes are handed on all the same: strings in them are anybody's.
func (t *table) repeats(at, end int64) bool {
	for at < end && t.copies[at] {
		b := make([]byte, min(end-at, maxRepeat))
		if n, err := t.in.ReadAt(b, at); n < len(b) {
			t.err = cmp.Or(t.err, err)
			return false
		}
		filter := int64(0)
		r := &thriftReader{b: b, steps: t.in.Limits.Steps, visit: func(p []int16, v thriftValue) {
			if len(p) == 1 && p[0] == 1 && v.Kind == thriftI32 { // field 1 of metadata is an i32 too: the type of the column, at most 7
				filter = v.Int
			}
		}}
		if r.structure() != nil {
			return false
		}
		at += int64(r.at)
		if filter >= smallestFilter && filter <= end-at {
			at += filter
		}
	}
	return at == end
}

// smallestFilter is the size of a Bloom filter of one block, in bytes.
const smallestFilter = 32

// property reads an entry of the metadata. Spark's schema is JSON in which user-defined types name their classes; Python's carry a pickle
// for the case that the class cannot be imported (pyspark/sql/types.py, UserDefinedType.fromJson).
func (t *table) property(key string, value []byte, at int64) {
	if key != "org.apache.spark.sql.parquet.row.metadata" {
		return
	}
	s := newSayer(t.in)
	_, err := readJSON(bytes.NewReader(value), t.in.Limits.Steps, func(p []string, v jsonValue) {
		if v.Kind != 's' || len(p) == 0 {
			return
		}
		switch p[len(p)-1] {
		case "class", "pyClass":
			if strings.TrimSpace(v.Text) == "" {
				return
			}
			key := map[string]string{"class": "spark.udt-class", "pyClass": "spark.udt-python"}[p[len(p)-1]]
			if s.ops++; s.ops <= maxOps {
				t.in.Emit(weir.Setting{Key: key, Value: cut(v.Text, maxText), At: at + v.At})
			} else {
				s.dropped = true
			}
		case "serializedClass":
			t.pickled(v, at)
		}
	})
	if err != nil {
		t.in.Emit(weir.Oddity{Kind: weir.OddMalformed, Detail: "Spark's schema: " + err.Error(), At: at})
	}
	t.err = cmp.Or(t.err, err, s.close(nil))
}

// pickled hands over the pickle of a Python class.
func (t *table) pickled(v jsonValue, at int64) {
	t.in.Emit(weir.Setting{Key: "spark.udt-pickle", Value: fmt.Sprintf("%d characters", len(v.Text)), At: at + v.At})
	b, err := base64.StdEncoding.DecodeString(v.Text)
	if len(b) > 0 {
		_, nested := t.in.Nested(fmt.Sprintf("serializedClass@%d", at+v.At), bytes.NewReader(b), int64(len(b)))
		err = cmp.Or(nested, err)
	}
	if v.Cut && err == nil {
		err = fmt.Errorf("parquet: a pickled class of more than %d characters: %w", maxJSONText, format.ErrLimit)
	}
	t.err = cmp.Or(t.err, err)
}
