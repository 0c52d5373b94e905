// Package pickle is an abstract interpreter of the pickle virtual machine. It follows a stream opcode by opcode with symbolic values and
// reports, as facts, every import, call, instantiation and state change at the moment an unpickler would perform it, without performing any.
//
// Formats that are made of pickles call [Run]; a file that is nothing but pickles is parsed by [Format].
package pickle

import "weir"

// Options steer one run of the machine over one pickle stream. All hooks are optional.
type Options struct {
	Offset int64 // where the stream begins in the input
	// PersID is called for every persistent id (PERSID, BINPERSID) with its value.
	PersID func(at int64, id weir.Value)
	// Call is called for every call of a name in Watch ("torch._utils._rebuild_tensor_v2"), with all its arguments.
	Call func(at int64, callee string, args []weir.Value)
	// Build is called after BUILD on an instance of a class in Watch, with the state; end is the offset after the opcode. It returns how
	// many bytes of raw data follow there that are not pickle (joblib writes arrays between opcodes), 0 for none.
	Build func(end int64, class string, state weir.Value) (skip int64, err error)
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
