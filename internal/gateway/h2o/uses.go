package h2o

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// use is what an expression does to one key.
type use struct {
	key  string
	how  how
	sure bool // it happens whenever the expression succeeds: not in a branch or a function that may not run
}

type how int

const (
	reads   how = iota
	changes     // in place
	makes       // overwrites what was there
	tries       // makes, and fails when the name is taken
	deletes
	moves // deletes, and what was there lies under another name
)

// A function's effect beyond reading its arguments. The argument at 1 is the first.
type effect struct {
	reserved string      // who calls it must manage the cluster; the reason
	never    string      // nobody may call it through the gate; the reason
	names    map[int]how // arguments that are not evaluated: their name, or the text of a string, is a key
	keys     []int       // arguments whose strings are keys that are read
	inPlace  int         // what this argument names is changed
	flag     int         // … unless this argument is the constant False
	words    []int       // arguments that hold bare words: names of functions, or "_" for none
	literal  bool        // a name there is taken without the session's suffix
	big      bool        // numbers among its arguments are sizes
}

// pure are the functions that only read what they are given and make a new value of it.
const pure = `!! != % %% %/% & && * + , - / < <= == > >= ^ | || := abs acos acosh all any any.factor any.na append as.Date as.character as.factor
as.numeric asin asinh atan atanh cbind ceiling colnames= cols cols_py columnsByType cor cos cosh cospi countmatches cummax cummin cumprod cumsum
cut day dayOfWeek difflag1 digamma distance dropdup entropy exp expm1 fairnessMetrics filterNACols flatten floor gamma getTimeZone getrow grep
grouped_permute h2o.fillna h2o.mad h2o.random_stratified_split h2o.runif hist hour ifelse intDiv is.character is.factor is.na is.numeric isax
isotonic.pav kfold_column kurtosis levels lgamma listTimeZones log log10 log1p log2 lstrip match max maxNA mean median melt merge millis min minNA
minute mktime mode modulo_kfold_column moment month na.omit naCnt ncol nlevels none not nrow num_valid_substrings perfectAUC PermutationVarImp
pivot predicted.vs.actual.by.var prod prod.na rank_within_groupby rbind relevel relevel.by.freq replaceall replacefirst result
round rows rstrip rulefit.predict.rules scale sd second segment_models_as_frame setLevel sign signif sin sinh sinpi skewness sort sqrt
strDistance stratified_kfold_column strlen strsplit substring sum sumNA sumaxis t table tan tanh tanpi tf-idf tokenize tolower topn toupper
transform trigamma trim trunc unique var week which which.max which.min word2vec.to.frame x year`

// functions are all that H2O 3.46 knows, each judged: a test compares them with the server's own list.
var functions = sync.OnceValue(makeFunctions)

func makeFunctions() map[string]*effect {
	const (
		pythonTool = "it starts a program's main class with arguments of the caller's choice inside the server (CVE-2024-5979, CVE-2024-6863)"
		property   = "it sets a property of the server's JVM (CVE-2024-10572 and all that properties switch on)"
		everybody  = "it changes the server for everybody"
	)
	m := map[string]*effect{
		"run_tool":                  {never: pythonTool},
		"setproperty":               {never: property},
		"testing.setreadforbidden":  {never: property},
		"s3.generate.presigned.URL": {never: "it signs a URL with the server's credential"},
		"model.testJavaScoring":     {never: "it compiles a model to Java and runs it"},
		"mojo.pipeline.transform":   {reserved: "it runs a pipeline that was never scanned"},
		"ls":                        {reserved: "it names everybody's keys"},
		"setTimeZone":               {reserved: everybody},
		"assign":                    {names: map[int]how{1: makes}, literal: true},
		"tmp=":                      {names: map[int]how{1: tries}},
		"rm":                        {names: map[int]how{1: deletes}},
		"rename":                    {names: map[int]how{1: moves, 2: makes}},
		"makeLeaderboard":           {keys: []int{1, 2}},
		"appendLevels":              {inPlace: 1, flag: 2},
		"setDomain":                 {inPlace: 1, flag: 2},
		"scale_inplace":             {inPlace: 1},
		"h2o.impute":                {inPlace: 1, words: []int{6, 7}},
		"model.reset.threshold":     {inPlace: 1},
		"set.calibration.model":     {inPlace: 1},
		"tree.update.weights":       {inPlace: 1},
		"quantile":                  {words: []int{4}},
		"apply":                     {words: []int{3}},
		"ddply":                     {words: []int{3}},
		"GB":                        {words: []int{-3}}, // from the third on
		"seq":                       {big: true},
		"seq_len":                   {big: true},
		"rep_len":                   {big: true},
	}
	for _, f := range strings.Fields(pure) {
		m[f] = &effect{}
	}
	return m
}

// constant says that H2O looks a name up before keys.
func constant(name string) bool {
	switch name {
	case "FALSE", "False", "NA", "NaN", "PI", "Pi", "TRUE", "True", "false", "nan":
		return true
	}
	return false
}

// aggregate says that a word of GB is no function.
func aggregate(word string) bool {
	return word == "sumSquares" || word == "all" || word == "ignore" || word == "rm"
}

// lazy says that a function does not evaluate all its arguments.
func lazy(function string) bool {
	switch function {
	case "ifelse", "&&", "||", "apply", "ddply", "GB", "h2o.impute":
		return true
	}
	return false
}

// mostElements bounds what one expression may make a sequence of: 10⁸ numbers are 800 MB.
const mostElements = 1e8

// reading is what an expression asks for.
type reading struct {
	uses     []use
	reserved string // a function for those who manage the cluster, and why
	session  string
	seen     map[use]bool
	perhaps  int // how many terms around this one may leave it out
}

// usesOf says which keys an expression touches and how. session completes names that begin with '$'. An error is what nobody may do.
func usesOf(t term, session string) (*reading, error) {
	if session == "" {
		session = "_specialSess" // RapidsHandler.exec
	}
	r := &reading{session: session, seen: map[use]bool{}}
	return r, r.walk(t, nil, reads)
}

// scope is the chain of functions that a term stands in.
type scope struct {
	names []string
	outer *scope
}

func (s *scope) binds(n string) bool {
	for ; s != nil; s = s.outer {
		for _, own := range s.names {
			if own == n {
				return true
			}
		}
	}
	return false
}

func (r *reading) walk(t term, s *scope, h how) error {
	switch t.kind {
	case call:
		return r.call(t, s, h)
	case lambda:
		r.perhaps++
		defer func() { r.perhaps-- }()
		return r.walk(t.items[0], &scope{t.words, s}, h)
	case name:
		if constant(t.text) || s.binds(t.text) {
			return nil
		}
		// H2O looks a name up among the keys before the functions, so a bare name is a key whatever it says. Some functions take keys without
		// the session's suffix, so both are meant.
		r.add(t.text, h)
		if strings.HasPrefix(t.text, "$") {
			r.add(r.expand(t.text), h)
		}
	}
	return nil
}

func (r *reading) expand(n string) string {
	if rest, ok := strings.CutPrefix(n, "$"); ok {
		return rest + "~" + r.session
	}
	return n
}

func (r *reading) add(key string, h how) {
	u := use{key, h, r.perhaps == 0}
	if !r.seen[u] {
		r.seen[u] = true
		r.uses = append(r.uses, u)
	}
}

func (r *reading) call(t term, s *scope, h how) error {
	f := t.items[0]
	if f.kind != name {
		return fmt.Errorf("a call needs the name of a function, not an expression")
	}
	e := functions()[f.text]
	switch {
	case e == nil || s.binds(f.text):
		return fmt.Errorf("the function %.60q is not in the gate's list", f.text)
	case e.never != "":
		return fmt.Errorf("the function %q is not passed on: %s", f.text, e.never)
	case e.reserved != "" && r.reserved == "":
		r.reserved = fmt.Sprintf("%q: %s", f.text, e.reserved)
	}
	if lazy(f.text) {
		r.perhaps++
		defer func() { r.perhaps-- }()
	}
	for i, arg := range t.items[1:] {
		if err := r.argument(f.text, e, i+1, arg, t, s, h); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) argument(fn string, e *effect, i int, arg, whole term, s *scope, h how) error {
	if n, ok := e.names[i]; ok {
		if arg.kind != name && arg.kind != text {
			return fmt.Errorf("argument %d of %q must be a name", i, fn)
		}
		key := arg.text
		if !e.literal {
			key = r.expand(key)
		}
		if n != deletes && n != moves && (functions()[key] != nil || constant(key)) {
			return fmt.Errorf("%q is a word of Rapids and cannot name a key", key)
		}
		r.add(key, n)
		return nil
	}
	if e.big && arg.kind == number {
		if v, err := strconv.ParseFloat(arg.text, 64); err != nil || v > mostElements {
			return fmt.Errorf("%q of more than %.0g elements", fn, mostElements)
		}
	}
	for _, k := range e.keys {
		if k == i {
			return r.strings(fn, i, arg)
		}
	}
	for _, w := range e.words {
		if arg.kind == name && (w == i || w < 0 && i >= -w) && (arg.text == "_" || aggregate(arg.text) || isPure(arg.text)) {
			return nil
		}
	}
	if e.inPlace == i && !(e.flag > 0 && e.flag < len(whole.items) && isFalse(whole.items[e.flag])) {
		h = changes
	}
	return r.walk(arg, s, h)
}

// isPure says that a function only reads, so that handing its name to apply gives it nothing more to do.
func isPure(fn string) bool {
	e := functions()[fn]
	return e != nil && e.never == "" && e.reserved == "" && e.names == nil && e.inPlace == 0 && e.keys == nil
}

func isFalse(t term) bool {
	return t.kind == name && (t.text == "False" || t.text == "FALSE") || t.kind == number && t.text == "0"
}

// strings takes the text of an argument for keys.
func (r *reading) strings(fn string, i int, arg term) error {
	switch arg.kind {
	case text:
		if arg.text != "" {
			r.add(arg.text, reads)
		}
	case texts:
		for _, w := range arg.words {
			r.add(w, reads)
		}
	default:
		return fmt.Errorf("argument %d of %q must be written out", i, fn)
	}
	return nil
}
