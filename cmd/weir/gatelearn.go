package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir"
	"weir/internal/audit"
	"weir/internal/auth"
	"weir/internal/report"
)

func newGateLearn(a *app, g *gateFlags) *cobra.Command {
	var cedar, force bool
	cmd := &cobra.Command{
		Use:   "learn [LOG…]",
		Short: "Propose roles and lines for gate.yaml from an audit log",
		Long: `Learn reads an audit log, by default that of the gate's data folder, and proposes for each account the smallest role
that covers what it did, and the lines of gate.yaml that would have let pass what was refused, or would have been
(weir gate --observe). Nothing is changed. Read every line before you use it: an attack in the log becomes a line too.`,
		Example: `  weir gate learn --data gate
  weir gate learn --cedar gate/audit > team.cedar`,
	}
	cmd.Flags().BoolVar(&cedar, "cedar", false, "propose Cedar policies instead of roles: exactly the actions and types that were seen")
	cmd.Flags().BoolVar(&force, "broken", false, "learn from a log that does not verify")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			f, err := g.load()
			if err != nil {
				return err
			}
			args = []string{f.auditDir()}
		}
		if _, err := audit.Verify(args, ""); err != nil && !force {
			return cannotRead("audit log", args[0], err)
		}
		l := newLessons()
		if err := audit.Read(args, l.add); err != nil {
			return cannotRead("audit log", args[0], err)
		}
		return a.print(l.text(cedar))
	}
	return cmd
}

// lessons are what a log says about what people need.
type lessons struct {
	requests int
	from, to time.Time
	used     map[user]*use
	hints    map[hint]*asked
	refused  map[hint]*asked // without a line that would allow it
}

type user struct{ name, server string }

type use struct {
	count   int
	actions map[auth.Action]int
	types   map[string]map[auth.Action]bool
	things  map[string]bool // type:id, at most maxLearnt
}

type hint struct{ server, line string }

type asked struct {
	count   int
	who     map[string]bool
	example string
}

// maxLearnt bounds each list: a log may come from a flood.
const maxLearnt = 1000

func newLessons() *lessons {
	return &lessons{used: map[user]*use{}, hints: map[hint]*asked{}, refused: map[hint]*asked{}}
}

func (l *lessons) add(e *audit.Entry) error {
	if e.Method == "" || e.Server == "" || e.Route == "quarantine" { // about the gate itself
		return nil
	}
	if l.requests++; l.requests == 1 {
		l.from = e.Time
	}
	l.to = e.Time
	stopped := e.Decision != "allow" && e.Decision != "error" || e.Observed != ""
	lacked := stopped && (e.Policy == "default-deny" || e.Policy == "token-scope")
	switch {
	case e.Who == "":
	case lacked || !stopped && e.Action != "":
		l.use(e)
	case e.Hint != "":
		noteAsked(l.hints, hint{e.Server, report.Printable(general(e.Hint))}, e)
	default:
		noteAsked(l.refused, hint{e.Server, e.Policy}, e)
	}
	return nil
}

func (l *lessons) use(e *audit.Entry) {
	key := user{e.Who, e.Server}
	u := l.used[key]
	if u == nil {
		if len(l.used) >= maxLearnt {
			return
		}
		u = &use{actions: map[auth.Action]int{}, types: map[string]map[auth.Action]bool{}, things: map[string]bool{}}
		l.used[key] = u
	}
	u.count++
	action := auth.Action(e.Action)
	u.actions[action]++
	for _, r := range e.Resource {
		kind, _, _ := strings.Cut(r, ":")
		if u.types[kind] == nil {
			u.types[kind] = map[auth.Action]bool{}
		}
		u.types[kind][action] = true
		if len(u.things) < maxLearnt {
			u.things[r] = true
		}
	}
}

func noteAsked(m map[hint]*asked, key hint, e *audit.Entry) {
	n := m[key]
	if n == nil {
		if len(m) >= maxLearnt {
			return
		}
		why := e.Reason
		if why == "" {
			why = e.Observed
		}
		n = &asked{who: map[string]bool{}, example: report.Printable(e.Method + " " + e.Path + ": " + why)}
		m[key] = n
	}
	n.count++
	if len(n.who) < 20 {
		n.who[e.Who] = true
	}
}

// number is a segment of a path that is somebody's id rather than a word: digits, or many hexadecimal digits.
var number = weir.Pattern(`/([0-9]+|[0-9a-fA-F-]{16,})(/|[ "])`)

// general puts {id} in the place of ids, so that a line is proposed once.
func general(line string) string {
	if !strings.HasPrefix(line, "routes:") {
		return line
	}
	for range 8 {
		next := number().ReplaceAllString(line, "/{id}$2")
		if next == line {
			break
		}
		line = next
	}
	return line
}

// readyRoles from the smallest, with what each may do; see roles.cedar.
var readyRoles = []struct {
	name string
	may  []auth.Action
}{
	{"viewer", []auth.Action{auth.Read}},
	{"reader", []auth.Action{auth.Read, auth.Download, auth.Predict}},
	{"scientist", []auth.Action{auth.Read, auth.Download, auth.Predict, auth.Write}},
	{"deployer", []auth.Action{auth.Read, auth.Download, auth.Predict, auth.Deploy}},
	{"maintainer", []auth.Action{auth.Read, auth.Download, auth.Predict, auth.Write, auth.Deploy, auth.Delete}},
	{"admin", auth.Actions()},
}

// role is the smallest role that covers actions.
func role(actions map[auth.Action]int) string {
	for _, r := range readyRoles {
		covers := true
		for a := range actions {
			covers = covers && slices.Contains(r.may, a)
		}
		if covers {
			return r.name
		}
	}
	return "admin"
}

func (l *lessons) text(cedar bool) string {
	var b strings.Builder
	comment := "#"
	if cedar {
		comment = "//"
	}
	fmt.Fprintf(&b, "%s From %d requests, %s to %s. Read every line before you use it.\n", comment, l.requests, l.from.Format(time.DateOnly), l.to.Format(time.DateOnly))
	for _, key := range slices.SortedFunc(maps.Keys(l.used), func(a, b user) int { return strings.Compare(a.name+"\x00"+a.server, b.name+"\x00"+b.server) }) {
		if cedar {
			l.used[key].cedar(&b, key)
		} else {
			l.used[key].grant(&b, key)
		}
	}
	if cedar {
		return b.String()
	}
	section(&b, "\n# Lines of gate.yaml, below the upstream that is named, that would let pass what was refused:\n", l.hints, func(b *strings.Builder, key hint, n *asked) {
		fmt.Fprintf(b, "# %s: %d requests by %s, such as %s\n%s\n", key.server, n.count, people(n.who), n.example, key.line)
	})
	section(&b, "\n# Refused, and no line would allow it:\n", l.refused, func(b *strings.Builder, key hint, n *asked) {
		fmt.Fprintf(b, "# %s: %s, %d requests by %s, such as %s\n", key.server, key.line, n.count, people(n.who), n.example)
	})
	return b.String()
}

// grant writes the command that gives the smallest role.
func (u *use) grant(b *strings.Builder, key user) {
	var did []string
	for _, a := range auth.Actions() {
		if n := u.actions[a]; n > 0 {
			did = append(did, fmt.Sprintf("%s %d", a, n))
		}
	}
	name := role(u.actions)
	fmt.Fprintf(b, "\n# %s on %s: %s\n", key.name, key.server, strings.Join(did, ", "))
	if name == "maintainer" && u.actions[auth.Deploy] == 0 {
		fmt.Fprintf(b, "# (scientist is enough if they delete their own things only)\n")
	}
	scope := " --server " + shellWord(key.server)
	if len(u.types) == 1 && len(u.things) <= 3 && u.types["model"] != nil {
		for _, thing := range slices.Sorted(maps.Keys(u.things)) {
			fmt.Fprintf(b, "weir gate role add %s %s%s --name %s\n", shellWord(key.name), name, scope, shellWord(strings.TrimPrefix(thing, "model:")))
		}
		return
	}
	fmt.Fprintf(b, "weir gate role add %s %s%s\n", shellWord(key.name), name, scope)
}

// cedar writes policies for what was seen and nothing else.
func (u *use) cedar(b *strings.Builder, key user) {
	byActions := map[string][]string{}
	for kind, actions := range u.types {
		var list []string
		for _, a := range auth.Actions() {
			if actions[a] {
				list = append(list, `Action::`+quoted(string(a)))
			}
		}
		set := strings.Join(list, ", ")
		byActions[set] = append(byActions[set], quoted(kind))
	}
	for _, set := range slices.Sorted(maps.Keys(byActions)) {
		types := byActions[set]
		slices.Sort(types)
		fmt.Fprintf(b, "\n@id(%s)\npermit (principal, action in [%s], resource)\nwhen { principal.name == %s && resource.server == %s && [%s].contains(resource.type) };\n",
			quoted(fmt.Sprintf("learnt-%s-%s-%s", key.name, key.server, strings.ReplaceAll(strings.Join(types, "-"), `"`, ""))), set, quoted(key.name), quoted(key.server), strings.Join(types, ", "))
	}
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(b)
}

// shellWord is s as a shell reads it whole.
func shellWord(s string) string {
	if s != "" && regexp.MustCompile(`^[A-Za-z0-9_.@/:+-]+$`).MatchString(s) && s[0] != '-' {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func section(b *strings.Builder, title string, m map[hint]*asked, line func(*strings.Builder, hint, *asked)) {
	if len(m) == 0 {
		return
	}
	b.WriteString(title)
	for _, key := range slices.SortedFunc(maps.Keys(m), func(a, b hint) int { return strings.Compare(a.server+"\x00"+a.line, b.server+"\x00"+b.line) }) {
		line(b, key, m[key])
	}
}

func people(who map[string]bool) string {
	return report.Printable(strings.Join(slices.Sorted(maps.Keys(who)), ", "))
}
