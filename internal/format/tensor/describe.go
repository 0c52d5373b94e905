package tensor

import (
	"path"
	"strconv"
	"strings"

	"weir"
	"weir/internal/format"
)

// describe tells `weir inspect` of an array and of its bytes.
func describe(in *format.Input, name, descr string, shape weir.Value, size, at int64) {
	if !in.Inspect {
		return
	}
	t := weir.Tensor{Name: name, DType: dtypeName(descr), Shape: dims(shape), Size: size, At: at}
	in.Emit(t)
	in.Emit(weir.Part{Kind: "array", Name: name, At: at, Size: min(size, in.Size-at)})
}

// arrayName is the name of an array in a file of its own: what numpy.load of an .npz calls it. Further ones in the same file are numbered.
func arrayName(in *format.Input, n int) string {
	if n > 0 {
		return numbered("array", n)
	}
	return strings.TrimSuffix(path.Base(in.Name), ".npy")
}

// typeNames are numpy's names of the kinds whose size follows in bits.
var typeNames = map[byte]string{'b': "bool", 'i': "int", 'u': "uint", 'f': "float", 'c': "complex", 'm': "timedelta", 'M': "datetime"}

// dtypeName turns a type string (<f8) into the name that numpy gives the type (float64); what it does not know it returns as it is.
func dtypeName(descr string) string {
	t := strings.TrimLeft(descr, "<>|=")
	if t == "" {
		return descr
	}
	switch t[0] {
	case 'O':
		return "object"
	case 'S', 'a':
		return "bytes[" + t[1:] + "]"
	case 'U':
		return "str[" + t[1:] + "]"
	case 'V':
		return "void[" + t[1:] + "]"
	}
	digits, unit := t[1:], ""
	if i := strings.IndexByte(digits, '['); i >= 0 {
		digits, unit = digits[:i], digits[i:]
	}
	name, ok := typeNames[t[0]]
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n <= 0 || n > 64 {
		return descr
	}
	if name == "bool" {
		return name
	}
	return name + strconv.Itoa(8*n) + unit
}

// dims reads a shape; what is not a number counts as zero.
func dims(shape weir.Value) []int64 {
	list := make([]int64, len(shape.Items))
	for i, v := range shape.Items {
		list[i], _ = v.Int()
	}
	return list
}
