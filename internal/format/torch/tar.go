package torch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"weir"
	"weir/internal/format"
	"weir/internal/format/archive"
	"weir/internal/format/pickle"
)

// The members of the oldest format (torch/serialization.py, legacy_load). storages and tensors are pickles with raw numbers between them.
const (
	tarMachine  = "sys_info"
	tarObject   = "pickle"
	tarStorages = "storages"
	tarTensors  = "tensors"
)

// matchTar asks for two of the four members among the headers that show.
func matchTar(h format.Head) bool {
	found := 0
	for at := int64(0); at+512 <= int64(len(h.First)); {
		b := h.First[at : at+512]
		name, _, _ := strings.Cut(string(b[:100]), "\x00")
		switch strings.TrimPrefix(name, "./") {
		case tarMachine, tarObject, tarStorages, tarTensors:
			found++
		}
		var size int64
		if _, err := fmt.Sscanf(strings.TrimRight(string(b[124:136]), "\x00 "), "%o", &size); err != nil || size < 0 || size > h.Size {
			break
		}
		at += 512 + (size+511)&^511
	}
	return found >= 2 && archive.Tar.Match(h)
}

// parseTar has the archive room read the tar and takes over the members that are more than one pickle.
func parseTar(in *format.Input) error {
	outer := *in
	outer.Nested = func(name string, r io.ReaderAt, size int64) (format.Summary, error) {
		base := strings.TrimPrefix(name, "./")
		if base != tarStorages && base != tarTensors && base != tarObject && base != tarMachine {
			return in.Nested(name, r, size)
		}
		view := *in
		view.ReaderAt, view.Name, view.Size = r, name, size
		m := tarMember{in: &view}
		var err error
		switch base {
		case tarStorages:
			err = m.storages()
		case tarTensors:
			err = m.tensors()
		default:
			if sum, err := in.Nested(name, r, size); err != nil || isPickled(sum.Formats) {
				return sum, err
			}
			_, err = m.pickle() // torch unpickles it, whatever it looks like
		}
		if err == nil && m.at < size {
			m.in.Emit(weir.Oddity{Kind: weir.OddTrailing, Detail: "bytes after the last record", At: m.at, Size: size - m.at})
		}
		if e := handRest(m.in, "rest", m.at); err == nil {
			err = e
		}
		if err != nil {
			err = fmt.Errorf("torch-tar: %s: %w", base, err)
		}
		return format.Summary{Size: size, Formats: []string{"pickle"}, Complete: err == nil}, err
	}
	return archive.Tar.Parse(&outer)
}

// tarMember is one member while it is read.
type tarMember struct {
	in *format.Input
	at int64
}

// pickle follows the next pickle.
func (m *tarMember) pickle() (weir.Value, error) {
	if m.at >= m.in.Size {
		m.in.Emit(weir.Oddity{Kind: weir.OddTruncated, Detail: "ends too early", At: m.at})
		return weir.Value{}, io.ErrUnexpectedEOF
	}
	start := m.at
	res, err := pickle.Run(m.in, pickle.Options{Offset: m.at})
	m.at = max(res.End, start)
	if err == nil && (!res.Stopped || m.at == start) {
		err = io.ErrUnexpectedEOF
	}
	return res.Value, err
}

// count follows a pickle that is a number; every item takes at least one byte, so a larger number is a lie.
func (m *tarMember) count() (int64, error) {
	v, err := m.pickle()
	if err != nil {
		return 0, err
	}
	n, ok := v.Int()
	if !ok || n < 0 || n > m.in.Size {
		m.in.Emit(weir.Oddity{Kind: weir.OddShape, Detail: "the number of records is " + cut(v.String(), 100), At: m.at})
		return 0, fmt.Errorf("the number of records is %s", cut(v.String(), 100))
	}
	return n, nil
}

// fixed reads n bytes.
func (m *tarMember) fixed(n int64) ([]byte, error) {
	if n > m.in.Size-m.at {
		m.in.Emit(weir.Oddity{Kind: weir.OddTruncated, Detail: "ends too early", At: m.at})
		return nil, io.ErrUnexpectedEOF
	}
	b := make([]byte, n)
	if k, err := m.in.ReadAt(b, m.at); int64(k) < n {
		return nil, fmt.Errorf("at %d: %w", m.at, err)
	}
	m.at += n
	return b, nil
}

// storages reads (key, location, class), a number of elements and their bytes, for each storage; then the views of them.
func (m *tarMember) storages() error {
	n, err := m.count()
	if err != nil {
		return err
	}
	for i := int64(0); i < n; i++ {
		v, err := m.pickle()
		if err != nil {
			return err
		}
		s := storage{}
		if v.Kind == weir.ValueTuple && len(v.Items) == 3 {
			s.key, s.class = v.Items[0].Text, v.Items[2].Text
		}
		s.size = storageSizes[s.class[strings.LastIndexByte(s.class, '.')+1:]]
		b, err := m.fixed(8)
		if err != nil {
			return err
		}
		count := int64(binary.LittleEndian.Uint64(b))
		if s.size == 0 || count < 0 || count > (1<<62)/s.size {
			m.in.Emit(weir.Oddity{Kind: weir.OddShape, Detail: fmt.Sprintf("a storage of %d elements, %s", count, cut(v.String(), 100)), At: m.at})
			return fmt.Errorf("storage %d is not one that torch writes", i)
		}
		s.want = count * s.size
		s.have = min(s.want, m.in.Size-m.at)
		if i < maxStorageFacts || s.have != s.want {
			m.in.Emit(weir.Storage{Key: s.key, Type: s.class, Want: s.want, Have: s.have, At: m.at})
		}
		if m.in.Deep && s.have > 0 {
			if _, err := m.in.Nested("storage "+cut(s.key, 60), io.NewSectionReader(m.in, m.at, s.have), s.have); err != nil {
				return err
			}
		}
		if m.at += s.have; s.have < s.want {
			m.in.Emit(weir.Oddity{Kind: weir.OddTruncated, Detail: "ends inside a storage", At: m.at, Size: s.want - s.have})
			return io.ErrUnexpectedEOF
		}
	}
	_, err = m.pickle()
	return err
}

// maxTarDims bounds the dimensions of a tensor; torch allows 64.
const maxTarDims = 64

// tensors reads (key, storage, class), then the number of dimensions, sizes, strides and the offset, for each tensor.
func (m *tarMember) tensors() error {
	n, err := m.count()
	if err != nil {
		return err
	}
	for i := int64(0); i < n; i++ {
		if _, err := m.pickle(); err != nil {
			return err
		}
		b, err := m.fixed(8)
		if err != nil {
			return err
		}
		dims := int32(binary.LittleEndian.Uint32(b))
		if dims < 0 || dims > maxTarDims || !bytes.Equal(b[4:], make([]byte, 4)) {
			m.in.Emit(weir.Oddity{Kind: weir.OddShape, Detail: fmt.Sprintf("a tensor of %d dimensions", dims), At: m.at})
		}
		if dims < 0 || dims > maxTarDims {
			return fmt.Errorf("tensor %d has %d dimensions", i, dims)
		}
		if _, err := m.fixed(16*int64(dims) + 8); err != nil {
			return err
		}
	}
	return nil
}
