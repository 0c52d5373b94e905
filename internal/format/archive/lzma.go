package archive

import (
	"fmt"
	"io"
)

// The LZMA decoder is our own: 7z, zip, xz and lzma files need it raw, with a window that grows no further than the content does, and
// with an exact count of the bytes that it took. It follows the LZMA specification of the 7-Zip SDK (public domain).

const (
	lzmaStates    = 12
	lzmaMinMatch  = 2
	lzmaProbInit  = 1 << 10
	lzmaTop       = 1 << 24
	lzmaWindow    = 64 << 10 // what the window begins with
	lzmaLookahead = 32       // more than one symbol can take from the input
)

// rangeDecoder reads bits from a buffer that holds at least lzmaLookahead bytes before each symbol.
type rangeDecoder struct {
	rng, code uint32
	buf       []byte
	pos       int
	real      int // bytes of buf that are input; the rest is padding past the end
	f         *feed
	pad       [2 * lzmaLookahead]byte
}

// fill gives back what was used and borrows what the feed has.
func (r *rangeDecoder) fill() {
	r.release()
	b, _ := r.f.Peek(lzmaLookahead)
	if len(b) < lzmaLookahead {
		n := copy(r.pad[:], b)
		clear(r.pad[n:])
		r.buf, r.real = r.pad[:], n
		return
	}
	b, _ = r.f.Peek(r.f.Buffered())
	r.buf, r.real = b, len(b)
}

// release tells the feed what was used; the buffer must be filled again before the next symbol.
func (r *rangeDecoder) release() {
	_, _ = r.f.Discard(min(r.pos, r.real))
	r.buf, r.pos, r.real = nil, 0, 0
}

func (r *rangeDecoder) short() bool { return r.pos > r.real }

func (r *rangeDecoder) init() error {
	r.fill()
	first := r.buf[0]
	r.rng, r.code = 0xffffffff, 0
	for _, b := range r.buf[1:5] {
		r.code = r.code<<8 | uint32(b)
	}
	r.pos = 5
	if r.short() {
		return io.ErrUnexpectedEOF
	}
	if first != 0 || r.code == r.rng {
		return corrupt("lzma range coder")
	}
	return nil
}

func (r *rangeDecoder) normalize() {
	if r.rng < lzmaTop {
		r.rng <<= 8
		r.code = r.code<<8 | uint32(r.buf[r.pos])
		r.pos++
	}
}

func (r *rangeDecoder) bit(p *uint16) int {
	if r.rng < lzmaTop {
		r.rng <<= 8
		r.code = r.code<<8 | uint32(r.buf[r.pos])
		r.pos++
	}
	v := uint32(*p)
	bound := r.rng >> 11 * v
	if r.code < bound {
		r.rng = bound
		*p = uint16(v + (1<<11-v)>>5)
		return 0
	}
	r.rng -= bound
	r.code -= bound
	*p = uint16(v - v>>5)
	return 1
}

func (r *rangeDecoder) tree(probs []uint16, n int) int {
	m := 1
	for range n {
		m = m<<1 | r.bit(&probs[m])
	}
	return m - 1<<n
}

func (r *rangeDecoder) reverse(probs []uint16, n int) uint32 {
	m, sym := 1, uint32(0)
	for i := range n {
		b := r.bit(&probs[m])
		m = m<<1 | b
		sym |= uint32(b) << i
	}
	return sym
}

// direct reads n bits of equal probability. Up to 26 of them take at most 4 bytes.
func (r *rangeDecoder) direct(n int) uint32 {
	res := uint32(0)
	for range n {
		r.normalize()
		r.rng >>= 1
		t := uint32(0)
		if r.code >= r.rng {
			r.code -= r.rng
			t = 1
		}
		res = res<<1 | t
	}
	return res
}

type lzmaLengths struct {
	choice, choice2 uint16
	low, mid        [16][8]uint16
	high            [256]uint16
}

func (l *lzmaLengths) reset() {
	l.choice, l.choice2 = lzmaProbInit, lzmaProbInit
	for i := range l.low {
		fillProbs(l.low[i][:])
		fillProbs(l.mid[i][:])
	}
	fillProbs(l.high[:])
}

func (l *lzmaLengths) decode(r *rangeDecoder, pos int) int {
	if r.bit(&l.choice) == 0 {
		return r.tree(l.low[pos][:], 3)
	}
	if r.bit(&l.choice2) == 0 {
		return 8 + r.tree(l.mid[pos][:], 3)
	}
	return 16 + r.tree(l.high[:], 8)
}

func fillProbs(p []uint16) {
	for i := range p {
		p[i] = lzmaProbInit
	}
}

// lzmaDecoder decodes raw LZMA into a window. Its Read methods are those of lzmaReader and lzma2Reader.
type lzmaDecoder struct {
	rc         rangeDecoder
	lc, lp, pb int
	state      int
	rep        [4]uint32

	isMatch, isRep0Long [lzmaStates][16]uint16
	isRep, isRepG0      [lzmaStates]uint16
	isRepG1, isRepG2    [lzmaStates]uint16
	slots               [4][64]uint16
	special             [128]uint16
	align               [16]uint16
	lengths, repLengths lzmaLengths
	literals            []uint16

	win       []byte
	wpos      int   // where the next byte goes
	rpos      int   // what was given away
	full      int64 // bytes since the last reset of the dictionary
	dict      int64 // size that the stream declares
	limit     int64 // size that we allow
	remaining int   // bytes of a match that did not fit
	marker    bool  // the end marker was read
}

func newLZMADecoder(f *feed, dict, limit int64) *lzmaDecoder {
	d := &lzmaDecoder{dict: max(dict, 4096), limit: max(limit, 4096)}
	d.rc.f = f
	d.win = make([]byte, min(lzmaWindow, d.dict, d.limit))
	return d
}

// setProps reads the byte that packs lc, lp and pb.
func (d *lzmaDecoder) setProps(b byte) error {
	if b >= 9*5*5 {
		return corrupt("lzma properties %#x", b)
	}
	d.lc, d.lp, d.pb = int(b%9), int(b/9%5), int(b/45)
	if n := 0x300 << (d.lc + d.lp); cap(d.literals) < n {
		d.literals = make([]uint16, n)
	} else {
		d.literals = d.literals[:n]
	}
	return nil
}

func (d *lzmaDecoder) resetState() {
	d.state, d.rep, d.remaining = 0, [4]uint32{}, 0
	for i := range lzmaStates {
		fillProbs(d.isMatch[i][:])
		fillProbs(d.isRep0Long[i][:])
	}
	for _, p := range [][]uint16{d.isRep[:], d.isRepG0[:], d.isRepG1[:], d.isRepG2[:], d.special[:], d.align[:], d.literals} {
		fillProbs(p)
	}
	for i := range d.slots {
		fillProbs(d.slots[i][:])
	}
	d.lengths.reset()
	d.repLengths.reset()
}

func (d *lzmaDecoder) resetDict() { d.full = 0 }

// room makes sure that the window has space at wpos: it grows while the content does, then wraps.
func (d *lzmaDecoder) room() {
	if d.wpos < len(d.win) {
		return
	}
	if n := int64(len(d.win)); n < min(d.dict, d.limit) {
		w := make([]byte, min(2*n, d.dict, d.limit))
		copy(w, d.win)
		d.win = w
		return
	}
	d.wpos, d.rpos = 0, 0
}

// give hands decoded bytes out.
func (d *lzmaDecoder) give(b []byte) int {
	if d.win == nil {
		return 0 // it has ended, and the window was let go of
	}
	n := copy(b, d.win[d.rpos:d.wpos])
	d.rpos += n
	return n
}

// checkDistance says whether a match may reach back that far.
func (d *lzmaDecoder) checkDistance(dist int64) error {
	switch {
	case dist > d.full || dist > d.dict:
		return corrupt("lzma distance %d after %d bytes", dist, d.full)
	case dist > int64(len(d.win)):
		return fmt.Errorf("lzma window of more than %d bytes: %w", d.limit, errUnsupported)
	}
	return nil
}

// copyMatch copies as much of the pending match as fits before end.
func (d *lzmaDecoder) copyMatch(end int) {
	from := d.wpos - int(d.rep[0]) - 1
	if from < 0 {
		from += len(d.win)
	}
	n := min(d.remaining, end-d.wpos)
	d.remaining -= n
	d.full += int64(n)
	for n > 0 {
		// Never copy past the writing position: what stands there is not written yet.
		step := min(n, len(d.win)-from)
		if from < d.wpos {
			step = min(step, d.wpos-from)
		}
		copy(d.win[d.wpos:d.wpos+step], d.win[from:from+step])
		d.wpos += step
		n -= step
		if from += step; from == len(d.win) {
			from = 0
		}
	}
}

// decode produces at most n bytes into the window; fewer where the window ends or the end marker comes.
func (d *lzmaDecoder) decode(n int64) error {
	d.room()
	end := int(min(int64(len(d.win)), int64(d.wpos)+n))
	if d.remaining > 0 {
		d.copyMatch(end)
	}
	rc := &d.rc
	for d.wpos < end {
		if len(rc.buf)-rc.pos < lzmaLookahead {
			if rc.short() {
				return io.ErrUnexpectedEOF
			}
			rc.fill()
		}
		pos := int(d.full) & (1<<d.pb - 1)
		if rc.bit(&d.isMatch[d.state][pos]) == 0 {
			d.literal()
			continue
		}
		if err := d.match(pos); err != nil {
			if rc.short() {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		if d.marker {
			break
		}
		d.copyMatch(end)
	}
	if rc.short() {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func (d *lzmaDecoder) literal() {
	prev := 0
	if d.full > 0 {
		if d.wpos > 0 {
			prev = int(d.win[d.wpos-1])
		} else {
			prev = int(d.win[len(d.win)-1])
		}
	}
	at := 0x300 * ((int(d.full)&(1<<d.lp-1))<<d.lc + prev>>(8-d.lc))
	probs := d.literals[at : at+0x300 : at+0x300]
	rc := &d.rc
	sym := 1
	if d.state >= 7 {
		from := d.wpos - int(d.rep[0]) - 1
		if from < 0 {
			from += len(d.win)
		}
		match := int(d.win[from])
		for sym < 0x100 {
			mbit := match >> 7 & 1
			match <<= 1
			b := rc.bit(&probs[(1+mbit)<<8+sym])
			sym = sym<<1 | b
			if mbit != b {
				break
			}
		}
	}
	for sym < 0x100 {
		sym = sym<<1 | rc.bit(&probs[sym])
	}
	d.win[d.wpos] = byte(sym)
	d.wpos++
	d.full++
	switch {
	case d.state < 4:
		d.state = 0
	case d.state < 10:
		d.state -= 3
	default:
		d.state -= 6
	}
}

// match reads a match or a repetition and leaves its length in remaining.
func (d *lzmaDecoder) match(pos int) error {
	rc := &d.rc
	s := d.state
	if rc.bit(&d.isRep[s]) == 0 {
		return d.simpleMatch(pos)
	}
	if d.full == 0 {
		return corrupt("lzma repetition at the start")
	}
	short := false
	if rc.bit(&d.isRepG0[s]) == 0 {
		short = rc.bit(&d.isRep0Long[s][pos]) == 0
	} else if rc.bit(&d.isRepG1[s]) == 0 {
		d.rep[0], d.rep[1] = d.rep[1], d.rep[0]
	} else if rc.bit(&d.isRepG2[s]) == 0 {
		d.rep[0], d.rep[1], d.rep[2] = d.rep[2], d.rep[0], d.rep[1]
	} else {
		d.rep[0], d.rep[1], d.rep[2], d.rep[3] = d.rep[3], d.rep[0], d.rep[1], d.rep[2]
	}
	if short {
		d.state, d.remaining = after(s, 9, 11), 1
	} else {
		d.remaining = lzmaMinMatch + d.repLengths.decode(rc, pos)
		d.state = after(s, 8, 11)
	}
	return d.checkDistance(int64(d.rep[0]) + 1)
}

func after(state, literal, match int) int {
	if state < 7 {
		return literal
	}
	return match
}

func (d *lzmaDecoder) simpleMatch(pos int) error {
	rc := &d.rc
	d.rep[1], d.rep[2], d.rep[3] = d.rep[0], d.rep[1], d.rep[2]
	n := d.lengths.decode(rc, pos)
	d.state = after(d.state, 7, 10)
	slot := rc.tree(d.slots[min(n, 3)][:], 6)
	dist := uint32(slot)
	if slot >= 4 {
		low := slot>>1 - 1
		dist = uint32(2|slot&1) << low
		if slot < 14 {
			dist += rc.reverse(d.special[int(dist)-slot:], low)
		} else {
			dist += rc.direct(low-4)<<4 + rc.reverse(d.align[:], 4)
		}
	}
	if dist == 0xffffffff {
		d.marker = true
		return nil
	}
	d.rep[0], d.remaining = dist, lzmaMinMatch+n
	return d.checkDistance(int64(dist) + 1)
}

// finish reads what the encoder's flush left and says whether the stream ended where it should.
func (d *lzmaDecoder) finish() error {
	if len(d.rc.buf)-d.rc.pos < 1 {
		d.rc.fill()
	}
	d.rc.normalize()
	if d.rc.short() {
		return io.ErrUnexpectedEOF
	}
	if d.rc.code != 0 {
		return corrupt("lzma stream does not end where it should")
	}
	d.rc.release()
	return nil
}
