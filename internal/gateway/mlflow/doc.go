// Package mlflow knows MLflow for the gate: every route of the server from 1.30 to 3.17, what each request is about, and what may stand in it.
//
// Start with [Kind]. The table is in table*.go, one line per route, `/api` and `/ajax-api` being two prefixes of the same line; requests.txt holds
// the fields of the requests as MLflow's own protocol buffers describe them (testdata/gate/routes.py prints both from an installation, and a
// test holds the table against every installed version). What a request is about is found in find.go and lookup.go; what it may mean in
// meaning.go, address.go and source.go; lists that are shown in part in list.go; GraphQL in graphql.go.
//
// What the configuration opens, under "allow" of an upstream:
//
//	static-prefix        the path that the server was started below with --static-prefix, one value
//	artifact-locations   URIs below which clients may choose an experiment's artifact location, such as s3://bucket/team
//	sources              URIs below which a model version's files may lie beside its own run's artifacts
//	webhook-hosts        hosts that webhooks and MCP endpoints may name; without it every public host
//	protected-aliases    aliases that separation of duties is about; without it production and champion
//	protected-stages     stages that separation of duties is about; without it Production
//
// and what it switches on, under "switch":
//
//	separation-of-duties whoever created a model version cannot alone move it to a protected alias or stage
//	http-webhooks        webhooks may use http beside https
//	scorer-code          registered scorers may carry Python source
package mlflow
