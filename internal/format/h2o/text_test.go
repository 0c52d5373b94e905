package h2o

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"weir"
	"weir/internal/format"
)

// parseText runs the parser of a text format; content that is searched for hidden things is counted only.
func parseText(f format.Format, name string, b []byte) (facts []weir.Fact, err error) {
	in := &format.Input{
		ReaderAt: bytes.NewReader(b), Name: name, Size: int64(len(b)), Limits: weir.DefaultLimits(),
		Emit: func(f weir.Fact) { facts = append(facts, f) },
		Nested: func(string, io.ReaderAt, int64) (format.Summary, error) {
			return format.Summary{Complete: true}, nil
		},
	}
	return facts, f.Parse(in)
}

func head(name, text string) format.Head {
	b := []byte(text)
	return format.Head{Name: name, Size: int64(len(b)), First: b[:min(len(b), format.HeadSize)], Last: b[max(0, len(b)-format.TailSize):]}
}

func TestMatch(t *testing.T) {
	pojo, err := os.ReadFile("../../../testdata/benign/h2o/pojo/glm.java")
	if err != nil {
		t.Fatal(err)
	}
	ini, err := os.ReadFile("testdata/model.ini")
	if err != nil {
		t.Fatal(err)
	}
	long := "/*" + strings.Repeat(" *\n", format.HeadSize) + "*/"
	for name, c := range map[string]struct {
		head format.Head
		want string
	}{
		"real POJO":              {head("x", string(pojo)), "h2o-pojo java-source"},
		"POJO behind escapes":    {head("x", `\u0069mport a.B; class M extends hex.genmodel.Gen\u004dodel { }`), "h2o-pojo java-source"},
		"POJO by its annotation": {head("x", `@hex.genmodel.annotations.ModelPojo class M { }`), "h2o-pojo java-source"},
		"POJO by a base class":   {head("x", `import hex.genmodel.algos.tree.*; class M extends SharedTreeMojoModel { }`), "h2o-pojo java-source"},
		"POJO without a name":    {head("x", `class M { Object o = new hex.genmodel.GenModel() { }; }`), "h2o-pojo java-source"},
		"program that scores": {head("Main.java", `import hex.genmodel.easy.*; import hex.genmodel.GenModel; class Main { void f() throws Exception {
			GenModel m = (GenModel) Class.forName("gbm").newInstance(); Object o = hex.genmodel.MojoModel.load("gbm.zip"); } }`), "java-source"},
		"other Java":               {head("A.java", "package a; class A { }"), "java-source"},
		"long comment":             {head("A.java", long+string(pojo)), "java-source"},
		"Python":                   {head("a.py", "import os\nclass A:\n  pass\n"), ""},
		"C++":                      {head("a.cc", "#include <x>\nclass A { };"), ""},
		"prose":                    {head("a.txt", "A class of its own { }"), ""},
		"real model.ini":           {head("x", string(ini)), "h2o-mojo-info"},
		"comment before":           {head("x", "# a\n\n# b\n[info]\nalgo = gbm\n"), "h2o-mojo-info"},
		"other ini":                {head("setup.cfg", "[metadata]\nname = x\n"), ""},
		"notebook":                 {head("a.flow", `{"version": "1.0.0", "cells": [{"type": "cs", "input": "assist"}]}`), "h2o-flow"},
		"notebook of another name": {head("a.json", "\n{ \"cells\" : [ {\"type\":\"md\",\"input\":\"x\"}]}"), "h2o-flow"},
		"Jupyter":                  {head("a.ipynb", `{"cells": [{"input": "x"}], "nbformat": 4}`), ""},
		"details":                  {head("x", `{"__meta":{"schema_version":3,"schema_name":"GBMModelV3"}}`), "h2o-mojo-details"},
	} {
		var got []string
		for _, f := range Formats {
			if f.Match(c.head) {
				got = append(got, f.Name)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: recognised as %q, want %q", name, got, c.want)
		}
	}
}

func TestInfo(t *testing.T) {
	ini, err := os.ReadFile("testdata/model.ini")
	if err != nil {
		t.Fatal(err)
	}
	count := func(text string) string {
		facts, err := parseText(Info, "model.ini", []byte(text))
		if err != nil {
			return err.Error()
		}
		var out []string
		for _, f := range facts {
			if o, ok := f.(weir.Oddity); ok {
				out = append(out, string(o.Kind))
			}
		}
		return strings.Join(out, " ")
	}
	if got := count(string(ini)); got != "" {
		t.Errorf("the model.ini of a real ensemble has %s", got)
	}
	real := "[info]\nn_columns = 1\n[columns]\na\n[domains]\n"
	for text, want := range map[string]string{
		real + "0: 3 d000.txt":                                    "",
		real + "0: 3 ../../x":                                     "path",
		real + "0: 3 ..\\..\\x":                                   "path",
		real + "0: 3 ../d000.txt":                                 "",
		real + "0: 2147483647 d000.txt":                           "shape",
		"[info]\nn_columns = 7\n[columns]\na\n":                   "mismatch",
		"[info]\nsubmodel_dir_0 = ../../m/\nn_columns = 0\n":      "path",
		"[info]\nsubmodel_dir_0 = \n":                             "shape",
		"[info]\nsubmodel_dir_0 = ./\n":                           "shape",
		"[info]\nneural_network_sizes = [4, 2000000000]\n":        "shape",
		"# [info]\n[info]\n# submodel_dir_0 = ../../m/\nalgo=gbm": "",
	} {
		if got := count(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestPOJO(t *testing.T) {
	real, err := os.ReadFile("../../../testdata/benign/h2o/pojo/glm.java")
	if err != nil {
		t.Fatal(err)
	}
	calls := func(b []byte) (out []string) {
		facts, err := parseText(POJO, "a.java", b)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range facts {
			if c, ok := f.(weir.Call); ok {
				out = append(out, fmt.Sprintf("%s %t", c.Callee, c.Auto))
			}
		}
		return out
	}
	if got := calls(real); len(got) < 8 || strings.Contains(strings.Join(got, " "), "Runtime.") {
		t.Errorf("%q", got)
	}
	evil := bytes.Replace(real, []byte("public static final int NCLASSES = 2;"), []byte(`static { java.lang.Runt\u0069me.getRuntime(); }`), 1)
	if got := calls(evil); !strings.Contains(strings.Join(got, ","), "java.lang.Runtime.getRuntime true") {
		t.Errorf("%q", got)
	}
	if got := calls([]byte("class A { static { System.exit(1); } }")); got != nil {
		t.Errorf("what is no POJO gives %q", got)
	}
}

func TestFlow(t *testing.T) {
	for input, want := range map[string]string{
		`{"version":"1","cells":[{"type":"cs","input":"importFiles [ \"a.csv\" ]\nbuildModel 'gbm', {}"}]}`: "call importFiles, call buildModel",
		`{"version":"1","cells":[{"type":"cs","input":"x = runScript(\"b\")"}]}`:                            "call runScript",
		"{\"version\":\"1\",\"cells\":[{\"type\":\"cs\",\"input\":\"`alert(1)`\"}]}":                        "javascript, call alert",
		`{"version":"1","cells":[{"type":"md","input":"# Title <b>x</b> 3 < 4"}]}`:                          "",
		`{"version":"1","cells":[{"type":"md","input":"<img src=x onerror=alert(1)>"}]}`:                    "html",
		`{"version":"1","cells":[{"type":"html","input":"\u003cscript>x</script>"}]}`:                       "html",
		`{"version":"1","cells":[{"type":"md","input":"[a](javascript:x)"}]}`:                               "html",
	} {
		facts, err := parseText(Flow, "a.flow", []byte(input))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range facts {
			switch f := f.(type) {
			case weir.Code:
				got = append(got, f.Language)
			case weir.Call:
				got = append(got, "call "+f.Callee)
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %q, want %q", input, got, want)
		}
	}
	if _, err := parseText(Flow, "a.flow", []byte(`{"cells":[{"type":"cs","input":"x"`)); err == nil {
		t.Error("a notebook that ends early is taken for whole")
	}
}

func FuzzText(f *testing.F) {
	for _, name := range []string{"../../../testdata/benign/h2o/pojo/glm.java", "testdata/model.ini"} {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("{\"version\":\"1\",\"cells\":[{\"type\":\"cs\",\"input\":\"importFiles ['a'] `x`\"},{\"type\":\"md\",\"input\":\"<script>\"}]}"))
	f.Add([]byte(`{"__meta":{"schema_version":3,"schema_name":"x"},"a":"\u003csvg onload=x>"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, format := range []format.Format{Info, Details, POJO, Flow} {
			format.Match(head("x", string(b)))
			one, err := parseText(format, "x", b)
			two, err2 := parseText(format, "x", b)
			if fmt.Sprint(one) != fmt.Sprint(two) || (err == nil) != (err2 == nil) {
				t.Fatalf("%s: the same bytes give other facts", format.Name)
			}
		}
	})
}
