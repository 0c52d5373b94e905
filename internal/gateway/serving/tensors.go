package serving

import (
	"fmt"

	"weir/internal/gateway/wire"
)

// tensorTypes are numpy's types that a signature may name, and what their values are in JSON. Others, above all object, are refused.
var tensorTypes = map[string]string{
	"bool": "boolean", "int8": "integer", "int16": "integer", "int32": "integer", "int64": "long", "uint8": "integer", "uint16": "integer", "uint32": "long", "uint64": "long",
	"float16": "float", "float32": "float", "float64": "double", "str": "string", "bytes": "binary",
}

func objectTensor(t tensor) error {
	return refuse("object-dtype", fmt.Sprintf("input %s of the model has the type %q, which can hold any object: it cannot be served through the gate", show(t.name), t.dtype))
}

// tensors holds inputs and instances against a signature of tensors.
func (c *checker) tensors(v any, s *signature, rows bool) error {
	if len(s.tensors) == 1 && s.tensors[0].name == "" {
		return c.tensor(v, s.tensors[0], s.tensors[0].shape)
	}
	if rows { // a list of objects, one for each element of the first dimension
		l, ok := v.([]any)
		if !ok {
			return refuse("model-shape", "instances must be a list")
		}
		if err := c.rows(len(l)); err != nil {
			return err
		}
		for _, row := range l {
			if err := c.namedTensors(row, s, true); err != nil {
				return err
			}
		}
		return nil
	}
	return c.namedTensors(v, s, false)
}

func (c *checker) namedTensors(v any, s *signature, row bool) error {
	o, ok := v.(wire.Object)
	if !ok {
		if len(s.tensors) == 1 {
			return c.tensor(v, s.tensors[0], s.tensors[0].shape)
		}
		return refuse("model-names", "the model has inputs with names: give an object")
	}
	for _, t := range s.tensors {
		member, ok := o[t.name]
		if !ok {
			return refuse("model-names", fmt.Sprintf("input %s is missing, which the model's signature requires", show(t.name)))
		}
		shape := t.shape
		if row && len(shape) > 0 {
			shape = shape[1:]
		}
		if err := c.tensor(member, t, shape); err != nil {
			return err
		}
	}
	if len(o) > len(s.tensors) {
		return refuse("model-names", "there are inputs that are not in the model's signature")
	}
	return nil
}

// tensor holds nested lists against a shape.
func (c *checker) tensor(v any, t tensor, shape []int64) error {
	of, ok := tensorTypes[t.dtype]
	if !ok {
		return objectTensor(t)
	}
	if l, ok := v.([]any); ok && len(shape) > 0 {
		if err := c.rows(len(l)); err != nil {
			return err
		}
	}
	return c.nested(v, typ{base: of}, shape, t.name)
}

func (c *checker) nested(v any, of typ, shape []int64, where string) error {
	if len(shape) == 0 {
		if _, ok := v.([]any); ok {
			return refuse("model-shape", fmt.Sprintf("%s has more dimensions than the model's signature", show(where)))
		}
		return c.value(v, of, true, where)
	}
	l, ok := v.([]any)
	if !ok || shape[0] >= 0 && int64(len(l)) != shape[0] {
		return refuse("model-shape", fmt.Sprintf("%s does not have the shape of the model's signature: %d values where %d belong", show(where), len(l), shape[0]))
	}
	for i, member := range l {
		if err := c.nested(member, of, shape[1:], where); err != nil {
			return err
		}
		first, _ := l[0].([]any)
		if same, _ := member.([]any); i > 0 && len(first) != len(same) {
			return refuse("model-shape", fmt.Sprintf("%s is ragged", show(where)))
		}
	}
	return c.count(where)
}
