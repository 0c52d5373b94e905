package scan

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand"
	"reflect"
	"strings"
	"testing"
	"testing/quick"

	"weir"
)

func roundTrip(t *testing.T, rs []Record) []Record {
	t.Helper()
	b, err := encodeFrame(nil, rs)
	if err != nil {
		t.Fatal(err)
	}
	var got []Record
	if err := decodeFrame(b, func(r Record) error { got = append(got, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return got
}

// arbitrary makes a value of a type in which no field is left out. Lists get shorter on the way down.
func arbitrary(t reflect.Type, dice *rand.Rand, depth int) reflect.Value {
	v := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			v.Field(i).Set(arbitrary(t.Field(i).Type, dice, depth))
		}
	case reflect.Slice:
		if depth < 4 {
			n := 1 + dice.Intn(3)
			v.Set(reflect.MakeSlice(t, n, n))
			for i := range n {
				v.Index(i).Set(arbitrary(t.Elem(), dice, depth+1))
			}
		}
	case reflect.String:
		v.SetString(strings.Repeat("aé\x00\U0001f600", 1+dice.Intn(40)))
	case reflect.Uint8:
		v.SetUint(uint64(1 + dice.Intn(int(weir.UseCalled))))
	default:
		x, _ := quick.Value(t, dice)
		v.Set(x)
	}
	return v
}

func TestWireKeepsEveryField(t *testing.T) {
	dice := rand.New(rand.NewSource(1))
	var rs []Record
	for _, kind := range wireFacts {
		for i := range 50 {
			rs = append(rs, Record{Fact: &FactRecord{i, arbitrary(kind, dice, 0).Interface().(weir.Fact)}})
		}
	}
	for range 50 {
		unit := arbitrary(reflect.TypeFor[UnitRecord](), dice, 0).Interface().(UnitRecord)
		problem := arbitrary(reflect.TypeFor[ProblemRecord](), dice, 0).Interface().(ProblemRecord)
		trace := arbitrary(reflect.TypeFor[TraceRecord](), dice, 0).Interface().(TraceRecord)
		done := arbitrary(reflect.TypeFor[DoneRecord](), dice, 0).Interface().(DoneRecord)
		rs = append(rs, Record{Unit: &unit}, Record{Problem: &problem}, Record{Trace: &trace}, Record{Done: &done})
	}
	got := roundTrip(t, rs)
	if len(got) != len(rs) {
		t.Fatalf("%d records came of %d", len(got), len(rs))
	}
	for i := range rs {
		if !reflect.DeepEqual(got[i], rs[i]) {
			t.Fatalf("record %d\ncame  %+v\nof    %+v", i, got[i], rs[i])
		}
	}
}

// TestWireFactsAreAll finds the facts in the root package: the types with a method fact.
func TestWireFactsAreAll(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "../../fact.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, kind := range wireFacts {
		listed[kind.Name()] = true
	}
	found := 0
	for _, d := range f.Decls {
		m, ok := d.(*ast.FuncDecl)
		if !ok || m.Recv == nil || m.Name.Name != "fact" {
			continue
		}
		found++
		if name := m.Recv.List[0].Type.(*ast.Ident).Name; !listed[name] {
			t.Errorf("%s cannot cross the pipe: add it to wireFacts", name)
		}
	}
	if found != len(wireFacts) {
		t.Errorf("%d facts in the root package, %d in wireFacts", found, len(wireFacts))
	}
}

func TestWireRefuses(t *testing.T) {
	good, err := encodeFrame(nil, []Record{{Fact: &FactRecord{3, weir.Import{Module: "os", Name: "system", Args: []weir.Value{{Kind: weir.ValueStr, Text: "x", Len: 1}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(good); n++ {
		if err := decodeFrame(good[:n], func(Record) error { return nil }); err == nil {
			t.Errorf("a record cut after %d of %d bytes was taken", n, len(good))
		}
	}
	deep := weir.Value{Kind: weir.ValueTuple}
	for range 200 {
		deep = weir.Value{Kind: weir.ValueTuple, Items: []weir.Value{deep}}
	}
	nested, err := encodeFrame(nil, []Record{{Fact: &FactRecord{0, weir.Import{Args: []weir.Value{deep}}}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"no kind":       {0},
		"unknown kind":  {99},
		"unknown fact":  {wireFact, 200, 0},
		"negative unit": {wireFact, 7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0},
		"long text":     {wireDone, 0xff, 0xff, 0xff, 0xff, 0x0f, 'x'},
		"long list":     {wireUnit, 0, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"unknown use":   {wireFact, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0},
		"depth":         nested,
	} {
		if err := decodeFrame(b, func(Record) error { return nil }); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestWireMakesTextValid(t *testing.T) {
	got := roundTrip(t, []Record{{Problem: &ProblemRecord{Member: "a\xff\xfeb", Stage: "read", Reason: "é"}}})
	if want := "a\ufffd\ufffdb"; got[0].Problem.Member != want {
		t.Errorf("member %q, want %q", got[0].Problem.Member, want)
	}
}

func FuzzDecodeFrame(f *testing.F) {
	dice := rand.New(rand.NewSource(2))
	for _, kind := range wireFacts {
		b, err := encodeFrame(nil, []Record{{Unit: &UnitRecord{"m", []string{"pickle"}, 5}}, {Fact: &FactRecord{0, arbitrary(kind, dice, 2).Interface().(weir.Fact)}}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var rs []Record
		if err := decodeFrame(b, func(r Record) error { rs = append(rs, r); return nil }); err != nil {
			return
		}
		if got := roundTrip(t, rs); !reflect.DeepEqual(got, rs) {
			t.Errorf("came %+v\nof   %+v", got, rs)
		}
	})
}
