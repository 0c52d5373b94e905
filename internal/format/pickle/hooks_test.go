package pickle

import (
	"strings"
	"testing"

	"weir"
	"weir/internal/format"
)

// TestHooks gives instances state that holds callables: under names that their classes call they are called, under others they are not.
func TestHooks(t *testing.T) {
	held := "cnumpy\nmean\n"
	for what, c := range map[string]struct {
		stream string
		called bool
	}{
		"a method that restoring calls":           {"ctorch.optim.sgd\nSGD\n)\x81}X\x11\x00\x00\x00_hook_for_profile" + held + "sb.", true},
		"the same in slots":                       {"ctorch.optim.sgd\nSGD\n)\x81N}X\x11\x00\x00\x00_hook_for_profile" + held + "s\x86b.", true},
		"a partial":                               {"ctypes\nSimpleNamespace\n)\x81}X\x04\x00\x00\x00keyscfunctools\npartial\n(" + held + "tRsb.", true},
		"a dict made of a list of pairs":          {"ctypes\nSimpleNamespace\n)\x81cbuiltins\ndict\n(](X\x04\x00\x00\x00keys" + held + "tatRb.", true},
		"an attribute of no such name":            {"ctypes\nSimpleNamespace\n)\x81}X\x04\x00\x00\x00func" + held + "sb.", false},
		"a plain value under such a name":         {"ctypes\nSimpleNamespace\n)\x81}X\x04\x00\x00\x00keysK\x01sb.", false},
		"a dict that becomes nobody's state":      {"}X\x04\x00\x00\x00keys" + held + "s.", false},
		"a class under such a name, which is one": {"ctypes\nSimpleNamespace\n)\x81}X\x04\x00\x00\x00keyscnumpy\nndarray\nsb.", false},
	} {
		stream, called := "\x80\x02"+c.stream, false
		in := &format.Input{ReaderAt: strings.NewReader(stream), Size: int64(len(stream)), Limits: weir.DefaultLimits(), Emit: func(f weir.Fact) {
			if imp, ok := f.(weir.Import); ok && imp.Use == weir.UseCalled && imp.Module == "numpy" {
				called = true
			}
		}}
		if _, err := Run(in, Options{}); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if called != c.called {
			t.Errorf("%s: called is %v, want %v", what, called, c.called)
		}
	}
}
