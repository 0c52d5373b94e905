package pickle

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"weir"
	"weir/internal/format"
	"weir/internal/pyname"
)

// outcome is what a quiet run over a possible stream showed.
type outcome struct {
	stopped   bool
	truncated bool
	end       int64
	ops       int64
	credible  []credit
}

// credits counts the imports that no accident explains: names that the index knows, or anything that is also called.
func (p outcome) credits() int {
	n := 0
	for _, c := range p.credible {
		if !c.call && c.g.obj.Kind == pyname.KindUnknown {
			continue
		}
		n++
	}
	return n
}

// acts reports whether the stream calls something, or comes to its end: two lines of text can look like an import, and no more.
func (p outcome) acts() bool {
	return p.stopped || slices.ContainsFunc(p.credible, func(c credit) bool { return c.call })
}

// Credible reports whether content is a pickle that imports something: what only looks like one by its first bytes is not. more says that it
// ends before that can be known.
func Credible(b []byte) (credible, more bool) {
	in := &format.Input{ReaderAt: bytes.NewReader(b), Size: int64(len(b)), Limits: weir.DefaultLimits()}
	p := newSession(in).probe(0, probeSteps)
	if p.credits() > 0 && p.acts() || p.ops >= probeSteps { // nobody knows what comes after so many opcodes
		return true, false
	}
	return false, p.truncated
}

// probe runs a stream without saying anything, for at most steps opcodes.
func (s *session) probe(off int64, steps int64) outcome {
	in := *s.in
	in.Trace, in.Emit = nil, func(weir.Fact) {}
	in.Limits.Steps = steps
	q := newSession(&in)
	q.quiet = true
	if s.prober != nil {
		q.heap, q.window = s.prober.heap, s.prober.window
	}
	q.heap.reset()
	s.prober = q
	if q.window == nil {
		q.window = make([]byte, 0, probeWindow)
	}
	m := &machine{session: q, rd: &reader{r: &in, size: in.Size, base: off, buf: q.window}}
	err := m.run()
	p := outcome{stopped: err == nil, truncated: errors.Is(err, errTruncated), end: m.rd.offset(), ops: q.ops, credible: q.credible}
	return p
}

// kindsAt counts the different lead bytes of lines or opcodes at the beginning, a cheap sign that text is not a pickle.
func kindsAt(in *format.Input, off int64) int {
	b := make([]byte, min(4096, in.Size-off))
	n, _ := in.ReadAt(b, off)
	var seen [256]bool
	kinds := 0
	for _, l := range bytes.Split(b[:n], []byte{'\n'}) {
		if len(l) > 0 && !seen[l[0]] {
			seen[l[0]] = true
			kinds++
		}
	}
	return kinds
}

// Carve searches content for pickles that begin at any offset from from on and parses those that import something. It returns how many
// it found. The search reads every byte once.
func Carve(in *format.Input, from int64) (int, error) {
	s := newSession(in)
	defer s.release()
	return s.carve(from)
}

// Bounds of the search.
const (
	carveChunk   = 256 << 10
	carveOverlap = 4 << 10 // longer than any signature
	maxCarved    = 64      // streams that are reported
	maxProbes    = 1 << 20 // candidates that are tried
	probeSteps   = 20_000
	probeBudget  = 20_000_000 // steps of all probes together, after which each gets
	probeWindow  = 4 << 10
	shortProbe   = 64      // enough to call what was just imported
	wholeSteps   = 1 << 20 // for a file as a whole: so many opcodes without a fault are no accident
	silentSteps  = 8 << 20 // opcodes, over all streams without imports before one that has some
	streamCost   = 64      // opcodes that beginning a stream costs as much as
)

func (s *session) carve(from int64) (found int, err error) {
	var limit error
	// Match looks at the first bytes alone; an unpickler does not mind how much it reads, or how many streams, before the first import.
	for off, spent := int64(0), int64(0); from == 0 && off < s.in.Size && spent < silentSteps; {
		p := s.probe(off, wholeSteps)
		if p.credits() > 0 || p.ops > wholeSteps {
			found++
			s.oddity(weir.OddEmbedded, off, p.end-off, "the file is a pickle that imports something, behind a long beginning that does nothing")
			res, err := s.run(Options{Offset: off})
			if errors.Is(err, format.ErrLimit) {
				return found, err
			}
			from = max(res.End, 1)
		}
		if !p.stopped || p.ops < 2 {
			break
		}
		off, spent = p.end, spent+p.ops+streamCost
	}
	buf := make([]byte, max(0, min(carveChunk+carveOverlap, s.in.Size-from)))
	probes, graves, steps := 0, 0, int64(probeSteps)
	var ops int64
	for at := from; at < s.in.Size; {
		n := int(min(int64(len(buf)), s.in.Size-at))
		got, err := s.in.ReadAt(buf[:n], at)
		if got < n && err != nil && err != io.EOF {
			return found, err
		}
		if got == 0 {
			break
		}
		b := buf[:got]
		end := min(got, carveChunk)
		next := at + int64(end)
		for i := 0; i < end; i++ {
			back, ok := candidate(b, i)
			if !ok {
				continue
			}
			if probes++; limit == nil && (probes > maxProbes || found >= maxCarved) {
				s.oddity(weir.OddEmbedded, at+int64(i), 0, "more places that look like pickles than are followed")
				limit = format.ErrLimit
			}
			if limit != nil { // only what names something dangerous is still followed, so that decoys hide nothing
				if !grave(b[i:]) {
					continue
				}
				if graves++; graves > maxCarved {
					return found, limit
				}
			}
			if ops > probeBudget {
				steps = shortProbe
			}
			off := at + int64(i-back)
			p := s.probe(off, steps)
			// after so many opcodes nobody knows what comes, fewer and no call are two lines of text
			if ops += p.ops; p.credits() == 0 || b[i] == opGlobal && !p.acts() && p.ops < steps {
				continue
			}
			found++
			s.oddity(weir.OddEmbedded, off, p.end-off, "a pickle that imports something begins at byte %d, where none should be", off)
			res, _ := s.run(Options{Offset: off})
			if skip := max(res.End, off+1); skip > at+int64(i) {
				if skip >= next {
					next = skip
					break
				}
				i = int(skip-at) - 1
			}
		}
		at = next
	}
	return found, limit
}

// grave reports whether an import of a dangerous name begins b.
func grave(b []byte) bool {
	var mod, name []byte
	switch b[0] {
	case opGlobal, opInst:
		var rest []byte
		if mod, rest, _ = cutName(b[1:]); rest != nil {
			name, _, _ = cutName(rest)
		}
	default:
		var rest []byte
		if mod, rest, _ = cutString(b); rest != nil {
			name, _, _ = cutString(rest)
		}
	}
	return name != nil && pyname.Default().Resolve(string(mod), string(name), 4).Power != 0
}

// candidate reports whether a pickle that imports something may begin at b[i], or back bytes before it.
func candidate(b []byte, i int) (back int, ok bool) {
	switch b[i] {
	case opProto:
		return 0, i+2 < len(b) && b[i+1] <= 5 && opNames[b[i+2]] != "" && b[i+2] != opProto && b[i+2] != opStop
	case opGlobal, opInst:
		mod, rest, ok := cutName(b[i+1:])
		if !ok {
			return 0, false
		}
		name, _, ok := cutName(rest)
		if !ok {
			return 0, false
		}
		o := pyname.Default().Resolve(string(mod), string(name), 0)
		if o.Kind == pyname.KindUnknown && o.Power == 0 {
			return 0, false
		}
		if b[i] == opInst {
			lo := max(0, i-1024)
			j := bytes.LastIndexByte(b[lo:i], opMark)
			if j < 0 {
				return 0, false
			}
			return i - lo - j, true
		}
		return 0, true
	case opShortBinUnicode, opBinUnicode, opBinUnicode8:
		_, rest, ok := cutString(b[i:])
		if !ok {
			return 0, false
		}
		if _, rest, ok = cutString(rest); !ok {
			return 0, false
		}
		return 0, len(rest) > 0 && rest[0] == opStackGlobal
	}
	return 0, false
}

// cutName takes a line that is a dotted identifier.
func cutName(b []byte) (name, rest []byte, ok bool) {
	for i, c := range b {
		switch {
		case c == '\n':
			return b[:i], b[i+1:], i > 0
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c == '.' && i > 0, c >= '0' && c <= '9' && i > 0:
		default:
			return nil, nil, false
		}
		if i > 200 {
			break
		}
	}
	return nil, nil, false
}

// cutString takes a string opcode with an identifier and the memo opcode that may follow it.
func cutString(b []byte) (text, rest []byte, ok bool) {
	if len(b) < 3 {
		return nil, nil, false
	}
	n, head := 0, 0
	switch b[0] {
	case opShortBinUnicode:
		n, head = int(b[1]), 2
	case opBinUnicode:
		if len(b) < 5 || b[2]|b[3]|b[4] != 0 {
			return nil, nil, false
		}
		n, head = int(b[1]), 5
	case opBinUnicode8:
		if len(b) < 9 || b[2]|b[3]|b[4]|b[5]|b[6]|b[7]|b[8] != 0 {
			return nil, nil, false
		}
		n, head = int(b[1]), 9
	default:
		return nil, nil, false
	}
	if n == 0 || len(b) < head+n+1 {
		return nil, nil, false
	}
	text = b[head : head+n]
	for _, c := range text {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '.' || c >= '0' && c <= '9') {
			return nil, nil, false
		}
	}
	b = b[head+n:]
	switch b[0] {
	case opMemoize:
		b = b[1:]
	case opBinPut:
		b = b[min(2, len(b)):]
	case opLongBinPut:
		b = b[min(5, len(b)):]
	}
	return text, b, len(b) > 0
}
