package pickle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"weir"
	"weir/internal/format"
	"weir/internal/pyname"
)

// Bounds of one run. They are far above real models and keep a run below 64 MiB.
const (
	maxDenseMemo  = 384 << 10 // memo slots kept exactly; later ones keep imports and their names only
	maxSparseMemo = 64 << 10
	maxStack      = 192 << 10
	keptOfRun     = 2048 // values kept at each end when a long run of the stack is dropped
	maxMarks      = 64 << 10
	maxForks      = 8
	maxExtensions = 16 << 10
	maxNameBytes  = 6 << 20 // what imported names may take; those beyond are said, and then not known any more
	maxForkBytes  = 4 << 20 // stacks and memos of readings that wait to be followed
	maxDangerous  = 256     // facts on dangerous names, repetitions included, each with its arguments
	maxComputed   = 128     // of them on names that the stream computes, so that these hide no others
	maxOrdinary   = 10_000  // facts on all other names
	maxOddities   = 32
)

// malformed is an error that ends a stream: no unpickler that we know goes on here.
type malformed struct {
	at  int64
	why string
}

func (e *malformed) Error() string { return fmt.Sprintf("broken pickle at byte %d: %s", e.at, e.why) }

// global is an imported name, interned per run.
type global struct {
	id           uint32 // its place in session.table
	module, name string
	full         string // both, with a dot
	at           int64  // where it was first resolved
	obj          pyname.Object
	computed     bool
	known        bool   // module and name are constants
	real         string // canonical, once somebody asked
	watch        bool
	sayings      [5]uint16 // facts emitted per weir.Use, and for items that an instance is given
	fit          [5]bool   // the fact for well-shaped arguments was emitted
}

func (g *global) path() string {
	if g.module == "" {
		return g.name
	}
	if g.full == "" {
		g.full = g.module + "." + g.name
	}
	return g.full
}

// state is all that an unpickler has; forks copy it.
type state struct {
	stack []val
	marks []int
	memo  memo
	proto int
	frame int64 // the reader's, for a fork
	pos   int64
	note  string // which reading this is, for a fork
}

// session is shared by all streams and forks of one Run: what was said already.
type session struct {
	in        *format.Input
	names     *pyname.Index
	globals   map[string]*global
	table     []*global // all globals that values may refer to; the first stands for those that found no room
	nameBytes int       // what they take
	heap      heap
	long      map[int64]int64 // lengths of literals of 4 GiB and more, by where they lie
	prober    *session        // the last probe, whose heap and window the next one uses
	window    []byte
	ext       map[int64]*global // extension codes that the stream itself registered
	dangerous int
	computed  int
	ordinary  int
	oddities  int
	dropped   bool // facts were dropped
	quiet     bool // a probe: nothing is emitted
	imports   int
	vars      int32
	nested    int
	short     int // of them short ones
	shelf     shelf
	shown     int      // bytes of a literal that a weir.Value shows
	credible  []credit // quiet: imports that look real
	ops       int64    // all forks together
	forks     []state  // readings that are still to be followed
	forkN     int
	crossed   bool // an operand reached over the end of its frame
}

// credit is an import that a probe found.
type credit struct {
	g    *global
	call bool // it is also called, instantiated or given state
}

// machine is one reading of one stream.
type machine struct {
	state
	*session
	opt  Options
	rd   *reader
	op   byte
	opAt int64
	stop val
	// overflow is set when the stack cannot be bounded any more.
	overflow bool
	traced   val               // the result of the call that is being said, for the trace
	scratch  [maxDictItems]val // copies of arguments that lie above the stack
	pair     [2]val            // the one item or the key and value of an opcode without a mark
	codes    codes             // functions and classes that the stream makes
}

// memo maps indices to values with a bound on memory.
type memo struct {
	dense  [][]val // in chunks, which need not be copied to grow; the first one may be shorter
	held   int64   // slots in dense
	sparse map[int64]val
	other  map[int64]val  // what Python 2 finds where PUT and BINPUT wrote one slot: it keeps text and binary keys apart
	words  map[string]val // PUT with a text that is not a plain number: Python 2 takes any text as a key
	styles uint8          // which kinds of PUT were seen: 1 text, 2 binary
	order  []int64        // the indices in sparse that came with a value on the heap
	count  int64
	last   int64 // greatest index that sparse was asked to hold
	recent [8]struct{ idx, off int64 }
	next   int
}

func (mm *memo) clone() memo {
	c := *mm
	c.dense = make([][]val, len(mm.dense))
	for i, chunk := range mm.dense {
		c.dense[i] = slices.Clone(chunk)
	}
	c.sparse = maps.Clone(mm.sparse)
	c.order = slices.Clone(mm.order)
	c.other = maps.Clone(mm.other)
	c.words = maps.Clone(mm.words)
	return c
}

func (mm *memo) put(i int64, v val) {
	if v.k == kStr {
		mm.recent[mm.next&7] = struct{ idx, off int64 }{i, v.n}
		mm.next++
	}
	switch {
	case i >= 0 && i < maxDenseMemo && i <= mm.held*2+1024:
		for mm.held <= i {
			mm.grow()
		}
		slot := &mm.dense[i/memoChunk][i%memoChunk]
		if slot.k == kEmpty {
			mm.count++
		}
		*slot = v
	default:
		if i > mm.last { // as a rule: most indices are new and the map need not be asked
			mm.last = i
			mm.count++
		} else if old, ok := mm.sparse[i]; !ok {
			mm.count++ // exact while the sparse part holds everything; MEMOIZE only needs it to grow
		} else if old.k == kGlobal && v.k != kGlobal {
			delete(mm.sparse, i)
		}
		if len(mm.sparse) < maxSparseMemo && (v.k == kGlobal || v.k == kModule || i < 0 || len(mm.sparse) < maxSparseMemo/2 && mm.count < maxDenseMemo) {
			if mm.sparse == nil {
				mm.sparse = map[int64]val{}
			}
			if v.k.onHeap() && len(mm.order) < maxSparseMemo {
				mm.order = append(mm.order, i)
			} else if v.k.onHeap() {
				v = val{k: kLost}
			}
			mm.sparse[i] = v
		}
	}
}

// memoChunk is the number of slots in a chunk of the memo.
const memoChunk = 4096

// grow adds slots to the dense part.
func (mm *memo) grow() {
	if mm.held >= memoChunk {
		mm.dense = append(mm.dense, make([]val, memoChunk))
		mm.held += memoChunk
		return
	}
	first := make([]val, max(16, 2*mm.held))
	if mm.held == 0 {
		mm.dense = [][]val{first}
	} else {
		copy(first, mm.dense[0])
		mm.dense[0] = first
	}
	mm.held = int64(len(first))
}

// each visits the values that are kept, each once and the earliest first, and stores what the visitor makes of them.
func (mm *memo) each(visit func(*val)) {
	for _, chunk := range mm.dense {
		for i := range chunk {
			if chunk[i].k.onHeap() {
				visit(&chunk[i])
			}
		}
	}
	slices.Sort(mm.order)
	mm.order = slices.Compact(mm.order)
	for _, i := range mm.order {
		v := mm.sparse[i]
		if visit(&v); mm.sparse[i] != v {
			mm.sparse[i] = v
		}
	}
	for _, i := range slices.Sorted(maps.Keys(mm.other)) {
		v := mm.other[i]
		visit(&v)
		mm.other[i] = v
	}
	for _, w := range slices.Sorted(maps.Keys(mm.words)) {
		v := mm.words[w]
		visit(&v)
		mm.words[w] = v
	}
}

// bytes is about what the memo takes.
func (mm *memo) bytes() int { return valSize*int(mm.held) + 64*len(mm.sparse) }

// keepName keeps a string that was just used as a name, so that later uses of its memo slot stay known.
func (mm *memo) keepName(v val) {
	if mm.count < maxDenseMemo || v.k != kStr {
		return
	}
	for _, r := range mm.recent {
		if r.off == v.n && r.idx >= maxDenseMemo && len(mm.sparse) < maxSparseMemo {
			if mm.sparse == nil {
				mm.sparse = map[int64]val{}
			}
			mm.sparse[r.idx] = v
		}
	}
}

func (mm *memo) get(i int64) (val, bool) {
	if i >= 0 && i < mm.held {
		if slot := &mm.dense[i/memoChunk][i%memoChunk]; slot.k != kEmpty {
			slot.fetched = true // what was fetched once is likely to be fetched again
			v := *slot
			v.fetched = false
			return v, true
		}
	}
	if v, ok := mm.sparse[i]; ok {
		return v, true
	}
	if mm.count >= maxDenseMemo && i < mm.count || len(mm.sparse) >= maxSparseMemo/2 {
		return val{k: kLost}, true
	}
	return val{}, false
}

func (s *state) clone() state {
	c := *s
	c.stack = append([]val(nil), s.stack...)
	c.marks = append([]int(nil), s.marks...)
	c.memo = s.memo.clone()
	return c
}

func (m *machine) fail(format string, args ...any) error {
	return &malformed{m.opAt, fmt.Sprintf(format, args...)}
}

// oddity emits a structural fact.
func (s *session) oddity(k weir.OddityKind, at, size int64, format string, args ...any) {
	if s.quiet {
		return
	}
	if s.oddities++; s.oddities > maxOddities {
		return
	}
	s.in.Emit(weir.Oddity{Kind: k, Detail: fmt.Sprintf(format, args...), At: at, Size: size})
}

// diverge notes that real readers disagree about the stream at this place.
func (m *machine) diverge(format string, args ...any) {
	m.oddity(weir.OddDivergent, m.opAt, 0, format, args...)
}

// fork queues another reading of the stream from the cursor on; change is applied to its copy of the state.
func (m *machine) fork(note string, change func(*state)) {
	if m.quiet {
		return // nobody follows it
	}
	size := valSize*len(m.stack) + 8*len(m.marks) + m.memo.bytes()
	for i := range m.forks {
		size += valSize*len(m.forks[i].stack) + 8*len(m.forks[i].marks) + m.forks[i].memo.bytes()
	}
	if m.forkN >= maxForks || size > maxForkBytes {
		m.oddity(weir.OddDivergent, m.opAt, 0, "more readings than can be followed (%s)", note)
		return
	}
	m.forkN++
	c := m.state.clone()
	c.pos, c.frame = m.rd.offset(), m.rd.frame
	c.note = note
	change(&c)
	m.forks = append(m.forks, c)
}

// fence is the lowest stack index that belongs to the innermost mark.
func (m *machine) fence() int {
	if n := len(m.marks); n > 0 {
		return m.marks[n-1]
	}
	return 0
}

func (m *machine) push(v val) {
	if len(m.stack) >= maxStack {
		m.compact()
	}
	m.stack = append(m.stack, v)
}

// compact drops the middle of the topmost long run of values, which bounds memory for tuples of millions of items.
func (m *machine) compact() {
	lo, hi := m.fence()+keptOfRun, len(m.stack)-keptOfRun
	if hi-lo < keptOfRun {
		m.overflow = true // many marks, each with much below it: nothing that a pickler writes
		return
	}
	var n int64
	for _, v := range m.stack[lo:hi] {
		if v.k == kRun {
			n += v.n
		} else {
			n++
		}
	}
	m.stack[lo] = val{k: kRun, n: n}
	kept := copy(m.stack[lo+1:], m.stack[hi:])
	clear(m.stack[lo+1+kept:])
	m.stack = m.stack[:lo+1+kept]
}

// pop takes the top value.
func (m *machine) pop() (val, error) {
	n := len(m.stack)
	if n == 0 {
		return val{}, m.fail("stack underflow at %s", opName(m.op))
	}
	if n <= m.fence() {
		// Python 3 stops here; Python 2's cPickle keeps marks apart and takes what lies below.
		m.diverge("%s takes a value from below a mark: cPickle goes on, others stop", opName(m.op))
	}
	v := m.stack[n-1]
	if v.k == kRun {
		if m.stack[n-1].n--; m.stack[n-1].n == 0 {
			m.stack = m.stack[:n-1]
		}
		return val{k: kLost}, nil
	}
	m.stack = m.stack[:n-1]
	return v, nil
}

// top gives the top value without taking it.
func (m *machine) top() (val, error) {
	if n := len(m.stack); n > m.fence() && m.stack[n-1].k != kRun {
		return m.stack[n-1], nil
	}
	v, err := m.pop()
	if err == nil {
		m.stack = append(m.stack, v)
	}
	return v, err
}

// popMark takes all values above the innermost mark and the mark. The slice is valid until the next push.
func (m *machine) popMark() ([]val, int64, error) {
	n := len(m.marks)
	if n == 0 {
		for i := len(m.stack) - 1; i >= 0; i-- {
			if m.stack[i].k == kMark {
				vs := m.stack[i+1:]
				m.stack = m.stack[:i]
				return vs, int64(len(vs)), nil
			}
		}
		return nil, 0, m.fail("%s without a mark", opName(m.op))
	}
	at := m.marks[n-1]
	m.marks = m.marks[:n-1]
	if at > len(m.stack) { // values below the mark were taken, as cPickle allows
		return nil, 0, m.fail("%s with a mark above the stack", opName(m.op))
	}
	vs := m.stack[at:]
	m.stack = m.stack[:at]
	total := int64(len(vs))
	for _, v := range vs {
		if v.k == kRun {
			total += v.n - 1
		}
	}
	return vs, total, nil
}

// container makes a value with a node.
func (m *machine) container(k kind) (val, *node) {
	id, n := m.heap.make()
	return val{k: k, id: id, n: m.opAt}, n
}

func (m *machine) pushTuple(vs []val, total int64) {
	v := m.tuple(vs, total)
	m.placeItems(v, 0, vs)
	m.push(v)
}

// literal pushes a string or bytes literal of n bytes at the cursor and moves over it.
func (m *machine) literal(k kind, e enc, n uint64) error {
	off := m.rd.offset()
	if n > uint64(m.rd.size-off) {
		return fmt.Errorf("%w: %s of %d bytes at byte %d", errTruncated, opName(m.op), n, m.opAt)
	}
	v := m.span(k, e, off, int64(n))
	if n <= 16 {
		b, err := m.rd.take(int(n))
		if err != nil {
			return err
		}
		v.tag = tagOf(b)
	} else if err := m.rd.skip(int64(n)); err != nil {
		return err
	}
	m.push(v)
	return nil
}

// constant gives the exact text of a string value, if it is one.
func (m *machine) constant(v val) (string, bool) {
	if v.k != kStr {
		return "", false
	}
	return m.text(v, 4096)
}

// run executes until STOP or an error.
func (m *machine) run() error {
	limit := m.in.Limits.Steps
	for {
		if err := m.rd.fill(1); err != nil {
			m.opAt = m.rd.offset()
			return err
		}
		m.opAt = m.rd.offset()
		m.op = m.rd.buf[m.rd.pos]
		m.rd.pos++
		if m.ops++; m.ops > limit {
			return fmt.Errorf("pickle: %d opcodes: %w", m.ops-1, format.ErrLimit)
		}
		done, err := m.step()
		if err != nil || done {
			return err
		}
		if m.heap.used >= m.heap.limit {
			m.collect()
		}
		if m.overflow {
			return fmt.Errorf("pickle: stack of %d values: %w", len(m.stack), format.ErrLimit)
		}
		if m.rd.crossed && !m.crossed {
			m.crossed = true
			m.diverge("%s reaches over the end of its frame: unpicklers take its operand from different places or stop", opName(m.op))
		}
	}
}

// step executes one opcode.
func (m *machine) step() (done bool, err error) {
	switch m.op {
	case opProto:
		b, err := m.rd.take(1)
		if err != nil {
			return false, err
		}
		m.proto = int(b[0])
		if m.proto > 5 {
			m.diverge("protocol %d: pickletools reads on, CPython refuses", m.proto)
		}
	case opFrame:
		b, err := m.rd.take(8)
		if err != nil {
			return false, err
		}
		n := binary.LittleEndian.Uint64(b)
		if m.rd.frame != 0 && m.rd.offset() < m.rd.frame {
			m.diverge("frame within a frame: the C unpickler goes on, the Python one stops")
			m.rd.enter(int64(min(n, 1<<62)))
		}
		if left := uint64(m.rd.size - m.rd.offset()); n > left {
			m.diverge("frame of %d bytes where %d are left: the Python unpickler reads on, the C one stops", n, left)
			n = 0
		}
		m.rd.frame = 0
		if n > 0 {
			m.rd.frame = m.rd.offset() + int64(n)
		}
	case opStop:
		m.stop, err = m.pop()
		return true, err

	case opNone:
		m.push(val{k: kNone})
	case opTrue:
		m.push(val{k: kTrue})
	case opFalse:
		m.push(val{k: kFalse})
	case opBinInt:
		b, err := m.rd.take(4)
		if err != nil {
			return false, err
		}
		m.push(val{k: kInt, n: int64(int32(binary.LittleEndian.Uint32(b)))})
	case opBinInt1:
		b, err := m.rd.take(1)
		if err != nil {
			return false, err
		}
		m.push(val{k: kInt, n: int64(b[0])})
	case opBinInt2:
		b, err := m.rd.take(2)
		if err != nil {
			return false, err
		}
		m.push(val{k: kInt, n: int64(binary.LittleEndian.Uint16(b))})
	case opInt:
		return false, m.textInt()
	case opLong:
		return false, m.textLong()
	case opLong1:
		b, err := m.rd.take(1)
		if err != nil {
			return false, err
		}
		return false, m.binLong(int64(b[0]))
	case opLong4:
		b, err := m.rd.take(4)
		if err != nil {
			return false, err
		}
		n := int64(int32(binary.LittleEndian.Uint32(b)))
		if n < 0 {
			return false, m.fail("LONG4 of negative length")
		}
		return false, m.binLong(n)
	case opFloat:
		return false, m.textFloat()
	case opBinFloat:
		b, err := m.rd.take(8)
		if err != nil {
			return false, err
		}
		m.push(val{k: kFloat, n: int64(binary.BigEndian.Uint64(b))})

	case opString:
		return false, m.textString()
	case opUnicode:
		off, n, err := m.rd.line()
		if err != nil {
			return false, err
		}
		v := m.span(kStr, encRaw, off, n)
		if n <= 16 {
			v.tag = tagOf([]byte(rawUnicode(m.rd.at(off, n, 16))))
		}
		m.push(v)
	case opBinString:
		b, err := m.rd.take(4)
		if err != nil {
			return false, err
		}
		n := int64(int32(binary.LittleEndian.Uint32(b)))
		if n < 0 {
			return false, m.fail("BINSTRING of negative length")
		}
		return false, m.literal(kStr, encLatin, uint64(n))
	case opShortBinString:
		return false, m.sized1(kStr, encLatin)
	case opBinUnicode:
		return false, m.sized4(kStr, encUTF8)
	case opShortBinUnicode:
		return false, m.sized1(kStr, encUTF8)
	case opBinUnicode8:
		return false, m.sized8(kStr, encUTF8)
	case opBinBytes:
		return false, m.sized4(kBytes, encLatin)
	case opShortBinBytes:
		return false, m.sized1(kBytes, encLatin)
	case opBinBytes8, opByteArray8:
		return false, m.sized8(kBytes, encLatin)
	case opNextBuffer:
		m.push(val{k: kBuffer})
	case opReadonlyBuffer:
		_, err = m.top()
		return false, err

	case opEmptyTuple:
		m.pushTuple(nil, 0)
	case opTuple:
		vs, n, err := m.popMark()
		if err != nil {
			return false, err
		}
		m.pushTuple(vs, n)
	case opTuple1, opTuple2, opTuple3:
		var vs [3]val
		n := int(m.op-opTuple1) + 1
		for i := n - 1; i >= 0; i-- {
			if vs[i], err = m.pop(); err != nil {
				return false, err
			}
		}
		m.pushTuple(vs[:n], int64(n))
	case opEmptyList:
		v, _ := m.container(kList)
		m.push(v)
	case opEmptyDict:
		v, _ := m.container(kDict)
		m.push(v)
	case opEmptySet:
		v, _ := m.container(kSet)
		m.push(v)
	case opList:
		vs, n, err := m.popMark()
		if err != nil {
			return false, err
		}
		m.push(m.filledWith(kList, maxListItems, vs, n))
	case opFrozenSet:
		vs, n, err := m.popMark()
		if err != nil {
			return false, err
		}
		for _, v := range vs {
			m.hashed(v)
		}
		m.push(m.filledWith(kSet, maxListItems, vs, n))
	case opDict:
		vs, n, err := m.popMark()
		if err != nil {
			return false, err
		}
		m.push(m.newDict(vs, n))
	case opAppend:
		v, err := m.pop()
		if err != nil {
			return false, err
		}
		m.pair[0] = v
		return false, m.extend(m.pair[:1], 1, "append")
	case opAppends:
		vs, n, err := m.popMark()
		if err != nil {
			return false, err
		}
		return false, m.extend(vs, n, "extend")
	case opAddItems:
		vs, n, err := m.popMark()
		if err != nil {
			return false, err
		}
		return false, m.extend(vs, n, "add")
	case opSetItem:
		v, err := m.pop()
		if err != nil {
			return false, err
		}
		k, err := m.pop()
		if err != nil {
			return false, err
		}
		m.pair = [2]val{k, v}
		return false, m.setItems(m.pair[:], 2)
	case opSetItems:
		vs, n, err := m.popMark()
		if err != nil {
			return false, err
		}
		return false, m.setItems(vs, n)

	case opMark:
		if len(m.marks) >= maxMarks {
			return false, fmt.Errorf("pickle: %d marks: %w", len(m.marks), format.ErrLimit)
		}
		m.marks = append(m.marks, len(m.stack))
	case opPop:
		if n := len(m.marks); n > 0 && m.marks[n-1] == len(m.stack) {
			m.marks = m.marks[:n-1]
			return false, nil
		}
		_, err = m.pop()
		return false, err
	case opPopMark:
		_, _, err = m.popMark()
		return false, err
	case opDup:
		if n := len(m.marks); n > 0 && m.marks[n-1] == len(m.stack) {
			m.diverge("DUP of a mark: pickle.py of Python 2 copies the mark, cPickle what lies below, Python 3 stops")
			m.fork("pickle.py of Python 2", func(s *state) { s.marks = append(s.marks, len(s.stack)) })
			if len(m.stack) == 0 {
				return false, m.fail("DUP on an empty stack")
			}
			m.push(m.stack[len(m.stack)-1])
			return false, nil
		}
		v, err := m.top()
		if err != nil {
			return false, err
		}
		m.push(v)

	case opPut:
		return false, m.textPut()
	case opBinPut:
		b, err := m.rd.take(1)
		if err != nil {
			return false, err
		}
		return false, m.put(int64(b[0]), binaryKey)
	case opLongBinPut:
		b, err := m.rd.take(4)
		if err != nil {
			return false, err
		}
		return false, m.put(int64(binary.LittleEndian.Uint32(b)), binaryKey)
	case opMemoize:
		return false, m.put(m.memo.count, binaryKey)
	case opGet:
		return false, m.textGet()
	case opBinGet:
		b, err := m.rd.take(1)
		if err != nil {
			return false, err
		}
		return false, m.get(int64(b[0]))
	case opLongBinGet:
		b, err := m.rd.take(4)
		if err != nil {
			return false, err
		}
		return false, m.get(int64(binary.LittleEndian.Uint32(b)))

	case opGlobal:
		return false, m.textGlobal()
	case opStackGlobal:
		return false, m.stackGlobal()
	case opInst:
		return false, m.inst()
	case opObj:
		return false, m.obj()
	case opNewObj:
		args, err := m.pop()
		if err != nil {
			return false, err
		}
		cls, err := m.pop()
		if err != nil {
			return false, err
		}
		m.push(m.instantiate(cls, args, "NEWOBJ"))
	case opNewObjEx:
		kw, err := m.pop()
		if err != nil {
			return false, err
		}
		args, err := m.pop()
		if err != nil {
			return false, err
		}
		cls, err := m.pop()
		if err != nil {
			return false, err
		}
		m.push(m.instantiate(cls, m.withKeywords(args, kw), "NEWOBJ_EX"))
	case opReduce:
		args, err := m.pop()
		if err != nil {
			return false, err
		}
		fn, err := m.pop()
		if err != nil {
			return false, err
		}
		m.push(m.call(fn, args, "REDUCE"))
	case opBuild:
		st, err := m.pop()
		if err != nil {
			return false, err
		}
		return false, m.build(st)
	case opExt1:
		b, err := m.rd.take(1)
		if err != nil {
			return false, err
		}
		m.extension(int64(b[0]))
	case opExt2:
		b, err := m.rd.take(2)
		if err != nil {
			return false, err
		}
		m.extension(int64(binary.LittleEndian.Uint16(b)))
	case opExt4:
		b, err := m.rd.take(4)
		if err != nil {
			return false, err
		}
		m.extension(int64(int32(binary.LittleEndian.Uint32(b))))
	case opPersID:
		off, n, err := m.rd.line()
		if err != nil {
			return false, err
		}
		m.persID(m.span(kStr, encLatin, off, n))
	case opBinPersID:
		id, err := m.pop()
		if err != nil {
			return false, err
		}
		m.persID(id)
	default:
		return false, m.fail("0x%02x is not an opcode", m.op)
	}
	return false, nil
}

func (m *machine) sized1(k kind, e enc) error {
	b, err := m.rd.take(1)
	if err != nil {
		return err
	}
	return m.literal(k, e, uint64(b[0]))
}

func (m *machine) sized4(k kind, e enc) error {
	b, err := m.rd.take(4)
	if err != nil {
		return err
	}
	return m.literal(k, e, uint64(binary.LittleEndian.Uint32(b)))
}

func (m *machine) sized8(k kind, e enc) error {
	b, err := m.rd.take(8)
	if err != nil {
		return err
	}
	return m.literal(k, e, binary.LittleEndian.Uint64(b))
}

func (m *machine) binLong(n int64) error {
	off := m.rd.offset()
	if n <= 8 {
		b, err := m.rd.take(int(n))
		if err != nil {
			return err
		}
		var x uint64
		for i, c := range b {
			x |= uint64(c) << (8 * i)
		}
		if n > 0 && n < 8 && b[n-1]&0x80 != 0 {
			x |= math.MaxUint64 << (8 * n)
		}
		m.push(val{k: kInt, n: int64(x)})
		return nil
	}
	if err := m.rd.skip(n); err != nil {
		return err
	}
	m.push(m.span(kBigInt, 0, off, n))
	return nil
}

// put stores the top of the stack, which CPython requires to be there.
func (m *machine) put(i int64, style uint8) error {
	if m.memo.styles |= style; m.memo.styles == textKey|binaryKey {
		if old, ok := m.memo.get(i); ok && old.k != kLost && len(m.memo.other) < maxForks {
			m.diverge("memo slot %d is written by PUT and by BINPUT: Python 2 keeps both values, Python 3 the last", i)
			if m.memo.other == nil {
				m.memo.other = map[int64]val{}
			}
			m.memo.other[i] = old
		}
	}
	if n := len(m.marks); n > 0 && m.marks[n-1] == len(m.stack) {
		m.diverge("PUT of a mark: pickle.py of Python 2 stores the mark, others stop or take what lies below")
		if len(m.stack) == 0 {
			return m.fail("PUT on an empty stack")
		}
		m.memo.put(i, m.stack[len(m.stack)-1])
		m.fork("pickle.py of Python 2", func(s *state) { s.memo.put(i, val{k: kMark}) })
		return nil
	}
	v, err := m.top()
	if err != nil {
		return err
	}
	if i > 1<<24 && i > 64*(m.memo.count+1024) {
		m.oddity(weir.OddBomb, m.opAt, 0, "memo index %d: the C unpickler reserves memory for all below it", i)
	}
	m.memo.put(i, v)
	return nil
}

func (m *machine) get(i int64) error {
	v, ok := m.memo.get(i)
	if !ok {
		return m.fail("memo slot %d is empty", i)
	}
	if old, ok := m.memo.other[i]; ok {
		m.fork("memo of Python 2", func(s *state) { s.stack = append(s.stack, old) })
	}
	m.pushGot(v)
	return nil
}

// The two kinds of memo keys; honest streams use one of them.
const (
	textKey   uint8 = 1
	binaryKey uint8 = 2
)

func (m *machine) pushGot(v val) {
	if v.k == kMark {
		m.marks = append(m.marks, len(m.stack))
		return
	}
	m.push(v)
}

// filledWith makes a container of n elements, of which vs are known.
func (m *machine) filledWith(k kind, limit int, vs []val, n int64) val {
	v, p := m.container(k)
	m.heap.add(p, limit, vs)
	p.grow(n)
	return v
}

func (m *machine) newDict(vs []val, n int64) val {
	if n%2 != 0 {
		m.diverge("odd number of values for a dict")
	}
	v := m.filledWith(kDict, maxDictItems, vs[:len(vs)/2*2], n/2)
	m.hookPairs(v, vs)
	m.placePairs(v, vs)
	for i := 0; i+1 < len(vs); i += 2 {
		m.hashed(vs[i])
		if t := vs[i].tag; t != tagNone {
			m.heap.setAttr(m.node(v), t, vs[i+1])
		}
	}
	return v
}

func isMalformed(err error) bool {
	var b *malformed
	return errors.As(err, &b)
}

// spell shows a module and name with anything unprintable escaped.
func spell(s string) string {
	return strings.ToValidUTF8(s, "\ufffd")
}
