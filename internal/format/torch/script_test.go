package torch

import (
	"fmt"
	"strings"
	"testing"

	"weir"
)

// parse runs the source scanner on one file.
func parse(files ...string) (calls []weir.Call, classes []weir.Code) {
	var p program
	for i, text := range files {
		p.add(fmt.Sprintf("m/code/__torch__/f%d.py", i), text, func(f weir.Fact) {
			switch f := f.(type) {
			case weir.Call:
				calls = append(calls, f)
			case weir.Code:
				classes = append(classes, f)
			}
		})
	}
	p.close()
	return calls, classes
}

func TestScriptCalls(t *testing.T) {
	const head = "class M(Module):\n  __parameters__ = []\n  training : bool\n  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n    "
	for _, tc := range []struct {
		name, line string
		want       []string // callee(args)
	}{
		{"plain operators", "y = torch.relu(torch.add(x, 1))", nil},
		{"torch.save", "torch.save(x, \"/tmp/a\")", []string{`aten::save(x, "/tmp/a")`}},
		{"ops.aten.save", "ops.aten.save(x, \"../a\")", []string{`aten::save(x, "../a")`}},
		{"from_file with keyword", "y = torch.from_file(\"a\", True, 10, dtype=6)", []string{`aten::from_file("a", True, 10, dtype=6)`}},
		{"methods of values", "x.save(\"a\")\n    (x).save(\"a\")\n    y = \"a\".from_file(False, 1)", nil},
		{"bracketed namespace", "(torch).save(x, \"a\")", []string{"obscured::torch()", `aten::save(x, "a")`}},
		{"bracketed operator", "(torch.save)(x, \"a\")", []string{"aten::save()"}},
		{"autograd", "torch.autograd.save(x, \"a\")", []string{`aten::save(x, "a")`}},
		{"keywords", "torch.save(filename=\"a\", item=x)", []string{`aten::save(filename="a", item=x)`}},
		{"as a value", "_0 = fork(torch.save, x, \"a\")", []string{"aten::save()"}},
		{"name moved out", "_0 = torch.save\n    _0(x, \"a\", )", []string{`aten::save()`, `aten::save(x, "a")`}},
		{"space moved out", "_0 = ops.image\n    _1 = (_0).write_file(\"a\", x)", []string{"obscured::ops.image()", "obscured::ops.image()", `image::write_file("a", x)`}},
		{"brackets around a space", "y = ((ops)).image.write_file(\"a\", x)", []string{"obscured::ops()"}},
		{"getattr of brackets", "y = getattr((torch), \"save\")(x, \"a\")", []string{"obscured::torch()"}},
		{"text moved out", "_0 = \"/etc/x\"\n    torch.save(x, _0)", []string{`aten::save(x, "/etc/x")`}},
		{"getattr", "getattr(torch, \"save\")(x, \"a\")", []string{`aten::save(x, "a")`}},
		{"getattr twice", "getattr(getattr(ops, \"aten\"), \"save\")(x, \"a\")", []string{`aten::save(x, "a")`}},
		{"nested in arguments", "y = torch.add(torch.from_file(\"a\"), x)", []string{`aten::from_file("a")`}},
		{"over several lines", "torch.save(\n      x,\n      \"a\"\n    )", []string{`aten::save(x, "a")`}},
		{"split path", "torch . save(x, \"a\")", []string{`aten::save(x, "a")`}},
		{"continued line", "torch.\\\nsave(x, \"a\")", []string{`aten::save(x, "a")`}},
		{"in a comment", "y = x  # torch.save(x, \"a\")", nil},
		{"in a string", "y = \"torch.save(x)\"", nil},
		{"string with escaped quote", "y = \"\\\"\"; torch.save(x, \"a\")", []string{`aten::save(x, "a")`}},
		{"string that does not end", "y = \"abc\n    torch.save(x, \"a\")", []string{`aten::save(x, "a")`}},
		{"triple quotes", "y = \"\"\"\ntorch.save(x)\n\"\"\"\n    torch.save(x, 'b')", []string{`aten::save(x, 'b')`}},
		{"custom operator", "y = ops.mylib.run(x)", []string{`mylib::run(x)`}},
		{"custom class", "y = __torch__.torch.classes.my.Thing.__new__(__torch__.torch.classes.my.Thing)", []string{"classes::my::Thing::__new__(__torch__.torch.classes.my.Thing)", "classes::my::Thing()"}},
		{"packed weights", "y = ops.quantized.linear(x, self._packed_params, 1., 0)", nil},
		{"exceptions", "ops.prim.RaiseException(\"no\", \"builtins.ValueError\")", nil},
		{"remote procedure", "y = ops.prim.rpc_sync(\"w\", x)", []string{`prim::rpc_sync("w", x)`}},
		{"collective", "y = ops.c10d.send(x, 1)", []string{`c10d::send(x, 1)`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			calls, _ := parse(head + tc.line + "\n    return x\n")
			var got []string
			for _, c := range calls {
				got = append(got, c.Callee+"("+strings.Join(c.Args, ", ")+")")
				if c.Func != "__torch__.f0.M.forward" || c.Line < 6 || c.Auto {
					t.Errorf("call %+v: want a place in M.forward that is not automatic", c)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(tc.want) {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestScriptReachedAtLoad(t *testing.T) {
	calls, classes := parse(`class M(Module):
  __parameters__ = []
  def forward(self: __torch__.M, x: Tensor) -> Tensor:
    torch.save(x, "forward")
    return x
  def __setstate__(self: __torch__.M, s: Tensor) -> NoneType:
    _0 = __torch__.f1.helper(s, )
    _1 = __torch__.f1.N.__new__(__torch__.f1.N)
    _2 = (_1).__init__(s, )
    return None
`, `def helper(x: Tensor) -> Tensor:
  torch.save(x, "helper")
  return x
def other(x: Tensor) -> Tensor:
  torch.save(x, "other")
  return x
class N(Module):
  def __init__(self: __torch__.f1.N, x: Tensor) -> NoneType:
    torch.save(x, "init")
`)
	got := map[string]bool{}
	for _, c := range calls {
		got[c.Args[1]] = c.Auto
	}
	want := map[string]bool{`"forward"`: false, `"helper"`: true, `"other"`: false, `"init"`: true}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("reached at load: got %v, want %v", got, want)
	}
	if len(classes) != 2 || classes[0].Name != "__torch__.f0.M" || !classes[0].Auto || classes[1].Auto {
		t.Errorf("classes: %+v", classes)
	}
}

func TestScriptIsBounded(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("a.", 1<<20), strings.Repeat("(", 1<<20), strings.Repeat("torch.save(", 1<<17), "getattr(" + strings.Repeat("a.", 1<<18),
		strings.Repeat("x = x.y\n", 1<<16), strings.Repeat("a = b.x\nb = a.x\n", 1<<15), strings.Repeat("class A(M):\n", 1<<16), strings.Repeat("def f():\n", 1<<18),
	} {
		calls, classes := parse(text)
		if len(calls) > 5*maxCalls || len(classes) > maxClasses {
			t.Errorf("%d calls, %d classes", len(calls), len(classes))
		}
	}
}

func TestScriptManyCustomOperatorsHideNothing(t *testing.T) {
	calls, _ := parse("def f(x: Tensor) -> Tensor:\n" + strings.Repeat("  x = ops.mine.op(x)\n", 3*maxCalls) + "  torch.save(x, \"a\")\n")
	if n := len(calls); n == 0 || calls[n-1].Callee != "aten::save" {
		t.Errorf("%d calls, none of aten::save", n)
	}
}

func FuzzScript(f *testing.F) {
	f.Add("class M(Module):\n  def forward(self: __torch__.M, x: Tensor) -> Tensor:\n    torch.save(x, \"a\")\n    return x\n")
	f.Add("_0 = getattr(torch, 'save')\n_0(x, '''a\n''')\n(\"a\").from_file()\n")
	f.Add("def f(x: int=1) -> int:\n  # comment\n  return ops.a.b(x, [1, {2: 3}], \"\\x41\\101\")\n")
	f.Fuzz(func(t *testing.T, text string) {
		a, b := parse(text)
		c, d := parse(text)
		if fmt.Sprint(a, b) != fmt.Sprint(c, d) {
			t.Fatal("two readings of one text differ")
		}
		for _, c := range a {
			if c.Line < 1 || c.At < 0 || c.At > int64(len(text)) || len(c.Args) > maxCallArgs+1 {
				t.Fatalf("call out of bounds: %+v", c)
			}
		}
	})
}
