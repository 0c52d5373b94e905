package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"weir/internal/auth"
)

// mostForeign bounds what is read from somebody else's database.
const mostForeign = 1_000_000

// ReadBasicAuth reads the users and permissions of MLflow's basic-auth app (mlflow/server/auth/db/models.py) from its SQLite file, as MLflow 2.5
// to 3.17 write it: tables of permissions by user until 3.9 or so, roles since. The file is not changed.
func ReadBasicAuth(ctx context.Context, path string) ([]auth.MLflowAccount, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(abs), RawQuery: "mode=ro&_pragma=query_only(1)&_pragma=trusted_schema(OFF)&_pragma=busy_timeout(5000)"}
	pool, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	d := &DB{sql: pool, path: path}
	tables, err := rows(ctx, d, func(s scanner) (n string, err error) { return n, s.Scan(&n) }, `SELECT name FROM sqlite_schema WHERE type = 'table'`)
	if err != nil {
		return nil, fmt.Errorf("%q is no SQLite database: %w", path, err)
	}
	if !slices.Contains(tables, "users") {
		return nil, fmt.Errorf("%q has no table of users: it is no basic_auth.db of MLflow", path)
	}
	var list []auth.MLflowAccount
	index := map[int64]int{}
	_, err = rows(ctx, d, func(s scanner) (x struct{}, err error) {
		var id int64
		var name, hash sql.NullString
		var admin sql.NullBool
		if err = s.Scan(&id, &name, &hash, &admin); err == nil {
			index[id] = len(list)
			list = append(list, auth.MLflowAccount{Name: name.String, Hash: hash.String, Admin: admin.Bool})
		}
		return x, err
	}, `SELECT id, username, password_hash, is_admin FROM users ORDER BY id LIMIT ?`, mostForeign)
	if err != nil {
		return nil, fmt.Errorf("users of %q: %w", path, err)
	}
	for _, q := range permissionQueries(tables) {
		_, err := rows(ctx, d, func(s scanner) (x struct{}, err error) {
			var user int64
			var p auth.MLflowPermission
			if err = s.Scan(&user, &p.Type, &p.Key, &p.Permission, &p.Workspace); err != nil {
				return x, err
			}
			if i, ok := index[user]; ok && !slices.Contains(list[i].Permissions, p) {
				list[i].Permissions = append(list[i].Permissions, p)
			}
			return x, nil
		}, q+` LIMIT ?`, mostForeign)
		if err != nil {
			return nil, fmt.Errorf("permissions of %q: %w", path, err)
		}
	}
	return list, nil
}

// permissionQueries gives a query for each place where permissions stand, all with the same columns. Once there are roles MLflow reads nothing else.
func permissionQueries(tables []string) []string {
	if slices.Contains(tables, "role_permissions") && slices.Contains(tables, "user_role_assignments") {
		return []string{`SELECT a.user_id, p.resource_type, p.resource_pattern, coalesce(p.permission, ''), r.workspace
			FROM user_role_assignments a JOIN roles r ON r.id = a.role_id JOIN role_permissions p ON p.role_id = r.id ORDER BY p.id`}
	}
	var out []string
	for _, t := range []struct{ table, kind, key string }{
		{"experiment_permissions", "experiment", "experiment_id"},
		{"registered_model_permissions", "registered_model", "name"},
		{"scorer_permissions", "scorer", "experiment_id || '/' || scorer_name"},
		{"gateway_secret_permissions", "gateway_secret", "secret_id"},
		{"gateway_endpoint_permissions", "gateway_endpoint", "endpoint_id"},
		{"gateway_model_definition_permissions", "gateway_model_definition", "model_definition_id"},
		{"workspace_permissions", "workspace", "workspace"},
	} {
		if slices.Contains(tables, t.table) {
			out = append(out, strings.NewReplacer("KEY", t.key, "KIND", t.kind, "TABLE", t.table).Replace(
				`SELECT user_id, 'KIND', KEY, coalesce(permission, ''), '' FROM TABLE ORDER BY user_id`))
		}
	}
	return out
}
