package wire

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestJSON(t *testing.T) {
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + "}" }
	for _, tt := range []struct{ in, rule string }{
		{`{}`, ""},
		{" \t\r\n{ \"a\" : [ 1 , -0 , 1.5e+3, true, false, null, \"x\" ] }\n", ""},
		{`{"a":9007199254740993}`, ""},
		{`{"a":"\u00e4\ud83d\ude00\\\/\"\b\f\n\r\t"}`, ""},
		{deep(64), ""},
		{deep(65), "wire/json"},
		{`{"a":1,"a":1}`, "wire/duplicate-name"},
		{`{"a":1,"\u0061":2}`, "wire/duplicate-name"},
		{`{"x":{"b":1,"c":2,"b":3}}`, "wire/duplicate-name"},
		{``, "wire/json"},
		{`{`, "wire/json"},
		{`[]`, "wire/json"},
		{`"a"`, "wire/json"},
		{`null`, "wire/json"},
		{`{}{}`, "wire/json"},
		{`{} x`, "wire/json"},
		{"{}\x00", "wire/json"},
		{"\xef\xbb\xbf{}", "wire/json"},
		{"{\x00}", "wire/json"},
		{"\xff\xfe{\x00}\x00", "wire/json"},
		{"{\x0c}", "wire/json"},
		{"{\xc2\xa0}", "wire/json"},
		{`{"a":1,}`, "wire/json"},
		{`{"a":[1,]}`, "wire/json"},
		{`{"a" 1}`, "wire/json"},
		{`{a:1}`, "wire/json"},
		{`{'a':1}`, "wire/json"},
		{`{"a":/**/1}`, "wire/json"},
		{`{"a":01}`, "wire/json"},
		{`{"a":+1}`, "wire/json"},
		{`{"a":.5}`, "wire/json"},
		{`{"a":5.}`, "wire/json"},
		{`{"a":1e}`, "wire/json"},
		{`{"a":0x1}`, "wire/json"},
		{`{"a":1_0}`, "wire/json"},
		{`{"a":1e999}`, "wire/json"},
		{`{"a":` + strings.Repeat("9", 401) + `}`, "wire/json"},
		{`{"a":NaN}`, "wire/json"},
		{`{"a":Infinity}`, "wire/json"},
		{`{"a":-Infinity}`, "wire/json"},
		{`{"a":True}`, "wire/json"},
		{`{"a":tru}`, "wire/json"},
		{`{"a":"\ud800"}`, "wire/json"},
		{`{"a":"\udc00"}`, "wire/json"},
		{`{"a":"\ud800\u0041"}`, "wire/json"},
		{`{"a":"\u0000"}`, "wire/json"},
		{`{"a":"\x41"}`, "wire/json"},
		{`{"a":"\u12"}`, "wire/json"},
		{"{\"a\":\"\n\"}", "wire/json"},
		{"{\"a\":\"\xff\"}", "wire/json"},
		{"{\"a\":\"\xc0\xaf\"}", "wire/json"},
		{"{\"a\":\"\xed\xa0\x80\"}", "wire/json"},
		{`{"a":"b}`, "wire/json"},
		{`{"a":"b\`, "wire/json"},
		{`{"a":"b\u`, "wire/json"},
		{`{"a":-}`, "wire/json"},
	} {
		if _, err := ParseJSON([]byte(tt.in), Limits{}); rule(err) != tt.rule {
			t.Errorf("%.60q: %v, want rule %q", tt.in, err, tt.rule)
		}
	}
	if _, err := ParseJSON([]byte(`{"a":[1,2]}`), Limits{Members: 2}); err == nil {
		t.Error("three members pass a limit of two")
	}
	o, err := ParseJSON([]byte(`{"a":[NaN,Infinity,-Infinity,9007199254740993]}`), Limits{NaN: true})
	want := Object{"a": []any{json.Number("NaN"), json.Number("Infinity"), json.Number("-Infinity"), json.Number("9007199254740993")}}
	if err != nil || !reflect.DeepEqual(o, want) {
		t.Errorf("%v, %v", o, err)
	}
}

// FuzzJSON holds the parser against encoding/json: what passes is the same value there; what that reads and this refuses has one of the known reasons.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-0.5e3,true,null,"\ud83d\ude00ä"]}`, `{"a":1,"\u0061":2}`, `{"a":{"b":{"c":[[]]}}}`, `{"a":1e999}`, `{"":""}`, "{\"\u2028\":\"\\/\"}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := ParseValue(b, Limits{})
		if err != nil {
			return
		}
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		var want any
		if err := d.Decode(&want); err != nil {
			t.Fatalf("%q passes, but encoding/json says %v", b, err)
		}
		if _, err := d.Token(); err != io.EOF {
			t.Fatalf("%q passes, but more follows: %v", b, err)
		}
		if !reflect.DeepEqual(plain(got), want) {
			t.Fatalf("%q is %v here and %v there", b, got, want)
		}
	})
}

// plain makes map[string]any of Objects.
func plain(v any) any {
	switch v := v.(type) {
	case Object:
		m := map[string]any{}
		for k, e := range v {
			m[k] = plain(e)
		}
		return m
	case []any:
		a := make([]any, len(v))
		for i := range v {
			a[i] = plain(v[i])
		}
		return a
	}
	return v
}
