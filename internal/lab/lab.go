// Package lab makes harmless samples of the real attacks, to teach and to self-test: for models what the EICAR file is for virus scanners.
// The same kind always gives the same bytes, so names and digests can be written into pipelines.
//
// Start with [Samples].
package lab

import (
	"bytes"
	"encoding/binary"
	"hash/adler32"
	"strings"
)

// Text is what a sample prints through the shell when it is loaded.
const Text = "weir lab sample: this code ran because the file was loaded"

// Canary is the file that the torchscript sample writes into the working directory when it is loaded; TorchScript has no shell.
const Canary = "weir-lab-canary.pt"

// Sample is one harmless test model.
type Sample struct {
	Kind string
	File string // its stable name
	Doc  string // what loads it, and what happens then
	Make func() []byte
}

// Harmless is the kind of the counter-sample, which must pass everywhere.
const Harmless = "clean"

// Samples lists the kinds.
func Samples() []Sample {
	return []Sample{
		{"pickle", "weir-sample.pkl", "pickle.load runs `echo`", func() []byte { return payload() }},
		{"joblib", "weir-sample.joblib", "joblib.load (zlib) runs `echo`", func() []byte { return zlibStored(payload()) }},
		{"numpy", "weir-sample.npy", "numpy.load with allow_pickle=True runs `echo`", npy},
		{"torch", "weir-sample.pt", "torch.load with weights_only=False runs `echo` (zip format)", torchZip},
		{"torch-legacy", "weir-sample-legacy.pt", "torch.load with weights_only=False runs `echo` (format before torch 1.6)", torchLegacy},
		{"torchscript", "weir-sample-torchscript.pt", "torch.jit.load writes the file " + Canary, torchScript},
		{Harmless, "weir-sample-clean.pkl", "nothing happens: the counter-sample that must pass", clean},
	}
}

// payload is a pickle of protocol 2, which every Python since 2.3 reads, that calls os.system with an echo.
func payload() []byte {
	var p pickle
	p.proto()
	p.op("cos\nsystem\n")
	p.str("echo " + Text)
	p.op("\x85R.") // TUPLE1, REDUCE, STOP
	return p.b
}

// clean is a pickle that holds numbers only.
func clean() []byte {
	var p pickle
	p.proto()
	p.op("}") // EMPTY_DICT
	p.str("weights")
	p.op("]K\x01aK\x02a") // a list of 1 and 2
	p.op("s.")            // SETITEM, STOP
	return p.b
}

// pickle writes opcodes.
type pickle struct{ b []byte }

func (p *pickle) proto()      { p.op("\x80\x02") }
func (p *pickle) op(s string) { p.b = append(p.b, s...) }

// str writes BINUNICODE.
func (p *pickle) str(s string) {
	p.op("X")
	p.b = binary.LittleEndian.AppendUint32(p.b, uint32(len(s)))
	p.op(s)
}

// zlibStored wraps data as zlib (RFC 1950) in one stored block, whose bytes no library's taste in compression changes.
func zlibStored(data []byte) []byte {
	out := []byte{0x78, 0x01, 0x01} // zlib header; last block, stored
	out = binary.LittleEndian.AppendUint16(out, uint16(len(data)))
	out = binary.LittleEndian.AppendUint16(out, ^uint16(len(data)))
	out = append(out, data...)
	return binary.BigEndian.AppendUint32(out, adler32.Checksum(data))
}

// npy is an array of objects: numpy's format 1.0, whose data is a pickle then.
func npy() []byte {
	header := "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
	const fixed = 10 // magic, version, length
	header += strings.Repeat(" ", 63-(fixed+len(header))%64) + "\n"
	out := []byte("\x93NUMPY\x01\x00")
	out = binary.LittleEndian.AppendUint16(out, uint16(len(header)))
	return append(append(out, header...), payload()...)
}

// torchLegacy is torch's format before 1.6: pickles of a magic number, the protocol's version, facts about the system, the object, and the
// list of storages.
func torchLegacy() []byte {
	var b bytes.Buffer
	b.WriteString("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.") // LONG1 0x1950a86a20f9469cfc6c
	b.WriteString("\x80\x02M\xe9\x03.")                                        // BININT2 1001
	var sys pickle
	sys.proto()
	sys.op("}(")
	sys.str("protocol_version")
	sys.op("M\xe9\x03")
	sys.str("little_endian")
	sys.op("\x88u.") // NEWTRUE, SETITEMS, STOP
	b.Write(sys.b)
	b.Write(payload())
	b.WriteString("\x80\x02].")
	return b.Bytes()
}

// torchZip is the format since torch 1.6.
func torchZip() []byte {
	return archive("weir-sample", []member{{"data.pkl", payload()}, {"byteorder", []byte("little")}, {"version", []byte("3\n")}})
}

// torchScript is a compiled module that saves a number to a file while its state is restored, which is at loading.
func torchScript() []byte {
	const source = `class Sample(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  _is_full_backward_hook : Optional[bool]
  a : int
  def forward(self: __torch__.Sample,
    x: Tensor) -> Tensor:
    return x
  def __getstate__(self: __torch__.Sample) -> Tuple[int, bool]:
    a = self.a
    training = self.training
    return (a, training)
  def __setstate__(self: __torch__.Sample,
    state: Tuple[int, bool]) -> NoneType:
    self.a = (state)[0]
    self.training = (state)[1]
    torch.save((state)[0], "` + Canary + `")
    return None
`
	var data pickle
	data.proto()
	data.op("c__torch__\nSample\nq\x00)\x81K\x01\x88\x86q\x01bq\x02.") // NEWOBJ, then BUILD with (1, True)
	return archive("weir-sample", []member{
		{"data.pkl", data.b}, {"code/__torch__.py", []byte(source)}, {"constants.pkl", []byte("\x80\x02).")}, {"version", []byte("3\n")},
	})
}
