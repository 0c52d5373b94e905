package serving

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"weir/internal/gateway"
)

// signature is what a model says about its inputs (mlflow/types/schema.py): columns or tensors, and parameters.
type signature struct {
	columns []column
	tensors []tensor
	params  []param
}

type column struct {
	name     string // empty: the only one, without a name
	of       typ
	required bool
}

// typ is a column's type: base is one of MLflow's data types, or array, object, map, any.
type typ struct {
	base   string
	items  *typ     // of an array; the values of a map
	fields []column // of an object
}

type tensor struct {
	name  string
	dtype string
	shape []int64 // -1: any
}

type param struct {
	name  string
	of    typ
	array bool
}

// The JSON of MLmodel's signature.
type specJSON struct {
	Type       string              `json:"type"`
	Name       string              `json:"name"`
	Required   *bool               `json:"required"`
	Items      *specJSON           `json:"items"`
	Values     *specJSON           `json:"values"`
	Properties map[string]specJSON `json:"properties"`
	Spec       *struct {
		Dtype string  `json:"dtype"`
		Shape []int64 `json:"shape"`
	} `json:"tensor-spec"`
	Shape []int64 `json:"shape"` // of a parameter
}

const (
	maxModelFile = 1 << 20 // bytes of an MLmodel
	maxDepth     = 32      // of a type
	signatureTTL = 30 * time.Second
)

// signatureOf reads the signature of a model from the MLmodel file that the configuration names; nil: none is named, or the file has none.
func signatureOf(x *gateway.Exchange, name string) (*signature, error) {
	file := ""
	for _, line := range x.Upstream.Allow["signatures"] {
		who, path, ok := strings.Cut(line, "=")
		if !ok {
			who, path = name, line
		}
		if who == name && (ok || file == "") {
			file = path
		}
	}
	if file == "" {
		return nil, nil
	}
	v, err := x.Remember("signature "+file, signatureTTL, func() (any, error) { return readSignature(file) })
	if err != nil {
		return nil, fmt.Errorf("signature of model %q: %w", name, err)
	}
	return v.(*signature), nil
}

func readSignature(file string) (*signature, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxModelFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxModelFile {
		return nil, fmt.Errorf("%q is larger than %d bytes", file, maxModelFile)
	}
	return parseSignature(text)
}

// parseSignature reads an MLmodel file. One without a signature gives nil.
func parseSignature(text []byte) (*signature, error) {
	var m struct {
		Signature struct {
			Inputs, Params *string
		}
	}
	if err := yaml.Load(text, &m); err != nil {
		return nil, fmt.Errorf("the MLmodel file cannot be read: %w", err)
	}
	if m.Signature.Inputs == nil && m.Signature.Params == nil {
		return nil, nil
	}
	s := &signature{}
	for _, part := range []struct {
		text *string
		add  func(specJSON) error
	}{{m.Signature.Inputs, s.addInput}, {m.Signature.Params, s.addParam}} {
		if part.text == nil || *part.text == "null" {
			continue
		}
		var specs []specJSON
		if err := json.Unmarshal([]byte(*part.text), &specs); err != nil {
			return nil, fmt.Errorf("the signature cannot be read: %w", err)
		}
		for _, j := range specs {
			if err := part.add(j); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

func (s *signature) addInput(j specJSON) error {
	if j.Type == "tensor" {
		if j.Spec == nil {
			return fmt.Errorf("tensor %q of the signature has no specification", j.Name)
		}
		s.tensors = append(s.tensors, tensor{j.Name, j.Spec.Dtype, j.Spec.Shape})
		return nil
	}
	c, err := j.column(j.Name, 0)
	s.columns = append(s.columns, c)
	return err
}

func (s *signature) addParam(j specJSON) error {
	c, err := j.column(j.Name, 0)
	s.params = append(s.params, param{j.Name, c.of, len(j.Shape) > 0})
	return err
}

func (j *specJSON) column(name string, depth int) (column, error) {
	t, err := j.typ(depth)
	return column{name: name, of: t, required: j.Required == nil || *j.Required}, err
}

var bases = map[string]bool{"boolean": true, "integer": true, "long": true, "float": true, "double": true, "string": true, "binary": true, "datetime": true, "any": true}

func (j *specJSON) typ(depth int) (typ, error) {
	t := typ{base: strings.ToLower(j.Type)}
	inner := j.Items
	if t.base == "map" {
		inner = j.Values
	}
	switch {
	case depth > maxDepth:
		return t, fmt.Errorf("the signature is nested too deeply")
	case bases[t.base]:
		return t, nil
	case (t.base == "array" || t.base == "map") && inner != nil:
		of, err := inner.typ(depth + 1)
		t.items = &of
		return t, err
	case t.base == "object":
		for name, p := range j.Properties {
			c, err := p.column(name, depth+1)
			if err != nil {
				return t, err
			}
			t.fields = append(t.fields, c)
		}
		return t, nil
	}
	return t, fmt.Errorf("the signature has the type %q, which the gate does not know", j.Type)
}
