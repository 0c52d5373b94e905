package manifest

import (
	"path"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"weir"
	"weir/internal/format"
)

// requirement is the beginning of a line of a requirements file: a specifier, an option, an address or a path.
var requirement = weir.Pattern(`^(?:[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^\]]*\])?\s*(?:[=<>!~;@(\\].*)?(?:\s--?[a-z].*)?|-{1,2}[A-Za-z].*|[A-Za-z+]+:[^\s].*|[./][^ ]*|\$\{.*)$`)

// pinned is a line that no list of words has.
var pinned = weir.Pattern(`^[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^\]]*\])?\s*(?:[=~!]=|[<>]=?)\s*[0-9]`)

// isRequirements knows a requirements file by its name and by its lines: most must be such as pip reads, so that prose of that name is none
// while a file with some damaged lines still is.
func isRequirements(h format.Head) bool {
	base, dir := strings.ToLower(path.Base(h.Name)), strings.ToLower(path.Base(path.Dir(h.Name)))
	ext := path.Ext(base)
	if ext != ".txt" && ext != ".in" && ext != ".pip" || !textual(h.First) {
		return false
	}
	named := strings.Contains(base, "requirement") || strings.Contains(base, "constraint") || base == "reqs.txt" || dir == "requirements" || dir == "reqs"
	text := string(decode(h.First).b)
	if int64(len(h.First)) < h.Size { // the last line is cut
		text = text[:strings.LastIndexByte(text, '\n')+1]
	}
	good, bad, pins := 0, 0, 0
	logicalLines(text, func(l *logical) {
		switch line := strings.TrimFunc(uncomment(l.s), blank); {
		case line == "", line == "\\": // a backslash with blanks behind it continues nothing
		case requirement().MatchString(line), named && len(l.pieces) > 1 && identifier().MatchString(line): // joined by mistake, it is damaged but no prose
			if good++; pinned().MatchString(line) {
				pins++
			}
		default:
			bad++
		}
	})
	if !named { // -r names files as it likes: one of another name must be nothing else, and pin something
		return bad == 0 && pins > 0
	}
	return bad == 0 || good > 2*bad
}

// blank reports what Python's str.strip and \s take for a blank: the four separators of ASCII too.
func blank(r rune) bool { return unicode.IsSpace(r) || r >= '\x1c' && r <= '\x1f' }

// uncomment drops a comment as pip does: a # at the beginning of a line or after a blank.
func uncomment(line string) string {
	for i := 0; i < len(line); i++ {
		if line[i] != '#' {
			continue
		}
		if r, _ := utf8.DecodeLastRuneInString(line[:i]); i == 0 || blank(r) {
			return strings.TrimRightFunc(line[:i], blank)
		}
	}
	return line
}

// logical is a line after pip has joined what backslashes continue, with the places of its pieces.
type logical struct {
	s      string
	pieces [][2]int // where a piece begins in s, and where it stands in the text
	at     int      // where the first begins in the text
}

// place gives the offset in the text of the n bytes from i of the line on; -1 where they do not stand together.
func (l *logical) place(i, n int) int {
	k := sort.Search(len(l.pieces), func(k int) bool { return l.pieces[k][0] > i }) - 1
	if k < 0 || k+1 < len(l.pieces) && i+n > l.pieces[k+1][0] || i+n > len(l.s) {
		return -1
	}
	return l.pieces[k][1] + i - l.pieces[k][0]
}

// splits gives the length of the line break at the beginning of s, of those that Python's splitlines knows; pip reads lines with it, so a
// form feed or a Unicode separator ends a comment.
func splits(s string) int {
	switch s[0] {
	case '\r':
		if len(s) > 1 && s[1] == '\n' {
			return 2
		}
		return 1
	case '\n', '\v', '\f', '\x1c', '\x1d', '\x1e':
		return 1
	case 0xc2, 0xe2:
		if r, n := utf8.DecodeRuneInString(s); r == '\u0085' || r == '\u2028' || r == '\u2029' {
			return n
		}
	}
	return 0
}

// logicalLines joins lines as pip does (pip/_internal/req/req_file.py, join_lines): a backslash at the end continues a line, a comment line ends
// what is continued.
func logicalLines(text string, yield func(*logical)) {
	l := &logical{}
	var joined strings.Builder
	for at := 0; at <= len(text); {
		end, br := at, 0
		for end < len(text) {
			if text[end] < ' ' || text[end] >= 0xc2 {
				if br = splits(text[end:]); br > 0 {
					break
				}
			}
			end++
		}
		line := text[at:end]
		isComment := strings.HasPrefix(strings.TrimLeftFunc(line, blank), "#")
		if isComment {
			joined.WriteByte(' ') // so that the # is one of a comment
		}
		from, next := at, end+br
		cont := strings.HasSuffix(line, "\\") && !isComment
		if cont {
			trimmed := strings.TrimLeft(line, "\\")
			from += len(line) - len(trimmed)
			line = strings.TrimRight(trimmed, "\\")
		}
		l.pieces = append(l.pieces, [2]int{joined.Len(), from})
		joined.WriteString(line)
		if !cont || br == 0 {
			l.s = joined.String()
			yield(l)
			l = &logical{at: next}
			joined.Reset()
		}
		if at = next; br == 0 {
			break
		}
	}
}

// parseRequirements reads a requirements file. One that pip-compile or uv wrote is a lock file: its comments say who needs what.
func parseRequirements(in *format.Input, t *text) error {
	base := strings.ToLower(path.Base(in.Name))
	f := &pipFile{in: in, t: t, origin: weir.OriginManifest, group: groupOf(base)}
	if strings.Contains(base, "constraint") {
		f.origin = weir.OriginConstraint
	}
	if head := string(t.b[:min(len(t.b), 2048)]); strings.Contains(head, "autogenerated by pip-compile") || strings.Contains(head, "autogenerated by uv") {
		f.origin = weir.OriginLock
		f.via = map[string][]string{}
	}
	logicalLines(string(t.b), f.line)
	f.flush()
	return nil
}

// groupWords name files and groups that only development needs.
var groupWords = weir.Pattern(`(?:^|[-_./])(dev|develop|development|test|tests|testing|docs?|lint|ci|typing|benchmark)(?:[-_.]|$)`)

// groupOf gives the group that a file's name says: dev, test, or what it is called; empty for what is always installed.
func groupOf(base string) string {
	m := groupWords().FindStringSubmatch(base)
	if m == nil {
		return ""
	}
	switch m[1] {
	case "develop", "development":
		return "dev"
	case "tests", "testing":
		return "test"
	}
	return m[1]
}

// pipFile is a requirements file that is being read.
type pipFile struct {
	in     *format.Input
	t      *text
	origin weir.Origin
	group  string
	via    map[string][]string // of a compiled file: package → those that need it; "" for whoever asked
	held   []weir.Requirement  // of a compiled file, until the comments behind them are read
	inVia  bool
}

// line reads one logical line.
func (f *pipFile) line(l *logical) {
	if f.via != nil {
		f.comment(l.s)
	}
	s := uncomment(l.s)
	lead := len(s) - len(strings.TrimLeftFunc(s, blank))
	if s = strings.TrimFunc(s, blank); s == "" {
		return
	}
	f.statement(s, f.t.line(l.at), func(i, n int) int { return l.place(lead+i, n) })
}

// statement reads what stands in a line, or in the place of one in a list of another manifest; place gives offsets in the text.
func (f *pipFile) statement(s string, line int, place func(i, n int) int) {
	args, options := s, ""
	if i := optionAt(s); i >= 0 {
		args, options = strings.TrimSpace(s[:i]), s[i:]
	}
	words := shellWords(options, len(s)-len(options), line, place)
	if args == "" {
		f.in.Emit(weir.Setting{Key: "pip.option", Value: cut(s, maxStatement), Line: line})
	}
	o := &pipOptions{t: f.t, statement: s, line: line}
	o.read(words, pipFileOptions)
	o.facts = heeded(o.facts)
	if args != "" {
		o.facts = nil // pip takes of the options of a requirement only its hashes
		if strings.Contains(args, "://") || looksLikePath(args) || strings.Contains(args, ".whl") {
			f.in.Emit(weir.Setting{Key: "pip.source", Value: cut(args, maxStatement), Line: line})
		}
		if r, ok := pipArgument(f.t, args, place(0, len(args)), line); ok {
			r.Hashes += o.hashes
			f.add(r)
		} else {
			o.facts = append(o.facts, localProject(args, line))
		}
	}
	for _, fact := range o.facts {
		if r, ok := fact.(weir.Requirement); ok {
			f.add(r)
		} else {
			f.in.Emit(fact)
		}
	}
}

// heeded gives what pip heeds of all that the options of one line say (handle_line in pip/_internal/req/req_file.py): beside -e nothing else, of
// several -r and -c the first -r, and nothing beside it, of several -i the last.
func heeded(facts []weir.Fact) []weir.Fact {
	nested, index := -1, -1
	for i, f := range facts {
		switch f := f.(type) {
		case weir.Requirement:
			return facts[i : i+1]
		case weir.Include:
			if f.Kind != isFile && f.Kind != isConstraint { // a folder behind -e
				return facts[i : i+1]
			}
			if nested < 0 || f.Kind == isFile && facts[nested].(weir.Include).Kind == isConstraint {
				nested = i
			}
		case weir.Setting:
			if f.Key == "index.url" {
				index = i
			}
		}
	}
	if nested >= 0 {
		return facts[nested : nested+1]
	}
	var kept []weir.Fact
	for i, f := range facts {
		if s, ok := f.(weir.Setting); !ok || s.Key != "index.url" || i == index {
			kept = append(kept, f)
		}
	}
	return kept
}

func (f *pipFile) add(r weir.Requirement) {
	if r.Origin, r.Group = f.origin, f.group; f.via == nil {
		f.in.Emit(r)
		return
	}
	f.held = append(f.held, r)
}

// comment reads the comments of compiled files: "# via" and the lines after it, or all in one line.
func (f *pipFile) comment(s string) {
	_, c, ok := strings.Cut(s, "#")
	if ok && strings.TrimSpace(s[:len(s)-len(c)-1]) != "" {
		f.inVia = false // a comment behind a requirement; it is held only afterwards
	}
	c = strings.TrimSpace(c)
	rest, via := strings.CutPrefix(c, "via")
	switch {
	case !ok:
		f.inVia = false
		return
	case via && (rest == "" || rest[0] == ' '):
		f.inVia, c = true, rest
	case !f.inVia:
		return
	}
	if len(f.held) == 0 {
		return
	}
	name := f.held[len(f.held)-1].Name
	for _, by := range strings.Split(c, ",") {
		switch by = strings.TrimSpace(by); {
		case by == "":
		case strings.HasPrefix(by, "-") || strings.ContainsAny(by, " (/") || strings.HasSuffix(by, ".in") || strings.HasSuffix(by, ".toml"):
			f.via[name] = append(f.via[name], "")
		default:
			f.via[name] = append(f.via[name], canonical(by))
		}
	}
}

// flush emits a compiled file: who needs whom is turned round, and what nobody but a person asked for is direct.
func (f *pipFile) flush() {
	needs, here := map[string][]string{}, map[string]bool{}
	for _, r := range f.held {
		here[r.Name] = true
	}
	for name, by := range f.via {
		for _, b := range by {
			if b != "" {
				needs[b] = append(needs[b], name)
			}
		}
	}
	for _, r := range f.held {
		by := f.via[r.Name]
		// The project itself is no entry of the file.
		r.Direct = len(by) == 0 || slices.ContainsFunc(by, func(b string) bool { return !here[b] })
		r.Requires = slices.Compact(slices.Sorted(slices.Values(needs[r.Name])))
		f.in.Emit(r)
	}
}

// optionAt finds where the options of a line begin: at the first word, between blanks, that begins with a dash.
func optionAt(s string) int {
	for i := range len(s) {
		if s[i] == '-' && (i == 0 || s[i-1] == ' ') {
			return i
		}
	}
	return -1
}

// shellWords splits text as Python's shlex does, keeping the places of words without quotes; start is where s begins for place.
func shellWords(s string, start, line int, place func(i, n int) int) []word {
	var words []word
	for i := 0; i < len(s); {
		if strings.IndexByte(" \t\r\n", s[i]) >= 0 {
			i++
			continue
		}
		var b strings.Builder
		w, quote, plain, from := word{at: -1, line: line}, byte(0), true, i
		for ; i < len(s) && (quote != 0 || strings.IndexByte(" \t\r\n", s[i]) < 0); i++ {
			switch c := s[i]; {
			case c == '\\' && quote != '\'' && i+1 < len(s) && (quote == 0 || s[i+1] == quote || s[i+1] == '\\'):
				i++
				b.WriteByte(s[i])
				plain = false
			case quote == 0 && (c == '\'' || c == '"'):
				if quote = c; i == from && plain {
					from++
				} else {
					plain = false
				}
			case quote != 0 && c == quote:
				if quote = 0; i+1 < len(s) && strings.IndexByte(" \t\r\n", s[i+1]) < 0 {
					plain = false
				}
			default:
				b.WriteByte(c)
			}
		}
		if w.text = b.String(); plain && w.text != "" {
			w.at = place(start+from, len(w.text))
		}
		w.open = hasVariable(w.text)
		words = append(words, w)
	}
	return words
}

// looksLikePath is pip's own test (pip/_internal/req/constructors.py), on Windows too, but for specifiers with a stray backslash behind them.
func looksLikePath(s string) bool {
	return strings.HasPrefix(s, ".") || strings.HasPrefix(s, "/") || strings.HasPrefix(s, "~") || strings.ContainsAny(s, "/\\") && !strings.ContainsAny(s, "@<>=;") && !strings.HasSuffix(s, " \\")
}

// scheme tells addresses from specifiers.
var scheme = weir.Pattern(`^[A-Za-z][A-Za-z0-9+.-]*:(?://|[^\s]*@|[./])`)

// pipArgument reads what pip takes for a requirement: a specifier, an address, a path to an archive. False for the folder of a local project, which
// is not of an index; its own manifests say what it needs.
func pipArgument(t *text, s string, at, line int) (weir.Requirement, bool) {
	bare, condition, _ := strings.Cut(s, ";")
	bare = strings.TrimSpace(bare)
	isAddress := scheme().MatchString(s) || strings.HasPrefix(strings.ToLower(s), "file:")
	if isAddress {
		bare, condition, _ = strings.Cut(s, "; ")
		bare = strings.TrimSpace(bare)
	}
	_, ending := archiveOf(bare)
	switch {
	case isAddress, ending != "" && !strings.ContainsAny(bare, "@<>= "):
	case looksLikePath(bare):
		if !hasVariable(bare) {
			return weir.Requirement{}, false
		}
	default:
		r := pep508(t, s, at, line)
		if name, condition, ok := strings.Cut(s, ";"); ok && r.Reason != "" && r.URL == "" && strings.Contains(name, "@") { // pip cuts there, packaging wants a blank
			if again := pep508(t, name+" ;"+condition, -1, line); again.URL != "" {
				again.Text = r.Text
				return again, true
			}
		}
		return r, true
	}
	r := weir.Requirement{
		Ecosystem: "pypi", State: weir.PinAny, Origin: weir.OriginManifest, Text: cut(s, maxStatement), Line: line, Direct: true,
		URL: bare, Marker: strings.TrimSpace(condition),
	}
	if i := strings.LastIndexByte(bare, '['); i > 0 && strings.HasSuffix(bare, "]") {
		for e := range strings.SplitSeq(bare[i+1:len(bare)-1], ",") {
			r.Extras = append(r.Extras, canonical(strings.TrimSpace(e)))
		}
		r.URL = bare[:i]
	}
	located(&r)
	return r, true
}

// localProject is a folder that is installed with what it needs itself.
func localProject(s string, line int) weir.Include {
	folder, _, _ := strings.Cut(s, ";")
	if i := strings.IndexByte(folder, '['); i >= 0 {
		folder = folder[:i]
	}
	return weir.Include{Path: strings.TrimSpace(folder), Kind: "module", Text: cut(s, maxStatement), Line: line}
}
