package pickle

import (
	"bytes"
	"strconv"
	"strings"
)

// The text opcodes of protocol 0 are read differently by CPython's C unpickler, its Python one, Python 2's two and pickletools. What any
// of them accepts is accepted here; where they disagree that is said, because a scanner that reads as one of them misses what another runs.

// shortLine bounds the text of a number that is looked at in full.
const shortLine = 128

// textLine reads a line; its bytes are valid until the next read.
func (m *machine) textLine() (b []byte, off, n int64, err error) {
	if off, n, err = m.rd.line(); err != nil {
		return nil, off, n, err
	}
	return m.rd.at(off, n, shortLine), off, n, nil
}

// textInt executes INT.
func (m *machine) textInt() error {
	b, off, n, err := m.textLine()
	if err != nil {
		return err
	}
	switch string(b) {
	case "00":
		m.push(val{k: kFalse})
		return nil
	case "01":
		m.push(val{k: kTrue})
		return nil
	}
	v, err := m.integer(b, off, n)
	if err == nil {
		m.push(v)
	}
	return err
}

// textLong executes LONG, whose operand may end in L.
func (m *machine) textLong() error {
	b, off, n, err := m.textLine()
	if err != nil {
		return err
	}
	if int64(len(b)) == n {
		b = bytes.TrimSuffix(b, []byte("L"))
	}
	v, err := m.integer(b, off, n)
	if err == nil {
		m.push(v)
	}
	return err
}

// digits reads a number that is spelled as picklers spell it, without a sign.
func digits(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 18 || b[0] == '0' && len(b) > 1 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// integer reads the text of an integer.
func (m *machine) integer(b []byte, off, n int64) (val, error) {
	if x, ok := digits(b); ok && n == int64(len(b)) {
		return val{k: kInt, n: x}, nil
	}
	if n > int64(len(b)) { // longer than any index or size: digits as far as we look
		for i, c := range b {
			if (c < '0' || c > '9') && !(i == 0 && (c == '-' || c == '+')) {
				m.diverge("integer with %q", string(b[:min(len(b), 32)]))
				break
			}
		}
		return m.span(kBigInt, 0, off, n), nil
	}
	x, canonical, known, ok := parseInt(string(b), true)
	if !ok {
		return val{}, m.fail("%s with operand %q", opName(m.op), string(b))
	}
	if !canonical {
		m.diverge("%s with operand %q: unpicklers and pickletools read it differently", opName(m.op), string(b))
	}
	if !known {
		return m.span(kBigInt, 0, off, n), nil
	}
	return val{k: kInt, n: x}, nil
}

// parseInt reads an integer as the most lenient unpickler does: base prefixes, octal with a leading zero, white space, underscores, and an
// operand that a NUL cuts short. canonical is false when some reader would see something else; known is false when the value is not one
// certain int64.
func parseInt(s string, prefixes bool) (n int64, canonical, known, ok bool) {
	canonical = true
	if i := strings.IndexByte(s, 0); i >= 0 {
		s, canonical = s[:i], false
	}
	t := strings.Trim(s, " \t\r\n\v\f")
	if t != s {
		canonical = false
	}
	neg := false
	switch {
	case strings.HasPrefix(t, "-"):
		neg, t = true, t[1:]
	case strings.HasPrefix(t, "+"):
		t, canonical = t[1:], false
	}
	if u := strings.ReplaceAll(t, "_", ""); u != t {
		t, canonical = u, false
	}
	if t == "" {
		return 0, false, false, false
	}
	base, certain := 10, true
	if len(t) > 1 && t[0] == '0' {
		canonical = false
		switch c := t[1]; {
		case !prefixes:
		case c == 'x' || c == 'X':
			base, t = 16, t[2:]
		case c == 'o' || c == 'O':
			base, t = 8, t[2:]
		case c == 'b' || c == 'B':
			base, t = 2, t[2:]
		default:
			if strings.Trim(t, "0") != "" {
				certain = false // octal for C's strtol, decimal for int()
			}
		}
	}
	t = strings.TrimRight(t, "lL")
	for _, c := range t {
		if d, err := strconv.ParseUint(string(c), 36, 8); err != nil || int(d) >= base && base != 10 || base == 10 && d > 9 {
			return 0, false, false, false
		}
	}
	u, err := strconv.ParseInt(t, base, 64)
	if err != nil {
		return 0, canonical, false, t != ""
	}
	if neg {
		u = -u
	}
	return u, canonical, certain, true
}

// textFloat executes FLOAT.
func (m *machine) textFloat() error {
	b, _, n, err := m.textLine()
	if err != nil {
		return err
	}
	if n > int64(len(b)) {
		m.diverge("FLOAT with an operand of %d bytes", n)
		m.push(val{k: kLost})
		return nil
	}
	s := string(b)
	canonical := true
	if i := strings.IndexByte(s, 0); i >= 0 {
		s, canonical = s[:i], false
	}
	t := strings.ReplaceAll(strings.Trim(s, " \t\r\n\v\f"), "_", "")
	if t != s || strings.ContainsAny(t, "xXpP") {
		canonical = false
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil && !isRange(err) {
		return m.fail("FLOAT with operand %q", string(b))
	}
	if !canonical {
		m.diverge("FLOAT with operand %q: unpicklers and pickletools read it differently", string(b))
	}
	m.push(floatVal(f))
	return nil
}

// textString executes STRING: a quoted literal with Python 2 escapes.
func (m *machine) textString() error {
	off, n, err := m.rd.line()
	if err != nil {
		return err
	}
	// cPickle of Python 2 ignores blanks and control characters after the closing quote; others refuse.
	tail := m.rd.at(off+max(0, n-shortLine), min(n, shortLine), shortLine)
	cut := 0
	for cut < len(tail) && tail[len(tail)-1-cut] <= ' ' {
		cut++
	}
	if cut > 0 {
		m.diverge("STRING with blanks after its closing quote")
		n -= int64(cut)
	}
	first, last := m.rd.at(off, 1, 1), m.rd.at(off+n-1, 1, 1)
	if n < 2 || len(first) == 0 || len(last) == 0 || first[0] != last[0] || first[0] != '\'' && first[0] != '"' {
		return m.fail("STRING without quotes")
	}
	v := m.span(kStr, encEscape, off+1, n-2)
	if n -= 2; n <= 64 {
		v.tag = tagOf(unescape(m.rd.at(v.n, n, 64)))
	}
	m.push(v)
	return nil
}

// maxWords bounds the memo of texts that are not plain numbers, which only Python 2 knows.
const maxWords = 256

// textPut executes PUT. Python 3 takes the operand as a number, Python 2 as a text.
func (m *machine) textPut() error {
	b, _, n, err := m.textLine()
	if err != nil {
		return err
	}
	if i, ok := digits(b); ok && n == int64(len(b)) {
		return m.put(i, textKey)
	}
	key := string(b)
	i, canonical, known, ok := parseInt(key, false)
	if canonical && i >= 0 && known && ok {
		return m.put(i, textKey)
	}
	m.diverge("PUT with operand %q: Python 2 takes any text, others a number", key)
	v, err := m.top()
	if err != nil {
		return err
	}
	if n == int64(len(b)) && len(m.memo.words) < maxWords {
		if m.memo.words == nil {
			m.memo.words = map[string]val{}
		}
		m.memo.words[key] = v
	}
	if !ok || !known {
		return nil
	}
	return m.put(i, textKey)
}

// textGet executes GET.
func (m *machine) textGet() error {
	b, _, n, err := m.textLine()
	if err != nil {
		return err
	}
	if i, ok := digits(b); ok && n == int64(len(b)) {
		return m.get(i)
	}
	key := string(b)
	i, canonical, known, ok := parseInt(key, false)
	if canonical && i >= 0 && known && ok {
		return m.get(i)
	}
	m.diverge("GET with operand %q: Python 2 takes any text, others a number", key)
	word, there := m.memo.words[key]
	there = there && n == int64(len(b))
	v, numbered := m.memo.get(i)
	switch {
	case ok && known && numbered:
		if there && word != v {
			m.fork("memo of Python 2", func(s *state) { s.stack = append(s.stack, word) })
		}
		m.pushGot(v)
	case there:
		m.push(word)
	case ok && !known:
		m.push(val{k: kLost})
	default:
		return m.fail("GET of memo slot %q, which is empty", key)
	}
	return nil
}
