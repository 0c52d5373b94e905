package torch

import (
	"strings"

	"weir"
)

// described is a tensor as the call that makes it says, for `weir inspect`.
type described struct {
	at     int64 // of the call
	dtype  string
	shape  []int64
	key    string // of its storage
	offset int64  // bytes into the storage
	size   int64  // bytes per element
}

// storageTypes names the dtype of a storage class where it is not the class's own name in lower case.
var storageTypes = map[string]string{
	"Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64", "Int": "int32", "Short": "int16",
	"Char": "int8", "Byte": "uint8", "ComplexDouble": "complex128", "ComplexFloat": "complex64", "Untyped": "bytes",
}

// describe keeps what a call that makes a tensor says.
func (t *tracker) describe(at int64, s *storage, dtype string, size int64, offset, shape weir.Value) {
	if !t.in.Inspect || len(t.tensors) >= maxStorages {
		return
	}
	if dtype == "" {
		name := s.class[strings.LastIndexByte(s.class, '.')+1:]
		name = strings.TrimSuffix(strings.TrimLeft(name, "_"), "Storage")
		if dtype = storageTypes[name]; dtype == "" {
			dtype = strings.ToLower(name)
		}
	}
	n, _ := offset.Int()
	t.tensors = append(t.tensors, described{at, strings.TrimPrefix(dtype, "torch."), dims(shape), s.key, n * size, size})
}

// inner are the dicts in which torch.nn.Module keeps what users see as its attributes.
var inner = map[string]bool{"_modules": true, "_parameters": true, "_buffers": true}

// describeAll makes facts of the tensors once their storages have been found.
func (t *tracker) describeAll() {
	for _, d := range t.tensors {
		x := weir.Tensor{Name: t.places.Name(d.at, inner), DType: d.dtype, Shape: d.shape, Size: d.size, At: d.at}
		for _, n := range d.shape {
			if x.Size *= n; n < 0 || x.Size < 0 {
				x.Size = 0
			}
		}
		if s := t.byKey[d.key]; s != nil && s.data > 0 {
			x.At = s.data + d.offset
		}
		t.in.Emit(x)
	}
}

// dims reads a shape; what is not a number counts as zero.
func dims(shape weir.Value) []int64 {
	list := make([]int64, len(shape.Items))
	for i, v := range shape.Items {
		list[i], _ = v.Int()
	}
	return list
}
