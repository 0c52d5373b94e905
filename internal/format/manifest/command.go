package manifest

import (
	"fmt"
	"path"
	"strings"

	"weir"
)

// word is one word of a command with its place in the file.
type word struct {
	text string // quotes and escapes undone
	at   int    // offset of text in the bytes of the manifest; -1 where it does not stand there as it is
	line int
	open bool // some of it is only known when the command runs: a variable, a substitution
}

// options is what a program's options take and mean: "" takes no value, "=" takes one that says nothing here, anything else is an action below.
// Long options may be shortened as long as they are unique, as Python's optparse and argparse read them.
type options map[string]string

// Actions of options.
const (
	takesValue    = "="
	isFile        = "requirement"
	isConstraint  = "constraint"
	isEditable    = "editable"
	isPackage     = "package"
	isGroup       = "group"
	isDevelopment = "dev"
	isHash        = "hash"
	isEnvFile     = "env-file"
)

// pipFileOptions are the options of lines of requirements files (pip/_internal/req/req_file.py, SUPPORTED_OPTIONS; pip 9 to 26).
var pipFileOptions = options{
	"-i": "index.url", "--index-url": "index.url", "--pypi-url": "index.url", "--extra-index-url": "index.extra", "--no-index": "index.none",
	"-f": "index.find-links", "--find-links": "index.find-links", "--trusted-host": "index.trusted-host",
	"-r": isFile, "--requirement": isFile, "-c": isConstraint, "--constraint": isConstraint, "-e": isEditable, "--editable": isEditable,
	"--no-binary": takesValue, "--only-binary": takesValue, "--use-feature": takesValue, "--global-option": takesValue, "--install-option": takesValue,
	"--config-settings": takesValue, "-C": takesValue, "--hash": isHash,
	"--all-releases": takesValue, "--only-final": takesValue, "--no-require-hashes": "", "--prefer-binary": "", "--require-hashes": "", "--pre": "", "--process-dependency-links": "", "--allow-external": takesValue, "--allow-unverified": takesValue,
	"--allow-all-external": "", "--use-wheel": "", "--no-use-wheel": "", "-Z": "",
}

// pipCommandOptions are those of pip's and uv's commands that install; what is not listed takes no value.
var pipCommandOptions = with(pipFileOptions, options{
	"-t": takesValue, "--target": takesValue, "--platform": takesValue, "--python-version": takesValue, "--implementation": takesValue, "--abi": takesValue,
	"--root": takesValue, "--prefix": takesValue, "-b": takesValue, "--build": takesValue, "--src": takesValue, "--upgrade-strategy": takesValue,
	"--progress-bar": takesValue, "--python": takesValue, "--log": takesValue, "--proxy": takesValue, "--retries": takesValue, "--timeout": takesValue,
	"--exists-action": takesValue, "--cert": takesValue, "--client-cert": takesValue, "--cache-dir": takesValue, "--use-deprecated": takesValue,
	"--root-user-action": takesValue, "--report": takesValue, "--keyring-provider": takesValue, "-d": takesValue, "--dest": takesValue, "-w": takesValue,
	"--wheel-dir": takesValue, "--resume-retries": takesValue, "--uploaded-prior-to": takesValue, "--build-constraint": isConstraint,
	// of pip, without a value; they stand here because others are shortened to them
	"--upgrade": "", "--user": "", "--no-deps": "", "--no-cache-dir": "", "--quiet": "", "--verbose": "", "--ignore-installed": "", "--force-reinstall": "",
	"--break-system-packages": "", "--no-build-isolation": "", "--no-input": "", "--isolated": "", "--require-virtualenv": "", "--no-warn-script-location": "",
	// uv's
	"--index": "index.extra", "--default-index": "index.url", "--constraints": isConstraint, "--requirements": isFile, "--overrides": isConstraint,
	"--override": isConstraint, "--build-constraints": isConstraint, "-p": takesValue, "--extra": takesValue, "--index-strategy": takesValue,
	"--resolution": takesValue, "--prerelease": takesValue, "--exclude-newer": takesValue, "--link-mode": takesValue, "--torch-backend": takesValue,
	"--allow-insecure-host": "index.trusted-host", "--with": isPackage, "--with-editable": isEditable, "--with-requirements": isFile, "--from": isPackage,
	"--group": isGroup, "--dev": isDevelopment, "--optional": isGroup, "--rev": takesValue, "--tag": takesValue, "--branch": takesValue,
	"--package": takesValue, "--directory": takesValue, "--project": takesValue, "--spec": isPackage, "--pip-args": takesValue, "--fetch-python": takesValue,
	"--marker": takesValue, "-m": takesValue, "--script": takesValue,
})

// projectOptions are those of poetry, pdm and pipenv.
var projectOptions = options{
	"-G": isGroup, "--group": isGroup, "-D": isDevelopment, "--dev": isDevelopment, "-d": isDevelopment, "-E": takesValue, "--extras": takesValue, "--source": takesValue,
	"--python": takesValue, "--platform": takesValue, "--markers": takesValue, "-C": takesValue, "--directory": takesValue, "-P": takesValue,
	"--project": takesValue, "-e": isEditable, "--editable": isEditable, "-r": isFile, "--requirements": isFile, "-i": "index.url", "--index": "index.url",
	"--pypi-mirror": "index.url", "--extra-index-url": "index.extra", "--categories": isGroup, "-L": takesValue, "--lockfile": takesValue,
}

// condaOptions are those of conda, mamba and micromamba.
var condaOptions = options{
	"-n": takesValue, "--name": takesValue, "-p": takesValue, "--prefix": takesValue, "-c": "index.channel", "--channel": "index.channel",
	"-f": isEnvFile, "--file": isEnvFile, "--solver": takesValue, "--repodata-fn": takesValue, "--revision": takesValue, "--experimental": takesValue,
	"--subdir": takesValue, "--platform": takesValue, "--clone": takesValue, "-r": takesValue, "--root-prefix": takesValue, "--rc-file": takesValue,
}

func with(a, b options) options {
	all := options{}
	for _, o := range []options{a, b} {
		for k, v := range o {
			all[k] = v
		}
	}
	return all
}

// find gives the action of a long or short option, as it may be shortened; false of one that is not known.
func (o options) find(name string) (string, bool) {
	if action, ok := o[name]; ok || !strings.HasPrefix(name, "--") {
		return action, ok
	}
	action, hits := "", 0
	for k, a := range o {
		if strings.HasPrefix(k, name) && (hits == 0 || a != action) {
			action = a
			hits++
		}
	}
	return action, hits == 1
}

// pipOptions collects what the options of a command or of a line say.
type pipOptions struct {
	t         *text
	statement string // what is shown for every fact
	line      int
	facts     []weir.Fact
	rest      []word // words that are no options
	hashes    int
	group     string
}

// read goes through words; what follows -- is no option.
func (o *pipOptions) read(words []word, known options) {
	for i := 0; i < len(words); i++ {
		w := words[i]
		if w.text == "--" {
			o.rest = append(o.rest, words[i+1:]...)
			return
		}
		if len(w.text) < 2 || w.text[0] != '-' {
			o.rest = append(o.rest, w)
			continue
		}
		name, value := w.text, word{at: -1, line: w.line}
		joined := false
		switch j := strings.IndexByte(name, '='); {
		case strings.HasPrefix(name, "--") && j > 0:
			value, joined = w, true
			value.text, name = name[j+1:], name[:j]
			if w.at >= 0 {
				value.at = w.at + j + 1
			}
		case !strings.HasPrefix(name, "--") && len(name) > 2:
			if action, ok := known.find(name[:2]); ok && action != "" && action != isDevelopment { // -rfile; flags may stand together: -qU
				value, joined = w, true
				value.text, name = name[2:], name[:2]
				if w.at >= 0 {
					value.at = w.at + 2
				}
			}
		}
		action, ok := known.find(name)
		if !ok || action == "" {
			continue
		}
		if action != "index.none" && action != isDevelopment && !joined {
			if i++; i >= len(words) {
				return
			}
			value = words[i]
		}
		o.apply(action, value)
	}
}

// apply does what an option with its value says.
func (o *pipOptions) apply(action string, v word) {
	switch action {
	case takesValue:
	case isFile, isConstraint:
		o.facts = append(o.facts, weir.Include{Path: v.text, Kind: action, Text: cut(o.statement, maxStatement), Line: v.line})
	case isEnvFile:
		o.facts = append(o.facts, weir.Include{Path: v.text, Kind: isFile, Text: cut(o.statement, maxStatement), Line: v.line})
	case isEditable:
		n := len(o.facts)
		o.argument(v)
		for i, f := range o.facts[n:] {
			if r, ok := f.(weir.Requirement); ok {
				r.Text = cut(o.statement, maxStatement)
				o.facts[n+i] = r
			}
		}
	case isPackage:
		for s := range strings.SplitSeq(v.text, ",") {
			part := v
			part.at = -1
			part.text = strings.TrimSpace(s)
			o.argument(part)
		}
	case isGroup:
		if o.group = groupOf(v.text); o.group == "" {
			o.group = v.text
		}
	case isDevelopment:
		o.group = "dev"
	case isHash:
		o.hashes++
	default:
		o.facts = append(o.facts, weir.Setting{Key: action, Value: cut(v.text, maxStatement), Line: v.line})
	}
}

// argument adds what is installed by one word.
func (o *pipOptions) argument(v word) {
	r, ok := pipArgument(o.t, v.text, v.at, v.line)
	if !ok {
		o.facts = append(o.facts, localProject(v.text, v.line))
		return
	}
	o.add(r, v)
}

func (o *pipOptions) add(r weir.Requirement, v word) {
	if v.open && r.State != weir.PinUnresolved {
		r.State, r.Version, r.Range, r.Spec, r.Form = weir.PinUnresolved, "", "", weir.Span{}, ""
		r.Reason = fmt.Sprintf("%s is only known when the command runs", cut(v.text, 100))
	}
	o.facts = append(o.facts, r)
}

// starters are programs that start the one that follows their options, with those of their options that take a value.
var starters = map[string]string{
	"sudo": "-u -g -h -p -C -r -t -T -U -D", "env": "-u -C -S", "time": "-f -o", "nohup": "", "exec": "-a", "command": "", "nice": "-n", "timeout": "-s -k", "xvfb-run": "-s",
	"then": "", "do": "", "else": "", "!": "", "builtin": "", "stdbuf": "-i -o -e", "ionice": "-c -n", "chroot": "", "setarch": "",
}

// program skips what stands before the program of a command: variables that are set, starters with their options.
func program(words []word) []word {
	for len(words) > 0 {
		w := words[0].text
		name, _, set := strings.Cut(w, "=")
		values, starter := starters[path.Base(w)]
		switch {
		case set && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == "":
			words = words[1:]
		case starter:
			base := path.Base(w)
			for words = words[1:]; len(words) > 0 && strings.HasPrefix(words[0].text, "-"); words = words[1:] {
				if strings.Contains(" "+values+" ", " "+words[0].text+" ") && len(words) > 1 {
					words = words[1:]
				}
			}
			if (base == "timeout" || base == "chroot") && len(words) > 0 {
				words = words[1:]
			}
		default:
			return words
		}
	}
	return nil
}

// pythonNames and pipNames tell the programs with their versions: python3.11, pip3, /opt/venv/bin/pip.
var (
	pythonNames = weir.Pattern(`^(?:python|pypy|py)[0-9.]*(?:\.exe)?$`)
	pipNames    = weir.Pattern(`^pip[0-9.]*(?:\.exe)?$`)
)

// installs gives what a command installs, and from where: pip in all its spellings, uv, poetry, pdm, pipenv, pipx, conda and its kin. The first
// word is the program; words before it that start it (sudo, env, time) are skipped. Nil of any other command.
func installs(t *text, words []word) []weir.Fact {
	words = program(words)
	if len(words) < 2 {
		return nil
	}
	statement := spoken(words)
	o := &pipOptions{t: t, statement: statement, line: words[0].line}
	name := path.Base(words[0].text)
	args := words[1:]
	if pythonNames().MatchString(name) || words[0].open && len(args) > 1 && args[0].text == "-m" {
		for len(args) > 0 && args[0].text != "-m" && strings.HasPrefix(args[0].text, "-") {
			args = args[1:]
		}
		if len(args) < 3 || args[0].text != "-m" {
			return nil
		}
		name, args = args[1].text, args[2:]
	}
	switch {
	case pipNames().MatchString(name), words[0].open && strings.Contains(strings.ToUpper(name), "PIP"):
		o.pip(args, "install", "download", "wheel")
	case name == "easy_install", name == "pip-sync":
		o.pip(append([]word{{text: "install"}}, args...), "install")
	case name == "uv", name == "uvx", name == "pipx", name == "rye":
		o.uv(name, args)
	case name == "poetry", name == "pdm", name == "pipenv":
		o.project(name, args)
	case name == "conda", name == "mamba", name == "micromamba":
		o.conda(args)
	default:
		return nil
	}
	return o.done()
}

// maxCommand bounds in bytes the text of a command, which is kept for each package that it installs.
const maxCommand = 400

// spoken is a command as text.
func spoken(words []word) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		if b.WriteString(w.text); b.Len() > maxCommand {
			break
		}
	}
	return b.String()
}

// verb finds the first word that is no option, of a program whose own options take values only with = or as in known.
func verb(args []word, known options) (string, []word) {
	for i := 0; i < len(args); i++ {
		w := args[i].text
		if !strings.HasPrefix(w, "-") {
			return w, args[i+1:]
		}
		if action, ok := known.find(w); ok && action != "" && action != isDevelopment && action != "index.none" {
			i++
		}
	}
	return "", nil
}

// pip reads a command of pip with one of these verbs.
func (o *pipOptions) pip(args []word, verbs ...string) {
	v, rest := verb(args, pipCommandOptions)
	for _, want := range verbs {
		if v != want {
			continue
		}
		o.read(append(args[:len(args)-len(rest)-1:len(args)-len(rest)-1], rest...), pipCommandOptions)
		for _, w := range o.rest {
			o.argument(w)
		}
	}
}

// uv reads uv, uvx and pipx: uv pip install, uv add, uv run --with, uv tool install.
func (o *pipOptions) uv(name string, args []word) {
	v, rest := verb(args, pipCommandOptions)
	switch {
	case name == "uvx":
		o.tool(args)
		return
	case v == "pip":
		o.pip(rest, "install", "sync", "download", "compile")
		if sub, _ := verb(rest, pipCommandOptions); sub == "sync" || sub == "compile" {
			o.files()
		}
		return
	case v == "tool" && name == "uv":
		if v, rest = verb(rest, pipCommandOptions); v == "run" {
			o.tool(rest)
			return
		}
	}
	switch v {
	case "add", "install", "inject":
		o.read(rest, pipCommandOptions)
		for i, w := range o.rest {
			if v != "inject" || i > 0 { // the first names what it is put into
				o.argument(w)
			}
		}
	case "run":
		if name == "pipx" {
			o.tool(rest)
			return
		}
		var own []word
		for i, w := range rest { // what is run has options of its own
			if !strings.HasPrefix(w.text, "-") && (i == 0 || !takes(rest[i-1].text)) {
				break
			}
			own = append(own, w)
		}
		o.read(own, pipCommandOptions)
	}
}

// takes reports whether the next word is an option's value.
func takes(option string) bool {
	action, ok := pipCommandOptions.find(option)
	return ok && action != "" && action != isDevelopment && strings.HasPrefix(option, "-") && !strings.Contains(option, "=")
}

// files turns arguments that are files into includes: uv pip sync requirements.txt.
func (o *pipOptions) files() {
	kept := o.facts[:0]
	for _, f := range o.facts {
		if r, ok := f.(weir.Requirement); ok && strings.HasSuffix(r.Text, ".txt") {
			f = weir.Include{Path: r.Text, Kind: isFile, Text: cut(o.statement, maxStatement), Line: r.Line}
		} else if m, ok := f.(weir.Include); ok && m.Kind == "module" {
			m.Kind = isFile
			f = m
		}
		kept = append(kept, f)
	}
	o.facts = kept
}

// tool reads uvx, uv tool run and pipx run: the first word is a package, perhaps with @version, the rest its own.
func (o *pipOptions) tool(args []word) {
	for i, w := range args {
		if strings.HasPrefix(w.text, "-") || i > 0 && takes(args[i-1].text) {
			continue
		}
		o.read(args[:i], pipCommandOptions)
		if len(o.rest) > 0 || slicesHas(args[:i], "--from") || slicesHas(args[:i], "--spec") {
			return
		}
		if name, version, ok := strings.Cut(w.text, "@"); ok && version != "" && !strings.Contains(version, "/") {
			if w.text, w.at = name+"=="+version, -1; version == "latest" {
				w.text = name
			}
		}
		o.argument(w)
		return
	}
}

func slicesHas(words []word, option string) bool {
	for _, w := range words {
		if w.text == option || strings.HasPrefix(w.text, option+"=") {
			return true
		}
	}
	return false
}

// project reads poetry add, pdm add and pipenv install.
func (o *pipOptions) project(name string, args []word) {
	v, rest := verb(args, options{"-C": takesValue, "--directory": takesValue, "-P": takesValue, "--project": takesValue})
	if v != "add" && (name != "pipenv" || v != "install" && v != "upgrade") && v != "self" {
		return
	}
	if v == "self" || v == "add" && name == "pipenv" {
		return
	}
	o.read(rest, projectOptions)
	for _, w := range o.rest {
		if name, version, ok := strings.Cut(w.text, "@"); ok && name != "" && !strings.Contains(w.text, "://") && !strings.Contains(name, " ") {
			o.add(poetryConstraint(o.t, name, version, -1, w.line), w) // poetry add torch@^2
			continue
		}
		o.argument(w)
	}
}

// conda reads conda install, create and env create.
func (o *pipOptions) conda(args []word) {
	v, rest := verb(args, condaOptions)
	if v == "env" {
		v, rest = verb(rest, condaOptions)
	}
	if v == "run" { // conda run -n env pip install …
		for i, w := range rest {
			if !strings.HasPrefix(w.text, "-") && (i == 0 || condaOptions[rest[i-1].text] == "") {
				o.facts = append(o.facts, installs(o.t, rest[i:])...)
				return
			}
		}
		return
	}
	if v != "install" && v != "create" && v != "update" && v != "upgrade" {
		return
	}
	o.read(rest, condaOptions)
	for _, w := range o.rest {
		o.add(condaSpec(o.t, w.text, w.at, w.line), w)
	}
}

// done gives the facts, each requirement as one of a command.
func (o *pipOptions) done() []weir.Fact {
	for i, f := range o.facts {
		if r, ok := f.(weir.Requirement); ok && r.Origin != weir.OriginCommand {
			r.Origin, r.Group = weir.OriginCommand, o.group
			r.Text = cut(o.statement, maxCommand)
			o.facts[i] = r
		}
	}
	return o.facts
}
