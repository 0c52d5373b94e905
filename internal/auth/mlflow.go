package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// MLflowAccount is a user of MLflow's basic-auth app.
type MLflowAccount struct {
	Name        string
	Hash        string // werkzeug's: scrypt or pbkdf2
	Admin       bool
	Permissions []MLflowPermission
}

// MLflowPermission is what such a user may do to one thing.
type MLflowPermission struct {
	Type       string // experiment, registered_model, …
	Key        string // experiment_id or name; "*": all
	Permission string // READ, USE, EDIT, MANAGE, NO_PERMISSIONS, DENY
	Workspace  string
}

// MLflowGroup is the group of those who came from MLflow: what MLflow's default_permission gave to everybody is granted to it.
const MLflowGroup = "mlflow-users"

// Imported says what came of an import.
type Imported struct {
	Accounts []string // made
	Grants   int
	Skipped  []string // one line each: what was not taken over and why
}

// rolesOf gives the roles that come nearest to a permission of MLflow (mlflow/server/auth/permissions.py). Granting permissions to others is an
// admin's work here.
func rolesOf(kind, permission string) ([]string, bool) {
	switch permission {
	case "READ", "USE":
		return []string{RoleReader}, true
	case "EDIT":
		if kind == "registered_model" { // there it includes moving aliases and stages
			return []string{RoleScientist, RoleDeployer}, true
		}
		return []string{RoleScientist}, true
	case "MANAGE":
		return []string{RoleMaintainer}, true
	case "NO_PERMISSIONS", "DENY":
		return []string{RoleNone}, true
	}
	return nil, false
}

// ImportMLflow takes over users with their passwords, and permissions as grants on server (empty: on all). byDefault is MLflow's
// default_permission. Accounts that exist are left as they are; a second import adds nothing twice.
func (a *Auth) ImportMLflow(ctx context.Context, users []MLflowAccount, server, byDefault string) (Imported, error) {
	var out Imported
	everybody, ok := rolesOf("", byDefault)
	if !ok {
		return out, fmt.Errorf("default permission %q is none of READ, USE, EDIT, MANAGE, NO_PERMISSIONS", byDefault)
	}
	for _, u := range users {
		if err := a.importOne(ctx, u, server, &out); err != nil {
			return out, err
		}
	}
	if len(out.Accounts) == 0 || everybody[0] == RoleNone {
		return out, nil
	}
	held, err := a.storage.Grants(ctx)
	if err != nil {
		return out, err
	}
	for _, g := range held {
		if g.Group && g.To == MLflowGroup {
			return out, nil
		}
	}
	for _, role := range everybody {
		if _, err := a.Grant(ctx, Granted{To: MLflowGroup, Group: true, By: "import", Grant: Grant{role, Scope{Server: server}}}); err != nil {
			return out, err
		}
		out.Grants++
	}
	return out, nil
}

func (a *Auth) importOne(ctx context.Context, u MLflowAccount, server string, out *Imported) error {
	skip := func(format string, args ...any) {
		out.Skipped = append(out.Skipped, fmt.Sprintf(format, args...))
	}
	stored := u.Hash
	if _, _, err := parseForeign(stored); err != nil {
		skip("password of %q: %v; set a new one", u.Name, err)
		stored = ""
	}
	known, err := a.knownToAll(ctx, u.Admin, stored)
	if err != nil {
		return err
	}
	if known {
		skip("password of %q: it is the one that MLflow gives its first account; set a new one", u.Name)
		stored = ""
	}
	err = a.AddAccount(ctx, Account{Name: u.Name, Kind: User, Password: stored, Groups: []string{MLflowGroup}, Note: "from MLflow"}, "")
	switch {
	case errors.Is(err, ErrExists) || errors.Is(err, ErrName):
		skip("%v", err)
		return nil
	case err != nil:
		return err
	}
	out.Accounts = append(out.Accounts, u.Name)
	give := func(role string, s Scope) error {
		_, err := a.Grant(ctx, Granted{To: u.Name, By: "import", Grant: Grant{role, s}})
		if err == nil {
			out.Grants++
		}
		return err
	}
	if u.Admin {
		if err := give(RoleAdmin, Scope{Server: server}); err != nil {
			return err
		}
	}
	for _, p := range u.Permissions {
		roles, ok := rolesOf(p.Type, p.Permission)
		if !ok {
			skip("permission %q of %q on %s %q is not known", p.Permission, u.Name, p.Type, p.Key)
			continue
		}
		for _, role := range roles {
			if err := give(role, p.scope(server)); err != nil {
				return err
			}
		}
	}
	return nil
}

// mlflowPasswords are what basic_auth.ini (mlflow/server/auth) names for the first admin: "password" in MLflow 2, "password1234" up to 3.9 at least; the
// newest names none.
var mlflowPasswords = []string{"password1234", "password"}

// knownToAll says whether the hash of an admin is that of such a password: it must not open a gate, which has no default password.
func (a *Auth) knownToAll(ctx context.Context, admin bool, stored string) (known bool, err error) {
	if stored == "" || !admin {
		return false, nil
	}
	err = a.hash(ctx, func() {
		for _, p := range mlflowPasswords {
			if right, _ := matchesForeign(stored, p); right { // whether it can be read was seen before
				known = true
			}
		}
	})
	return known, err
}

// scope says what a permission is about. In a workspace other than the default one "*" means all there.
func (p MLflowPermission) scope(server string) Scope {
	s := Scope{Server: server, Type: strings.ReplaceAll(p.Type, "_", "-"), ID: p.Key}
	if p.Type == "workspace" && (p.Key == "*" || p.Key == p.Workspace || p.Workspace == "") {
		if s.ID = p.Workspace; s.ID == "" {
			s.ID = p.Key
		}
		if s.ID == "default" {
			s.Type, s.ID = "", ""
		}
		return s
	}
	if p.Key == "*" {
		s.ID = ""
	}
	return s
}
