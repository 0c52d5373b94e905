package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"
	"go.yaml.in/yaml/v4"

	"weir"
	"weir/internal/format"
)

// Bounds of a document: values in it (YAML's aliases count each time they are followed) and values within each other.
const (
	maxNodes = 400_000
	maxDepth = 64
)

// shape says what a node is.
type shape uint8

const (
	isNull   shape = iota
	isString       // text
	isScalar       // a number, a boolean or a date, as written
	isList
	isMap
)

// node is a value of a JSON, TOML or YAML document with its place. All methods take nil, which is a value that is not there.
type node struct {
	shape shape
	text  string // of a string or scalar, escapes undone
	at    int    // where text stands in the bytes of the document; -1 where it does not stand there as it is
	from  int    // where the first plain bytes of text stand as they are, which is at unless escapes follow them
	plain int
	line  int
	keys  []string // of a map, as long as items
	items []*node
	index map[string]int // of a map with many keys: the last place of each
}

// get follows keys; of two equal keys the last one counts, as for every reader here.
func (n *node) get(keys ...string) *node {
	for _, k := range keys {
		if n == nil || n.shape != isMap {
			return nil
		}
		next := (*node)(nil)
		if n.index != nil {
			if i, ok := n.index[k]; ok {
				next = n.items[i]
			}
		} else {
			for i := len(n.keys) - 1; i >= 0 && next == nil; i-- {
				if n.keys[i] == k {
					next = n.items[i]
				}
			}
		}
		n = next
	}
	return n
}

// str is the text below keys, empty where there is none.
func (n *node) str(keys ...string) string {
	if n = n.get(keys...); n == nil {
		return ""
	}
	return n.text
}

// list gives the items of a list, and nothing of anything else.
func (n *node) list() []*node {
	if n == nil || n.shape != isList {
		return nil
	}
	return n.items
}

// fields gives keys and values of a map in their order, and nothing of anything else.
func (n *node) fields() func(yield func(string, *node) bool) {
	return func(yield func(string, *node) bool) {
		if n == nil || n.shape != isMap {
			return
		}
		for i, k := range n.keys {
			if !yield(k, n.items[i]) {
				return
			}
		}
	}
}

// set puts a value below a key of a map.
func (n *node) set(key string, v *node) {
	n.keys, n.items = append(n.keys, key), append(n.items, v)
	n.number(len(n.keys) - 1)
}

// number keeps the index of a map with many keys, from the i-th on.
func (n *node) number(i int) {
	if len(n.keys) <= 16 {
		return
	}
	if n.index == nil {
		n.index, i = map[string]int{}, 0
	}
	for ; i < len(n.keys); i++ {
		n.index[n.keys[i]] = i
	}
}

// jsonReader reads JSON (RFC 8259) into nodes. What was read before an error stays.
type jsonReader struct {
	t     *text
	at    int
	count int
}

// readJSON gives the tree of a JSON text.
func readJSON(t *text) (*node, error) {
	r := &jsonReader{t: t}
	n, err := r.value(0)
	if r.blank(); err == nil && r.at < len(t.b) {
		err = r.fault("text after the end")
	}
	return n, err
}

func (r *jsonReader) fault(what string) error { return fmt.Errorf("line %d: %s", r.t.line(r.at), what) }

func (r *jsonReader) blank() {
	for r.at < len(r.t.b) && strings.IndexByte(" \t\r\n", r.t.b[r.at]) >= 0 {
		r.at++
	}
}

// peek gives the next byte that is no blank, 0 at the end.
func (r *jsonReader) peek() byte {
	if r.blank(); r.at < len(r.t.b) {
		return r.t.b[r.at]
	}
	return 0
}

func (r *jsonReader) value(depth int) (*node, error) {
	c := r.peek()
	if r.count++; r.count > maxNodes || depth > maxDepth {
		return nil, fmt.Errorf("line %d: more than %d values, or %d within each other: %w", r.t.line(r.at), maxNodes, maxDepth, format.ErrLimit)
	}
	n := &node{at: -1, line: r.t.line(r.at)}
	switch c {
	case '{':
		return n, r.object(n, depth)
	case '[':
		return n, r.array(n, depth)
	case '"':
		n.shape = isString
		return n, r.str(n)
	}
	start := r.at
	for r.at < len(r.t.b) && strings.IndexByte(" \t\r\n,]}:\"[{", r.t.b[r.at]) < 0 {
		r.at++
	}
	word := r.t.b[start:r.at]
	if !json.Valid(word) {
		r.at = start
		return nil, r.fault("not a value of JSON")
	}
	if n.shape, n.text, n.at = isScalar, string(word), start; n.text == "null" {
		n.shape, n.text = isNull, ""
	}
	return n, nil
}

// str reads a string. Its text is that of the document where it has no escapes.
func (r *jsonReader) str(n *node) error {
	start := r.at
	for r.at++; ; r.at++ {
		if r.at >= len(r.t.b) {
			return r.fault("a string does not end")
		}
		if c := r.t.b[r.at]; c == '\\' {
			r.at++
		} else if c == '"' {
			break
		}
	}
	r.at++
	raw := r.t.b[start:r.at]
	if bytes.IndexByte(raw, '\\') < 0 {
		n.text, n.at, n.from, n.plain = string(raw[1:len(raw)-1]), start+1, start+1, len(raw)-2
		return nil
	}
	if err := json.Unmarshal(raw, &n.text); err != nil {
		return r.fault("not a string of JSON")
	}
	if i := bytes.IndexByte(raw, '\\'); i > 1 {
		n.from, n.plain = start+1, i-1
	}
	return nil
}

func (r *jsonReader) array(n *node, depth int) error {
	n.shape = isList
	for r.at++; r.peek() != ']'; r.at++ {
		v, err := r.value(depth + 1)
		if v != nil {
			n.items = append(n.items, v)
		}
		if err != nil {
			return err
		}
		if c := r.peek(); c == ']' {
			break
		} else if c != ',' {
			return r.fault("no comma between values")
		}
	}
	r.at++
	return nil
}

func (r *jsonReader) object(n *node, depth int) error {
	n.shape = isMap
	for r.at++; r.peek() != '}'; r.at++ {
		if r.peek() != '"' {
			return r.fault("a key is no string")
		}
		key := &node{}
		if err := r.str(key); err != nil {
			return err
		}
		if r.peek() != ':' {
			return r.fault("no colon after a key")
		}
		r.at++
		v, err := r.value(depth + 1)
		if v != nil {
			n.set(key.text, v)
		}
		if err != nil {
			return err
		}
		if c := r.peek(); c == '}' {
			break
		} else if c != ',' {
			return r.fault("no comma between values")
		}
	}
	r.at++
	return nil
}

// tomlReader puts the expressions of a TOML text (version 1.0) into one tree.
type tomlReader struct {
	t     *text
	p     unstable.Parser
	root  *node
	count int
	err   error
}

// readTOML gives the tree of a TOML text; what was read before an error stays.
func readTOML(t *text) (*node, error) {
	r := &tomlReader{t: t, root: &node{shape: isMap, at: -1, line: 1}}
	r.p.Reset(t.b)
	table := r.root
	for r.err == nil && r.p.NextExpression() {
		switch e := r.p.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = r.open(r.root, e, e.Kind == unstable.ArrayTable)
		case unstable.KeyValue:
			r.pair(table, e, 0)
		}
	}
	if r.err == nil {
		if err := r.p.Error(); err != nil {
			r.err = err
		}
	}
	return r.root, r.err
}

// open walks to the table that a header names, and makes it.
func (r *tomlReader) open(n *node, e *unstable.Node, array bool) *node {
	for it := e.Key(); it.Next(); {
		k := it.Node()
		n = r.down(n, k, array && it.IsLast())
	}
	return n
}

// down gives the table below a key: the last one of an array of tables, or a new one.
func (r *tomlReader) down(n *node, k *unstable.Node, add bool) *node {
	key := string(k.Data)
	next := n.get(key)
	fresh := &node{shape: isMap, at: -1, line: r.t.line(int(k.Raw.Offset))}
	r.limit(1, 0)
	switch {
	case add && next != nil && next.shape == isList:
		next.items = append(next.items, fresh)
		return fresh
	case add:
		n.set(key, &node{shape: isList, at: -1, line: fresh.line, items: []*node{fresh}})
		return fresh
	case next != nil && next.shape == isList && len(next.items) > 0:
		return next.items[len(next.items)-1]
	case next != nil && next.shape == isMap:
		return next
	}
	n.set(key, fresh)
	return fresh
}

func (r *tomlReader) limit(n, depth int) {
	if r.count += n; r.err == nil && (r.count > maxNodes || depth > maxDepth) {
		r.err = fmt.Errorf("more than %d values, or %d within each other: %w", maxNodes, maxDepth, format.ErrLimit)
	}
}

// pair puts one key with its value into a table; a dotted key makes tables on its way.
func (r *tomlReader) pair(table *node, e *unstable.Node, depth int) {
	for it := e.Key(); it.Next(); {
		k := it.Node()
		if !it.IsLast() {
			table = r.down(table, k, false)
			continue
		}
		v := r.value(e.Value(), depth+1)
		if v.line == 0 {
			v.line = r.t.line(int(k.Raw.Offset))
		}
		table.set(string(k.Data), v)
	}
}

func (r *tomlReader) value(e *unstable.Node, depth int) *node {
	n := &node{shape: isScalar, at: -1}
	if r.limit(1, depth); r.err != nil {
		return n
	}
	if e.Raw.Length > 0 {
		n.line = r.t.line(int(e.Raw.Offset))
	}
	switch e.Kind {
	case unstable.Array:
		n.shape = isList
		for it := e.Children(); it.Next(); {
			v := r.value(it.Node(), depth+1)
			if n.items = append(n.items, v); n.line == 0 {
				n.line = v.line
			}
		}
		return n
	case unstable.InlineTable:
		n.shape = isMap
		for it := e.Children(); it.Next(); {
			r.pair(n, it.Node(), depth+1)
		}
		if n.line == 0 && len(n.items) > 0 {
			n.line = n.items[0].line
		}
		return n
	case unstable.String:
		n.shape = isString
	}
	n.text = string(e.Data)
	raw := r.p.Raw(e.Raw)
	if i := bytes.Index(raw, e.Data); i >= 0 && len(e.Data) > 0 && bytes.IndexByte(raw, '\\') < 0 {
		n.at = int(e.Raw.Offset) + i
		n.from, n.plain = n.at, len(n.text)
	}
	return n
}

// yamlReader turns YAML's nodes into ours.
type yamlReader struct {
	t      *text
	count  int
	within map[*yaml.Node]bool // aliases that are being followed
	tags   bool                // tags are wanted
	tagged []weir.Setting
	steps  int // characters passed to find places
	err    error
}

// maxSteps bounds the search for the places of YAML's scalars; a text of one long line may go without.
const maxSteps = 20_000_000

// coreTags are those of YAML's own schema.
const coreTags = " !!str !!int !!float !!bool !!null !!map !!seq !!timestamp !!binary !!set !!omap !!pairs !!merge ! "

func (r *yamlReader) tag(y *yaml.Node) {
	if !r.tags || y.Style&yaml.TaggedStyle == 0 || y.Kind == yaml.AliasNode {
		return
	}
	if t := y.ShortTag(); t != "" && !strings.Contains(coreTags, " "+t+" ") {
		r.tagged = append(r.tagged, weir.Setting{Key: "yaml.tag", Value: cut(strings.TrimSpace(t+" "+cut(y.Value, 200)), maxStatement), Line: y.Line})
	}
}

// readYAML gives the trees of the documents of a YAML text; those before an error stay.
func readYAML(t *text) ([]*node, error) {
	r := &yamlReader{t: t, within: map[*yaml.Node]bool{}}
	return r.read()
}

// readTagged is readYAML for the environments of models: a tag that asks for a type of some language is emitted, as rules want it there.
func readTagged(in *format.Input, t *text) ([]*node, error) {
	r := &yamlReader{t: t, within: map[*yaml.Node]bool{}, tags: true}
	docs, err := r.read()
	for _, s := range r.tagged {
		in.Emit(s)
	}
	return docs, err
}

func (r *yamlReader) read() ([]*node, error) {
	t := r.t
	n := 0
	for _, c := range t.b {
		if strings.IndexByte("\n,:[{-?", c) >= 0 {
			n++
		}
	}
	if n > 2*maxNodes {
		return nil, fmt.Errorf("more than %d values: %w", maxNodes, format.ErrLimit)
	}
	loader, err := yaml.NewLoader(bytes.NewReader(t.b))
	if err != nil {
		return nil, err
	}
	var docs []*node
	for len(docs) < 1000 && r.err == nil {
		var root yaml.Node
		if err := loader.Load(&root); err != nil {
			if !errors.Is(err, io.EOF) {
				r.err = err
			}
			break
		}
		for _, c := range root.Content {
			docs = append(docs, r.node(c, 0))
		}
		if len(root.Content) == 0 {
			break
		}
	}
	return docs, r.err
}

func (r *yamlReader) node(y *yaml.Node, depth int) *node {
	n := &node{at: -1, line: y.Line}
	if r.count++; r.count > maxNodes || depth > maxDepth {
		if r.err == nil {
			r.err = fmt.Errorf("more than %d values, or %d within each other: %w", maxNodes, maxDepth, format.ErrLimit)
		}
		return n
	}
	r.tag(y)
	switch y.Kind {
	case yaml.SequenceNode:
		n.shape = isList
		for _, c := range y.Content {
			n.items = append(n.items, r.node(c, depth+1))
		}
	case yaml.MappingNode:
		n.shape = isMap
		r.mapping(n, y, depth)
	case yaml.ScalarNode:
		r.scalar(n, y)
	case yaml.AliasNode:
		if y.Alias != nil && !r.within[y.Alias] {
			r.within[y.Alias] = true
			n = r.node(y.Alias, depth+1)
			delete(r.within, y.Alias)
		}
	}
	return n
}

func (r *yamlReader) mapping(n *node, y *yaml.Node, depth int) {
	var merged node
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		if k.Kind == yaml.AliasNode && k.Alias != nil {
			k = k.Alias
		}
		r.tag(k)
		if k.Kind != yaml.ScalarNode {
			continue // no manifest has such keys
		}
		value := r.node(v, depth+1)
		if k.Value != "<<" || k.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
			n.set(k.Value, value)
			continue
		}
		for _, m := range append(value.list(), value) { // YAML 1.1: what the mapping says itself counts before what it merges
			for k, v := range m.fields() {
				merged.set(k, v)
			}
		}
	}
	if len(merged.keys) > 0 {
		n.keys, n.items, n.index = append(merged.keys, n.keys...), append(merged.items, n.items...), nil
		n.number(0)
	}
}

// scalar finds the place of a scalar's text. YAML counts columns in characters; a text that its place does not hold has none.
func (r *yamlReader) scalar(n *node, y *yaml.Node) {
	n.shape, n.text = isScalar, y.Value
	switch y.ShortTag() {
	case "!!str":
		n.shape = isString
	case "!!null":
		n.shape, n.text = isNull, ""
		return
	}
	r.t.line(0)
	if y.Line < 1 || y.Line > len(r.t.starts) || n.text == "" {
		return
	}
	if r.steps += y.Column; r.steps > maxSteps {
		return
	}
	at := r.t.starts[y.Line-1]
	for range y.Column - 1 {
		if at >= len(r.t.b) {
			return
		}
		_, size := utf8.DecodeRune(r.t.b[at:])
		at += size
	}
	if at < len(r.t.b) && (r.t.b[at] == '"' || r.t.b[at] == '\'') && y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		at++
	}
	if bytes.HasPrefix(r.t.b[at:], []byte(n.text)) {
		n.at, n.from, n.plain = at, at, len(n.text)
	}
}
