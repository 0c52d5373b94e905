package mleap

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"
)

// Values in Thrift's compact protocol, for metadata made by hand.
func zig(n int64) string { return string(binary.AppendUvarint(nil, uint64(n<<1)^uint64(n>>63))) }
func text(s string) string {
	return string(binary.AppendUvarint(nil, uint64(len(s)))) + s
}

// structure joins fields, each with its number and type, and ends them.
func structure(fields ...string) string { return strings.Join(fields, "") + "\x00" }

// f is a field whose number is written as a difference of d to the one before.
func f(d int, kind byte, value string) string { return string([]byte{byte(d)<<4 | kind}) + value }

func list(kind byte, items ...string) string {
	if len(items) < 15 {
		return string([]byte{byte(len(items))<<4 | kind}) + strings.Join(items, "")
	}
	return string(binary.AppendUvarint([]byte{0xf0 | kind}, uint64(len(items)))) + strings.Join(items, "")
}

// column is a column chunk: offset of its data, of its dictionary (0: none) and its size.
func column(data, dict, size int64) string {
	meta := f(7, thriftI64, zig(size)) + f(2, thriftI64, zig(data))
	if dict > 0 {
		meta += f(2, thriftI64, zig(dict))
	}
	return structure(f(3, thriftStruct, structure(meta)))
}

// parquet builds a file of a body, columns and a schema of Spark.
func parquet(body, schema string, columns ...string) []byte {
	pair := structure(f(1, thriftBinary, text("org.apache.spark.sql.parquet.row.metadata")), f(1, thriftBinary, text(schema)))
	meta := structure(f(1, thriftI32, zig(1)), f(2, thriftI64, zig(7)), f(1, thriftList, list(thriftStruct, structure(f(1, thriftList, list(thriftStruct, columns...))))),
		f(1, thriftList, list(thriftStruct, pair)), f(1, thriftBinary, text("by hand")))
	b := parquetMagic + body + meta
	return append(binary.LittleEndian.AppendUint32([]byte(b), uint32(len(meta))), parquetMagic...)
}

func TestParquet(t *testing.T) {
	udt := `{"fields":[{"type":{"type":"udt","class":"java.util.Random","pyClass":"a.B","serializedClass":"` + base64.StdEncoding.EncodeToString([]byte("pickle")) + `"}}]}`
	many := make([]string, 20)
	for i := range many {
		many[i] = column(4, 0, 4)
	}
	whole := parquet("datadict", "{}", column(8, 4, 8))
	cutAt := func(n int) []byte { return append(append([]byte{}, whole[:len(whole)-n]...), whole[len(whole)-4:]...) }
	for _, c := range []struct {
		name string
		in   []byte
		want string
	}{
		{"columns cover all", parquet("datadict", "{}", column(8, 4, 4), column(8, 0, 4)), "parquet | parquet.rows:7 parquet.created-by:by hand |  | "},
		{"a list of many", parquet("data", "{}", many...), "parquet | parquet.rows:7 parquet.created-by:by hand |  | "},
		{"a gap", parquet("dataHIDDENdata", "{}", column(4, 0, 4), column(14, 0, 4)), "parquet | parquet.rows:7 parquet.created-by:by hand odd gap | [gap@8]+6 | "},
		{"a gap at the end", parquet("dataHIDDEN", "{}", column(4, 0, 4)), "parquet | parquet.rows:7 parquet.created-by:by hand odd gap | [gap@8]+6 | "},
		{"an empty column", parquet("dict", "{}", column(0, 4, 4)), "parquet | parquet.rows:7 parquet.created-by:by hand |  | "},
		{"no columns", parquet("HIDDEN", "{}"), "parquet | parquet.rows:7 parquet.created-by:by hand odd gap | [gap@4]+6 | "},
		{"a column beyond the file", parquet("data", "{}", column(4, 0, 4), column(4, 0, 1<<40)),
			"parquet | parquet.rows:7 odd mismatch parquet.created-by:by hand |  | "},
		{"classes in the schema", parquet("data", udt, column(4, 0, 4)),
			"parquet | parquet.rows:7 spark.udt-class=java.util.Random spark.udt-python=a.B spark.udt-pickle=8 characters parquet.created-by:by hand | serializedClass@100+6 | "},
		{"a schema that is no JSON", parquet("data", "{", column(4, 0, 4)),
			"parquet | parquet.rows:7 odd malformed parquet.created-by:by hand |  | JSON at 1: the text ends too early"},
		{"encrypted metadata", []byte("PAR1data\x04\x00\x00\x00PARE"), "parquet | odd encrypted |  | parquet metadata: encrypted"},
		{"metadata longer than the file", []byte("PAR1data\xff\x00\x00\x00PAR1"), "parquet | odd truncated | [suffix]+12 | "},
		{"metadata that break off", append([]byte("PAR1data\x15\x02"), "\x02\x00\x00\x00PAR1"...), "parquet | odd malformed odd gap | [gap@4]+4 | parquet: thrift at 2: the metadata end too early"},
		{"too short", []byte("PAR1PAR1"), " |  |  | "},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := parse("x.parquet", c.in).String()
			if i, j := strings.Index(got, "serializedClass@"), strings.Index(c.want, "serializedClass@"); i > 0 && j > 0 {
				got = got[:i] + c.want[j:j+len("serializedClass@100")] + got[strings.IndexByte(got[i:], '+')+i:] // where it stands is the file's affair
			}
			if got != c.want {
				t.Errorf("got\n\t%s\nwant\n\t%s", got, c.want)
			}
		})
	}
	for n := 5; n < len(whole)-8; n++ { // never a panic, and never clean without a word
		if p := parse("x", cutAt(n)); len(p.formats) > 0 && len(p.errs)+len(p.members) == 0 && !strings.Contains(p.String(), " odd ") {
			t.Errorf("cut by %d: %s", n, p)
		}
	}
}

// TestThriftBounds ends where structures or lists have no end in sight.
func TestThriftBounds(t *testing.T) {
	for name, b := range map[string]string{
		"structures within each other": strings.Repeat("\x1c", 10_000),
		"lists within each other":      "\x19" + strings.Repeat("\x19", 10_000),
		"a list that claims much":      "\x19\xf3\xff\xff\xff\xff\x0f",
		"a map that claims much":       "\x1b\xff\xff\xff\xff\x0f\x33",
		"a text that claims much":      "\x18\xff\xff\xff\xff\x0f",
		"a type that does not exist":   "\x1d",
		"a number without end":         "\x16" + strings.Repeat("\xff", 20),
		"a field of no number":         "\x05" + string(binary.AppendUvarint(nil, 1<<40)),
	} {
		r := &thriftReader{b: []byte(b), steps: 1 << 20, visit: func([]int16, thriftValue) {}}
		if err := r.structure(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	ok := structure(f(1, thriftMap, "\x01\x88"+text("k")+text("v")), f(1, thriftTrue, ""), f(1, thriftDouble, "12345678"), f(1, thriftByte, "\x07"), "\x05\x20\x0a", f(1, thriftList, list(thriftTrue, "\x01", "\x02")))
	r := &thriftReader{b: []byte(ok), steps: 100, visit: func([]int16, thriftValue) {}}
	if err := r.structure(); err != nil || r.at != len(ok) {
		t.Errorf("all types: %v at %d of %d", err, r.at, len(ok))
	}
	r = &thriftReader{b: []byte(ok), steps: 3, visit: func([]int16, thriftValue) {}}
	if err := r.structure(); err == nil || !strings.Contains(err.Error(), "limit reached") {
		t.Errorf("steps: %v", err)
	}
}

func TestSpark(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"part-00000", `{"class":"a.B","timestamp":1,"sparkVersion":"3.3.4","uid":"u","paramMap":{"stageUids":["x","../y"],"language":"Python"},"defaultParamMap":{"statement":"SELECT 1"}}` + "\n",
			"spark-ml | spark.class=a.B spark.sparkVersion:3.3.4 spark.uid:u spark.stage=x spark.stage=../y spark.language=Python spark.statement=SELECT 1 |  | "},
		{"other", `{"paramMap":{"statement":"DROP TABLE t"},"uid":"u","class":"a.B"}`, "spark-ml | spark.statement=DROP TABLE t spark.uid:u spark.class=a.B |  | "},
		{"part-00000", strings.Repeat(" ", 20_000) + `{"class":"a.B"}`, "spark-ml | spark.class=a.B |  | "},
		{"part-00000", `{"zz":"` + strings.Repeat("z", 20_000) + `","class":"a.B"}`, "spark-ml | spark.class=a.B |  | "},
		{"part-00000", `{"zz":"` + strings.Repeat("z", 20_000) + `"}` + "\n{}", "spark-ml |  | [suffix]+3 | "},
		{"part-00000", `{"class":"a.B","uid":"u"}` + "\nmore", "spark-ml | spark.class=a.B spark.uid:u odd trailing | [suffix]+4 | "},
		{"part-00000", `{"name":"x"}` + "\n" + `{"name":"y"}`, " |  |  | "},
		{"part-00000", `{"class":"a.B","uid":"u",`, "spark-ml | spark.class=a.B spark.uid:u odd malformed |  | spark: JSON at 25: the text ends too early"},
		{"x", `{"class":"Person","age":3}`, " |  |  | "},
	} {
		if got := parse(c.name, []byte(c.in)).String(); got != c.want {
			t.Errorf("%.60s\ngot\n\t%s\nwant\n\t%s", c.in, got, c.want)
		}
	}
}
