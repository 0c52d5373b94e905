package weir_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// room is a row of a table in ARCHITECTURE.md.
type room struct {
	name    string
	charter string
	imports []string
}

// source is one parsed Go file of the module.
type source struct {
	name string // relative to the module, with slashes
	dir  string
	test bool
	file *ast.File
}

// house is everything that the tests of this file look at.
type house struct {
	rooms, planned []room
	doors          map[string][]string // module → rooms
	heavy          map[string]bool
	pure           []string
	fset           *token.FileSet
	files          []source
}

const modulePath = "weir"

// open reads table and code once for all tests.
func open(t *testing.T) *house {
	t.Helper()
	opened.Do(func() { theHouse = read(t) })
	if theHouse == nil {
		t.Fatal("the code could not be read: see the first failure")
	}
	return theHouse
}

var (
	opened   sync.Once
	theHouse *house
)

func read(t *testing.T) *house {
	t.Helper()
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{doors: map[string][]string{}, heavy: map[string]bool{}, fset: token.NewFileSet()}
	for _, row := range table(t, text, "## Rooms") {
		h.rooms = append(h.rooms, room{row[0], row[1], strings.Fields(strings.ReplaceAll(row[2], "`", ""))})
	}
	for _, row := range table(t, text, "## Rooms to come") {
		h.planned = append(h.planned, room{name: row[0], charter: row[1]})
	}
	for _, row := range table(t, text, "## Doors") {
		h.doors[row[0]] = strings.Fields(strings.ReplaceAll(row[1], "`", ""))
		h.heavy[row[0]] = row[2] == "yes"
	}
	for _, m := range regexp.MustCompile(`(?s)\*\*Pure rooms\*\*[^:]*:(.*?)\. They do not`).FindAllSubmatch(text, 1) {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllSubmatch(m[1], -1) {
			h.pure = append(h.pure, string(name[1]))
		}
	}
	if len(h.rooms) < 10 || len(h.doors) == 0 || len(h.pure) == 0 {
		t.Fatalf("ARCHITECTURE.md gave %d rooms, %d doors, %d pure rooms: its form has changed", len(h.rooms), len(h.doors), len(h.pure))
	}
	h.parse(t)
	return h
}

// table reads the first Markdown table after a heading; the code marks around the first cell are dropped.
func table(t *testing.T, text []byte, heading string) [][]string {
	t.Helper()
	_, rest, ok := bytes.Cut(text, []byte("\n"+heading+"\n"))
	if !ok {
		t.Fatalf("ARCHITECTURE.md has no heading %q", heading)
	}
	var rows [][]string
	for line := range strings.Lines(string(rest)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "## ") {
			break
		}
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		cells[0] = strings.Trim(cells[0], "`")
		rows = append(rows, cells)
	}
	if len(rows) < 3 {
		t.Fatalf("the table below %q is empty", heading)
	}
	return rows[2:] // without head and rule
}

// parse reads every Go file of the module; testdata and hidden folders are not part of it.
func (h *house) parse(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parser.ParseFile(h.fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		h.files = append(h.files, source{name, path.Dir(name), strings.HasSuffix(name, "_test.go"), f})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(h.files) < 20 {
		t.Fatalf("only %d Go files were found", len(h.files))
	}
}

func (h *house) room(dir string) *room {
	i := slices.IndexFunc(h.rooms, func(r room) bool { return r.name == dir })
	if i < 0 {
		return nil
	}
	return &h.rooms[i]
}

// short is how the table names a room among imports: format/archive is archive.
func short(dir string) string {
	if dir == "." {
		return "."
	}
	return path.Base(dir)
}

func (h *house) isPure(dir string) bool {
	return slices.ContainsFunc(h.pure, func(p string) bool {
		ok, _ := path.Match(p, dir)
		return ok
	})
}

func imports(f *ast.File) []string {
	var out []string
	for _, i := range f.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		out = append(out, p)
	}
	return out
}

func TestRoomsAreListed(t *testing.T) {
	h := open(t)
	seen := map[string]bool{}
	for _, s := range h.files {
		seen[s.dir] = true
		if h.room(s.dir) == nil {
			t.Errorf("%s: ARCHITECTURE.md has no row for its room %s", s.name, s.dir)
		}
		if slices.Contains([]string{"util", "utils", "common", "helpers", "shared"}, path.Base(s.dir)) {
			t.Errorf("%s: a name that says nothing about what the room is for", s.dir)
		}
	}
	for _, r := range h.rooms {
		if !seen[r.name] {
			t.Errorf("ARCHITECTURE.md has a row for %s, which does not exist", r.name)
		}
	}
	for _, r := range h.planned {
		if seen[r.name] {
			t.Errorf("%s exists: move its row out of the rooms to come", r.name)
		}
	}
}

func TestCharters(t *testing.T) {
	h := open(t)
	for _, r := range h.rooms {
		doc := ""
		for _, s := range h.files {
			if s.dir == r.name && !s.test && s.file.Doc != nil {
				doc = s.file.Doc.Text()
			}
		}
		if got := charter(doc); got != r.charter {
			t.Errorf("%s: package comment and table differ:\n comment: %s\n   table: %s", r.name, got, r.charter)
		}
	}
}

// charter is the first sentence of a package comment without "Package name".
func charter(doc string) string {
	doc = strings.Join(strings.Fields(doc), " ")
	if i := strings.Index(doc+" ", ". "); i >= 0 {
		doc = doc[:i]
	}
	parts := strings.SplitN(doc, " ", 3)
	if len(parts) < 3 {
		return doc
	}
	return parts[2]
}

func TestImports(t *testing.T) {
	h := open(t)
	for _, s := range h.files {
		r := h.room(s.dir)
		if s.test || r == nil {
			continue
		}
		for _, p := range imports(s.file) {
			if msg := h.allowed(r, p); msg != "" {
				t.Errorf("%s imports %q: %s", s.name, p, msg)
			}
		}
	}
}

// allowed says why a room may not import a path, or nothing.
func (h *house) allowed(r *room, p string) string {
	first, _, _ := strings.Cut(p, "/")
	if p == modulePath || strings.HasPrefix(p, modulePath+"/") {
		dir := strings.TrimPrefix(strings.TrimPrefix(p, modulePath), "/")
		if dir == "" {
			dir = "."
		}
		if slices.Contains(r.imports, "anything") || slices.Contains(r.imports, short(dir)) ||
			strings.HasPrefix(dir, "internal/format/") && slices.Contains(r.imports, "format/*") {
			return ""
		}
		return fmt.Sprintf("the table allows %s only %v", r.name, r.imports)
	}
	if !strings.Contains(first, ".") {
		if h.isPure(r.name) && impure(p) {
			return "a pure room has no access to files, network, processes, clock or raw memory"
		}
		return ""
	}
	for module, rooms := range h.doors {
		if p == module || strings.HasPrefix(p, module+"/") {
			if slices.Contains(rooms, r.name) {
				return ""
			}
			return fmt.Sprintf("its door is %v", rooms)
		}
	}
	return "the module has no door in ARCHITECTURE.md"
}

// impure lists what pure rooms must not import, with everything below it.
func impure(p string) bool {
	for _, bad := range []string{"os", "net", "syscall", "time", "unsafe", "plugin", "log", "runtime/debug"} {
		if p == bad || strings.HasPrefix(p, bad+"/") {
			return true
		}
	}
	return false
}

func TestDoors(t *testing.T) {
	h := open(t)
	for module, rooms := range h.doors {
		if h.heavy[module] && len(rooms) != 1 {
			t.Errorf("%s is heavy and has %d doors", module, len(rooms))
		}
		for _, r := range rooms {
			used := slices.ContainsFunc(h.files, func(s source) bool {
				return s.dir == r && slices.ContainsFunc(imports(s.file), func(p string) bool { return p == module || strings.HasPrefix(p, module+"/") })
			})
			if !used {
				t.Errorf("ARCHITECTURE.md gives %s the door %s, which does not use it", module, r)
			}
		}
	}
}

// TestChain bounds how many rooms stand on each other.
func TestChain(t *testing.T) {
	h := open(t)
	next := map[string][]string{}
	for _, s := range h.files {
		for _, p := range imports(s.file) {
			if !s.test && strings.HasPrefix(p, modulePath+"/") {
				next[s.dir] = append(next[s.dir], strings.TrimPrefix(p, modulePath+"/"))
			}
		}
	}
	var depth func(dir string, seen []string) int
	depth = func(dir string, seen []string) int {
		if slices.Contains(seen, dir) {
			t.Fatalf("import cycle: %v", append(seen, dir))
		}
		d := 0
		for _, n := range next[dir] {
			d = max(d, 1+depth(n, append(seen, dir)))
		}
		return d
	}
	for _, r := range h.rooms {
		if d := depth(r.name, nil); d > 6 {
			t.Errorf("%s stands on a chain of %d rooms, want at most 6", r.name, d)
		}
	}
}

func TestParsersAreFuzzed(t *testing.T) {
	h := open(t)
	found := 0
	for _, r := range h.rooms {
		if !strings.HasPrefix(r.name, "internal/format/") || r.name == "internal/format/formattest" {
			continue
		}
		fuzzed := slices.ContainsFunc(h.files, func(s source) bool {
			return s.dir == r.name && s.test && slices.ContainsFunc(functions(s.file), func(f *ast.FuncDecl) bool {
				return f.Recv == nil && strings.HasPrefix(f.Name.Name, "Fuzz")
			})
		})
		if !fuzzed {
			t.Errorf("%s has no fuzz target", r.name)
		}
		found++
	}
	if found == 0 {
		t.Fatal("no parsers were found")
	}
}

func functions(f *ast.File) []*ast.FuncDecl {
	var out []*ast.FuncDecl
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			out = append(out, fn)
		}
	}
	return out
}

func TestNoInit(t *testing.T) {
	h := open(t)
	for _, s := range h.files {
		for _, f := range functions(s.file) {
			if f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: init() makes things happen that nobody asked for; list them in internal/catalog", h.fset.Position(f.Pos()))
			}
		}
	}
}

// TestReadAllIsBounded accepts io.ReadAll only around something that ends: a LimitReader, a SectionReader, or bytes in memory.
func TestReadAllIsBounded(t *testing.T) {
	h := open(t)
	for _, s := range h.files {
		if s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || selector(call.Fun) != "io.ReadAll" {
				return true
			}
			arg, ok := call.Args[0].(*ast.CallExpr)
			if !ok || !slices.Contains([]string{"io.LimitReader", "io.NewSectionReader", "http.MaxBytesReader", "bytes.NewReader", "strings.NewReader"}, selector(arg.Fun)) {
				t.Errorf("%s: io.ReadAll without a bound in the same expression", h.fset.Position(call.Pos()))
			}
			return true
		})
	}
}

func selector(e ast.Expr) string {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if x, ok := s.X.(*ast.Ident); ok {
		return x.Name + "." + s.Sel.Name
	}
	return ""
}

// loaders are functions that give a list which may be empty without an error.
var loaders = []string{"filepath.Glob", "fs.Glob", "os.ReadDir", "fs.ReadDir", "filepath.WalkDir", "filepath.Walk", "fs.WalkDir"}

// systemPath reports whether a call lists a fixed folder of the system (/proc/self/fd), which is no store of fixtures.
func systemPath(call *ast.CallExpr) bool {
	lit, ok := call.Args[0].(*ast.BasicLit)
	return ok && lit.Kind == token.STRING && strings.HasPrefix(lit.Value, `"/`)
}

// TestLoadersFailWhenEmpty looks for tests that would pass on nothing: a test function, or a function that it calls, that lists files has to
// compare what it found with a number.
func TestLoadersFailWhenEmpty(t *testing.T) {
	h := open(t)
	seen := 0
	for _, s := range h.files {
		if !s.test {
			continue
		}
		for _, f := range functions(s.file) {
			lists, counts := "", false
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					if name := selector(n.Fun); slices.Contains(loaders, name) && !systemPath(n) {
						lists = name
					}
				case *ast.BinaryExpr:
					if lit, ok := n.Y.(*ast.BasicLit); ok && lit.Kind == token.INT && (n.Op == token.EQL || n.Op == token.LSS) {
						counts = true
					}
				}
				return true
			})
			if lists == "" {
				continue
			}
			seen++
			if !counts {
				t.Errorf("%s: %s uses %s and never checks that it found anything", h.fset.Position(f.Pos()), f.Name.Name, lists)
			}
		}
	}
	if seen == 0 {
		t.Fatal("no loaders were found, not even this test's own")
	}
}
