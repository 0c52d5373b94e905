package java

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"weir"
	"weir/internal/format"
)

// ser writes streams by hand.
type ser struct{ b []byte }

func stream() *ser { return &ser{[]byte(magic)} }

func (s *ser) raw(b ...byte) *ser { s.b = append(s.b, b...); return s }

func (s *ser) utf(t string) *ser {
	s.b = binary.BigEndian.AppendUint16(s.b, uint16(len(t)))
	s.b = append(s.b, t...)
	return s
}

func (s *ser) int(n int32) *ser { s.b = binary.BigEndian.AppendUint32(s.b, uint32(n)); return s }

func (s *ser) str(t string) *ser { return s.raw(tcString).utf(t) }

func (s *ser) ref(n int32) *ser { return s.raw(tcReference).int(baseHandle + n) }

// desc writes a descriptor up to its superclass; fields are "I count" or "L next Ltype;".
func (s *ser) desc(name string, flags byte, fields ...string) *ser {
	s.raw(tcClassDesc).utf(name).raw(0, 0, 0, 0, 0, 0, 0, 0, flags, byte(len(fields)>>8), byte(len(fields)))
	for _, f := range fields {
		part := strings.Split(f, " ")
		s.raw(part[0][0]).utf(part[1])
		if len(part) > 2 {
			s.str(part[2])
		}
	}
	return s.raw(tcEndBlockData)
}

func (s *ser) end() *ser { return s.raw(tcNull) }

// seen is what a run told.
type seen struct {
	classes  []weir.Class
	oddities []weir.Oddity
	nested   []string
	err      error
}

func read(content string) *seen {
	s := &seen{}
	in := s.input(content)
	s.err = parse(in)
	return s
}

func (s *seen) input(content string) *format.Input {
	in := &format.Input{ReaderAt: strings.NewReader(content), Size: int64(len(content)), Limits: weir.DefaultLimits()}
	in.Limits.Steps = 1_000_000
	in.Emit = func(f weir.Fact) {
		switch f := f.(type) {
		case weir.Class:
			s.classes = append(s.classes, f)
		case weir.Oddity:
			s.oddities = append(s.oddities, f)
		}
	}
	in.Nested = func(name string, r io.ReaderAt, size int64) (format.Summary, error) {
		b := make([]byte, size)
		if _, err := r.ReadAt(b, 0); err != nil && err != io.EOF {
			return format.Summary{}, err
		}
		s.nested = append(s.nested, name+" "+string(b))
		return format.Summary{Size: size, Complete: true}, nil
	}
	return in
}

// said lists the classes as "how name evidence".
func (s *seen) said() string {
	var out []string
	for _, c := range s.classes {
		how := string(c.How)
		if c.Searched {
			how = "searched"
		}
		out = append(out, strings.TrimSpace(fmt.Sprint(how, " ", c.Name, " ", c.Evidence)))
	}
	for _, o := range s.oddities {
		out = append(out, string(o.Kind))
	}
	return strings.Join(out, "\n")
}

// node is a class with an int and a reference, twice in a row, the second by handles.
func sampleNode() *ser {
	return stream().raw(tcObject).desc("a.Node", scSerializable, "I n", "L next La/Node;").end().int(7).
		raw(tcObject).ref(0).int(8).ref(2)
}

func TestGrammar(t *testing.T) {
	for _, c := range []struct {
		name string
		s    *ser
		want string // lines that must be said, in order
	}{
		{"object", sampleNode(), "described a.Node\ninstantiated a.Node Node{n=8, next=Node{}}\ninstantiated a.Node Node{n=7, next=Node{n=8, next=Node{}}}"},
		{"string", stream().str("x"), ""},
		{"long string", stream().raw(tcLongString, 0, 0, 0, 0, 0, 0, 0, 1, 'x'), ""},
		{"blocks", stream().raw(tcBlockData, 2, 1, 2, tcBlockDataLong, 0, 0, 0, 1, 9).str("x"), ""},
		{"primitives", stream().raw(tcObject).desc("a.P", 2, "B b", "C c", "D d", "F f", "I i", "J j", "S s", "Z z").end().
			raw(0xff, 0, 'x').raw(0x3f, 0xf8, 0, 0, 0, 0, 0, 0).raw(0x3f, 0x80, 0, 0).int(-2).raw(0, 0, 0, 0, 0, 0, 0, 9, 0xff, 0xfe, 1),
			`instantiated a.P P{b=-1, c="x", d=1.5, f=1, i=-2, j=9, s=-2, z=true}`},
		{"superclass first", stream().raw(tcObject).desc("a.B", 2, "I b").desc("a.A", 2, "I a").end().int(1).int(2), "instantiated a.B B{a=1, b=2}"},
		{"writeObject", stream().raw(tcObject).desc("a.W", 3, "I n").end().int(4).raw(tcBlockData, 1, 9).str("x").raw(tcEndBlockData).raw(tcNull),
			`instantiated a.W W{n=4, ["x"]}`},
		{"externalizable", stream().raw(tcObject).desc("a.E", 0xc).end().raw(tcBlockData, 1, 9).str("x").raw(tcEndBlockData), `externalizable a.E E{["x"]}`},
		{"enum", stream().raw(tcEnum).desc("a.Color", 0x12).desc("java.lang.Enum", 0x12).end().str("RED"), "enum a.Color Color.RED"},
		{"class", stream().raw(tcClass).desc("a.K", 2).end(), "described a.K"},
		{"class descriptor", stream().desc("a.K", 2).end(), "described a.K"},
		{"array of objects", stream().raw(tcArray).desc("[La.K;", 2).end().int(2).str("x").raw(tcNull), `array [La.K; ["x", null]`},
		{"array of numbers", stream().raw(tcArray).desc("[I", 2).end().int(2).int(5).int(6).str("x"), "array [I [5, 6]"},
		{"characters", stream().raw(tcArray).desc("[C", 2).end().int(2).raw(0, 'h', 0, 'i'), `array [C "hi"`},
		{"box", stream().raw(tcObject).desc("java.lang.Integer", 2, "I value").desc("java.lang.Number", 2).end().int(7), "instantiated java.lang.Integer 7"},
		{"proxy", stream().raw(tcObject, tcProxyClassDesc).int(1).utf("a.Face").raw(tcEndBlockData).desc("java.lang.reflect.Proxy", 2, "L h Lx;").end().str("h"),
			"proxy java.lang.reflect.Proxy proxy of a.Face\ndescribed java.lang.reflect.Proxy\nproxy java.lang.reflect.Proxy Proxy{h=\"h\"}"},
		{"reset", stream().desc("a.K", 2).end().raw(tcReset).desc("a.L", 2).end().raw(tcObject).ref(0), "described a.L\ninstantiated a.L L{}"},
		{"exception", stream().raw(tcException, tcObject).desc("a.X", 2).end().raw(tcObject).desc("a.Y", 2).end(), "described a.X\ninstantiated a.X X{}\ndescribed a.Y\ninstantiated a.Y Y{}"},
		{"two streams", &ser{append(sampleNode().b, stream().desc("b.K", 2).end().b...)}, "described b.K"},
		{"negative number of fields", stream().raw(tcObject, tcClassDesc).utf("a.N").raw(0, 0, 0, 0, 0, 0, 0, 0, 2, 0xff, 0xff, tcEndBlockData, tcNull), "instantiated a.N N{}"},
		{"modified UTF-8", stream().raw(tcArray).desc("[La.K;", 2).end().int(1).str("\xc0\x80\xc3\xa9\xed\xa0\xbd\xed\xb8\x80"), "array [La.K; [\"\\x00é😀\"]"},
		{"broken", stream().raw(tcObject).desc("a.Node", 2, "L next Lx;").end().raw(0xff), "described a.Node\ninstantiated a.Node Node{next=?}\nmalformed"},
		{"truncated", stream().raw(tcObject).desc("a.Node", 2, "J n").end().raw(1), "described a.Node\ninstantiated a.Node Node{}\ntruncated"},
		{"handle of nothing", stream().raw(tcObject).ref(0), "malformed"},
		{"class in the making", stream().raw(tcObject, tcClassDesc).utf("a.Loop").raw(0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, tcEndBlockData).ref(0), "described a.Loop\nmalformed"},
		{"protocol 1", stream().raw(tcObject).desc("a.E", 4).end().raw(9, 9, tcObject).desc("b.Hidden", 2).end(), "described a.E\nexternalizable a.E E{}\nmalformed\nsearched b.Hidden"},
		{"hidden in numbers", stream().raw(tcObject).desc("a.N", 2, "J a", "J b", "J c").end().raw(tcClassDesc).utf("b.Hid").raw(0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0),
			"searched b.Hid"},
		{"codebase", stream().raw(tcObject, tcClassDesc).utf("a.R").raw(0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0).str("http://x/").raw(tcEndBlockData, tcNull), "described a.R"},
		{"trailing", &ser{append(sampleNode().b, "\x00\x01rest"...)}, "trailing"},
		{"huge array", stream().raw(tcArray).desc("[J", 2).end().int(1 << 30), "bomb"},
		{"huge list", stream().raw(tcObject).desc("java.util.ArrayList", 3, "I size").end().int(1<<30).raw(tcBlockData, 4, 0, 0, 0, 0, tcEndBlockData), "bomb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := read(string(c.s.b))
			said := s.said()
			for _, want := range strings.Split(c.want, "\n") {
				i := strings.Index("\n"+said+"\n", want)
				if i < 0 {
					t.Fatalf("%q is not said, or not in this place; err %v, said\n%s", want, s.err, said)
				}
			}
			broken := strings.Contains(c.want, "malformed") || strings.Contains(c.want, "truncated") || c.name == "huge array"
			if broken != (s.err != nil) {
				t.Errorf("error %v", s.err)
			}
		})
	}
}

func TestFieldAndCodebase(t *testing.T) {
	s := &seen{}
	b := stream().raw(tcObject, tcClassDesc).utf("a.R").raw(0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0).str("http://x/").raw(tcEndBlockData, tcNull).b
	if err := Stream(s.input(string(b)), "hex.Model._m"); err != nil {
		t.Fatal(err)
	}
	if len(s.classes) != 2 || s.classes[0].Field != "hex.Model._m" || s.classes[1].Codebase != "http://x/" {
		t.Errorf("%+v", s.classes)
	}
}

// TestBeside searches what a parser of another format has read, whether or not it has come to its end.
func TestBeside(t *testing.T) {
	content := "pickled" + string(sampleNode().b)
	broken := errors.New("broken")
	for _, want := range []error{nil, broken} {
		s := &seen{}
		if err := Beside(func(*format.Input) error { return want })(s.input(content)); err != want || len(s.nested) != 1 {
			t.Errorf("error %v, handed back %q", err, s.nested)
		}
	}
	s := &seen{}
	in := s.input(content)
	in.Size = besideUpTo + 1
	if err := Beside(func(*format.Input) error { return nil })(in); err != nil || len(s.nested) > 0 {
		t.Errorf("error %v, handed back %q of content that is too large", err, s.nested)
	}
}

// TestHashBomb reads nested sets whose hash takes two to the power of their depth.
func TestHashBomb(t *testing.T) {
	for levels, want := range map[int]bool{40: true, 5: false} {
		b := stream()
		b.raw(tcObject).desc("java.util.HashSet", 3).end()
		handle := int32(1)
		var set func(n int) int32
		count := func(n byte) { b.raw(tcBlockData, 12, 0, 0, 0, 16, 0x3f, 0x40, 0, 0, 0, 0, 0, n) }
		set = func(n int) int32 { // inside an object already begun: two sets, each with both of the next level
			if n == 0 {
				count(1)
				b.str("x").raw(tcEndBlockData)
				handle++
				return handle
			}
			count(2)
			b.raw(tcObject).ref(0)
			handle++
			first := handle
			set(n - 1)
			b.ref(first).raw(tcEndBlockData)
			return first
		}
		set(levels)
		s := read(string(b.b))
		if s.err != nil {
			t.Fatal(s.err)
		}
		if got := strings.Contains(s.said(), "bomb"); got != want {
			t.Errorf("%d levels: bomb %v\n%s", levels, got, s.said())
		}
	}
}

// TestTruncated cuts streams at every length: nothing is lost that came before, and all are told to be cut or are whole.
func TestTruncated(t *testing.T) {
	for _, whole := range samples() {
		names := func(s *seen) (out []string) {
			for _, c := range s.classes {
				if c.How == weir.ClassDescribed && !slices.Contains(out, c.Name) {
					out = append(out, c.Name)
				}
			}
			return out
		}
		all := names(read(whole))
		last := 0
		for n := len(magic); n < len(whole); n++ {
			s := read(whole[:n])
			got := names(s)
			if len(got) < last || !slices.Equal(got, all[:len(got)]) {
				t.Fatalf("cut after %d bytes: %v, of %v", n, got, all)
			}
			last = len(got)
		}
	}
}

func samples() []string {
	return []string{
		string(sampleNode().b),
		string(stream().raw(tcObject).desc("a.W", 3, "I n", "L s Ljava/lang/String;").desc("a.V", 2, "[ v [I").end().raw(tcArray).desc("[I", 2).end().int(2).int(5).int(6).
			int(4).str("text").raw(tcBlockData, 1, 9).raw(tcObject).desc("a.X", 0xc).end().raw(tcEndBlockData, tcEndBlockData).b),
	}
}

func TestCarve(t *testing.T) {
	s := string(sampleNode().b)
	b64 := base64.StdEncoding.EncodeToString([]byte(s))
	noise := strings.Repeat("\x01\xac\xed\x00\x05\xff noise rO0AB, rO0ABfff and aced0005 ", 200)
	for _, c := range []struct{ name, content, want string }{
		{"raw", "xxx" + s + "\x00yyy", "java@3 " + s},
		{"raw in noise", noise + s + noise, fmt.Sprintf("java@%d %s", len(noise), s)},
		{"raw across a chunk", strings.Repeat("\x01", carveChunk-2) + s, fmt.Sprintf("java@%d %s", carveChunk-2, s)},
		{"base64", "x = \"" + b64 + "\"", "java-base64@5 " + s},
		{"base64 without padding, in letters", "data" + base64.RawURLEncoding.EncodeToString([]byte(s)) + " ", "java-base64@4 " + s},
		{"base64 in lines", "x\n" + b64[:40] + "\n" + b64[40:] + "\n", "java-base64@2 " + s},
		{"base64 in JSON", `{"a":"` + b64[:40] + `\n` + strings.ReplaceAll(b64[40:], "/", `\/`) + `"}`, "java-base64@6 " + s},
		{"base64 in YAML", "a: !!binary |\n  " + b64[:40] + "\n  " + b64[40:] + "\n", "java-base64@16 " + s},
		{"hexadecimal", "0x" + fmt.Sprintf("%x", s) + " ", "java-hex@2 " + s},
		{"HEXADECIMAL", "0x" + fmt.Sprintf("%X", s) + " ", "java-hex@2 " + s},
		{"noise", noise, ""},
		{"empty", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := &seen{}
			n, err := Carve(got.input(c.content))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Join(got.nested, ",") != c.want || n != min(1, len(c.want)) {
				t.Errorf("%d found, handed back\n%q, want\n%q", n, got.nested, c.want)
			}
		})
	}
}

// TestManyClasses pads a stream with more classes than are told: what comes behind them must not go unseen.
func TestManyClasses(t *testing.T) {
	b := stream()
	for i := range maxFacts + 10 {
		b.desc(fmt.Sprint("a.Pad", i), 2).end()
	}
	s := read(string(b.b))
	if !strings.HasSuffix(s.said(), "shape") || len(s.classes) != maxFacts {
		t.Errorf("%d classes, oddities %+v", len(s.classes), s.oddities)
	}
	// Objects of known classes are told even where thousands of others came first.
	b = stream()
	for i := range maxPicture + 10 {
		b.raw(tcObject).desc(fmt.Sprint("a.Pad", i), 2, "I n").end().int(int32(i))
	}
	b.raw(tcObject).desc("b.Last", 2, "L how Ljava/lang/String;").end().str("exec")
	if s := read(string(b.b)); !strings.Contains(s.said(), `instantiated b.Last Last{how="exec"}`) {
		t.Errorf("the last of many objects is not told; %d classes", len(s.classes))
	}
}

// TestDeep nests objects beyond the bound: that is a limit, and what was seen stands.
func TestDeep(t *testing.T) {
	b := stream().raw(tcObject).desc("a.Node", 2, "L next La/Node;").end()
	for range 2 * maxDepth {
		b.raw(tcObject).ref(0)
	}
	s := read(string(b.b))
	if !errors.Is(s.err, format.ErrLimit) || len(s.classes) == 0 {
		t.Errorf("error %v, %d classes", s.err, len(s.classes))
	}
}

func FuzzStream(f *testing.F) {
	for _, s := range samples() {
		f.Add([]byte(s))
	}
	for _, s := range fixtures(f) {
		if len(s) < 4096 {
			f.Add([]byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := read(string(b))
		if again := read(string(b)); s.said() != again.said() {
			t.Fatalf("two readings differ:\n%s\n%s", s.said(), again.said())
		}
		if len(s.classes) > maxFacts+maxSearched {
			t.Fatalf("%d facts", len(s.classes))
		}
		for _, c := range s.classes {
			if len(c.Evidence) > maxEvidence+8 && c.How != weir.ClassProxy && !c.Searched {
				t.Fatalf("evidence of %d bytes", len(c.Evidence))
			}
		}
		carved := &seen{}
		if _, err := Carve(carved.input(string(b))); err != nil && !errors.Is(err, format.ErrLimit) {
			t.Fatal(err)
		}
	})
}
