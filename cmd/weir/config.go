package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"weir"
	"weir/internal/policy"
)

const configName = "weir.yaml"

// settings is the configuration in force: flags over variables over weir.yaml over defaults.
type settings struct {
	k       *koanf.Koanf
	origin  map[string]string // where each key's value comes from
	file    string            // the weir.yaml in force, as shown to the user; empty: none
	prefix  string            // path from its folder to the working directory
	waivers []policy.Waiver
}

func (s *settings) text(key string) string   { return s.k.String(key) }
func (s *settings) flag(key string) bool     { return s.k.Bool(key) }
func (s *settings) list(key string) []string { return s.k.Strings(key) }

func (s *settings) severity(key string) weir.Severity {
	v, _ := weir.ParseSeverity(s.text(key)) // the option's words were checked
	return v
}

func (s *settings) count(key string) int64 {
	n, _ := count(s.text(key)) // checked
	return n
}

func (s *settings) limits() weir.Limits {
	d, _ := duration(s.text("limits.time"))
	memory, _ := parseSize(s.text("limits.memory"))
	expanded, _ := parseSize(s.text("limits.expanded"))
	return weir.Limits{
		Time: d, Memory: memory, Expanded: expanded, Depth: int(s.count("limits.depth")), Members: int(s.count("limits.members")),
		Ratio: s.count("limits.ratio"), Steps: s.count("limits.steps"), Facts: int(s.count("limits.facts")),
	}
}

func (s *settings) jobs() int {
	if n := int(s.count("jobs")); n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}

// layer is one source of settings for koanf.
type layer map[string]any

// Read gives the settings, sections as maps within the map.
func (l layer) Read() (map[string]any, error) {
	out := map[string]any{}
	for key, v := range l {
		section, name, nested := strings.Cut(key, ".")
		if !nested {
			out[key] = v
			continue
		}
		m, _ := out[section].(map[string]any)
		if m == nil {
			m = map[string]any{}
			out[section] = m
		}
		m[name] = v
	}
	return out, nil
}

// ReadBytes is the other form of koanf's providers, which layers have not.
func (l layer) ReadBytes() ([]byte, error) { return nil, errors.ErrUnsupported }

func (s *settings) load(l layer, from func(key string) string) error {
	for key := range l {
		s.origin[key] = from(key)
	}
	return s.k.Load(l, nil)
}

// addOptions gives cmd the flags of the named options, or of all.
func addOptions(f *pflag.FlagSet, keys ...string) {
	for _, o := range options() {
		if o.flag == "" || len(keys) > 0 && !slices.Contains(keys, o.key) {
			continue
		}
		switch o.kind {
		case kindBool:
			f.Bool(o.flag, o.def.(bool), o.doc)
		case kindList:
			f.StringArray(o.flag, nil, o.doc)
		default:
			f.Var(&word{text: o.def.(string), name: flagKind(o)}, o.flag, o.doc)
		}
	}
	f.String("config", "", "read this `FILE` instead of the "+configName+" of this or a parent folder")
	f.SortFlags = false
}

// word is a flag's value as text; it is checked with the other layers so that all errors read alike.
type word struct{ text, name string }

func (w *word) String() string     { return w.text }
func (w *word) Set(s string) error { w.text = s; return nil }
func (w *word) Type() string       { return w.name }

func flagKind(o option) string {
	switch o.kind {
	case kindCount:
		return "N"
	case kindSize:
		return "SIZE"
	case kindDuration:
		return "TIME"
	case kindWord:
		if len(o.words) <= 3 {
			return strings.Join(o.words, "|")
		}
		return strings.ToUpper(o.key)
	}
	return "FILE"
}

// loadSettings reads all layers for one command.
func loadSettings(a *app, cmd *cobra.Command) (*settings, error) {
	s := &settings{k: koanf.New("."), origin: map[string]string{}}
	defaults := layer{}
	for _, o := range options() {
		defaults[o.key] = o.def
	}
	if err := s.load(defaults, func(string) string { return "default" }); err != nil {
		return nil, internal(err)
	}
	if err := s.loadFile(a, cmd); err != nil {
		return nil, err
	}
	if err := s.loadEnv(a); err != nil {
		return nil, err
	}
	if err := s.loadFlags(cmd); err != nil {
		return nil, err
	}
	if _, err := policy.NewTrust(s.list("trust")); err != nil {
		return nil, misconfigured(s.origin["trust"], err)
	}
	return s, nil
}

func (s *settings) loadFile(a *app, cmd *cobra.Command) error {
	name, _ := cmd.Flags().GetString("config")
	if name == "" {
		name = a.getenv("WEIR_CONFIG")
	}
	named := name != ""
	if !named {
		if name, s.prefix = findConfig(); name == "" {
			return nil
		}
	}
	text, err := readConfig(name)
	if err != nil {
		return cannotRead("configuration", name, err)
	}
	f, err := parseConfig(name, text)
	if err != nil {
		return err
	}
	s.file, s.waivers = name, f.waivers
	if err := s.load(f.values, func(key string) string { return fmt.Sprintf("%s:%d", name, f.lines[key]) }); err != nil {
		return internal(err)
	}
	return nil
}

// maxConfig bounds a configuration file.
const maxConfig = 1 << 20

func readConfig(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err == nil && len(text) > maxConfig {
		err = fmt.Errorf("it is larger than %s", size(maxConfig))
	}
	return text, err
}

// findConfig looks for weir.yaml in the working directory and above it, and says which path leads from its folder to the working directory.
// A parent that everyone may write to (/tmp) is passed over: whoever put a file there does not speak for the user.
func findConfig() (name, prefix string) {
	dir, err := os.Getwd()
	if err != nil {
		return "", ""
	}
	for up := ""; ; up = filepath.Join("..", up) {
		if file := filepath.Join(up, configName); regular(file) && (up == "" || !openToAll(dir)) {
			return filepath.ToSlash(file), filepath.ToSlash(prefix)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", ""
		}
		prefix = filepath.Join(filepath.Base(dir), prefix)
		dir = parent
	}
}

func regular(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular()
}

func openToAll(dir string) bool {
	info, err := os.Stat(dir)
	return err != nil || runtime.GOOS != "windows" && info.Mode()&fs.FileMode(0o002) != 0
}

func (a *app) getenv(name string) string {
	for _, e := range a.environ {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

// otherVariables are those that are not settings.
var otherVariables = []string{"WEIR_CONFIG", "WEIR_DB"}

func (s *settings) loadEnv(a *app) error {
	byName := map[string]option{}
	var names []string
	for _, o := range options() {
		byName[o.env()] = o
		names = append(names, o.env())
	}
	l := layer{}
	for _, e := range a.environ {
		name, text, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, "WEIR_") || slices.Contains(otherVariables, name) || text == "" {
			continue
		}
		o, ok := byName[name]
		if !ok {
			slog.Warn(strings.TrimSpace(fmt.Sprintf("the variable %s means nothing to weir. %s", name, didYouMean(name, names))))
			continue
		}
		v, err := o.read(text)
		if err != nil {
			return misconfigured(name, err)
		}
		l[o.key] = v
	}
	return s.load(l, func(key string) string { return byKey(key).env() })
}

func byKey(key string) option {
	for _, o := range options() {
		if o.key == key {
			return o
		}
	}
	return option{}
}

func (s *settings) loadFlags(cmd *cobra.Command) error {
	l := layer{}
	for _, o := range options() {
		f := cmd.Flags().Lookup(o.flag)
		if f == nil || !f.Changed {
			continue
		}
		var v any = f.Value.String()
		switch o.kind {
		case kindBool:
			v, _ = strconv.ParseBool(f.Value.String())
		case kindList:
			v, _ = cmd.Flags().GetStringArray(o.flag)
		}
		if err := o.check(v); err != nil {
			hint := ""
			if o.kind == kindWord {
				hint = didYouMean(f.Value.String(), o.words)
			}
			return &failure{code: exitUsage, what: "--" + o.flag, hint: hint, err: err}
		}
		l[o.key] = v
	}
	return s.load(l, func(key string) string { return "--" + byKey(key).flag })
}
