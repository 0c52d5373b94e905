package tensor

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"weir"
)

// dtype is what weir needs to know of a numpy dtype.
type dtype struct {
	size   int64 // bytes per element
	object bool  // holds Python objects somewhere: the data is a pickle, not an array
}

// typeLetters are the kinds that numpy.dtype.str writes (numpy/core/_dtype.py, array interface) with the sizes that each may have;
// nil: any size. Sizes are in bytes except for U, which counts characters of four bytes.
var typeLetters = map[byte][]int64{
	'b': {1},
	'i': {1, 2, 4, 8},
	'u': {1, 2, 4, 8},
	'f': {2, 4, 8, 10, 12, 16},
	'c': {8, 16, 20, 24, 32},
	'm': {8},
	'M': {8},
	'O': {4, 8},
	'S': nil,
	'a': nil,
	'U': nil,
	'V': nil,
}

// parseTypeString reads a typestr such as <f8, |S12, <M8[ns], |O. Anything else that numpy.dtype would accept as text (float64, "i4,O")
// is refused: numpy.save never writes it.
func parseTypeString(s string) (dtype, error) {
	bad := fmt.Errorf("type string %q is not one that numpy writes", s)
	t := strings.TrimLeft(s, "<>|=")
	if t == "" || len(s)-len(t) > 1 {
		return dtype{}, bad
	}
	letter, digits := t[0], t[1:]
	sizes, ok := typeLetters[letter]
	if !ok {
		return dtype{}, bad
	}
	if letter == 'm' || letter == 'M' {
		if i := strings.IndexByte(digits, '['); i >= 0 {
			if !isUnit(digits[i:]) {
				return dtype{}, bad
			}
			digits = digits[:i]
		}
	}
	if letter == 'O' && digits == "" {
		return dtype{size: 8, object: true}, nil
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || digits[0] == '+' {
		return dtype{}, bad
	}
	size := int64(n)
	if sizes != nil && !contains(sizes, size) {
		return dtype{}, bad
	}
	if letter == 'U' {
		size *= 4
	}
	return dtype{size: size, object: letter == 'O'}, nil
}

// isUnit reports whether s is a datetime unit such as [ns], [25us] or [D].
func isUnit(s string) bool {
	if len(s) < 3 || s[0] != '[' || s[len(s)-1] != ']' {
		return false
	}
	u := strings.TrimLeft(s[1:len(s)-1], "0123456789")
	if i := strings.IndexByte(u, '/'); i >= 0 {
		if _, err := strconv.ParseUint(u[i+1:], 10, 31); err != nil {
			return false
		}
		u = u[:i]
	}
	switch u {
	case "generic", "Y", "M", "W", "D", "h", "m", "s", "ms", "us", "μs", "ns", "ps", "fs", "as":
		return true
	}
	return false
}

func contains(list []int64, x int64) bool {
	for _, y := range list {
		if x == y {
			return true
		}
	}
	return false
}

// parseDescr reads the descr entry of a header: a type string, a list of fields, or a pair of a descr and a sub-array's shape.
func parseDescr(v weir.Value, depth int) (dtype, error) {
	if depth > maxLiteralDepth {
		return dtype{}, fmt.Errorf("descr is nested too deeply")
	}
	switch v.Kind {
	case weir.ValueStr, weir.ValueBytes:
		return parseTypeString(v.Text)
	case weir.ValueTuple:
		if len(v.Items) != 2 {
			return dtype{}, fmt.Errorf("descr %s is not a pair of a type and a shape", v)
		}
		base, err := parseDescr(v.Items[0], depth+1)
		if err != nil {
			return dtype{}, err
		}
		return base.times(v.Items[1])
	case weir.ValueList:
		return parseFields(v.Items, depth)
	}
	return dtype{}, fmt.Errorf("descr %s is neither text nor a list of fields", v)
}

// parseFields adds up the fields of a structured type: (name, descr) or (name, descr, shape), where name may be (title, name).
func parseFields(fields []weir.Value, depth int) (dtype, error) {
	var sum dtype
	for _, f := range fields {
		if f.Kind != weir.ValueTuple || len(f.Items) < 2 || len(f.Items) > 3 || !isFieldName(f.Items[0]) {
			return dtype{}, fmt.Errorf("field %s is not (name, type) or (name, type, shape)", f)
		}
		t, err := parseDescr(f.Items[1], depth+1)
		if err == nil && len(f.Items) == 3 {
			t, err = t.times(f.Items[2])
		}
		if err != nil {
			return dtype{}, err
		}
		sum.object = sum.object || t.object
		if sum.size += t.size; sum.size < 0 {
			return dtype{}, fmt.Errorf("descr describes more than 2^63 bytes")
		}
	}
	return sum, nil
}

func isFieldName(v weir.Value) bool {
	if v.Kind == weir.ValueTuple && len(v.Items) == 2 {
		return v.Items[0].Kind != weir.ValueTuple && isFieldName(v.Items[1])
	}
	return v.Kind == weir.ValueStr || v.Kind == weir.ValueBytes
}

// times gives the type of a sub-array of that shape (a tuple, or one number).
func (t dtype) times(shape weir.Value) (dtype, error) {
	if shape.Kind == weir.ValueInt {
		shape = weir.Value{Kind: weir.ValueTuple, Len: 1, Items: []weir.Value{shape}}
	}
	n, err := product(shape, t.size)
	return dtype{size: n, object: t.object}, err
}

// maxDims is generous: numpy 2 allows 64 dimensions, older ones 32.
const maxDims = 64

// product multiplies the numbers of a shape with size and refuses what does not fit or is negative.
func product(shape weir.Value, size int64) (int64, error) {
	if shape.Kind != weir.ValueTuple && shape.Kind != weir.ValueList || !shape.Whole() || len(shape.Items) > maxDims {
		return 0, fmt.Errorf("shape %s is not a tuple of at most %d numbers", shape, maxDims)
	}
	total, zero := uint64(size), size == 0
	for _, d := range shape.Items {
		n, ok := d.Int()
		if !ok || n < 0 {
			return 0, fmt.Errorf("shape %s holds something other than sizes", shape)
		}
		if n == 0 {
			zero = true
			continue
		}
		hi, lo := bits.Mul64(total, uint64(n))
		if hi != 0 || lo > 1<<62 {
			if !zero {
				return 0, fmt.Errorf("shape %s describes more than 2^62 bytes", shape)
			}
			continue
		}
		total = lo
	}
	if zero {
		return 0, nil
	}
	return int64(total), nil
}
