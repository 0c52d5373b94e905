package mlflow

import (
	"slices"
	"strings"
	"testing"
)

func TestPythonCalls(t *testing.T) {
	for _, c := range []struct {
		name, source string
		want         []string
	}{
		{"module level", "import os\nos.system('id')\n", []string{"os.system('id') in \"\" true:2"}},
		{"in a function", "import os\ndef f():\n    os.system('id')\n", []string{"os.system('id') in \"f\" false:3"}},
		{"in a class and its method", "import os\nclass A:\n    os.getpid()\n    def f(self):\n        os.system('id')\nos.getppid()\n", []string{
			"os.getpid() in \"A\" true:3", "os.system('id') in \"A.f\" false:5", "os.getppid() in \"\" true:6",
		}},
		{"aliases", "import subprocess as sp\nfrom os import system as s, path\nsp.run(1)\ns(2)\npath.join(3)\n", []string{
			"subprocess.run(1) in \"\" true:3", "os.system(2) in \"\" true:4", "os.path.join(3) in \"\" true:5",
		}},
		{"from with brackets", "from os import (\n    system,\n    popen as p,\n)\np('x')\n", []string{"os.popen('x') in \"\" true:5"}},
		{"assigned", "import os\nf = os.system\nf('x')\n", []string{"os.system('x') in \"\" true:3"}},
		{"__import__", "__import__('o' 's').system('x')\n", []string{"__import__('os') in \"\" true:1", "os.system('x') in \"\" true:1"}},
		{"getattr", "import os\ngetattr(os, 'sys' + 'tem')('x')\n", []string{"os.system('x') in \"\" true:2"}},
		{"escapes", "__import__('\\x6fs').popen('x')\n", []string{"os.popen('x') in \"\" true:1"}},
		{"import_module", "import importlib\nm = importlib.import_module('os')\nm.system('x')\n", []string{"os.system('x') in \"\" true:3"}},
		{"of a local object", "commands = {}\ncommands.get('x')\n", []string{".commands.get('x') in \"\" true:2"}},
		{"everything imported", "from os import *\nsystem('x')\n", []string{"os.system('x') in \"\" true:2"}},
		{"__builtins__", "__builtins__.eval('x')\n", []string{"builtins.eval('x') in \"\" true:1"}},
		{"import behind a condition", "if 1: import os\nos.system('x')\n", []string{"os.system('x') in \"\" true:2"}},
		{"one line", "def f(): import os; os.system('x')\n", []string{"os.system('x') in \"f\" false:1"}},
		{"lambda at module level", "import os\nx = [os.system(c) for c in 'a']\n", []string{"os.system(c) in \"\" true:2"}},
		{"decorator", "import os\n@os.system\ndef f(): pass\n@register('x')\ndef g(): pass\n", []string{"register('x') in \"\" true:4"}},
		{"default argument", "import os\ndef f(x=os.system('y')):\n    pass\n", []string{"os.system('y') in \"\" true:2"}},
		{"continued line", "import os\nos.\\\n  system('x')\n", []string{"os.system('x') in \"\" true:2"}},
		{"tabs", "import os\nif 1:\n\tos.system('x')\n", []string{"os.system('x') in \"\" true:3"}},
		{"windows line ends", "import os\r\nos.system('x')\r\n", []string{"os.system('x') in \"\" true:2"}},
		{"async", "import os\nasync def f():\n    await os.wait('x')\n", []string{"os.wait('x') in \"f\" false:3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, facts, err := parse("code/x.py", []byte(c.source))
			if err != nil {
				t.Error(err)
			}
			for _, w := range c.want {
				if !slices.Contains(facts, w) {
					t.Errorf("%s is missing in\n\t%s", w, strings.Join(facts, "\n\t"))
				}
			}
		})
	}
}

// TestPythonSilent holds that strings and comments are not code.
func TestPythonSilent(t *testing.T) {
	_, facts, err := parse("x.py", []byte("\"\"\"os.system('a')\n\"\"\"\n# os.system('b')\nx = 'os.system(1)'\ny = rb'''\nos.system(2)'''\nz = f(1)\n"))
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for _, f := range facts {
		if strings.Contains(f, " in ") {
			calls++
			if !strings.HasPrefix(f, "f(1) ") {
				t.Errorf("found %s", f)
			}
		}
	}
	if calls != 1 {
		t.Errorf("%d calls in %q", calls, facts)
	}
}

// TestPythonHostile reads what is made to take long: nesting of every kind.
func TestPythonHostile(t *testing.T) {
	deep := ""
	for i := range 2000 {
		deep += strings.Repeat(" ", i) + "class a:\n"
	}
	for name, text := range map[string]string{
		"calls":    strings.Repeat(strings.Repeat("f(", 3000)+"\n", 100),
		"getattr":  strings.Repeat(strings.Repeat("getattr(", 2000)+"\n", 100),
		"classes":  deep + strings.Repeat(strings.Repeat(" ", 2000)+"f()\n", 200),
		"bodies":   strings.Repeat(strings.Repeat("if 1: ", 1500)+"\n", 100),
		"strings":  strings.Repeat("'a' + ", 100_000),
		"brackets": strings.Repeat("(", 500_000),
		"joined":   strings.Repeat("x\\\n", 200_000),
	} {
		t.Run(name, func(t *testing.T) {
			if _, facts, err := parse("x.py", []byte(text)); err != nil || len(facts) > maxCalls+10 {
				t.Errorf("%d facts, error %v", len(facts), err)
			}
		})
	}
}
