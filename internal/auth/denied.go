package auth

import "time"

// Why is the reason of a Denied for programs.
type Why string

// The reasons why nobody was identified.
const (
	Missing     Why = "missing"     // no proof was shown: 401
	Malformed   Why = "malformed"   // a proof that cannot be read, or several: 400
	Wrong       Why = "wrong"       // a proof that is not right, of whichever kind; never says which part: 401
	Expired     Why = "expired"     // a token or session that was right and is over: 401
	Locked      Why = "locked"      // too many wrong passwords: 429 with RetryAfter
	Limited     Why = "limited"     // too many requests: 429 with RetryAfter
	Untrusted   Why = "untrusted"   // a header that only the listed proxy may send: 403
	Unavailable Why = "unavailable" // the storage or the provider does not answer: 503, fail closed
)

// Denied says that no principal was found and what the client is to be told.
type Denied struct {
	Status     int // HTTP
	Why        Why
	Reason     string // for the client: it names no account that was not named by the client, and not what was wrong about a proof
	Detail     string // for the log only
	RetryAfter time.Duration
	Challenge  []string // values of WWW-Authenticate, for 401
	Account    string   // the name that was claimed, for the log; empty: none
	Err        error    // the cause, for Unavailable
}

// Error gives the reason.
func (d *Denied) Error() string { return d.Reason }

// Unwrap gives the cause.
func (d *Denied) Unwrap() error { return d.Err }
