package auth

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSteadyClock(t *testing.T) {
	wall, ran := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Duration(0)
	now := steady(func() time.Time { return wall }, func() time.Duration { return ran })
	pass := func(d time.Duration) { wall, ran = wall.Add(d), ran+d }
	begin := now()
	pass(time.Minute)
	if now() != begin.Add(time.Minute) {
		t.Errorf("after a minute: %v", now())
	}
	wall = wall.Add(-24 * time.Hour)
	if now() != begin.Add(time.Minute) {
		t.Errorf("set back by a day: %v", now())
	}
	pass(time.Minute)
	if now() != begin.Add(2*time.Minute) {
		t.Errorf("a minute later: %v", now())
	}
	wall = begin.Add(100 * time.Hour)
	if now() != begin.Add(100*time.Hour) {
		t.Errorf("set forwards: %v", now())
	}
	wall = begin.Add(2 * time.Minute)
	if now() != begin.Add(2*time.Minute) {
		t.Errorf("set right again: %v", now())
	}
}

func FuzzCredentials(f *testing.F) {
	shown, _, _, err := newToken()
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"", shown, shown[:30], "weir_aaaaaaaaaaaa_", basic("ann", "a:b"), "YTpi", "YTpi=", "YTpi\n", "OmI=", "a.b.c", "e30.eyJpc3MiOiJodHRwczovL3gifQ.x", "~~~==", "a=b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if user, password, ok := parseBasic(s); ok && (basic(user, password) != s || user == "" || strings.ContainsAny(user, ":\x00\n")) {
			t.Errorf("%q was read as %q and %q", s, user, password)
		}
		if id, ok := splitToken(s); ok && (!strings.HasPrefix(s, tokenPrefix+id+"_") || len(s) != tokenLength || !bearerForm(s)) {
			t.Errorf("%q is token %q", s, id)
		}
		if bearerForm(s) && strings.ContainsAny(s, " \t\r\n,;\"\\:\x00") {
			t.Errorf("%q is a bearer token", s)
		}
		issuerOf(s)
		if h, err := parseArgon(s); err == nil && (h.memory > 1<<18 || h.time > 16) {
			t.Errorf("%q costs %d KiB %d times", s, h.memory, h.time)
		}
		parseForeign(s)
	})
}

// FuzzPolicies: whatever stands in a file of policies, it is refused or it compiles to something that decides.
func FuzzPolicies(f *testing.F) {
	f.Add(rolesText)
	for _, s := range []string{
		"", "permit (principal, action, resource);", `forbid (principal, action, resource) when { resource.missing == 1 };`,
		`permit (principal in Group::"a", action in [Action::"read"], resource is Run in Experiment::"m/1") when { resource.hasTag("x") && resource.getTag("x") like "a*" };`,
		`@id("x") permit (principal, action, resource) when { context.roles.containsAny(["own-role", "b"]) };`,
		`permit (principal, action, resource) when { 9223372036854775807 + 1 > 0 };`, `permit (principal, action, resource) when { ip("127.0.0.1").isLoopback() };`, "// nothing",
		`permit (principal, action, resource) when { ` + strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200) + ` };`,
	} {
		f.Add([]byte(s))
	}
	r := Resource{Server: "m", Type: "run", ID: "r", Tags: map[string]string{"x": "abc"}, Within: []Resource{{Type: "experiment", ID: "1", Name: "e"}}}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := compile([]PolicyFile{{"fuzz.cedar", text}})
		if err != nil {
			return
		}
		p.decide(&Principal{Name: "ann", Kind: User, Groups: []string{"a"}}, Read, &r)
		shut := Principal{Name: "bob", Kind: User, Roles: []Grant{{Role: RoleNone}}}
		if d := p.decide(&shut, Read, &r); d.Allow {
			t.Errorf("a policy of one's own lifts a ready forbid: %+v", d)
		}
	})
}

// FuzzExpectations: the file of a test is refused with its line or understood; scopes read back as they are written.
func FuzzExpectations(f *testing.F) {
	for _, s := range []string{
		"user ann\ngrant ann viewer\nallow ann read experiment:1=x\n", "deny ann read run:a in experiment:1 server=m # x", "service ci \"a b\"\ngrant group:x scientist name=a* tag.k=v actions=read,write",
		"allow ann read \"experiment:1=a \\\" b\" because viewer", "name=[", "type=run type=run", "actions=,", "\"", "tag.=x", "type=run\v", "name=a\u00a0b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := Expect("f", []byte(text), nil, nil)
		if err == nil && len(list) == 0 {
			t.Error("a test that expects nothing passed")
		}
		words, err := splitWords(text)
		if err != nil {
			return
		}
		if r, err := ParseResource(words); err == nil && (r.Type == "" || len(r.Within) > len(words)) {
			t.Errorf("%q is %+v", words, r)
		}
		s, err := ParseScope(words)
		if err != nil || slices.ContainsFunc(words, func(w string) bool { return strings.ContainsAny(w, " \t\r\n\"#\\") || w == "" }) || len(words) == 0 {
			return
		}
		again, err := ParseScope(strings.Split(s.String(), " "))
		if err != nil || !reflect.DeepEqual(s, again) {
			t.Errorf("%q is written as %q and read as %+v, error %v", words, s.String(), again, err)
		}
	})
}
