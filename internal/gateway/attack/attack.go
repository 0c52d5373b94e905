package attack

// Attack is one recorded exploit.
type Attack struct {
	ID    string   // "mlflow/source-local-folder"; unique
	CVE   []string // the flaws that it is about; empty: none was given
	Doc   string   // what it does, one line that starts with a verb
	Works []string // releases on which it works against the bare server; the tests run the first, `make matrix` all
	// Server names how the server must have been started: a key of [Servers]; empty: the default.
	Server string
	// Secret is the name of the file with the secret (empty: note.txt), SecretText what it holds (empty: ${secret}).
	Secret, SecretText string
	Listener           map[string]Reply // what the listener answers, by path; "*" is any other; without it: 200 and "ok"
	Steps              []Step
	Proof              Proof
	// Anonymous attacks work without an account even where the server has its own login.
	Anonymous bool
	ReadOnly  bool   // Steps change nothing: they are their own harmless form
	Check     *Check // the harmless form; nil and not ReadOnly: there is none
	// Specific says that only a check made for this flaw can stop it: it does not count against the general rules.
	Specific bool
}

// Check is the harmless form of an attack.
type Check struct {
	Steps []Step
	Proof Proof
	Clean []Step // afterwards, whatever happened
}

// Step is one request or one look with a browser.
type Step struct {
	Request string
	Body    []byte                              // instead of the text's own body, where that is not text
	Make    func(vars map[string]string) []byte // instead of Body, where variables stand in it as something else than text
	By      Actor
	Save    map[string]string // variable ← where in the answer: a dotted path in its JSON ("run.info.run_id"), or "~" and a regular expression with one group
	Times   int               // how often; 0: once
	Browse  string            // instead of Request: a path that a browser opens, scripts and all
	Load    string            // instead of Request: a model that somebody else loads with the real client, in ${canary-dir}
	Maybe   bool              // a victim's request that may be answered with an error: an account that only some servers have
	Until   string            // the request is made again, for a minute at most, until the answer holds this: a job that must end
	// WaitHeard waits (ten seconds at most) until the listener has heard this, since servers deliver some things late.
	WaitHeard string
}

// Actor is who makes a step's request.
type Actor int

// The actors.
const (
	Attacker Actor = iota // an ordinary scientist, or nobody
	Victim                // somebody else; straight to the server, with its administrator's rights
	Nobody                // the attacker without credentials
)

// Proof says how one knows that the attack took effect: all that is given must hold.
type Proof struct {
	Answer string  // an answer to the attacker holds this
	Like   string  // an answer to the attacker fits this regular expression
	File   string  // this file exists…
	Holds  string  // …and holds this
	Gone   string  // this file is gone
	Heard  string  // the listener was asked for something that holds this (request line, headers or body)
	Probe  *Step   // straight to the server, afterwards…
	Shows  string  // …answers with this in it
	Hides  string  // …answers without this in it
	Either []Proof // at least one of these holds
	Inline bool    // the last answer to the attacker runs its script in a browser: HTML or SVG, not as a download, not under a sandbox
	Down   bool    // the server has ended, or does not answer any more
}

// Reply is what the listener answers.
type Reply struct {
	Status int // 0: 200
	Type   string
	Body   string // variables are filled in
	Header map[string]string
}

// Servers are the ways to start a server that attacks need, by name: arguments for its command line. ${dir} is the server's folder, and ${listener} a
// loopback listener of the tests.
var Servers = map[string]Setting{
	"":           {},
	"local":      {Args: []string{"--no-serve-artifacts", "--default-artifact-root", "${dir}/artifacts"}},
	"basic-auth": {Args: []string{"--app-name", "basic-auth"}, Auth: true},
	"jobs":       {Env: []string{"MLFLOW_SERVER_ENABLE_JOB_EXECUTION=true"}}, // as it is where nobody says otherwise
	"gateway":    {Env: []string{"MLFLOW_GATEWAY_URI=http://${listener}", "MLFLOW_DEPLOYMENTS_TARGET=http://${listener}"}},
}

// Setting is one way to start a server.
type Setting struct {
	Args []string
	Env  []string
	Auth bool // the server asks for a login itself; its accounts are made by the tests
}
