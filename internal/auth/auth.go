// Package auth knows who is asking, and what they may do: one set of users, service accounts, tokens and roles for gateway and server; it says
// what storage it needs, and a store driver gives it.
//
// Start with [Principal], [Action] and [Resource]: a decision is about these three.
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

// Scope bounds a grant or a token. Empty fields mean all.
type Scope struct {
	Server  string            // the upstream's name in the configuration
	Type    string            // a Resource.Type
	Name    string            // a pattern over the resource's name, or over that of the experiment that it belongs to (path.Match)
	Tags    map[string]string // tags that the resource must carry
	Actions []Action
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

// Resource is one thing behind the gate.
type Resource struct {
	Server string // the upstream's name in the configuration
	Type   string // experiment, run, registered-model, model-version, …: the constants of the route table
	ID     string // as the server numbers it
	Name   string // as people name it; empty where it has none
	Tags   map[string]string
	Owner  string     // who made it; empty when that is not known
	Within []Resource // what holds it, nearest first: the run's experiment, the version's model
}

// Decision is an answer with its reason.
type Decision struct {
	Allow  bool
	Policy string // the policy or role that decided
	Reason string // one line for people
}
