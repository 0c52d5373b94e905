package sandbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestFrameReader(t *testing.T) {
	long := bytes.Repeat([]byte("y"), 3*readSize)
	stream := appendFrame(appendFrame(appendFrame(nil, kindData, []byte("x")), kindData, long), kindEnd, nil)
	for name, src := range map[string]io.Reader{
		"at once":      bytes.NewReader(stream),
		"bytewise":     iotest.OneByteReader(bytes.NewReader(stream)),
		"error at end": iotest.DataErrReader(bytes.NewReader(stream)),
	} {
		t.Run(name, func(t *testing.T) {
			f := frameReader{src: src, max: 1 << 20}
			for _, want := range []struct {
				k kind
				p []byte
			}{{kindData, []byte("x")}, {kindData, long}, {kindEnd, nil}} {
				k, p, err := f.next()
				if err != nil || k != want.k || !bytes.Equal(p, want.p) {
					t.Fatalf("got kind %d with %d bytes, %v; want kind %d with %d", k, len(p), err, want.k, len(want.p))
				}
			}
			if _, _, err := f.next(); err != io.EOF {
				t.Fatalf("after the end: %v", err)
			}
		})
	}
}

func TestFrameReaderRefuses(t *testing.T) {
	frame := func(n uint32, k kind, rest string) string {
		return string(append(binary.BigEndian.AppendUint32(nil, n), byte(k))) + rest
	}
	for _, c := range []struct {
		name, in string
		want     error
	}{
		{"cut header", "\x00\x00", io.ErrUnexpectedEOF},
		{"cut payload", frame(9, kindData, "x"), io.ErrUnexpectedEOF},
		{"no payload", frame(9, kindData, ""), io.ErrUnexpectedEOF},
		{"too long", frame(1<<20+1, kindData, "x"), errFrameSize},
		{"longest", frame(1<<32-1, kindData, "x"), errFrameSize},
		{"kind zero", frame(0, 0, ""), errFrameKind},
		{"kind beyond", frame(0, kindPanic+1, ""), errFrameKind},
		{"nothing", "", io.EOF},
	} {
		f := frameReader{src: strings.NewReader(c.in), max: 1 << 20}
		if _, _, err := f.next(); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
		if cap(f.buf) > 2*readSize {
			t.Errorf("%s: %d bytes of buffer for %d of input", c.name, cap(f.buf), len(c.in))
		}
	}
}

func TestFrameReaderGivesMemoryBack(t *testing.T) {
	f := frameReader{src: bytes.NewReader(appendFrame(nil, kindData, make([]byte, 8<<20))), max: 16 << 20}
	if _, _, err := f.next(); err != nil {
		t.Fatal(err)
	}
	if f.trim(); cap(f.buf) > 0 {
		t.Errorf("%d bytes kept", cap(f.buf))
	}
}

func TestSetup(t *testing.T) {
	want := setup{lockdown: true, limits: Limits{Memory: 1, Spool: 2, Files: 3}}
	if got, err := decodeSetup(want.encode()); err != nil || got != want {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", setupMagic, "weir-worker/0\n" + strings.Repeat("x", 25)} {
		if _, err := decodeSetup([]byte(bad)); err == nil {
			t.Errorf("%q is a setup", bad)
		}
	}
}

func TestReport(t *testing.T) {
	r := Report{Layers: []Layer{{"one", true, "fine"}, {"two", false, "kernel\tsays\nno"}}}
	got, err := decodeReport(encodeReport(r))
	if err != nil || len(got.Layers) != 2 || got.Layers[1] != (Layer{"two", false, "kernel says no"}) {
		t.Errorf("got %v, %v", got, err)
	}
	if got.Complete() || got.String() != "without two (kernel says no)" {
		t.Errorf("got %s", got)
	}
	if (Report{}).Complete() || !(Report{Layers: r.Layers[:1]}).Complete() {
		t.Error("complete without a layer, or not with all")
	}
	for _, bad := range []string{"x", "+\tx\n", "?name\tx\n", strings.Repeat("+a\tb\n", 40)} {
		if _, err := decodeReport([]byte(bad)); err == nil {
			t.Errorf("%q is a report", bad)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "a\x1b[31mb\n": "a [31mb", "\u202eevil": "evil", strings.Repeat("x", 30): strings.Repeat("x", 20) + "...",
	} {
		if got := printable(in, 20); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestCrashText(t *testing.T) {
	for want, c := range map[string]*Crash{
		"worker did not start: EOF":                    {Reason: ReasonStart, Err: io.EOF},
		"worker killed by SIGSEGV":                     {Reason: ReasonSignal, Signal: "SIGSEGV"},
		"worker exited with code 2: fatal error: x":    {Reason: ReasonExit, Exit: 2, Detail: "fatal error: x"},
		"worker killed for a forbidden system call":    {Reason: ReasonSeccomp},
		"worker ran out of memory":                     {Reason: ReasonMemory},
		"worker panicked: index out of range (x.go:1)": {Reason: ReasonPanic, Detail: "index out of range (x.go:1)"},
		"worker broke the protocol":                    {Reason: ReasonProtocol},
		"worker sent too much":                         {Reason: ReasonFlood},
		"worker ran out of time":                       {Reason: ReasonTimeout},
		"worker stopped: canceled":                     {Reason: ReasonCanceled},
	} {
		if got := c.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// FuzzReply gives the parent's reader the bytes of a hostile worker, in pieces of any size.
func FuzzReply(f *testing.F) {
	f.Add(appendFrame(appendFrame(nil, kindData, []byte("x")), kindEnd, nil), uint8(1))
	f.Add(appendFrame(nil, kindHello, encodeReport(Report{Layers: []Layer{{"a", true, "b"}}})), uint8(7))
	f.Add(appendFrame(nil, kindPanic, []byte("index")), uint8(0))
	f.Add([]byte("\xff\xff\xff\xff\x02"), uint8(3))
	f.Add([]byte("garbage garbage"), uint8(200))
	f.Fuzz(func(t *testing.T, in []byte, piece uint8) {
		const most = 1 << 12
		r := frameReader{src: &pieces{in, int(piece) + 1}, max: most}
		var out []byte
		for {
			k, p, err := r.next()
			if err != nil {
				break
			}
			if len(p) > most {
				t.Fatalf("frame of %d bytes", len(p))
			}
			if k == kindHello {
				_, _ = decodeReport(p)
			}
			out = appendFrame(out, k, p)
		}
		if !bytes.HasPrefix(in, out) {
			t.Fatalf("frames %q are not what came: %q", out, in)
		}
		if cap(r.buf) > 4*readSize {
			t.Fatalf("%d bytes of buffer for %d of input", cap(r.buf), len(in))
		}
	})
}

type pieces struct {
	rest []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(p.size, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}
