// Package h2o is the gate's knowledge of H2O-3: its routes with what each does, what its parameters may name, what a Rapids expression
// touches, and who made which frame or model.
//
// Start with [Kind]. The table of routes and parameters (table.txt) is written from running servers by testdata/gate/h2o/table.py; rules.go
// judges every route, fields.go every parameter that can hold text, uses.go every function of Rapids: what is in none of them is refused, and a
// test that asks a real server fails when it knows more.
//
// What the configuration of an upstream of this kind opens (`allow` and `switch` in gate.yaml):
//
//	import-roots      absolute folders below which files may be imported and listed
//	import-urls       whole URLs that the server may fetch itself: http, s3, hdfs, …
//	export-roots      absolute folders below which frames, models and checkpoints may be written; never over an existing file
//	jdbc-urls         whole JDBC URLs that tables may be imported from
//	sql-queries       (switch) whole queries may be sent to a listed database, not only the name of a table
//	unverified-models (switch) models may be imported whose scan says unverified, not only clean
//
// # Who owns what
//
// H2O knows no users, and a key says nothing about its maker. The gate remembers who made each key ([Made]): from the requests that make
// them and from the answers that name what the server made (a job's result, the models of a grid, of a leaderboard, of a cross-validation).
// A prefix in the key itself was the other way: it would change names that clients choose and print, and their results would differ. Names that
// are made from others (a session's temporary frames, py_3_sid_8bd3) have the owner of what they come from. A key without a record belongs to
// nobody: only roles that reach everybody's resources reach it. Before a record stands in the way of a new key, the server is asked whether the
// old one still exists.
//
// # Models that come in
//
// Bytes that are posted are spooled and scanned before the server has them, and the gate remembers their digest under the key that they went
// to. A binary model is restored only from such a key, with a clean verdict. A path below an import root is read by the gate, scanned, and
// posted to the server as these bytes: what changes in the file afterwards has no effect, and a path that the gate cannot read is refused.
package h2o
