package auth_test

import (
	"context"
	"fmt"
	"testing"

	"weir/internal/auth"
)

func unlimited() auth.Limits {
	no := auth.Rate{PerSecond: -1}
	return auth.Limits{Account: no, Address: no, Wrong: no}
}

func BenchmarkIdentify(b *testing.B) {
	h := newHouse(b, auth.Options{Limits: auth.Limits{Account: auth.Rate{PerSecond: 1e9, Burst: 1 << 30}, Address: auth.Rate{PerSecond: 1e9, Burst: 1 << 30}}})
	h.user(b, "ann", auth.Grant{Role: auth.RoleScientist, Scope: auth.Scope{Name: "fraud-*"}})
	shown, _ := h.token(b, "ann", 0)
	for _, c := range []struct{ name, header string }{{"token", "Bearer " + shown}, {"password", basic("ann", password)}} {
		b.Run(c.name, func(b *testing.B) {
			cred := from(here, "Authorization", c.header)
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if _, err := h.Identify(context.Background(), cred); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func BenchmarkDecide(b *testing.B) {
	cedar := []auth.PolicyFile{{Name: "own.cedar", Text: []byte(`@id("payroll") forbid (principal, action, resource) when { resource.project.name like "payroll*" } unless { principal in Group::"hr" };
@id("auditor") permit (principal, action == Action::"read", resource) when { context.roles.contains("auditor") && resource.hasTag("audit") };`)}}
	run := auth.Resource{Server: "m", Type: "run", ID: "0123456789abcdef", Name: "fine-owl-12", Within: []auth.Resource{{Type: "experiment", ID: "12", Name: "fraud-2026", Tags: map[string]string{"team": "x"}}}}
	many := make([]auth.Grant, 500)
	for i := range many {
		many[i] = auth.Grant{Role: auth.RoleReader, Scope: auth.Scope{Server: "m", Type: "experiment", ID: fmt.Sprint(1000 + i)}}
	}
	many[499].Scope.ID = "12"
	for _, c := range []struct {
		name   string
		files  []auth.PolicyFile
		grants []auth.Grant
	}{
		{"ready roles", nil, []auth.Grant{{Role: auth.RoleScientist, Scope: auth.Scope{Name: "fraud-*"}}, {Role: auth.RoleViewer}}},
		{"with Cedar of one's own", cedar, []auth.Grant{{Role: auth.RoleScientist, Scope: auth.Scope{Name: "fraud-*"}}, {Role: auth.RoleViewer}}},
		{"500 grants", nil, many},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := newHouse(b, auth.Options{Policies: c.files, Limits: unlimited()})
			p := auth.Principal{Name: "ann", Kind: auth.User, Groups: []string{"a", "b"}, Roles: c.grants}
			b.ReportAllocs()
			for b.Loop() {
				if d := h.Decide(p, auth.Read, run); !d.Allow {
					b.Fatal(d.Reason)
				}
			}
		})
	}
}
