// Package attack holds recorded exploits against ML servers as data, and runs them: against a bare server, where each must work, and through the
// gate, where none may.
//
// Start with [Attack]. The suites are [MLflow] and [H2O]; [Run] carries one out against a [Target].
//
// # How to write one
//
// An attack is a literal in mlflow_*.go or h2o.go:
//
//	{
//		ID:    "mlflow/source-local-folder",
//		CVE:   []string{"CVE-2023-1177"},
//		Doc:   "registers a version whose source is a folder of the server, then reads a file from it",
//		Works: []string{"1.30.0"},
//		Steps: []Step{
//			{Request: "POST /api/2.0/mlflow/registered-models/create\n\n" + `{"name": "lab-${nonce}"}`},
//			{Request: "POST /api/2.0/mlflow/model-versions/create\n\n" + `{"name": "lab-${nonce}", "source": "${secret-dir}"}`},
//			{Request: "GET /model-versions/get-artifact?name=lab-${nonce}&version=1&path=${secret-name}"},
//		},
//		Proof: Proof{Answer: "${secret}"},
//	}
//
// A request is written as it goes over the wire: request line without the version, headers, an empty line, the body. The runner ends lines with
// CRLF, adds Host, Content-Length, Connection and the Authorization of whoever attacks where they are not written, and the Content-Type
// application/json when the body starts with '{'. Nothing else is touched: encoded dots stay as they are.
//
// Variables that the runner knows, each new for every run:
//
//	${nonce}                       twelve hexadecimal digits
//	${secret}                      a text that stands in the file ${secret-file} = ${secret-dir}/${secret-name}, outside the server's folders
//	${canary-file}                 = ${canary-dir}/${canary-name}; the folder exists, the file does not
//	${prey-file}                   = ${prey-dir}/${prey-name}; a file that exists, to be overwritten or deleted
//	${up}                          "../" often enough to reach the root of any file system, without the last slash: ${up}${secret-file}
//	${listener}                    host:port of a loopback listener that remembers what it is asked and answers as [Attack.Listener] says
//	${host}                        host:port of the target
//	${server-dir}                  the server's own folder
//
// and what earlier steps saved. ${name|url} is percent-encoded (all but unreserved characters), ${name|url|url} twice, ${name|json} escaped
// for a JSON string, ${name|rel} without a leading slash.
//
// Names that the attacker makes start with "lab-", which the ordinary scientist of the tests may write; what belongs to somebody else starts
// with "secret-". The steps of the victim ([Step.By] = [Victim]) go straight to the server in every run: they are the state of the world, not part
// of the attack. A step whose variable was never saved, since an earlier one was refused, is left out.
//
// The proof is of the effect, never of a status: the secret's text came back, the file is there, the listener heard it, the probe (straight to the
// server) shows it, the page's script ran. An attack without a proof that can be told from its absence is no attack.
//
// # Harmless form
//
// `weir gate check URL` runs [Attack.Check], or Steps themselves when [Attack.ReadOnly] says that they change nothing. There the runner sees only
// answers: ${secret-dir} is /etc, ${secret-name} hosts, ${secret} "localhost". Check must leave nothing behind on a server that lets it pass; a
// good way is a request that the server validates before it finds that the thing exists already.
package attack
