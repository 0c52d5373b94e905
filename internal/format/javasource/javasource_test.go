package javasource

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"weir/internal/format"
)

func outlineOf(t *testing.T, src string) *Source {
	t.Helper()
	s, err := Read(strings.NewReader(src), int64(len(src)), 1_000_000)
	if err != nil {
		t.Fatalf("%v in %q", err, src)
	}
	return s
}

// has finds a use by its name and how; what it gives is written "how name(args) in auto".
func uses(s *Source) []string {
	var all []string
	for _, u := range s.Uses {
		auto := ""
		if u.Auto {
			auto = " auto"
		}
		all = append(all, fmt.Sprintf("%s %s(%s) %s%s", u.How, u.Name, strings.Join(u.Args, ", "), u.In, auto))
	}
	return all
}

func TestUses(t *testing.T) {
	for name, c := range map[string]struct {
		src  string
		want []string
	}{
		"static initialiser": {`class A { static { Runtime.getRuntime().exec("to" + "uch x"); } }`,
			[]string{"call java.lang.Runtime.getRuntime() <clinit> auto", `call java.lang.Runtime.getRuntime().exec("touch x") <clinit> auto`}},
		"initialiser":                 {`class A { { System.exit(1); } }`, []string{"call java.lang.System.exit(…) <init> auto"}},
		"field":                       {`class A { static final Object o = Class.forName("java.lang." + "Runtime"); }`, []string{"type java.lang.Object() <clinit> auto", `call java.lang.Class.forName("java.lang.Runtime") <clinit> auto`}},
		"constructor":                 {`class A { A() { System.gc(); } void a() { System.out.println(); } }`, []string{"call java.lang.System.gc() <init> auto", "call java.lang.System.out.println() a"}},
		"unicode":                     {"class A { void f() { \\u0053ystem.l\\uuu006fad(\"\\u0061\"); } }", []string{`call java.lang.System.load("a") f`}},
		"comment that an escape ends": {"class A { // \\u000a static { System.gc(); }\n }", []string{"call java.lang.System.gc() <clinit> auto"}},
		"comment":                     {"class A { /* System.exit(1); */ // System.load(\"x\")\n void f() { } }", nil},
		"strings":                     {`class A { String f() { return "System.exit(1)" + '"' + "\"System.gc()"; } }`, []string{"type java.lang.String() <init> auto"}},
		"text block":                  {"class A { void f() { System.load(\"\"\"\n a\\\"\"\"\"); } }", []string{"call java.lang.System.load(\"\\n a\\\"\") f"}},
		"octal and ignored":           {"class A { void f() { System.lo\x01ad(\"\\57x\"); } }", []string{`call java.lang.System.load("/x") f`}},
		"qualified":                   {`class A { void f() { int java = 1; java.lang.Runtime.getRuntime(); } }`, []string{"call java.lang.Runtime.getRuntime() f"}},
		"of a type in small letters":  {`class a_b { Object o = c_d.VALUES; } class c_d { static int VALUES; }`, []string{"type java.lang.Object() <init> auto"}},
		"not hidden by a member":      {`class A { void f() { java.lang.Runtime.getRuntime(); } class java { } }`, []string{"call java.lang.Runtime.getRuntime() f"}},
		"hidden by a name":            {`class A { void g() { int Runtime = 0; } void f() { Runtime.getRuntime(); } }`, []string{"call java.lang.Runtime.getRuntime() f"}},
		"import":                      {`import java.net.URL; class A { void f() { new URL("x").openStream(); } }`, []string{`new java.net.URL("x") f`, "call new java.net.URL().openStream() f"}},
		"import on demand":            {`import java.net.*; class A { void f() { new URL("x"); } }`, []string{`new *.URL("x") f`}},
		"static import":               {`import static java.lang.Runtime.getRuntime; class A { void f() { getRuntime().exec("x"); } }`, []string{"call java.lang.Runtime.getRuntime() f", `call java.lang.Runtime.getRuntime().exec("x") f`}},
		"reference":                   {`class A { Runnable r = System::gc; }`, []string{"type java.lang.Runnable() <init> auto", "reference java.lang.System.gc() <init> auto"}},
		"member of unknown":           {`class A { void f(Object o) { o.exec("x"); ((Runtime) o).exec("y"); "a".getClass(); } }`, []string{"type java.lang.Object() <init> auto", `call .exec("x") f`, "type java.lang.Runtime() f", `call .exec("y") f`, "call .getClass() f"}},
		"inherited":                   {`class A { void f() { getClass(); this.notify(); g(); } void g() { } }`, []string{"call .getClass() f", "call .notify() f"}},
		"anonymous class":             {`class A { static { new Thread() { public void run() { System.gc(); } }.start(); } }`, []string{"new java.lang.Thread() <clinit> auto", "call java.lang.System.gc() run auto", "call .start() <clinit> auto"}},
		"own names":                   {`class A { static double[] V = new double[3]; static { B.fill(V); } } class B { static void fill(double[] x) { x[0] = V.length; } }`, nil},
		"small letters":               {`class A { void f() { org.python.util.jython.main(null); } }`, []string{"call org.python.util.jython.main(…) f"}},
		"annotation":                  {`@javax.annotation.Generated("x") class A { }`, []string{"type javax.annotation.Generated()  auto"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := uses(outlineOf(t, c.src))
			for _, w := range c.want {
				if !slices.ContainsFunc(got, func(g string) bool { return strings.ReplaceAll(g, "  ", " ") == strings.ReplaceAll(w, "  ", " ") }) {
					t.Errorf("missing %q in %q", w, got)
				}
			}
			if len(got) != len(c.want) {
				t.Errorf("%d uses, want %d: %q", len(got), len(c.want), got)
			}
		})
	}
}

func TestDeclarations(t *testing.T) {
	s := outlineOf(t, "package a.b;\nimport hex.genmodel.GenModel;\nimport static java.lang.Math.*;\n@X public class A<T extends Comparable<T>> extends GenModel implements java.io.Serializable { enum E { P, Q } interface I { } }\n")
	if s.Package != "a.b" || len(s.Imports) != 2 || s.Imports[1] != (Import{Name: "java.lang.Math.*", Static: true, At: 43, Line: 3}) {
		t.Errorf("package %q, imports %+v", s.Package, s.Imports)
	}
	if len(s.Types) != 3 || !slices.Contains(s.Types[0].Super, "hex.genmodel.GenModel") || !slices.Contains(s.Types[0].Super, "java.io.Serializable") || s.Types[1].Name != "E" {
		t.Errorf("types %+v", s.Types)
	}
}

// TestBounds: a hostile source costs a bounded amount of work, and what stands before the bound is told.
func TestBounds(t *testing.T) {
	deep := "class A { void f() { System.gc(); " + strings.Repeat("(", 100_000)
	s, err := Read(strings.NewReader(deep), int64(len(deep)), 1_000_000)
	if !errors.Is(err, format.ErrLimit) || len(uses(s)) != 1 {
		t.Errorf("%v, %q", err, uses(s))
	}
	long := "class A { void f() { System.gc(); a.b(" + strings.Repeat("1,", 100_000)
	s, err = Read(strings.NewReader(long), int64(len(long)), 1000)
	if !errors.Is(err, format.ErrLimit) || len(uses(s)) == 0 {
		t.Errorf("%v, %q", err, uses(s))
	}
	for _, open := range []string{"/* ", "class A { String s = \"", "\"\"\" a"} {
		if _, err := Read(strings.NewReader(open), int64(len(open)), 1000); err == nil {
			t.Errorf("%q is taken for whole", open)
		}
	}
}

// TestWindow: tokens and escapes at the edge of what is read at once come out whole.
func TestWindow(t *testing.T) {
	for pad := window - 80; pad < window+10; pad++ {
		src := "class A { void f() { /*" + strings.Repeat("é", pad/2) + strings.Repeat("x", pad%2) + "*/ Sys\\u0074em.load(\"\\ud83d\\ude00\\ud83dx\"); } }"
		s, err := Read(strings.NewReader(src), int64(len(src)), 1000)
		if err != nil || len(s.Uses) != 1 || s.Uses[0].Name != "java.lang.System.load" || s.Uses[0].At != int64(strings.Index(src, "Sys")) {
			t.Fatalf("%d: %v, %+v", pad, err, s.Uses)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("import a.*; class A extends B { static { Runtime.getRuntime().exec(\"x\"); } int f() { return new C() { int g() { return A::f; } }; } }"))
	f.Add([]byte("\\u0063lass A { /* */ String s = \"\"\" a \"\"\" + '\\'' + 1e-5f; }"))
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := Read(bytes.NewReader(b), int64(len(b)), 100_000)
		again, err2 := Read(iotest{bytes.NewReader(b)}, int64(len(b)), 100_000)
		if (err == nil) != (err2 == nil) || fmt.Sprint(*first) != fmt.Sprint(*again) {
			t.Fatal("the same source gives two outlines")
		}
		for _, u := range first.Uses {
			if u.At < 0 || u.At >= int64(len(b)) || u.Name == "" {
				t.Fatalf("%+v", u)
			}
		}
	})
}

// iotest hides everything but ReadAt.
type iotest struct{ io.ReaderAt }
