// Package auth knows who is asking, and what they may do: one set of users, service accounts, tokens and roles for gateway and server; it says
// what storage it needs, and a store driver gives it.
//
// Start with [Principal], [Action] and [Resource]: a decision is about these three. [Open] makes an [Auth]; [Auth.Identify] finds the principal
// of a request, [Auth.Decide] decides.
package auth

// Principal is whoever asks, once that is certain. The zero Principal is nobody.
type Principal struct {
	Name   string   // the account; unique among users and services
	Kind   Kind     // user or service
	Groups []string // as the account or the identity provider says, sorted
	Roles  []Grant  // what the account holds, groups included
	Method string   // how it was proven: password, token, session, oidc, certificate, header
	Token  string   // the visible prefix of the token that was shown; empty: none
	Scopes []Scope  // what this token is limited to; nil: all that the account may do
	// Foreign says that the proof was a cookie, and that another site made the browser send the request. Such a request may only read.
	Foreign bool
}

// Kind tells people from programs.
type Kind string

// The kinds of principal.
const (
	User    Kind = "user"
	Service Kind = "service"
)

// Grant gives a role within a scope.
type Grant struct {
	Role  string
	Scope Scope
}

// Scope bounds a grant or a token. Empty fields mean all. It names a thing and covers all that is within it: with a Type the nearest thing of
// that type, without one the outermost that is no workspace (the experiment of a run, the model of a version), so that nobody reaches into an
// experiment by the name or tags of a run there.
type Scope struct {
	Server  string            `json:"server,omitempty"` // the upstream's name in the configuration
	Type    string            `json:"type,omitempty"`   // a Resource.Type
	ID      string            `json:"id,omitempty"`     // a Resource.ID, exactly
	Name    string            `json:"name,omitempty"`   // a pattern over the thing's name (path.Match: "*" does not cross "/")
	Tags    map[string]string `json:"tags,omitempty"`   // tags that it must carry
	Actions []Action          `json:"actions,omitempty"`
}

// Action is what somebody wants to do.
type Action string

// The actions. Download is reading content (weights, artifacts, frames) as opposed to what is said about it.
const (
	Read     Action = "read"
	Download Action = "download"
	Write    Action = "write"
	Deploy   Action = "deploy" // moving a version to where it is served: alias, stage, endpoint
	Delete   Action = "delete"
	Manage   Action = "manage" // permissions, webhooks, secrets, settings of the server itself
	Predict  Action = "predict"
)

// Actions lists them all.
func Actions() []Action { return []Action{Read, Download, Write, Deploy, Delete, Manage, Predict} }

// Resource is one thing behind the gate.
type Resource struct {
	Server string // the upstream's name in the configuration
	Type   string // experiment, run, registered-model, model-version, …: the constants of the route table
	ID     string // the key by which the server knows it: a number, or the name where that is the key (registered models)
	Name   string // as people name it; empty where it has none
	Tags   map[string]string
	Owner  string     // who made it; empty when that is not known
	Within []Resource // what holds it, nearest first: the run's experiment, the version's model
	// Personal says that names there are nobody's plan (temporary frames of a session): who made it has their roles on it whatever name or
	// tags these are limited to. Only kinds of server whose things have no projects set it.
	Personal bool
}

// Decision is an answer with its reason.
type Decision struct {
	Allow  bool
	Policy string // the policy or role that decided
	Reason string // one line for people
}
