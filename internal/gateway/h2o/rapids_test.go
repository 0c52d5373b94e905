package h2o

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func readExpression(src, session string) (string, error) {
	t, err := parseRapids(src)
	if err != nil {
		return "", err
	}
	r, err := usesOf(t, session)
	if err != nil {
		return "", err
	}
	var all []string
	for _, u := range r.uses {
		all = append(all, [...]string{"read", "change", "make", "try", "delete", "move"}[u.how]+" "+u.key)
	}
	slices.Sort(all)
	if r.reserved != "" {
		all = append(all, "reserved")
	}
	return strings.Join(all, ", "), nil
}

// TestExpressions says what real clients' expressions touch. The clients are h2o-py 3.46, the R package and Flow.
func TestExpressions(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{`(tmp= py_2_sid_8bd3 (cols_py iris.hex [0 1 2]))`, "read iris.hex, try py_2_sid_8bd3"},
		{`(rows (cols_py py_1_sid_8bd3 0) [0:10])`, "read py_1_sid_8bd3"},
		{`(rows fr (> (cols fr "age") 40.5))`, "read fr"},
		{`(, (gput x) )`, "error"},
		{`(assign train (rows iris.hex [0:100]))`, "make train, read iris.hex"},
		{`(rm py_1_sid_8bd3)`, "delete py_1_sid_8bd3"},
		{`(rm "it's")`, "delete it's"},
		{`(rename "a" 'b')`, "make b, move a"},
		{`(rename (levels a) "b")`, "error"},
		{`(tmp= $x (cbind a $y))`, "read $y, read a, read y~_sid_1, try x~_sid_1"},
		{`(assign $x a)`, "make $x, read a"},
		{`(GB iris [4] mean 0 "all" nrow 1 "rm" sumSquares 2 "ignore")`, "read iris"},
		{`(GB iris [4] run_tool 0 "all")`, "read iris, read run_tool"},
		{`(apply iris 1 {x . (mean x True False)})`, "read iris"},
		{`(apply iris 1 mean)`, "read iris"},
		{`(apply iris 1 run_tool)`, "read iris, read run_tool"},
		{`(apply iris 2 {x . (rm x)})`, "delete x, read iris"},
		{`(ddply iris [0] {x . (sum (cols x y))})`, "read iris, read y"},
		{`(setDomain (cols iris 4) False ["a" "b"])`, "read iris"},
		{`(setDomain (cols iris 4) True ["a" "b"])`, "change iris"},
		{`(setDomain (cols iris 4) (not True) ["a" "b"])`, "change iris"},
		{`(h2o.impute iris 0 "mean" "interpolate" [] _ _)`, "change iris"},
		{`(quantile iris [0.1 0.5] "interpolate" _)`, "read iris"},
		{`(makeLeaderboard ["m1" "m2"] "fr" "AUTO" [] "AUTO")`, "read fr, read m1, read m2"},
		{`(makeLeaderboard (levels x) "fr" "AUTO" [] "AUTO")`, "error"},
		{`(model.reset.threshold m 0.5)`, "change m"},
		{`(ls)`, "reserved"},
		{`(+ (ls) 1)`, "reserved"},
		{`(setTimeZone "UTC")`, "reserved"},
		{`(run_tool "MojoConvertTool" ["a.zip" "b.mojo"])`, "error"},
		{`(setproperty "sys.ai.h2o.pojo.import.enabled" "true")`, "error"},
		{`((ifelse True run_tool sum) "x" [])`, "error"},
		{`({x . (x "a" [])} run_tool)`, "error"},
		{`(apply iris 1 {f . (f 1)})`, "error"},
		{`(apply iris 1 {sum . (sum 1)})`, "error"},
		{`(apply iris 1 {x . (x "a" [])})`, "error"},
		{`(apply iris 1 {True . True})`, "error"},
		{`(apply iris 1 {$x . $x})`, "error"},
		{`(cbind a b)->c`, "error"},
		{`(s3.generate.presigned.URL "s3://b/k" 1)`, "error"},
		{`(seq_len 1e12)`, "error"},
		{`(seq_len 10)`, ""},
		{`(tmp= sum iris)`, "error"},
		{`(tmp= 7 iris)`, "error"},
		{`sum`, "read sum"},
		{`iris`, "read iris"},
		{`'text'`, ""},
		{`12`, ""},
		{`0x12`, "read 0x12"},
		{`1L`, "read 1L"},
		{`"\x41\u0042\U00000043"`, ""},
		{`"\q"`, "error"},
		{`"\ud800"`, "error"},
		{`(sum a`, "error"},
		{`(sum a) b`, "error"},
		{`()`, "error"},
		{``, "error"},
		{`[1 2 "a"]`, "error"},
		{`["a" 1]`, "error"},
		{`[a]`, "error"},
		{`[0:2 NaN -1.5e3 4:2:3]`, ""},
		{"(sum\x00 a)", "error"},
		{`(Sum a)`, "error"},
		{`(SETPROPERTY "a" "b")`, "error"},
		{"(run_tool\u00a0 \"a\" [])", "error"},
		{strings.Repeat("(!! ", 200) + "a" + strings.Repeat(")", 200), "error"},
	} {
		got, err := readExpression(c.src, "_sid_1")
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%.80s touches %q, want %q (%v)", c.src, got, c.want, err)
		}
	}
}

// TestManyTerms holds the parser to its bound of terms and not to the length of lists of numbers.
func TestManyTerms(t *testing.T) {
	long := "(rows a [" + strings.Repeat("1 ", 200_000) + "])"
	if got, err := readExpression(long, ""); err != nil || got != "read a" {
		t.Errorf("a long list of rows gives %q, %v", got, err)
	}
	if _, err := parseRapids("(cbind " + strings.Repeat("a ", maxTerms+1) + ")"); err == nil {
		t.Error("more terms than the bound were read")
	}
}

// FuzzRapids: whatever is read is read the same again when it is written from the tree, uses no more than the text has, and never panics.
func FuzzRapids(f *testing.F) {
	for _, s := range []string{`(tmp= py_2 (cols_py iris [0:3 5]))`, `(apply f 1 {x y . (+ x "\u0041" 'b')})`, `(GB f [0] mean 1 "all")`, `["a", 'b']`, `[NaN 1e5:2:3]`,
		`(assign $a (setDomain b True ["x"]))`, `(run_tool "X" ["a"])`, `{x . x}`, `"\x41`, `((`, "(\t,\n1 2\r)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		tree, err := parseRapids(src)
		if err != nil {
			return
		}
		again, err := parseRapids(written(tree))
		if err != nil {
			t.Fatalf("%q was read, but not %q: %v", src, written(tree), err)
		}
		if written(again) != written(tree) {
			t.Fatalf("%q was read as %s and then as %s", src, written(tree), written(again))
		}
		if r, err := usesOf(tree, "_sid_1"); err == nil {
			if len(r.uses) > 2*len(src) {
				t.Fatalf("%q uses %d keys", src, len(r.uses))
			}
			if strings.Contains(src, "run_tool") && strings.Contains(written(tree), "(run_tool") {
				t.Fatalf("%q calls run_tool", src)
			}
		}
	})
}

func written(t term) string {
	var b strings.Builder
	switch t.kind {
	case call:
		b.WriteByte('(')
		for i, a := range t.items {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(written(a))
		}
		b.WriteByte(')')
	case lambda:
		fmt.Fprintf(&b, "{%s . %s}", strings.Join(t.words, " "), written(t.items[0]))
	case text:
		b.WriteString(quote(t.text))
	case texts:
		b.WriteByte('[')
		for i, w := range t.words {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(quote(w))
		}
		b.WriteByte(']')
	case numbers:
		b.WriteString("[" + t.text + "]")
	default:
		b.WriteString(t.text)
	}
	return b.String()
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// TestFunctionsAreJudged compares the list with functions.txt, which the server's own table of functions was written to: a function of a newer
// H2O must be judged before it passes, and one that is gone leaves the list.
func TestFunctionsAreJudged(t *testing.T) {
	b, err := os.ReadFile("testdata/functions.txt")
	if err != nil {
		t.Fatal(err)
	}
	told := strings.Fields(string(b))
	if len(told) < 200 {
		t.Fatalf("functions.txt has %d functions, want at least 200", len(told))
	}
	for _, f := range told {
		if functions()[f] == nil {
			t.Errorf("nobody judged the function %q", f)
		}
	}
	for f := range functions() {
		if !slices.Contains(told, f) {
			t.Errorf("no server knows the function %q", f)
		}
	}
}
