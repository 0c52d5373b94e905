package scan

import (
	"cmp"
	"slices"
	"strings"

	"weir"
	"weir/internal/format"
	"weir/internal/rule"
	"weir/internal/source"
)

// Bounds on what is held of one model folder until its last file is known. Beyond them its files are sent at once, without the rules
// over the folder, and that is a problem: real folders are far below.
const (
	maxFolderFiles = 20_000
	maxFolderFacts = 200_000
)

// folder is a folder that a format claims by its entries' names.
type folder struct {
	dir    *source.Dir
	format *format.Format
	from   int // held[from:to] lie in it
	to     int
	sure   bool // a file directly in it is a model of the format's framework
	sum    weir.Artifact
	holds  weir.Holds
	over   bool // more lies in it than is held
	tree   []weir.Finding
}

// folders holds back the files of a folder that is one model until the walk has left it, so that rules can look at all of them together
// and their findings still come with the file that they are about. Everything else passes through.
type folders struct {
	cfg    *Config
	sink   weir.Sink
	claims map[*source.Dir]*format.Format
	open   []*folder // outermost first
	closed []*folder // inner ones of the outermost open folder, in order
	held   []*result
	facts  int
	loose  project   // the manifests outside of models: judged and sent when the walk is over
	after  []*result // they
}

// take receives the next result of the walk.
func (t *folders) take(r *result) error {
	for len(t.open) > 0 && !below(r.file.Dir, t.last().dir) {
		if err := t.leave(); err != nil {
			return err
		}
	}
	t.enter(r.file.Dir)
	if len(t.open) == 0 {
		if r.file.Dir == nil {
			t.cfg.alone(r)
		}
		return t.pass(r)
	}
	for i := range r.units {
		t.facts += len(r.units[i].Facts)
	}
	t.held = append(t.held, r)
	if t.facts <= maxFolderFacts && len(t.held) <= maxFolderFiles {
		return nil
	}
	// Too much to hold: what is here goes out, and no rule sees the folder as a whole.
	for _, f := range t.open {
		f.over = true
	}
	return t.flush()
}

// pass sends a file, unless it states dependencies: then it waits for the others that do.
func (t *folders) pass(r *result) error {
	if !r.states(t.cfg) {
		return r.send(t.cfg, t.sink)
	}
	t.loose.add(r)
	t.after = append(t.after, r)
	if t.loose.facts <= maxProjectFacts {
		return nil
	}
	r.problems = append(r.problems, ProblemRecord{Stage: "limit", Reason: "more manifests than are judged at once: those before and after this one were judged apart"})
	return t.settle()
}

// settle judges the manifests that wait and sends them in the order of the walk.
func (t *folders) settle() error {
	t.loose.judge()
	for _, r := range t.after {
		if err := r.send(t.cfg, t.sink); err != nil {
			return err
		}
	}
	t.after = nil
	return nil
}

// alone applies the tree rules to the main file of a model folder that was named without its folder: they see that file and nothing else.
func (cfg *Config) alone(r *result) {
	base := r.file.Path[strings.LastIndexByte(r.file.Path, '/')+1:]
	f := cfg.Catalog.folder([]string{base})
	if f == nil || !r.is(cfg, f) {
		return
	}
	units := slices.Clone(r.units)
	for i := range units {
		units[i].Member = cmp.Or(units[i].Member, base)
		if i > 0 {
			units[i].Member = join(base, r.units[i].Member)
		}
		units[i].Model = cfg.Catalog.anyModel(units[i].Formats)
	}
	cfg.tree(r.file.Path, f, units, func(v weir.Finding) {
		_, v.Member, _ = strings.Cut(v.Member, "!/")
		v.Path = r.file.Path
		r.tree = append(r.tree, v)
	})
}

func (t *folders) last() *folder { return t.open[len(t.open)-1] }

func below(d, top *source.Dir) bool {
	for ; d != nil; d = d.Up {
		if d == top {
			return true
		}
	}
	return false
}

// enter opens the folders between the innermost open one and dir that a format claims.
func (t *folders) enter(dir *source.Dir) {
	var fresh []*folder
	for d := dir; d != nil && (len(t.open) == 0 || d != t.last().dir); d = d.Up {
		if f := t.claim(d); f != nil {
			fresh = append(fresh, &folder{dir: d, format: f, from: len(t.held)})
		}
	}
	for _, f := range slices.Backward(fresh) {
		if f.format.Below == "" || !slices.ContainsFunc(t.open, func(o *folder) bool { return o.format == f.format }) {
			t.open = append(t.open, f)
		}
	}
}

// decides reports whether files of a folder say if f is a model.
func (f *folder) decides(dir *source.Dir) bool {
	if below := f.format.Below; below != "" {
		return dir != nil && dir.Up == f.dir && dir.Path[strings.LastIndexByte(dir.Path, '/')+1:] == below
	}
	return dir == f.dir
}

// claim gives the format that claims a folder by the names in it, nil when none does.
func (t *folders) claim(d *source.Dir) *format.Format {
	f, known := t.claims[d]
	if !known {
		f = t.cfg.Catalog.folder(d.Names)
		t.claims[d] = f
	}
	return f
}

func (c *Catalog) folder(names []string) *format.Format {
	for i := range c.Formats {
		if f := &c.Formats[i]; f.MatchDir != nil && f.MatchDir(names) {
			return f
		}
	}
	return nil
}

// below gives a function that says whether a folder, or one that it lies in, is claimed. It remembers what it was asked.
func (c *Catalog) below() func(*source.Dir) bool {
	known := map[*source.Dir]bool{nil: false}
	var ask func(d *source.Dir) bool
	ask = func(d *source.Dir) bool {
		is, ok := known[d]
		if !ok {
			is = c.folder(d.Names) != nil || ask(d.Up)
			known[d] = is
		}
		return is
	}
	return ask
}

// leave closes the innermost open folder; with the outermost one all that is held goes out.
func (t *folders) leave() error {
	f := t.last()
	f.to = len(t.held)
	t.open = t.open[:len(t.open)-1]
	t.closed = append(t.closed, f)
	if !f.over {
		t.judge(f)
	}
	if len(t.open) > 0 {
		return nil
	}
	return t.flush()
}

// end sends what is still held; whole says that the walk came to its end, otherwise folders are not judged.
func (t *folders) end(whole bool) error {
	for whole && len(t.open) > 0 {
		if err := t.leave(); err != nil {
			return err
		}
	}
	t.open = nil
	if err := t.flush(); err != nil {
		return err
	}
	return t.settle()
}

// flush sends the held files in order and each closed folder after its last file.
func (t *folders) flush() error {
	next := 0
	for i := 0; i <= len(t.held); i++ {
		for ; next < len(t.closed) && t.closed[next].to <= i; next++ {
			f := t.closed[next]
			f.count(t.cfg, t.held[f.from:f.to])
			if err := t.send(f); err != nil {
				return err
			}
		}
		if i == len(t.held) {
			break
		}
		if err := t.pass(t.held[i]); err != nil {
			return err
		}
	}
	for _, f := range t.open {
		f.count(t.cfg, t.held[f.from:])
		f.from = 0
	}
	t.held, t.closed, t.facts = nil, nil, 0
	return nil
}

// count adds files that were sent to what their folder has come to.
func (f *folder) count(cfg *Config, files []*result) {
	for _, r := range files {
		f.sum.Size += r.file.Size
		f.holds.Worst = max(f.holds.Worst, r.worst)
		f.holds.Problems = f.holds.Problems || r.err != nil || len(r.problems) > 0
		if r.artifact.Coverage == weir.CoverageRecognised {
			f.sum.Coverage = weir.CoverageRecognised
		}
		f.sure = f.sure || f.decides(r.file.Dir) && r.is(cfg, f.format)
	}
}

// is reports whether a file is a model of the framework to which a folder's format belongs.
func (r *result) is(cfg *Config, want *format.Format) bool {
	return len(r.units) > 0 && cfg.Catalog.modelOf(r.units[0].Formats, want)
}

func (c *Catalog) modelOf(names []string, want *format.Format) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		f := c.format(n)
		return f != nil && f.Model && f.Framework == want.Framework
	})
}

// judge applies the rules over a folder and gives each finding to the file that it is about.
func (t *folders) judge(f *folder) {
	files := t.held[f.from:f.to]
	if !slices.ContainsFunc(files, func(r *result) bool { return f.decides(r.file.Dir) && r.is(t.cfg, f.format) }) {
		return
	}
	type place struct {
		r      *result
		member string
	}
	places := map[string]place{}
	var units []rule.Unit
	for _, r := range files {
		rel := r.file.Path
		if f.dir.Path != "." {
			rel = strings.TrimPrefix(strings.TrimPrefix(rel, f.dir.Path), "/")
		}
		for i := range r.units {
			u := r.units[i]
			u.Model = t.cfg.Catalog.anyModel(u.Formats)
			if u.Member = rel; r.units[i].Member != "" {
				u.Member = join(rel, r.units[i].Member)
			}
			places[u.Member] = place{r, r.units[i].Member}
			units = append(units, u)
		}
	}
	own := project{cfg: t.cfg, path: f.dir.Path}
	for _, r := range files {
		if r.states(t.cfg) {
			own.add(r)
		}
	}
	own.judge()
	t.cfg.tree(f.dir.Path, f.format, units, func(v weir.Finding) {
		p, ok := places[v.Member]
		if !ok {
			v.Member = ""
			f.tree = append(f.tree, v)
			return
		}
		v.Path, v.Member = p.r.file.Path, p.member
		p.r.tree = append(p.r.tree, v)
	})
}

func (c *Catalog) anyModel(names []string) bool {
	return slices.ContainsFunc(names, c.model)
}

// tree runs the rules of tree scope over a model folder.
func (cfg *Config) tree(dir string, f *format.Format, units []rule.Unit, report func(weir.Finding)) {
	rule.Apply(cfg.Rules, rule.ScopeTree, rule.Pass{
		File:  weir.Artifact{Path: dir, Format: f.Name, Framework: f.Framework},
		Units: units, Names: cfg.Names, Trust: cfg.Trust, Report: report,
	})
}

// send says what a folder is, after its files; a folder that only has the names of a model is none.
func (t *folders) send(f *folder) error {
	if !f.sure {
		return nil
	}
	for _, v := range f.tree {
		if !v.Outside() {
			f.holds.Worst = max(f.holds.Worst, v.Severity)
		}
		if err := t.sink(weir.Event{Finding: &v}); err != nil {
			return err
		}
	}
	if f.over {
		f.holds.Problems = true
		p := weir.Problem{Path: f.dir.Path, Stage: "limit", Reason: "more in this folder than is held at once: its files were examined, but not together"}
		if err := t.sink(weir.Event{Problem: &p}); err != nil {
			return err
		}
	}
	a := f.sum
	a.Path, a.Format, a.Framework, a.Holds = f.dir.Path, f.format.Name, f.format.Framework, &f.holds
	a.Coverage = cmp.Or(a.Coverage, weir.CoverageComplete)
	if f.holds.Problems {
		a.Coverage = weir.CoveragePartial
	}
	return t.sink(weir.Event{Artifact: &a})
}

// packed finds the folders in an archive that are one model each, applies the rules over them, and names the archive by the first.
func (r *result) packed(cfg *Config, a *weir.Artifact) {
	if len(r.units) < 2 {
		return
	}
	named := cfg.Catalog.anyModel(r.units[0].Formats)
	names := map[string][]string{} // of the entries of each folder
	var order []string
	for i := range r.units {
		dir, base := splitMember(r.units[i].Member)
		if names[dir] == nil {
			order = append(order, dir)
		}
		names[dir] = append(names[dir], base)
	}
	for _, dir := range order {
		f := cfg.Catalog.folder(names[dir])
		if f == nil {
			continue
		}
		units := r.inFolder(dir)
		if !slices.ContainsFunc(units, func(u rule.Unit) bool {
			return !strings.Contains(u.Member, "/") && cfg.Catalog.modelOf(u.Formats, f)
		}) {
			continue
		}
		if !named {
			a.Format, a.Framework, named = f.Name, f.Framework, true
		}
		cfg.tree(a.Path, f, units, func(v weir.Finding) {
			v.Path, v.Member = a.Path, dir+v.Member
			r.tree = append(r.tree, v)
		})
	}
}

// inFolder gives the units of an archive's folder, named from there.
func (r *result) inFolder(dir string) []rule.Unit {
	var units []rule.Unit
	for _, u := range r.units {
		if rel, ok := strings.CutPrefix(u.Member, dir); ok && rel != "" {
			u.Member = rel
			units = append(units, u)
		}
	}
	return units
}

// splitMember splits a member into its folder, with the slash or "!/" behind it, and its name.
func splitMember(m string) (dir, base string) {
	inner := m
	if i := strings.LastIndex(m, "!/"); i >= 0 {
		inner = m[i+2:]
	}
	base = inner[strings.LastIndexByte(inner, '/')+1:]
	return m[:len(m)-len(base)], base
}
