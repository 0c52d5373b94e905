package telemetry

import (
	"strconv"
	"strings"
)

// text writes the exposition format 0.0.4.
func (m *Meter) text() []byte {
	b := make([]byte, 0, 16<<10)
	for _, f := range m.all {
		if f.histogram {
			b = f.appendHistogram(b)
		} else {
			b = f.appendCounter(b)
		}
	}
	b = header(b, "weir_gate_telemetry_lost_total", "Spans that a collector did not take in time.", "counter")
	b = sample(b, "weir_gate_telemetry_lost_total", nil, labels{}, "", float64(m.lost.Load()))
	for _, g := range m.read() {
		b = header(b, g.name, g.help, "gauge")
		b = sample(b, g.name, nil, labels{}, "", g.value)
	}
	return b
}

func (f *family) appendCounter(b []byte) []byte {
	b = header(b, f.name+"_total", f.help, "counter")
	f.values(func(l labels, n uint64) { b = sample(b, f.name+"_total", f.names, l, "", float64(n)) })
	return b
}

func (f *family) appendHistogram(b []byte) []byte {
	b = header(b, f.name, f.help, "histogram")
	f.spreads(func(l labels, s spread) {
		var sum uint64
		for i, n := range s.counts {
			sum += n
			le := "+Inf"
			if i < len(bounds) {
				le = strconv.FormatFloat(bounds[i], 'g', -1, 64)
			}
			b = sample(b, f.name+"_bucket", f.names, l, le, float64(sum))
		}
		b = sample(b, f.name+"_sum", f.names, l, "", s.sum)
		b = sample(b, f.name+"_count", f.names, l, "", float64(s.total))
	})
	return b
}

func header(b []byte, name, help, kind string) []byte {
	b = append(append(append(append(b, "# HELP "...), name...), ' '), help...)
	b = append(append(append(append(b, "\n# TYPE "...), name...), ' '), kind...)
	return append(b, '\n')
}

// escape of label values: backslash, quote and line feed.
var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func sample(b []byte, name string, names []string, l labels, le string, value float64) []byte {
	b = append(b, name...)
	open := byte('{')
	label := func(name, value string) {
		b = append(append(append(b, open), name...), `="`...)
		b = append(append(b, escape.Replace(strings.ToValidUTF8(value, "\uFFFD"))...), '"')
		open = ','
	}
	for i, n := range names {
		label(n, l[i])
	}
	if le != "" {
		label("le", le)
	}
	if open == ',' {
		b = append(b, '}')
	}
	b = strconv.AppendFloat(append(b, ' '), value, 'g', -1, 64)
	return append(b, '\n')
}
