package manifest

import (
	"fmt"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"
)

// commandsOf reads a script with the real grammar of bash: the words of each simple command, for words without expansions.
func commandsOf(t *testing.T, s string) []string {
	t.Helper()
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(s), "")
	if err != nil {
		t.Fatalf("bash's grammar refuses %q: %v", s, err)
	}
	var list []string
	syntax.Walk(file, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		var words []string
		for _, w := range call.Args {
			var b strings.Builder
			for _, p := range w.Parts {
				literal(&b, p)
			}
			words = append(words, b.String())
		}
		list = append(list, strings.Join(words, "|"))
		return true
	})
	return list
}

// literal writes what a part of a word is after quotes were removed.
func literal(b *strings.Builder, p syntax.WordPart) {
	switch p := p.(type) {
	case *syntax.Lit:
		for i := 0; i < len(p.Value); i++ {
			if p.Value[i] == '\\' && i+1 < len(p.Value) {
				if i++; p.Value[i] == '\n' {
					continue
				}
			}
			b.WriteByte(p.Value[i])
		}
	case *syntax.SglQuoted:
		b.WriteString(p.Value)
	case *syntax.DblQuoted:
		for _, q := range p.Parts {
			if l, ok := q.(*syntax.Lit); ok {
				b.WriteString(strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\$`, `$`, "\\`", "`", "\\\n", "").Replace(l.Value))
			}
		}
	}
}

// TestShellAsBash compares the commands of generated scripts with those that bash's grammar gives.
func TestShellAsBash(t *testing.T) {
	pieces := []string{
		"pip install torch==1.12.0", "pip install 'torch>=1,<2' \"numpy==1.2\"", "sudo -H pip3 install \\\n  a==1 \\\n  b==2", "conda install -y -c x y=1",
		"cat <<EOF > requirements.txt\na==1\nb==2\nEOF", "bash -c 'pip install x==1'", "echo a\\ b \"c\\\"d\" 'e f'g", "make -C x 2>&1 >/dev/null",
		"python -m pip install --no-cache-dir a", "cd /x", "apt-get install -y git # comment; pip install no",
	}
	frames := []string{
		"%s\n", "if true; then\n  %s\nfi\n", "( %s\n)\n", "for i in a b; do\n%s\ndone\n", "{ %s\n}\n", "true && \\\n%s\n", "while false; do %s\ndone\n",
		"x() {\n%s\n}\n", "false || %s\n", "case $1 in\n a) %s\n ;;\nesac\n", "# %s\n",
	}
	n := 0
	for i, a := range pieces {
		for _, frame := range frames {
			for j, b := range pieces {
				if strings.Contains(frame, "# ") && strings.Contains(a, "\n") {
					continue // a comment of one line
				}
				s := fmt.Sprintf(frame, a) + b + "\n"
				want := commandsOf(t, s)
				var got []string
				for _, c := range shell(s, variables{}, plainShell) {
					var words []string
					for _, w := range c.words {
						words = append(words, w.text)
					}
					got = append(got, strings.Join(words, "|"))
				}
				if missing := lacks(got, want); missing != "" {
					t.Fatalf("%d %d %q\n got %q\nwant %q: %q is missing", i, j, s, got, want, missing)
				}
				n++
			}
		}
	}
	if n < 1000 {
		t.Fatalf("only %d scripts were compared", n)
	}
}

// lacks gives the first wanted command that is not there. More may be: words of loops and patterns of cases are read as commands too.
func lacks(got, want []string) string {
	at := 0
	for _, w := range want {
		for at < len(got) && got[at] != w {
			at++
		}
		if at == len(got) {
			return w
		}
		at++
	}
	return ""
}

// TestShellPlaces holds words to the bytes that they were read from.
func TestShellPlaces(t *testing.T) {
	s := "X=1.2\npip install torch==1.12.0 \"a==$X\" `cat pin` 'b==2' c==${Y:-3} ${{ matrix.d }}\n"
	got := ""
	for _, c := range shell(s, variables{}, plainShell) {
		for _, w := range c.words {
			got += fmt.Sprintf("%s %v %q; ", w.text, w.plain && s[w.at:w.at+w.size] == w.text, w.open)
		}
	}
	want := "X=1.2 true \"\"; cat true \"\"; pin true \"\"; pip true \"\"; install true \"\"; torch==1.12.0 true \"\"; a==1.2 false \"\"; `cat pin` false \"`cat pin`\"; " +
		"b==2 false \"\"; c==3 false \"\"; ${{ matrix.d }} false \"${{ matrix.d }}\"; "
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
