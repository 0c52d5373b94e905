package torch

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"strings"

	"weir"
	"weir/internal/format"
)

// nestedBuilder makes a nested tensor of a buffer and three tensors of 64-bit integers: the sizes and the strides of its components, a row
// for each, and where they begin in the buffer, in elements (torch/_utils.py; torch/_tensor.py writes it so). torch._nested_view_from_buffer
// believes the three.
const nestedBuilder = "torch._utils._rebuild_nested_tensor"

// maxNested bounds the integers that are read of all nested tensors of one pickle together.
const maxNested = 1 << 18

// nested is a nested tensor to be checked once its storages have been found.
type nested struct {
	buffer string // key of the storage
	length int64  // elements of the buffer
	parts  [3]plainTensor
	ok     bool // all four are tensors of the kind that torch writes
}

// plainTensor is a contiguous tensor from the beginning of a storage of 64-bit integers.
type plainTensor struct {
	key   string
	shape []int64
}

// nest remembers a nested tensor.
func (t *tracker) nest(at int64, args []weir.Value) {
	if len(args) != 4 {
		return // torch raises
	}
	s, ok := builtStorage(args[0])
	if !ok {
		t.once(weir.OddMismatch, at, "a nested tensor whose buffer is no tensor of a storage: "+cut(args[0].String(), 100))
		return
	}
	n := nested{buffer: s.key, ok: true}
	if shape := dims(args[0].Items[2]); len(shape) == 1 {
		n.length = shape[0]
	}
	for i := range n.parts {
		var ok bool
		n.parts[i], ok = integers(args[i+1])
		n.ok = n.ok && ok
	}
	if len(t.nested) >= maxStorages {
		t.over = true
		return
	}
	t.nested = append(t.nested, n)
}

// builtStorage gives the storage of what a rebuilder returns.
func builtStorage(v weir.Value) (storage, bool) {
	if _, ok := rebuilders[v.Text]; v.Kind != weir.ValueCall || !ok || len(v.Items) < 4 {
		return storage{}, false
	}
	return parseStorage(v.Items[0])
}

// integers reads a tensor of 64-bit integers that begins with its storage and has no gaps.
func integers(v weir.Value) (plainTensor, bool) {
	s, ok := builtStorage(v)
	if !ok || s.view != "" || !strings.HasSuffix(s.class, ".LongStorage") {
		return plainTensor{}, false
	}
	reach, ok := extent(v.Items[1], v.Items[2], v.Items[3])
	if !ok {
		return plainTensor{}, false
	}
	p := plainTensor{s.key, dims(v.Items[2])}
	count := int64(1)
	for i := len(p.shape) - 1; i >= 0; i-- {
		step, _ := v.Items[3].Items[i].Int()
		if hi, lo := bits.Mul64(uint64(count), uint64(p.shape[i])); p.shape[i] > 1 && step != count || hi != 0 || lo > maxNested {
			return plainTensor{}, false
		}
		count *= p.shape[i]
	}
	offset, _ := v.Items[1].Int()
	return p, offset == 0 && (count == 0 || reach == count)
}

// checkNested marks the buffers that some component of a nested tensor leaves, or may leave: sizes that cannot be read are not believed.
func (t *tracker) checkNested() error {
	left := int64(maxNested)
	for _, n := range t.nested {
		var lists [3][]int64
		ok := n.ok
		for i := 0; i < len(lists) && ok; i++ {
			if lists[i], ok = t.readIntegers(n.parts[i], &left); left < 0 {
				return fmt.Errorf("more than %d sizes of nested tensors: %w", maxNested, format.ErrLimit)
			}
		}
		if s := t.byKey[n.buffer]; s != nil && (!ok || !n.inside(lists)) {
			s.views = true
		}
	}
	return nil
}

// inside reports whether every component lies in the buffer.
func (n nested) inside(lists [3][]int64) bool {
	sizes, strides, offsets := lists[0], lists[1], lists[2]
	if len(sizes) != len(strides) || len(offsets) == 0 {
		return len(sizes) == 0 && len(strides) == 0 && len(offsets) == 0
	}
	if len(n.parts[0].shape) == 0 || n.parts[0].shape[0] != int64(len(offsets)) {
		return false
	}
	width := len(sizes) / len(offsets)
	for i, reach := range offsets {
		if reach < 0 || reach > n.length {
			return false
		}
		empty := false
		for j := i * width; j < (i+1)*width; j++ {
			size, step := sizes[j], strides[j]
			if size < 0 || step < 0 {
				return false
			}
			if size == 0 {
				empty = true
				continue
			}
			hi, lo := bits.Mul64(uint64(size-1), uint64(step))
			if hi != 0 || lo > uint64(n.length) {
				return false
			}
			if reach += int64(lo); reach > n.length {
				return false
			}
		}
		if !empty && reach >= n.length {
			return false
		}
	}
	return true
}

// readIntegers reads the bytes of a tensor, which lie as they are in the file.
func (t *tracker) readIntegers(p plainTensor, left *int64) ([]int64, bool) {
	count := int64(1)
	for _, n := range p.shape {
		count *= n
	}
	if count == 0 {
		return nil, true
	}
	s := t.byKey[p.key]
	if t.file == nil || s == nil || s.data <= 0 || s.have < count*8 {
		return nil, false
	}
	if *left -= count; *left < 0 {
		return nil, false
	}
	b := make([]byte, count*8)
	if _, err := io.ReadFull(io.NewSectionReader(t.file, s.data, int64(len(b))), b); err != nil {
		return nil, false
	}
	list := make([]int64, count)
	for i := range list {
		list[i] = int64(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return list, true
}
