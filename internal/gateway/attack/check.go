package attack

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/url"
	"time"
)

// Harmless says whether the attack has a form that leaves nothing behind and needs nothing but the server's answers.
func (a *Attack) Harmless() bool { return a.Check != nil || a.ReadOnly }

// Basic is the Authorization header of a name and a password.
func Basic(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

// Recognise asks a server what it is: "mlflow", "h2o", or empty when its answers do not tell.
func Recognise(ctx context.Context, address, auth string) string {
	base, err := url.Parse(address)
	if err != nil {
		return ""
	}
	for _, q := range []struct{ path, kind, says string }{
		{"/3/About", "h2o", "Build project version"},
		{"/api/2.0/mlflow/experiments/get?experiment_id=0", "mlflow", "experiment"},
	} {
		message, err := compose("GET "+q.path, nil, base, auth)
		if err != nil {
			return ""
		}
		a, err := send(ctx, base, message, 10*time.Second)
		if err == nil && a.Status < 500 && bytes.Contains(a.Body, []byte(q.says)) {
			return q.kind
		}
	}
	return ""
}

// existsAlready is how MLflow's stores and the databases below them say that a name is taken.
const existsAlready = `(?i)RESOURCE_ALREADY_EXISTS|already exists|UNIQUE constraint|duplicate (key|entry)`

// locationCheck asks for an experiment that always exists, with a location that no server should take: one that looks at it says so, one that does not says
// that the experiment exists, and nothing is left behind.
func locationCheck(location string) *Check {
	return &Check{
		Steps: []Step{post(api2+"/experiments/create", `{"name": "Default", "artifact_location": "`+location+`"}`)},
		Proof: Proof{Like: existsAlready},
	}
}

// sourceCheck asks for a version, with a source that no server should take, of a model that does not exist: a server that does not look at the source
// says that it misses the model.
func sourceCheck(source string) *Check {
	return &Check{
		Steps: []Step{post(api2+"/model-versions/create", `{"name": "weir-check-${nonce}", "source": "`+source+`"}`)},
		Proof: Proof{Answer: "Registered Model with name"},
	}
}

// Lawful is what an ordinary scientist does with a server of a kind, in the form of an attack that must work: something that stops everything would stop
// every attack too. nil: none is known.
func Lawful(kind string) *Attack {
	switch kind {
	case "mlflow":
		return &Attack{
			ID: "lawful/mlflow",
			Steps: []Step{experiment(), newRun(), model(),
				post(api2+"/runs/set-tag", `{"run_id": "${run}", "key": "k", "value": "v"}`),
				get(api2 + "/runs/get?run_id=${run}"),
				upload("note.txt", []byte("control ${nonce}")),
				get("/get-artifact?run_id=${run}&path=note.txt")},
			Proof: Proof{Answer: "control ${nonce}"},
		}
	case "h2o":
		return &Attack{ID: "lawful/h2o", Steps: []Step{get("/3/About")}, Proof: Proof{Answer: "entries"}}
	}
	return nil
}
