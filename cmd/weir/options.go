package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir"
	"weir/internal/report"
)

// kind says how the value of an option is written.
type kind uint8

const (
	kindText     kind = iota
	kindWord          // one of option.words
	kindBool          // true, false
	kindCount         // a whole number, 0 or more
	kindSize          // bytes, with or without unit
	kindDuration      // 60s, 5m
	kindList          // of texts
)

// option is one thing that flags, variables and weir.yaml can set. The list of them is the one place that says what exists.
type option struct {
	key   string // in weir.yaml; a dot leads into a section
	flag  string // empty: not a flag
	kind  kind
	words []string
	def   any // string, bool, or []string
	doc   string
}

// env is the variable's name.
func (o option) env() string {
	return "WEIR_" + strings.NewReplacer(".", "_", "-", "_").Replace(strings.ToUpper(o.key))
}

// leastMemory is what a worker takes before it reads anything, with room to read.
const leastMemory = 16 << 20

var severityWords = []string{"info", "low", "medium", "high", "critical"}

// options lists every setting but the waivers (ignore), which only weir.yaml has.
func options() []option {
	d := weir.DefaultLimits()
	return []option{
		{"fail-on", "fail-on", kindWord, append(slices.Clone(severityWords), "none"), "high", "exit with 1 when a finding is at least this severe; none: never"},
		{"severity", "severity", kindWord, severityWords, "info", "report findings from this severity on; what fails the scan is always reported"},
		{"format", "format", kindWord, report.Names(), "text", "write the report in this format"},
		{"output", "output", kindList, nil, []string{}, "write the report to `FILE` instead of standard output; FORMAT=FILE writes a further one; repeatable"},
		{"baseline", "baseline", kindText, nil, "", "a former report (json or jsonl): only findings that it lacks fail the scan"},
		{"vex", "vex", kindList, nil, []string{}, "a VEX `FILE` (OpenVEX or CycloneDX): flaws that it calls not affected or fixed are waived; repeatable"},
		{"exclude", "exclude", kindList, nil, []string{}, "leave out files and folders that match this `PATTERN` (** crosses folders); repeatable"},
		{"jobs", "jobs", kindCount, nil, "0", "files examined at the same time; 0: one for each processor"},
		{"isolate", "isolate", kindWord, []string{"auto", "require", "off"}, "auto", "parse in a locked-down process: auto says so when the system cannot, require fails"},
		{"deep", "deep", kindBool, nil, false, "also read raw tensor data, and look for programs hidden in it"},
		{"digest", "digest", kindBool, nil, false, "give the SHA-256 of every file, which reads all of it"},
		{"quiet", "quiet", kindBool, nil, false, "no summary, progress or warnings on standard error"},
		{"db", "db", kindList, nil, []string{}, "an advisory `FILE` beside those that weir has; of two records the newer counts; repeatable"},
		{"max-advisory-age", "max-advisory-age", kindCount, nil, "90", "days after which advisories are too old (0: never); a warning only, unless it is set"},
		{"require-closure", "require-closure", kindBool, nil, false, "fail where only direct requirements are known: no lock file, environment or SBOM"},
		{"resolve", "resolve", kindBool, nil, false, "ask the package index what requirements come to (uses the network)"},
		{"index", "index", kindText, nil, "", "package index for --resolve, as `URL`; default: PIP_INDEX_URL or UV_DEFAULT_INDEX"},
		{"python", "python", kindText, nil, "3.12", "Python `VERSION` for --resolve"},
		{"trust", "", kindList, nil, []string{}, "imports that this organisation allows: module.name, or package.*"},
		{"limits.time", "max-time", kindDuration, nil, strings.TrimSuffix(d.Time.String(), "0s"), "longest time for one file"},
		{"limits.memory", "max-memory", kindSize, nil, size(d.Memory), "memory of one worker"},
		{"limits.depth", "max-depth", kindCount, nil, strconv.Itoa(d.Depth), "containers within containers"},
		{"limits.members", "max-members", kindCount, nil, strconv.Itoa(d.Members), "archive entries in one file, all levels together"},
		{"limits.expanded", "max-expanded", kindSize, nil, size(d.Expanded), "bytes unpacked from one file, all levels together"},
		{"limits.ratio", "max-ratio", kindCount, nil, strconv.FormatInt(d.Ratio, 10), "unpacked bytes for each packed one"},
		{"limits.steps", "", kindCount, nil, strconv.FormatInt(d.Steps, 10), "steps of an interpreter, for each parse"},
		{"limits.facts", "", kindCount, nil, strconv.Itoa(d.Facts), "facts kept of each parse"},
	}
}

// check says what is wrong with a value for o.
func (o option) check(v any) error {
	s, isText := v.(string)
	switch o.kind {
	case kindList:
		if _, ok := v.([]string); !ok {
			return fmt.Errorf("%s is a list", o.key)
		}
		return nil
	case kindBool:
		if _, ok := v.(bool); !ok {
			return fmt.Errorf("%s is true or false, not %q", o.key, fmt.Sprint(v))
		}
		return nil
	}
	if !isText {
		return fmt.Errorf("%s is one value", o.key)
	}
	var err error
	switch o.kind {
	case kindWord:
		if !slices.Contains(o.words, s) {
			return fmt.Errorf("%s %q is not one of %s", o.key, s, strings.Join(o.words, ", "))
		}
	case kindCount:
		var n int64
		if n, err = count(s); err == nil && n == 0 && strings.HasPrefix(o.key, "limits.") {
			err = errors.New("a limit is at least 1; there is no way to have none")
		}
	case kindSize:
		var n int64
		if n, err = parseSize(s); err == nil && o.key == "limits.memory" && n < leastMemory {
			err = fmt.Errorf("a worker does not start with less than %s", size(leastMemory))
		}
	case kindDuration:
		_, err = duration(s)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", o.key, err)
	}
	return nil
}

// read turns the text of a variable into a value for o.
func (o option) read(s string) (any, error) {
	switch o.kind {
	case kindList:
		list := []string{}
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return list, nil
	case kindBool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return nil, fmt.Errorf("%s is true or false, not %q", o.key, s)
		}
		return b, nil
	}
	return s, o.check(s)
}

func count(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is not a whole number", s)
	}
	return n, nil
}

func duration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a duration like 90s or 5m", s)
	}
	return d, nil
}

var units = []struct {
	name string
	n    int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1}}

func parseSize(s string) (int64, error) {
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err == nil && n > 0 && n <= 1<<62/u.n {
			return n * u.n, nil
		}
		break
	}
	return 0, fmt.Errorf("%q is not a size like 256MiB or 16GiB", s)
}

func size(n int64) string {
	for i := 3; i >= 0; i-- {
		if n%units[i].n == 0 {
			return strconv.FormatInt(n/units[i].n, 10) + units[i].name
		}
	}
	return strconv.FormatInt(n, 10)
}
