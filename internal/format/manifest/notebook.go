package manifest

import (
	"bytes"
	"strings"

	"weir"
	"weir/internal/format"
)

// isNotebook knows a Jupyter notebook by its keys (nbformat 3 and 4), which stand at its end in most; the name alone decides where it is long.
func isNotebook(h format.Head) bool {
	if !bytes.HasPrefix(bytes.TrimLeft(h.First[:min(len(h.First), 64)], " \t\r\n"), []byte("{")) || !textual(h.First) {
		return false
	}
	both := func(k string) bool { return bytes.Contains(h.First, []byte(k)) || bytes.Contains(h.Last, []byte(k)) }
	return strings.HasSuffix(h.Name, ".ipynb") || both(`"nbformat"`) && (both(`"cells"`) || both(`"worksheets"`) || both(`"cell_type"`))
}

// parseNotebook reads the cells of a notebook: lines that hand a command to a shell or to pip's and conda's magics, and the Python in them.
func parseNotebook(in *format.Input, t *text) error {
	d, err := readJSON(t)
	sheets := []*node{d}
	sheets = append(sheets, d.get("worksheets").list()...)
	for _, s := range sheets {
		for _, c := range s.get("cells").list() {
			if c.str("cell_type") != "code" {
				continue
			}
			source := c.get("source")
			if source == nil {
				source = c.get("input") // nbformat 3
			}
			cell(in, t, source)
		}
	}
	return err
}

// cell reads one cell: a list of lines, or one text.
func cell(in *format.Input, t *text, source *node) {
	lines := source.list()
	if source != nil && source.shape == isString {
		lines = []*node{source}
	}
	shell := false
	var python strings.Builder
	first := true
	for _, n := range lines {
		offset := 0
		for s := range strings.Lines(n.text) {
			start := offset
			offset += len(s)
			s = strings.TrimRight(s, "\r\n")
			if trimmed := strings.TrimSpace(s); first && trimmed != "" {
				first = false
				if strings.HasPrefix(trimmed, "%%") {
					magic, _, _ := strings.Cut(trimmed[2:], " ")
					shell = magic == "bash" || magic == "sh" || magic == "script" || magic == "cmd" || magic == "system" || magic == "!"
					continue
				}
			}
			command, lead := magicCommand(s, shell)
			if command == "" {
				python.WriteString(s)
			} else {
				shellLine(in, t, command, n.line, func(i, size int) int {
					if start+lead+i+size > n.plain {
						return -1
					}
					return n.from + start + lead + i
				})
			}
			python.WriteByte('\n')
		}
		if !strings.HasSuffix(n.text, "\n") {
			python.WriteByte('\n')
		}
	}
	if len(lines) > 0 {
		p := &pySource{in: in, t: t, line: lines[0].line, source: python.String()}
		p.installs()
	}
}

// magicCommand gives the command that a line of a cell runs, and where it begins in the line; empty where the line is Python.
func magicCommand(s string, shell bool) (command string, lead int) {
	trimmed := strings.TrimLeft(s, " \t")
	lead = len(s) - len(trimmed)
	switch {
	case shell:
		return trimmed, lead
	case strings.HasPrefix(trimmed, "!!"):
		return trimmed[2:], lead + 2
	case strings.HasPrefix(trimmed, "!"):
		return trimmed[1:], lead + 1
	case strings.HasPrefix(trimmed, "%"):
		word, _, _ := strings.Cut(trimmed[1:], " ")
		switch word {
		case "pip", "conda", "mamba", "micromamba", "uv", "poetry", "pixi":
			return trimmed[1:], lead + 1
		case "sx", "system":
			return strings.TrimPrefix(trimmed[1:], word), lead + 1 + len(word)
		}
		return "", 0
	}
	if _, rest, ok := strings.Cut(trimmed, "= !"); ok { // out = !pip install x
		return rest, lead + len(trimmed) - len(rest)
	}
	for _, p := range []string{"pip install ", "pip3 install ", "conda install "} { // automagic: % may be left out
		if strings.HasPrefix(trimmed, p) {
			return trimmed, lead
		}
	}
	return "", 0
}

// shellLine reads a line of shell: the commands that stand between && || ; | and the like. place gives offsets in the text.
func shellLine(in *format.Input, t *text, s string, line int, place func(i, n int) int) {
	from := 0
	quote := byte(0)
	flush := func(end int) {
		part := s[from:end]
		for _, f := range installs(t, shellWords(uncomment(part), from, line, place)) {
			in.Emit(f)
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quote != '\'':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == ';' || c == '|' || c == '&' && (i == 0 || s[i-1] != '>'):
			flush(i)
			for i+1 < len(s) && strings.IndexByte(";|&", s[i+1]) >= 0 {
				i++
			}
			from = i + 1
		}
	}
	flush(len(s))
}

// emitAll hands facts over.
func emitAll(in *format.Input, facts []weir.Fact) {
	for _, f := range facts {
		in.Emit(f)
	}
}
