package torch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"sort"
	"strings"

	"weir"
	"weir/internal/format"
	"weir/internal/format/pickle"
)

// The legacy format is a row of pickles (torch/serialization.py, _legacy_save): a magic number, a version, facts about the machine, the
// object, the keys of its storages; then for every key the number of elements and their bytes.
const (
	magicDecimal = "119547037146038801333356" // 0x1950a86a20f9469cfc6c
	magicBytes   = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
	legacyProto  = "1001"
)

// matchLegacy looks for the magic number where any protocol puts it.
func matchLegacy(h format.Head) bool {
	b := h.First[:min(len(h.First), 64)]
	return bytes.Contains(b, []byte(magicBytes)) || bytes.Contains(b, []byte(magicDecimal))
}

// ParseLegacy follows the row. Every pickle in it runs before anything after it is read, so each is followed whatever the others say.
func ParseLegacy(in *format.Input) error { return parseLegacy(in, 0) }

// maxCheckpoints bounds the checkpoints that one file may hold one after another.
const maxCheckpoints = 100_000

// parseLegacy reads one checkpoint and those that follow it: torch.save on an open file writes them one after another.
func parseLegacy(in *format.Input, at int64) error {
	for n := 0; n < maxCheckpoints; n++ {
		l := legacy{in: in, t: newTracker(in), at: at}
		l.t.file = in.ReaderAt // torch reads it as little-endian, whatever it says of itself
		more, err := l.run()
		for _, s := range l.t.order {
			if s.have < 0 && s.want == 0 {
				s.have = 0 // nothing is missing of an empty storage
			}
		}
		if e := l.t.emit(); err == nil {
			err = e
		}
		if err != nil {
			return fmt.Errorf("torch-legacy: %w", err)
		}
		if !more {
			return nil
		}
		at = l.at
	}
	return fmt.Errorf("torch-legacy: more than %d checkpoints: %w", maxCheckpoints, format.ErrLimit)
}

type legacy struct {
	in *format.Input
	t  *tracker
	at int64
}

// The pickles of the row.
var legacyParts = []string{"magic number", "protocol version", "machine", "object", "storage keys"}

// run follows one row and says whether another begins where it ends.
func (l *legacy) run() (more bool, err error) {
	var keys weir.Value
	var span [2]int64 // of the pickle of keys
	for i, what := range legacyParts {
		if l.at >= l.in.Size {
			l.in.Emit(weir.Oddity{Kind: weir.OddTruncated, Detail: "ends before the " + what, At: l.at})
			return false, fmt.Errorf("%s: %w", what, io.ErrUnexpectedEOF)
		}
		start := l.at
		opt := pickle.Options{Offset: l.at}
		if what == "object" {
			opt = l.t.options(l.at)
		}
		res, err := pickle.Run(l.in, opt)
		if err != nil || !res.Stopped || res.End <= start {
			if e := l.rest("rest", max(res.End, start)); e != nil {
				return false, e
			}
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
			return false, fmt.Errorf("%s: %w", what, err)
		}
		l.at = res.End
		if l.in.Inspect {
			l.in.Emit(weir.Part{Kind: "pickle", Name: what, At: start, Size: res.End - start})
		}
		l.check(i, res.Value, start)
		keys, span = res.Value, [2]int64{start, res.End}
	}
	list, err := l.keys(keys, span)
	if err != nil {
		return false, err
	}
	return l.storages(list)
}

// check compares the fixed parts with what torch writes.
func (l *legacy) check(part int, v weir.Value, at int64) {
	ok := true
	switch part {
	case 0:
		b := make([]byte, min(64, l.at-at)) // the number itself: a value may be given without its digits
		n, _ := l.in.ReadAt(b, at)
		ok = v.Kind == weir.ValueInt && (bytes.Contains(b[:n], []byte(magicBytes)) || bytes.Contains(b[:n], []byte(magicDecimal)))
	case 1:
		ok = v.Kind == weir.ValueInt && v.Text == legacyProto
	case 2:
		ok = v.Kind == weir.ValueDict
		for i := 0; ok && i+1 < len(v.Items); i += 2 {
			if v.Items[i].IsStr("little_endian") && v.Items[i+1].Text == "False" {
				l.in.Emit(weir.Note{Key: "torch.byteorder", Value: "big"})
			}
		}
	}
	if !ok {
		l.in.Emit(weir.Oddity{Kind: weir.OddShape, Detail: fmt.Sprintf("%s is %s", legacyParts[part], cut(v.String(), 100)), At: at})
	}
}

// keys gives the list of storage keys. A value that was cut is read again from the pickle itself.
func (l *legacy) keys(v weir.Value, span [2]int64) ([]string, error) {
	var list []string
	switch {
	case v.Kind == weir.ValueList && v.Whole():
		for _, k := range v.Items {
			list = append(list, k.Text)
		}
		return list, nil
	case v.Kind == weir.ValueList && span[1]-span[0] <= maxKeys:
		b := make([]byte, span[1]-span[0])
		if _, err := l.in.ReadAt(b, span[0]); err != nil && err != io.EOF {
			return nil, err
		}
		if list, ok := listedStrings(b); ok && int64(len(list)) == v.Len {
			return list, nil
		}
	}
	l.in.Emit(weir.Oddity{Kind: weir.OddShape, Detail: "the storage keys are not a list of strings", At: span[0]})
	if err := l.rest("rest", l.at); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("storage keys are not a list of strings")
}

// maxKeys bounds the pickle of keys: a million storages.
const maxKeys = 32 << 20

// listedStrings reads a pickle that holds one list of distinct strings, in the opcodes that picklers use for that and no others.
func listedStrings(b []byte) ([]string, bool) {
	var list []string
	for i := 0; i < len(b); {
		op := b[i]
		i++
		skip, text := 0, 0
		switch op {
		case '(', ']', 'a', 'e', 'l', 0x94, '.':
		case 0x80, 'q':
			skip = 1
		case 'r':
			skip = 4
		case 0x95:
			skip = 8
		case 'p', 'V', 'S':
			j := bytes.IndexByte(b[i:], '\n')
			if j < 0 {
				return nil, false
			}
			if op != 'p' {
				list = append(list, strings.Trim(string(b[i:i+j]), "'\""))
			}
			skip = j + 1
		case 'X', 'T':
			if len(b)-i < 4 {
				return nil, false
			}
			text = int(binary.LittleEndian.Uint32(b[i:]))
			i += 4
		case 'U', 0x8c:
			if len(b)-i < 1 {
				return nil, false
			}
			text = int(b[i])
			i++
		default:
			return nil, false
		}
		if skip+text > len(b)-i {
			return nil, false
		}
		if op == 'X' || op == 'T' || op == 'U' || op == 0x8c {
			list = append(list, string(b[i:i+text]))
		}
		i += skip + text
	}
	return list, true
}

// storages walks over the raw data, which is in the order of the keys.
func (l *legacy) storages(keys []string) (more bool, err error) {
	if !sort.StringsAreSorted(keys) {
		l.in.Emit(weir.Oddity{Kind: weir.OddShape, Detail: "the storage keys are not in order", At: l.at})
	}
	for _, key := range keys {
		s := l.t.byKey[key]
		if s == nil {
			l.in.Emit(weir.Oddity{Kind: weir.OddMismatch, Detail: fmt.Sprintf("storage %q is listed, but the object does not use it", cut(key, 60)), At: l.at})
			if err := l.rest("rest", l.at); err != nil {
				return false, err
			}
			return false, fmt.Errorf("storage %q: not named by the object", cut(key, 60))
		}
		if err := l.storage(s); err != nil {
			return false, err
		}
	}
	if l.at == l.in.Size {
		return false, nil
	}
	if l.again() {
		return true, nil
	}
	l.in.Emit(weir.Oddity{Kind: weir.OddTrailing, Detail: "bytes after the last storage", At: l.at, Size: l.in.Size - l.at})
	return false, l.rest("trailing", l.at)
}

// again reports whether another checkpoint follows.
func (l *legacy) again() bool {
	b := make([]byte, min(64, l.in.Size-l.at))
	if _, err := l.in.ReadAt(b, l.at); err != nil && err != io.EOF {
		return false
	}
	return len(b) > 2 && b[0] == 0x80 && bytes.Contains(b, []byte(magicBytes))
}

// storage reads one count of elements and steps over the bytes.
func (l *legacy) storage(s *storage) error {
	var b [8]byte
	if n, err := l.in.ReadAt(b[:], l.at); n < len(b) {
		l.in.Emit(weir.Oddity{Kind: weir.OddTruncated, Detail: fmt.Sprintf("ends before storage %q", cut(s.key, 60)), At: l.at})
		if err == nil || err == io.EOF {
			return l.rest("rest", l.at) // what is there was looked at; the storages say what is missing
		}
		return err
	}
	count := int64(binary.LittleEndian.Uint64(b[:]))
	if count < 0 || count > (1<<62)/s.size || count*s.size != s.want {
		l.in.Emit(weir.Oddity{Kind: weir.OddMismatch, At: l.at,
			Detail: fmt.Sprintf("storage %q says %d elements, the object %d bytes", cut(s.key, 60), count, s.want)})
		if err := l.rest("rest", l.at); err != nil {
			return err
		}
		return fmt.Errorf("storage %q: sizes disagree", cut(s.key, 60))
	}
	l.at += int64(len(b))
	s.data = l.at
	if l.in.Inspect {
		l.in.Emit(weir.Part{Kind: "array", Name: "storage " + cut(s.key, 60), At: l.at - 8, Size: 8 + min(s.want, l.in.Size-l.at)})
	}
	s.have = min(s.want, l.in.Size-l.at)
	if s.have < s.want {
		l.in.Emit(weir.Oddity{Kind: weir.OddTruncated, Detail: fmt.Sprintf("ends inside storage %q", cut(s.key, 60)), At: l.in.Size, Size: s.want - s.have})
	}
	if l.in.Deep && s.have > 0 {
		if _, err := l.in.Nested("storage "+cut(s.key, 60), io.NewSectionReader(l.in, l.at, s.have), s.have); err != nil {
			return err
		}
	}
	l.at += s.have
	return nil
}

// rest hands what was not explained to the engine.
func (l *legacy) rest(name string, at int64) error { return handRest(l.in, name, at) }

func handRest(in *format.Input, name string, at int64) error {
	if at >= in.Size {
		return nil
	}
	_, err := in.Nested(name, io.NewSectionReader(in, at, in.Size-at), in.Size-at)
	return err
}
