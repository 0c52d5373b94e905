// Package pickle is an abstract interpreter of the pickle virtual machine. It follows a stream opcode by opcode with symbolic values and
// reports, as facts, every import, call, instantiation and state change at the moment an unpickler would perform it, without performing any.
//
// Formats that are made of pickles call [Run]; a file that is nothing but pickles is parsed by [Format].
package pickle

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"weir"
	"weir/internal/format"
	"weir/internal/pyname"
)

// Options steer one run of the machine over one pickle stream. All hooks are optional.
type Options struct {
	Offset int64 // where the stream begins in the input
	// PersID is called for every persistent id (PERSID, BINPERSID) with its value. It tells which item of the id, a tuple, the loader
	// returns for it; a negative number means an object of the loader's own.
	PersID func(at int64, id weir.Value) (item int)
	// Call is called for every call of a name in Watch ("torch._utils._rebuild_tensor_v2"), with all its arguments, which are
	// only good during the call.
	Call func(at int64, callee string, args []weir.Value)
	// Build is called after BUILD on an instance of a class in Watch, with the state; end is the offset after the opcode. It returns how
	// many bytes of raw data follow there that are not pickle (joblib writes arrays between opcodes), 0 for none.
	Build func(end int64, class string, state weir.Value) (skip int64, err error)
	// Place is called when a container, an instance or the result of a call comes into another one. Both are named by the offset of the
	// opcode that made them; key is the key or the attribute's name, an index, or empty for state and arguments. It serves `weir inspect`.
	Place func(parent, child int64, key string)
	// Silent runs only call the hooks: the stream's facts were emitted by another run.
	Silent bool
	// Watch holds the dotted names for which Call and Build are wanted.
	Watch map[string]bool
}

// Result says how a run ended.
type Result struct {
	End     int64      // offset after the last byte that belongs to the stream
	Stopped bool       // STOP was reached
	Value   weir.Value // what the stream evaluates to, bounded
	Ops     int64      // opcodes executed
	Imports int        // facts of kind Import, repeats included
}

// Formats lists the formats of this room.
var Formats = []format.Format{{
	Name:      "pickle",
	Doc:       "Python pickle of any protocol, one or several in a file",
	Framework: "python",
	Model:     true,
	Parsed:    true,
	Match:     Match,
	Parse:     Parse,
}}

func newSession(in *format.Input) *session {
	s := &session{in: in, names: pyname.Default(), globals: map[string]*global{}, ext: map[int64]*global{}, shown: maxShown}
	s.heap.run = heapRun
	return s
}

// Run follows one stream, all its readings included. An error says that the stream could not be followed to its STOP: it is broken or
// truncated (then that is a fact too), the input could not be read, or a limit was reached (format.ErrLimit), then the rest was searched as [Carve] does. Facts emitted before stand.
func Run(in *format.Input, opt Options) (Result, error) {
	s := newSession(in)
	defer s.release()
	res, err := s.run(opt)
	if errors.Is(err, format.ErrLimit) && !res.Stopped && !opt.Silent {
		_, more := s.carve(max(res.End, opt.Offset+1))
		err = errors.Join(err, more)
	}
	return res, err
}

func (s *session) run(opt Options) (Result, error) {
	before := s.imports
	s.heap.reset()
	m := &machine{session: s, opt: opt, rd: newReader(s.in, s.in.Size, opt.Offset)}
	startOps := s.ops
	err := m.run()
	res := Result{End: m.rd.offset(), Stopped: err == nil, Ops: s.ops - startOps}
	if err == nil {
		res.Value = m.value(m.stop, 6, 64)
		if s.in.Trace != nil && !s.quiet {
			s.in.Trace(m.opAt, "result = "+m.expr(m.stop, 3))
		}
	} else {
		var bad *malformed
		if errors.As(err, &bad) {
			res.End = bad.at
			s.oddity(weir.OddMalformed, bad.at, s.in.Size-bad.at, "%s, after %d opcodes and %d imports", bad.why, res.Ops, s.imports-before)
		} else if errors.Is(err, errTruncated) {
			s.oddity(weir.OddTruncated, m.opAt, s.in.Size-m.opAt, "ends inside %s, after %d opcodes and %d imports", opName(m.op), res.Ops, s.imports-before)
		}
	}
	if s.crossed && !s.quiet {
		o := opt
		o.PersID, o.Call, o.Build, o.Place = nil, nil, nil, nil
		other := &machine{session: s, opt: o, rd: newReader(s.in, s.in.Size, opt.Offset)}
		other.rd.drop = true
		if s.in.Trace != nil {
			s.in.Trace(opt.Offset, "# as the C unpickler reads it from a stream:")
		}
		if ferr := other.run(); ferr == nil && err != nil {
			res.Stopped, res.End, err = true, other.rd.offset(), nil
		}
	}
	for len(s.forks) > 0 && !s.quiet {
		f := s.forks[len(s.forks)-1]
		s.forks = s.forks[:len(s.forks)-1]
		o := opt
		o.PersID, o.Call, o.Build, o.Place = nil, nil, nil, nil
		other := &machine{state: f, session: s, opt: o, rd: newReader(s.in, s.in.Size, f.pos)}
		other.rd.frame = f.frame
		if s.in.Trace != nil {
			s.in.Trace(f.pos, "# as "+f.note+" reads it:")
		}
		if ferr := other.run(); ferr == nil && err != nil {
			res.Stopped, res.End, err = true, other.rd.offset(), nil
		}
	}
	res.Imports = s.imports - before
	if err == nil && s.dropped {
		err = fmt.Errorf("pickle: more than %d different names: %w", maxOrdinary, format.ErrLimit)
	}
	return res, err
}

// Parse reads a file that holds pickles: one after another, with whatever lies between and behind them.
func Parse(in *format.Input) error { return ParseWith(in, Options{}) }

// ParseWith is Parse for a loader that does more than pickle does, as the options say; their offset is where the first stream begins.
func ParseWith(in *format.Input, opt Options) error {
	s := newSession(in)
	defer s.release()
	return s.parse(opt)
}

func (s *session) parse(opt Options) error {
	in := s.in
	off := opt.Offset
	for off < in.Size {
		opt.Offset = off
		res, err := s.run(opt)
		if err != nil {
			from := res.End
			if from <= off {
				from = off + 1
			}
			if _, cerr := s.carve(from); cerr != nil {
				return errors.Join(err, cerr)
			}
			return err
		}
		if off = res.End; off == in.Size {
			return nil
		}
		if !s.begins(off) {
			s.oddity(weir.OddTrailing, off, in.Size-off, "%d bytes follow the last STOP", in.Size-off)
			if in.Nested != nil { // whatever they are
				_, err := in.Nested(fmt.Sprintf("[trailing@%d]", off), io.NewSectionReader(in, off, in.Size-off), in.Size-off)
				return err
			}
			_, err := s.carve(off)
			return err
		}
	}
	return nil
}

// begins reports whether a further stream begins at off.
func (s *session) begins(off int64) bool {
	b := make([]byte, min(2, s.in.Size-off))
	if _, err := s.in.ReadAt(b, off); err != nil && len(b) == 0 {
		return false
	}
	if b[0] == opProto {
		return true
	}
	p := s.probe(off, 10_000)
	return p.stopped && p.ops > 1 || len(p.credible) > 0
}

// Match reports whether content is a pickle: it begins with PROTO, or its first opcodes run without a fault and do something.
func Match(h format.Head) bool {
	if len(h.First) == 0 || opNames[h.First[0]] == "" || h.First[0] == opPersID {
		return false // a persistent id as the first thing needs a loader of its own; it is also how a zip file begins
	}
	if h.First[0] == opProto {
		return len(h.First) > 2 && h.First[1] <= 16 && opNames[h.First[2]] != ""
	}
	in := &format.Input{ReaderAt: bytes.NewReader(h.First), Size: int64(len(h.First)), Limits: weir.DefaultLimits()}
	s := newSession(in)
	defer s.release()
	p := s.probe(0, 20_000)
	switch {
	case p.stopped:
		return p.ops > 1 && (p.end == h.Size || len(p.credible) > 0)
	case p.credits() > 0:
		return true
	case p.truncated && h.Size > in.Size:
		return p.ops >= 100 && kindsAt(in, 0) >= 4
	}
	return false
}
