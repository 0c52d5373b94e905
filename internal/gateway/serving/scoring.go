package serving

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// Scoring is `mlflow models serve`: one model at one address. Its name for policies, limits and signatures is the upstream's.
func Scoring() *gateway.Kind {
	r := newRates()
	name := func(x *gateway.Exchange) ([]auth.Resource, error) { return one(model, x.Upstream.Name), nil }
	return &gateway.Kind{
		Name:  "mlflow-scoring",
		Doc:   "MLflow's scoring server (mlflow models serve), one model",
		Allow: []string{"signatures", "limits"}, Switch: []string{"allow-nan", "allow-missing"},
		Routes: []gateway.Route{
			{Method: "GET", Path: "/ping", Public: true},
			{Method: "GET", Path: "/health", Public: true},
			{Method: "GET", Path: "/version", Resource: server, Action: auth.Read},
			{
				Method: "POST", Path: "/invocations", Resource: model, Action: auth.Predict, Body: gateway.Stream, Locate: name,
				Checks: []gateway.Check{{Name: "invocation", Test: r.invocation}},
			},
		},
	}
}

// invocation reads the body of /invocations and holds it against the signature.
func (r *rates) invocation(x *gateway.Exchange) error {
	name := x.Upstream.Name
	l, err := r.admit(x, name)
	if err != nil {
		return err
	}
	s, err := signatureOf(x, name)
	if err != nil {
		return err
	}
	c := newChecker(x, l)
	switch x.Type {
	case "application/json":
		o, err := wire.ParseJSON(x.Raw, c.jsonLimits())
		if err != nil {
			return err
		}
		return c.invocation(o, s)
	case "text/csv":
		return c.table(x.Raw, s)
	}
	return wire.Refuse(http.StatusUnsupportedMediaType, "BAD_REQUEST", "content-type", fmt.Sprintf("weir gate: the body's Content-Type is %q; it must be application/json or text/csv", x.Type))
}

func newChecker(x *gateway.Exchange, l limits) *checker {
	return &checker{limits: l, nan: x.Upstream.On["allow-nan"], missing: x.Upstream.On["allow-missing"]}
}

func (c *checker) jsonLimits() wire.Limits {
	return wire.Limits{Depth: 32, Members: 2*c.limits.elements + 1000, NaN: c.nan}
}

// forms are the ways in which rows can be written; exactly one may stand in a body.
var forms = []string{"dataframe_split", "dataframe_records", "instances", "inputs"}

func (c *checker) invocation(o wire.Object, s *signature) error {
	form := ""
	for _, f := range forms {
		if _, ok := o[f]; ok {
			if form != "" {
				return refuse("invocation", fmt.Sprintf("the body has both %s and %s", form, f))
			}
			form = f
		}
	}
	if form == "" {
		return c.record1(o, s)
	}
	for key := range o {
		if key != form && key != "params" {
			return refuse("invocation", fmt.Sprintf("the body has %s beside %s; only params may stand there", show(key), form))
		}
	}
	if err := c.parameters(o["params"], s); err != nil {
		return err
	}
	v := o[form]
	switch {
	case s == nil || len(s.columns) == 0 && len(s.tensors) == 0:
		if l, ok := v.([]any); ok {
			if err := c.rows(len(l)); err != nil {
				return err
			}
		}
		return c.any(v, form)
	case form == "dataframe_split":
		return c.split(v, s)
	case form == "dataframe_records":
		return c.records(v, s)
	case len(s.tensors) > 0:
		return c.tensors(v, s, form == "instances")
	case form == "instances":
		return c.records(v, s)
	}
	return c.inputs(v, s)
}

func (c *checker) rows(n int) error {
	if n > c.limits.rows {
		return wire.Refuse(http.StatusRequestEntityTooLarge, "INVALID_PARAMETER_VALUE", "model-size", fmt.Sprintf("weir gate: %d rows, the model takes at most %d", n, c.limits.rows))
	}
	return nil
}

// record1 is a body that is the input itself, as for chat models: its members are columns and parameters.
func (c *checker) record1(o wire.Object, s *signature) error {
	if s == nil || len(s.columns) == 0 {
		return c.any(o, "")
	}
	columns := append([]column(nil), s.columns...)
	for _, p := range s.params {
		if !hasColumn(columns, p.name) {
			columns = append(columns, p.column())
		}
	}
	return c.record(o, columns, "")
}

func (p param) column() column {
	t := p.of
	if p.array {
		t = typ{base: "array", items: &p.of}
	}
	return column{name: p.name, of: t}
}

func (c *checker) parameters(v any, s *signature) error {
	if v == nil {
		return nil
	}
	o, ok := v.(wire.Object)
	if !ok {
		return refuse("invocation", "params must be an object")
	}
	if s == nil {
		return c.any(o, "params")
	}
	columns := make([]column, 0, len(s.params))
	for _, p := range s.params {
		columns = append(columns, p.column())
	}
	return c.record(o, columns, "params")
}

// split is {"columns": […], "data": [[…]]}, as pandas writes it.
func (c *checker) split(v any, s *signature) error {
	o, ok := v.(wire.Object)
	if !ok {
		return refuse("invocation", "dataframe_split must be an object")
	}
	data, ok := o["data"].([]any)
	if !ok {
		return refuse("invocation", "dataframe_split needs data, a list of rows")
	}
	for key, member := range o {
		switch key {
		case "columns", "data":
		case "index":
			if err := c.any(member, key); err != nil {
				return err
			}
		default:
			return refuse("invocation", fmt.Sprintf("dataframe_split has %s; it may have columns, data and index", show(key)))
		}
	}
	if err := c.rows(len(data)); err != nil {
		return err
	}
	order, err := s.order(o["columns"])
	if err != nil {
		return err
	}
	for _, row := range data {
		cells, ok := row.([]any)
		if !ok || len(cells) != len(order) {
			return refuse("model-shape", fmt.Sprintf("each row must have %d values", len(order)))
		}
		for i, cell := range cells {
			if err := c.value(cell, order[i].of, order[i].required, order[i].name); err != nil {
				return err
			}
		}
	}
	return nil
}

// order gives the columns in the order in which the body has them. A body without names has them in the signature's order.
func (s *signature) order(v any) ([]column, error) {
	known := s.columns
	if len(known) == 0 { // a tensor signature: a table of its element type
		return s.tensorColumns(v)
	}
	if v == nil {
		return known, nil
	}
	names, ok := v.([]any)
	if !ok {
		return nil, refuse("invocation", "columns must be a list of names")
	}
	var out []column
	seen := map[string]bool{}
	for i, n := range names {
		name, ok := n.(string)
		if !ok && len(known) > i && known[i].name == "" { // columns without names are numbered
			out = append(out, known[i])
			continue
		}
		found := false
		for _, col := range known {
			if ok && col.name == name && !seen[name] {
				out, found = append(out, col), true
			}
		}
		if !found {
			return nil, refuse("model-names", fmt.Sprintf("column %s is not in the model's signature, or stands there twice", show(fmt.Sprint(n))))
		}
		seen[name] = true
	}
	for _, col := range known {
		if col.required && col.name != "" && !seen[col.name] {
			return nil, refuse("model-names", fmt.Sprintf("column %s is missing, which the model's signature requires", show(col.name)))
		}
	}
	return out, nil
}

func (s *signature) tensorColumns(v any) ([]column, error) {
	names, _ := v.([]any)
	if len(s.tensors) != 1 || len(s.tensors[0].shape) != 2 || names == nil && s.tensors[0].shape[1] < 0 {
		return nil, refuse("model-shape", "the model's signature takes tensors, not tables: use inputs or instances")
	}
	t := s.tensors[0]
	n := int64(len(names))
	if names == nil {
		n = t.shape[1]
	}
	if t.shape[1] >= 0 && n != t.shape[1] {
		return nil, refuse("model-shape", fmt.Sprintf("the model takes %d columns, not %d", t.shape[1], n))
	}
	of, ok := tensorTypes[t.dtype]
	if !ok {
		return nil, objectTensor(t)
	}
	out := make([]column, n)
	for i := range out {
		out[i] = column{name: "column " + strconv.Itoa(i), of: typ{base: of}, required: true}
	}
	return out, nil
}

func (c *checker) records(v any, s *signature) error {
	l, ok := v.([]any)
	if !ok {
		if o, isObject := v.(wire.Object); isObject {
			l = []any{o}
		} else {
			return refuse("invocation", "the rows must be a list of objects")
		}
	}
	if err := c.rows(len(l)); err != nil {
		return err
	}
	if len(s.columns) == 0 {
		return refuse("model-shape", "the model's signature takes tensors, not records")
	}
	for _, row := range l {
		if o, ok := row.(wire.Object); ok {
			if err := c.record(o, s.columns, ""); err != nil {
				return err
			}
			continue
		}
		if len(s.columns) > 1 || s.columns[0].name != "" {
			return refuse("model-names", "each row must be an object with the model's columns")
		}
		if err := c.value(row, s.columns[0].of, s.columns[0].required, "row"); err != nil {
			return err
		}
	}
	return nil
}

// inputs of a model with columns: an object of columns (lists), one row, or rows; a list where there is one column without a name.
func (c *checker) inputs(v any, s *signature) error {
	o, ok := v.(wire.Object)
	if !ok {
		return c.records(v, s)
	}
	lists := true
	for _, member := range o {
		if _, ok := member.([]any); !ok {
			lists = false
		}
	}
	if !lists {
		return c.record(o, s.columns, "inputs")
	}
	columns := make([]column, len(s.columns))
	for i, col := range s.columns {
		columns[i] = col
		if col.of.base != "array" {
			columns[i].of = typ{base: "array", items: &s.columns[i].of}
		}
	}
	for _, member := range o {
		if err := c.rows(len(member.([]any))); err != nil {
			return err
		}
	}
	return c.record(o, columns, "inputs")
}

// table reads a body of comma-separated values.
func (c *checker) table(b []byte, s *signature) error {
	r := csv.NewReader(bytes.NewReader(b))
	r.ReuseRecord = true
	head, err := r.Read()
	if err != nil {
		return refuse("invocation", "the CSV has no line of names, or cannot be read")
	}
	names := make([]any, len(head))
	for i, h := range head {
		if err := c.text(h, "the line of names"); err != nil {
			return err
		}
		names[i] = h
	}
	var order []column
	if s != nil && len(s.columns)+len(s.tensors) > 0 {
		if order, err = s.order(names); err != nil {
			return err
		}
	}
	for n := 1; ; n++ {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return refuse("invocation", fmt.Sprintf("line %d of the CSV cannot be read", n+1))
		}
		if err := c.rows(n); err != nil {
			return err
		}
		for i, cell := range row {
			if err := c.cell(cell, order, i); err != nil {
				return err
			}
		}
	}
}

func (c *checker) cell(cell string, order []column, i int) error {
	if i >= len(order) {
		return c.text(cell, "a cell")
	}
	col := order[i]
	var v any = cell
	switch {
	case cell == "":
		v = nil
	case col.of.base == "boolean" && (cell == "True" || cell == "False" || cell == "true" || cell == "false"):
		v = cell[0] == 'T' || cell[0] == 't'
	case col.of.base == "string", col.of.base == "binary", isNaN(cell):
	default:
		if _, err := strconv.ParseFloat(cell, 64); err == nil || errors.Is(err, strconv.ErrRange) {
			v = json.Number(cell)
		}
	}
	return c.value(v, col.of, col.required, col.name)
}
