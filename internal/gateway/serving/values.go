package serving

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"weir/internal/gateway/wire"
)

// checker looks at the values of one request. Its first refusal ends it.
type checker struct {
	limits  limits
	nan     bool // NaN and infinities pass
	missing bool // null passes in required columns
	seen    int  // values so far
}

// any walks over a value of no known type: numbers finite, texts without objects, not too many.
func (c *checker) any(v any, where string) error {
	switch v := v.(type) {
	case wire.Object:
		for name, member := range v {
			if err := c.text(name, where); err != nil {
				return err
			}
			if err := c.any(member, name); err != nil {
				return err
			}
		}
		return c.count(where)
	case []any:
		for _, member := range v {
			if err := c.any(member, where); err != nil {
				return err
			}
		}
		return c.count(where)
	case string:
		return c.text(v, where)
	case json.Number:
		_, err := c.number(v, where)
		return err
	}
	return c.count(where)
}

func (c *checker) count(where string) error {
	if c.seen++; c.seen > c.limits.elements {
		return wire.Refuse(413, "INVALID_PARAMETER_VALUE", "model-size", fmt.Sprintf("weir gate: more than %d values (at %s)", c.limits.elements, show(where)))
	}
	return nil
}

// text refuses serialised objects.
func (c *checker) text(s, where string) error {
	if err := c.count(where); err != nil {
		return err
	}
	if len(s) < 12 {
		return nil
	}
	return c.bytes([]byte(s), where)
}

func (c *checker) bytes(b []byte, where string) error {
	if what := serialised(b); what != "" {
		return refuse("serialised-object", fmt.Sprintf("%s holds %s; predictions take plain values only", show(where), what))
	}
	return nil
}

// number refuses what no float64 can hold: the server would read it as infinity.
func (c *checker) number(n json.Number, where string) (float64, error) {
	if err := c.count(where); err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		if c.nan {
			return f, nil
		}
		return f, c.notFinite(where)
	}
	return f, nil
}

func (c *checker) notFinite(where string) error {
	return hinted(refuse("not-finite", fmt.Sprintf("%s holds a number that is infinite or not a number", show(where))), "switch: [allow-nan]")
}

// show is a name for a message: short, and quoted.
func show(where string) string {
	if where == "" {
		return "the body"
	}
	if len(where) > 60 {
		where = where[:60] + "…"
	}
	return strconv.Quote(where)
}

func (c *checker) wrong(where string, t typ, v any) error {
	return refuse("model-type", fmt.Sprintf("%s must be %s by the model's signature, not %s", show(where), t.String(), kindOf(v)))
}

// String names a type for people.
func (t typ) String() string {
	if t.items != nil {
		return t.base + " of " + t.items.String()
	}
	return t.base
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "text"
	case json.Number:
		return "the number " + string(v[:min(len(v), 32)])
	case []any:
		return "a list"
	}
	return "an object"
}

// value holds a value against a type.
func (c *checker) value(v any, t typ, required bool, where string) error {
	if v == nil {
		if required && !c.missing {
			return hinted(refuse("model-missing", fmt.Sprintf("%s is null, and the model's signature requires it", show(where))), "switch: [allow-missing]")
		}
		return c.count(where)
	}
	switch t.base {
	case "any":
		return c.any(v, where)
	case "array":
		return c.list(v, t, where)
	case "object":
		return c.object(v, t, where)
	case "map":
		o, ok := v.(wire.Object)
		if !ok {
			return c.wrong(where, t, v)
		}
		for name, member := range o {
			if err := c.text(name, where); err != nil {
				return err
			}
			if err := c.value(member, *t.items, false, where+"."+name); err != nil {
				return err
			}
		}
		return nil
	}
	return c.scalar(v, t, where)
}

func (c *checker) list(v any, t typ, where string) error {
	l, ok := v.([]any)
	if !ok {
		return c.wrong(where, t, v)
	}
	for _, member := range l {
		if err := c.value(member, *t.items, true, where); err != nil {
			return err
		}
	}
	return c.count(where)
}

func (c *checker) object(v any, t typ, where string) error {
	o, ok := v.(wire.Object)
	if !ok {
		return c.wrong(where, t, v)
	}
	return c.record(o, t.fields, where)
}

// record holds an object against columns: no name that is not there, no required one missing.
func (c *checker) record(o wire.Object, columns []column, where string) error {
	found := 0
	for _, col := range columns {
		v, ok := o[col.name]
		if !ok {
			if col.required {
				return refuse("model-names", fmt.Sprintf("%s lacks %s, which the model's signature requires", show(where), show(col.name)))
			}
			continue
		}
		found++
		if err := c.value(v, col.of, col.required, col.name); err != nil {
			return err
		}
	}
	if found == len(o) {
		return nil
	}
	for name := range o {
		if !hasColumn(columns, name) {
			return refuse("model-names", fmt.Sprintf("%s is not in the model's signature", show(name)))
		}
	}
	return nil
}

func hasColumn(columns []column, name string) bool {
	for i := range columns {
		if columns[i].name == name {
			return true
		}
	}
	return false
}

// integers bounds MLflow's whole numbers.
var integers = map[string][2]float64{"integer": {math.MinInt32, math.MaxInt32}, "long": {math.MinInt64, math.MaxInt64}}

func (c *checker) scalar(v any, t typ, where string) error {
	switch v := v.(type) {
	case bool:
		if t.base == "boolean" {
			return c.count(where)
		}
	case string:
		switch t.base {
		case "string", "binary", "datetime":
			return c.text(v, where)
		case "float", "double": // how some clients write what JSON cannot
			if isNaN(v) && c.nan {
				return c.count(where)
			}
			if isNaN(v) {
				return c.notFinite(where)
			}
		}
	case json.Number:
		return c.numeral(v, t, where)
	}
	return c.wrong(where, t, v)
}

func isNaN(s string) bool {
	switch strings.ToLower(strings.TrimLeft(s, "+-")) {
	case "nan", "inf", "infinity":
		return true
	}
	return false
}

func (c *checker) numeral(v json.Number, t typ, where string) error {
	f, err := c.number(v, where)
	if err != nil {
		return err
	}
	switch t.base {
	case "float":
		if math.Abs(f) > math.MaxFloat32 && !c.nan {
			return c.notFinite(where)
		}
		return nil
	case "double", "datetime":
		return nil
	case "integer", "long":
		if _, err := strconv.ParseInt(string(v), 10, 64); err == nil && f >= integers[t.base][0] && f <= integers[t.base][1] {
			return nil
		}
	}
	return c.wrong(where, t, v)
}
