package serving

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// request is one V2 inference request.
type request struct {
	x    *gateway.Exchange
	c    *checker
	m    *metadata
	rest []byte // binary data that no input has claimed so far
	seen map[string]bool
}

// widths of the datatypes of the protocol, in bytes; BYTES has none.
var widths = map[string]int{
	"BOOL": 1, "UINT8": 1, "UINT16": 2, "UINT32": 4, "UINT64": 8, "INT8": 1, "INT16": 2, "INT32": 4, "INT64": 8, "FP16": 2, "BF16": 2, "FP32": 4, "FP64": 8, "BYTES": 0,
}

// contentTypes are those that MLServer's codecs know and that make plain values.
var contentTypes = []string{"np", "pd", "str", "base64", "datetime", "json", "hg_json", "hg_jsonlist"}

func (r *request) check(o wire.Object) error {
	for key, v := range o {
		var err error
		switch key {
		case "id":
			err = r.c.any(v, key)
		case "parameters":
			err = r.parameters(v, "the request")
		case "inputs":
			err = r.inputs(v.([]any))
		case "outputs":
			err = r.outputs(v)
		default:
			err = refuse("v2-members", fmt.Sprintf("the body has %s, which the protocol does not know", show(key)))
		}
		if err != nil {
			return err
		}
	}
	if len(r.rest) > 0 {
		return refuse("v2-binary", fmt.Sprintf("%d bytes after the JSON belong to no input", len(r.rest)))
	}
	return nil
}

// parameters refuses those that name memory or codecs of the caller's choice. size is that of binary data, -1 without.
func (r *request) parameters(v any, where string) error {
	p, ok := v.(wire.Object)
	if !ok {
		return refuse("v2-members", "the parameters of "+show(where)+" must be an object")
	}
	for key, value := range p {
		switch {
		case strings.HasPrefix(key, "shared_memory"):
			if err := sharedMemory(r.x, where); err != nil {
				return err
			}
		case key == "content_type":
			s, _ := value.(string)
			if !slices.Contains(contentTypes, s) && !slices.Contains(r.x.Upstream.Allow["content-types"], s) {
				return hinted(refuse("v2-content-type", fmt.Sprintf("the content type %s is not one of plain values", show(s))), fmt.Sprintf("allow: {content-types: [%q]}", s))
			}
		case key == "headers":
			return refuse("v2-members", "the parameter headers is the server's own")
		}
	}
	return r.c.any(p, where)
}

func (r *request) outputs(v any) error {
	list, ok := v.([]any)
	if !ok {
		return refuse("v2-members", "outputs must be a list")
	}
	for _, e := range list {
		o, ok := e.(wire.Object)
		if !ok {
			return refuse("v2-members", "each output must be an object")
		}
		name, _ := o["name"].(string)
		if p, ok := o["parameters"]; ok {
			if err := r.parameters(p, name); err != nil {
				return err
			}
		}
		if err := r.c.any(o, "outputs"); err != nil {
			return err
		}
	}
	return nil
}

func (r *request) inputs(list []any) error {
	r.seen = map[string]bool{}
	for _, e := range list {
		o, ok := e.(wire.Object)
		if !ok {
			return refuse("v2-members", "each input must be an object")
		}
		if err := r.input(o); err != nil {
			return err
		}
	}
	for _, t := range r.m.inputs {
		if !r.seen[t.name] && !r.m.optional[t.name] {
			return refuse("model-names", fmt.Sprintf("input %s is missing, which the model's metadata has", show(t.name)))
		}
	}
	return nil
}

// input holds one tensor against the model's metadata and against itself.
func (r *request) input(o wire.Object) error {
	t := tensor{}
	t.name, _ = o["name"].(string)
	t.dtype, _ = o["datatype"].(string)
	width, ok := widths[t.dtype]
	if !ok {
		return refuse("object-dtype", fmt.Sprintf("input %s has the datatype %s, which is none of the protocol's", show(t.name), show(t.dtype)))
	}
	if t.shape, ok = integersOf(o["shape"]); !ok || t.name == "" || r.seen[t.name] {
		return refuse("v2-members", fmt.Sprintf("input %s needs a name of its own and a shape of whole numbers", show(t.name)))
	}
	r.seen[t.name] = true
	n, err := r.volume(t)
	if err != nil {
		return err
	}
	if err := r.known(t); err != nil {
		return err
	}
	size, binary := 0, false
	for key, v := range o {
		switch key {
		case "name", "datatype", "shape", "data":
		case "parameters":
			if err := r.parameters(v, t.name); err != nil {
				return err
			}
			p, _ := v.(wire.Object)
			if v, ok := p["binary_data_size"]; ok {
				number, _ := v.(json.Number)
				if size, err = strconv.Atoi(string(number)); err != nil || size < 0 || size > len(r.rest) {
					return refuse("v2-binary", fmt.Sprintf("binary_data_size of %s is not what the body has", show(t.name)))
				}
				binary = true
			}
		default:
			return refuse("v2-members", fmt.Sprintf("input %s has %s, which the protocol does not know", show(t.name), show(key)))
		}
	}
	data, ok := o["data"]
	switch {
	case binary && ok:
		return refuse("v2-binary", fmt.Sprintf("input %s has data twice", show(t.name)))
	case binary:
		part := r.rest[:size]
		r.rest = r.rest[size:]
		return r.packed(part, t, n, width)
	case ok:
		return r.data(data, t, n)
	case r.x.Upstream.On["shared-memory"]:
		return nil
	}
	return refuse("v2-members", fmt.Sprintf("input %s has no data", show(t.name)))
}

// volume multiplies the shape, within the model's bounds.
func (r *request) volume(t tensor) (int, error) {
	n := int64(1)
	for _, d := range t.shape {
		if d < 0 || d > int64(r.c.limits.elements) || n*max(d, 1) > int64(r.c.limits.elements) {
			return 0, wire.Refuse(413, "INVALID_PARAMETER_VALUE", "model-size", fmt.Sprintf("weir gate: input %s has more than %d values, or a negative dimension", show(t.name), r.c.limits.elements))
		}
		n *= d
	}
	if len(t.shape) > 0 {
		if err := r.c.rows(int(min(t.shape[0], math.MaxInt32))); err != nil {
			return 0, err
		}
	}
	return int(n), nil
}

// known holds name, type and shape against the metadata. A server's metadata may leave out inputs altogether; then nothing is known.
func (r *request) known(t tensor) error {
	if len(r.m.inputs) == 0 {
		return nil
	}
	i := slices.IndexFunc(r.m.inputs, func(k tensor) bool { return k.name == t.name })
	if i < 0 {
		return refuse("model-names", fmt.Sprintf("input %s is not in the model's metadata", show(t.name)))
	}
	k := r.m.inputs[i]
	if !compatible(t.dtype, k.dtype) {
		return refuse("model-type", fmt.Sprintf("input %s must be %s by the model's metadata, not %s", show(t.name), k.dtype, t.dtype))
	}
	if !fits(t.shape, k.shape) {
		return refuse("model-shape", fmt.Sprintf("input %s has the shape %v, the model's metadata says %v", show(t.name), t.shape, k.shape))
	}
	return nil
}

// compatible says whether values of one datatype may stand where another is expected: the same class, as servers convert them, never BYTES for numbers.
func compatible(have, want string) bool {
	return have == want || class(have) != 0 && class(have) <= class(want)
}

// class orders the numeric types: whole numbers fit where fractions do.
func class(dtype string) int {
	switch {
	case strings.HasPrefix(dtype, "INT"), strings.HasPrefix(dtype, "UINT"):
		return 1
	case strings.HasPrefix(dtype, "FP"), dtype == "BF16":
		return 2
	}
	return 0
}

// fits compares shapes; -1 in the model's is any, and a last dimension of 1 may be left out (MLServer's codecs write columns as [n,1], people as [n]).
func fits(have, want []int64) bool {
	if len(want) == 0 {
		return true
	}
	if len(have) == len(want)-1 && (want[len(want)-1] == 1 || want[len(want)-1] == -1) {
		want = want[:len(want)-1]
	}
	if len(have) != len(want) {
		return false
	}
	for i := range have {
		if want[i] >= 0 && have[i] != want[i] {
			return false
		}
	}
	return true
}

// elementTypes are what the values of a datatype are in JSON.
var elementTypes = map[string]string{
	"BOOL": "boolean", "UINT8": "long", "UINT16": "long", "UINT32": "long", "UINT64": "double", "INT8": "long", "INT16": "long", "INT32": "long", "INT64": "long",
	"FP16": "float", "BF16": "float", "FP32": "float", "FP64": "double", "BYTES": "string",
}

// data is the values as JSON, flat or nested; both are allowed by the protocol.
func (r *request) data(v any, t tensor, want int) error {
	found := 0
	if err := r.leaves(v, t, &found, 0); err != nil {
		return err
	}
	if found != want {
		return refuse("model-shape", fmt.Sprintf("input %s has %d values, its shape %v says %d", show(t.name), found, t.shape, want))
	}
	return nil
}

func (r *request) leaves(v any, t tensor, found *int, depth int) error {
	if list, ok := v.([]any); ok {
		if depth > len(t.shape)+1 {
			return refuse("model-shape", fmt.Sprintf("the data of input %s is nested more deeply than its shape", show(t.name)))
		}
		for _, e := range list {
			if err := r.leaves(e, t, found, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	*found++
	if n, ok := v.(json.Number); ok && t.dtype == "BOOL" && (n == "0" || n == "1") { // as numpy writes them
		return r.c.count(t.name)
	}
	return r.c.value(v, typ{base: elementTypes[t.dtype]}, true, t.name)
}

// packed is the values as bytes: numbers in little-endian order, each of BYTES after its length in four bytes.
func (r *request) packed(b []byte, t tensor, want, width int) error {
	if t.dtype == "BYTES" {
		return r.packedBytes(b, t, want)
	}
	if len(b) != want*width {
		return refuse("model-shape", fmt.Sprintf("input %s has %d bytes of data, its shape and type say %d", show(t.name), len(b), want*width))
	}
	if r.c.nan {
		return nil
	}
	for i := 0; i < len(b); i += width {
		var bad bool
		switch t.dtype {
		case "FP64":
			bad = binary.LittleEndian.Uint64(b[i:])&0x7ff0000000000000 == 0x7ff0000000000000
		case "FP32":
			bad = binary.LittleEndian.Uint32(b[i:])&0x7f800000 == 0x7f800000
		case "FP16":
			bad = binary.LittleEndian.Uint16(b[i:])&0x7c00 == 0x7c00
		case "BF16":
			bad = binary.LittleEndian.Uint16(b[i:])&0x7f80 == 0x7f80
		}
		if bad {
			return r.c.notFinite(t.name)
		}
	}
	return nil
}

func (r *request) packedBytes(b []byte, t tensor, want int) error {
	for range want {
		if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
			return refuse("v2-binary", fmt.Sprintf("the texts of input %s do not have the lengths that they say", show(t.name)))
		}
		n := int(binary.LittleEndian.Uint32(b))
		if err := r.c.bytes(b[4:4+n], t.name); err != nil {
			return err
		}
		b = b[4+n:]
	}
	if len(b) > 0 {
		return refuse("v2-binary", fmt.Sprintf("input %s has %d bytes more than its shape says", show(t.name), len(b)))
	}
	return nil
}
