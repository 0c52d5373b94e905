package tensor

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"fmt"
	"io"
	"strconv"
	"strings"

	"weir"
	"weir/internal/format"
	"weir/internal/format/pickle"
)

// The classes whose state joblib's unpickler replaces by an array: it overrides BUILD (joblib/numpy_pickle.py, numpy_pickle_compat.py).
// scikit-learn carried a copy of joblib up to 0.22.
var (
	inlineArrays = classes("NumpyArrayWrapper")
	sideArrays   = classes("NDArrayWrapper", "NDNumpyArrayWrapper", "ZNDArrayWrapper")
	watched      = union(inlineArrays, sideArrays)
)

func classes(names ...string) map[string]bool {
	m := map[string]bool{}
	for _, prefix := range []string{"joblib", "sklearn.externals.joblib"} {
		for _, module := range []string{"numpy_pickle", "numpy_pickle_compat"} {
			for _, n := range names {
				m[prefix+"."+module+"."+n] = true
			}
		}
	}
	return m
}

func union(sets ...map[string]bool) map[string]bool {
	m := map[string]bool{}
	for _, s := range sets {
		for k := range s {
			m[k] = true
		}
	}
	return m
}

// joblib is a pickle in which raw arrays follow the opcode that would build their wrapper (joblib 0.10 and later), or whose arrays lie in
// files beside it (before).
var joblib = format.Format{
	Name: "joblib", Doc: "joblib dump (pickle with raw arrays in between)", Framework: "joblib", Model: true, Parsed: true,
	Supersedes: []string{"pickle"},
	Match: func(h format.Head) bool {
		return pickle.Match(h) && (mentionsWrapper(h.First) || mentionsWrapper(h.Last))
	},
	Parse: ParseJoblib,
}

func mentionsWrapper(b []byte) bool {
	return bytes.Contains(b, []byte("joblib")) && bytes.Contains(b, []byte("ArrayWrapper"))
}

// ParseJoblib follows every pickle in the file as joblib.load would, and looks at array data as pickle.load would see it. It is right for
// files without any arrays too, so the catalogue gives it to the plain pickle format: a wrapper may first come far into a file.
func ParseJoblib(in *format.Input) error {
	j := joblibRun{in: in}
	opt := pickle.Options{Watch: watched, Build: j.build}
	if in.Inspect {
		opt.Watch, opt.Place = union(watched, map[string]bool{"numpy.ndarray": true}), j.places.Put
	}
	err := pickle.ParseWith(in, opt)
	j.describeAll()
	if j.arrays > 0 {
		in.Emit(weir.Note{Key: "joblib.arrays", Value: strconv.Itoa(j.arrays)})
	}
	return err
}

// joblibRun is the state of one reading.
type joblibRun struct {
	in     *format.Input
	arrays int
	places pickle.Places // for inspect, as seen
	seen   []seenArray
}

// seenArray is an array with the offset of the opcode that made it.
type seenArray struct {
	made int64
	weir.Tensor
}

// build is called where joblib's unpickler would read an array; it answers how many bytes that array has.
func (j *joblibRun) build(end int64, class string, state weir.Value) (int64, error) {
	if state.Kind == weir.ValueTuple && len(state.Items) == 2 && state.Items[0].Kind == weir.ValueDict {
		state = state.Items[0]
	}
	if class == "numpy.ndarray" {
		j.plain(state)
		return 0, nil
	}
	if sideArrays[class] {
		j.sideFile(end, class, state)
		return 0, nil
	}
	if !inlineArrays[class] {
		return 0, nil
	}
	j.arrays++
	shape, _ := lookup(state, "shape")
	descr, _ := lookup(state, "dtype")
	t, err := pickledType(descr)
	if err != nil {
		return 0, j.odd(end, err)
	}
	if t.object {
		return j.nested(end)
	}
	size, err := product(shape, t.size)
	if err != nil {
		return 0, j.odd(end, err)
	}
	pad, err := j.padding(end, state)
	if err != nil {
		return 0, err
	}
	if t.opaque { // a structured type hides whether it holds objects; then a pickle stands where the array would
		if n, ok := j.hidden(end, size); ok {
			return n, nil
		}
	}
	have := max(0, min(size, j.in.Size-end-pad))
	j.describe(t.text, shape, size, end+pad)
	j.in.Emit(weir.Storage{Key: numbered("array", j.arrays-1), Type: t.text, Want: size, Have: have, At: end + pad})
	if err := shadow(j.in, end, pad+have); err != nil {
		return 0, err
	}
	if have < size {
		j.in.Emit(weir.Oddity{Kind: weir.OddTruncated, Detail: "array data ends too early", At: j.in.Size, Size: size - have})
	}
	return pad + have, carve(j.in, numbered("array", j.arrays-1), end+pad, have)
}

// plain tells of an array whose bytes are in the pickle: its state is (version, shape, dtype, Fortran order, data), as ndarray.__reduce__
// writes it.
func (j *joblibRun) plain(state weir.Value) {
	if state.Kind != weir.ValueTuple || len(state.Items) != 5 {
		return
	}
	t, err := pickledType(state.Items[2])
	if err != nil || t.object {
		j.describe("O", state.Items[1], 0, 0)
	} else if size, err := product(state.Items[1], t.size); err == nil {
		j.describe(t.text, state.Items[1], size, 0)
	}
}

// describe keeps what is known of the array to which state was just given; at 0 its bytes are in the pickle.
func (j *joblibRun) describe(descr string, shape weir.Value, size, at int64) {
	if j.in.Inspect && len(j.seen) < maxArrays {
		j.seen = append(j.seen, seenArray{j.places.Filled, weir.Tensor{DType: dtypeName(descr), Shape: dims(shape), Size: size, At: at}})
	}
}

// describeAll tells of all arrays once it is known where each of them lies.
func (j *joblibRun) describeAll() {
	for i, a := range j.seen {
		a.Name = cmp.Or(j.places.Name(a.made, nil), numbered("array", i))
		j.in.Emit(a.Tensor)
		if a.At > 0 {
			j.in.Emit(weir.Part{Kind: "array", Name: a.Name, At: a.At, Size: min(a.Size, j.in.Size-a.At)})
		}
	}
}

// odd reports a wrapper that joblib does not write and ends the reading there: nobody can know where the next opcode is.
func (j *joblibRun) odd(at int64, err error) error {
	j.in.Emit(weir.Oddity{Kind: weir.OddShape, Detail: "joblib array: " + err.Error(), At: at})
	if err := rest(j.in, "data", at); err != nil {
		return err
	}
	return fmt.Errorf("array %d: %w", j.arrays-1, err)
}

// nested follows the pickle that stands in the place of an array of objects.
func (j *joblibRun) nested(at int64) (int64, error) {
	res, err := pickle.Run(j.in, pickle.Options{Offset: at})
	if err != nil {
		return 0, fmt.Errorf("array of objects: %w", err)
	}
	return max(0, res.End-at), nil
}

// hidden tells a pickle from array data where the type does not: joblib writes such arrays by pickle.dump with protocol 2.
func (j *joblibRun) hidden(at, size int64) (int64, bool) {
	head, err := readAt(j.in, at, 2)
	if err != nil || head[0] != 0x80 || head[1] > 5 {
		return 0, false
	}
	quiet := *j.in
	quiet.Trace = nil
	quiet.Emit = func(weir.Fact) {}
	res, err := pickle.Run(&quiet, pickle.Options{Offset: at})
	if err != nil || !res.Stopped || res.Imports == 0 {
		return 0, false
	}
	n, err := j.nested(at)
	return n, err == nil
}

// padding gives the bytes between the opcode and the array: since joblib 1.2 one byte with the number of filling bytes, then those.
func (j *joblibRun) padding(at int64, state weir.Value) (int64, error) {
	align, ok := lookup(state, "numpy_array_alignment_bytes")
	if !ok || align.Kind == weir.ValueNone {
		return 0, nil
	}
	if at >= j.in.Size {
		return 0, nil
	}
	b, err := readAt(j.in, at, 1)
	if err != nil {
		return 0, err
	}
	n := int64(b[0])
	want, ok := align.Int()
	fill, err := readAt(j.in, at+1, int(min(n, j.in.Size-at-1)))
	if err != nil {
		return 0, err
	}
	if !ok || n > want || len(bytes.Trim(fill, "\xff")) > 0 {
		j.in.Emit(weir.Oddity{Kind: weir.OddShape, Detail: fmt.Sprintf("padding of %d bytes before an array that joblib does not write", n), At: at, Size: 1 + n})
	}
	return 1 + int64(len(fill)), nil
}

// sideFile reports an array that joblib would load from another file: numpy.load with pickles allowed, from any path.
func (j *joblibRun) sideFile(at int64, class string, state weir.Value) {
	name, ok := lookup(state, "filename")
	j.arrays++
	if !ok || (name.Kind != weir.ValueStr && name.Kind != weir.ValueBytes) {
		j.in.Emit(weir.Oddity{Kind: weir.OddShape, Detail: "joblib wrapper without a file name", At: at})
		return
	}
	j.in.Emit(weir.Storage{Key: name.Text, Type: class, Want: -1, Have: -1, At: at})
	if leaves(name.Text) {
		j.in.Emit(weir.Oddity{Kind: weir.OddPath, Detail: fmt.Sprintf("joblib loads an array from %q", name.Text), At: at})
	}
}

// leaves reports whether a file name leads out of the folder of the file that names it.
func leaves(name string) bool {
	s := strings.ReplaceAll(name, `\`, "/")
	return strings.HasPrefix(s, "/") || weir.Climbs(s) || len(s) > 1 && s[1] == ':' || strings.IndexByte(s, 0) >= 0
}

// recordType is a dtype as a pickle spells it.
type recordType struct {
	dtype
	text   string
	opaque bool // V: a structured type, whose fields are in state that is not seen here
}

// pickledType reads numpy.dtype('f8', False, True), the call that every numpy writes; the byte order is set by state and does not matter.
func pickledType(v weir.Value) (recordType, error) {
	if (v.Kind != weir.ValueCall && v.Kind != weir.ValueInstance) || !strings.HasPrefix(v.Text, "numpy") || len(v.Items) == 0 {
		return recordType{}, fmt.Errorf("dtype %s is not a call of numpy.dtype", v)
	}
	// numpy 1.25 and later write numpy.dtypes.Float64DType() for some types under some protocols; only the classic call carries a size.
	text := v.Items[0]
	if (text.Kind != weir.ValueStr && text.Kind != weir.ValueBytes) || !text.Whole() {
		return recordType{}, fmt.Errorf("dtype %s has no type string", v)
	}
	t, err := parseTypeString(text.Text)
	if err != nil {
		return recordType{}, err
	}
	return recordType{dtype: t, text: text.Text, opaque: strings.HasPrefix(strings.TrimLeft(text.Text, "<>|="), "V")}, nil
}

// The header of joblib before 0.10: ZF, the inflated length in hexadecimal, filled with spaces to 19 places, then a zlib stream
// (joblib/numpy_pickle_compat.py, read_zfile).
const (
	zfMagic  = "ZF"
	zfLength = 19
)

// joblibZ is the compressed file of joblib before 0.10: a pickle, or the raw bytes of one array.
var joblibZ = format.Format{
	Name: "joblib-z", Doc: "compressed dump of joblib before 0.10 (ZF header)", Framework: "joblib", Model: true, Parsed: true,
	Match: func(h format.Head) bool {
		_, _, ok := zfHeader(h.First)
		return ok
	},
	Parse: parseJoblibZ,
}

// zfHeader reads the header and says where the zlib stream begins.
func zfHeader(b []byte) (length uint64, data int, ok bool) {
	if len(b) < len(zfMagic)+zfLength+2 || string(b[:len(zfMagic)]) != zfMagic {
		return 0, 0, false
	}
	data = len(zfMagic) + zfLength
	text := strings.TrimSuffix(strings.TrimSpace(string(b[len(zfMagic):data])), "L") // Python 2 ends long numbers in L
	if !strings.HasPrefix(text, "0x") {
		return 0, 0, false
	}
	length, err := strconv.ParseUint(text[2:], 16, 64)
	if err != nil {
		return 0, 0, false
	}
	if b[data] == ' ' { // joblib up to 0.8.4 under Python 2 wrote one place more
		data++
	}
	return length, data, true
}

func parseJoblibZ(in *format.Input) error {
	head, err := readAt(in, 0, int(min(64, in.Size)))
	if err != nil {
		return fmt.Errorf("joblib: %w", err)
	}
	length, data, ok := zfHeader(head)
	if !ok {
		return fmt.Errorf("joblib: not a ZF header")
	}
	packed := in.Size - int64(data)
	src := &countingReader{ReaderAt: in, pos: int64(data)}
	z, err := zlib.NewReader(src)
	if err != nil {
		in.Emit(weir.Oddity{Kind: weir.OddMalformed, Detail: "not a zlib stream: " + err.Error(), At: int64(data)})
		return fmt.Errorf("joblib: %w", err)
	}
	sum, err := in.Expand("data", z, packed)
	if err != nil {
		return fmt.Errorf("joblib: %w", err)
	}
	if uint64(sum.Size) != length {
		in.Emit(weir.Oddity{Kind: weir.OddMismatch, Detail: fmt.Sprintf("header says %d bytes, %d came out", length, sum.Size)})
	}
	if src.pos < in.Size {
		in.Emit(weir.Oddity{Kind: weir.OddTrailing, Detail: "bytes after the compressed stream", At: src.pos, Size: in.Size - src.pos})
		return rest(in, "trailing", src.pos)
	}
	return nil
}

// countingReader reads forward and, being a ByteReader, is never read further than the stream that it feeds.
type countingReader struct {
	io.ReaderAt
	pos   int64
	buf   [4096]byte
	start int64
	n     int
}

func (r *countingReader) fill() error {
	if r.pos >= r.start && r.pos < r.start+int64(r.n) {
		return nil
	}
	n, err := r.ReaderAt.ReadAt(r.buf[:], r.pos)
	r.start, r.n = r.pos, n
	if n > 0 {
		return nil
	}
	return err
}

func (r *countingReader) Read(p []byte) (int, error) {
	if err := r.fill(); err != nil {
		return 0, err
	}
	n := copy(p, r.buf[r.pos-r.start:r.n])
	r.pos += int64(n)
	return n, nil
}

func (r *countingReader) ReadByte() (byte, error) {
	if err := r.fill(); err != nil {
		return 0, err
	}
	b := r.buf[r.pos-r.start]
	r.pos++
	return b, nil
}
