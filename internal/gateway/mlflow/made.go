package mlflow

import (
	"net/http"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// The gate remembers who made what: those may delete it, and where duties are separate they do not promote it. What MLflow itself notes (user_id,
// mlflow.user) is what the client said.

func madeKey(x *gateway.Exchange, kind, id string) string { return "made/" + keyOf(x, kind, id) }

// maker gives the account that made a thing through the gate; empty: not known.
func maker(x *gateway.Exchange, kind, id string) (string, error) {
	return x.Kept(madeKey(x, kind, id))
}

// owner is maker where it matters, which is for deleting; a store that cannot be read makes nobody an owner.
func owner(x *gateway.Exchange, kind, id string) string {
	return whenRemoving(x, func() (string, error) { return maker(x, kind, id) })
}

func whenRemoving(x *gateway.Exchange, who func() (string, error)) string {
	if x.Route == nil || x.Route.Action != remove {
		return ""
	}
	name, err := who()
	if err != nil {
		return ""
	}
	return name
}

// making carries out a request that makes something, by flow or else by forwarding it, and notes who made what the answer names.
func making(kind string, id func(wire.Object) string, flow gateway.Flow) gateway.Flow {
	return func(x *gateway.Exchange) error {
		answer, err := heard(x, flow)
		if err != nil || answer == nil {
			return err
		}
		if made := id(answer); made != "" {
			return x.Keep(madeKey(x, kind, made), x.Who.Name)
		}
		return nil
	}
}

// heard carries out a request and gives what was answered too; nil when it is not 200 or no JSON object.
func heard(x *gateway.Exchange, flow gateway.Flow) (wire.Object, error) {
	kept := &keeping{ResponseWriter: x.W}
	x.W = kept
	var err error
	if flow != nil {
		err = flow(x)
	} else {
		err = x.Forward()
	}
	x.W = kept.ResponseWriter
	if err != nil || kept.status != http.StatusOK {
		return nil, err
	}
	answer, err := wire.ParseJSON(kept.body, wire.AnswerLimits)
	if err != nil {
		return nil, nil // no answer of MLflow's own: it made nothing
	}
	return answer, nil
}

// starting forwards a request that starts jobs, and notes of which experiment they are: MLflow does not say that later.
func starting(x *gateway.Exchange) error {
	answer, err := heard(x, nil)
	if err != nil || answer == nil {
		return err
	}
	e, err := value(x, "experiment_id")
	if err != nil {
		return err
	}
	for _, o := range append(list(answer["jobs"]), answer) {
		if id, _ := o["job_id"].(string); id != "" {
			if err := x.Keep("in/"+keyOf(x, job, id), e); err != nil {
				return err
			}
		}
	}
	return nil
}

// startedJob finds the experiment of a job that was started through the gate.
func startedJob(x *gateway.Exchange) ([]auth.Resource, error) {
	id := x.Vars["job_id"]
	r := auth.Resource{Type: job, ID: id}
	e, err := x.Kept("in/" + keyOf(x, job, id))
	if err == nil && e != "" {
		r, err = inExperiment(x, job, id, e)
	}
	return []auth.Resource{r}, err
}

// keeping is a ResponseWriter that keeps the beginning of what it writes.
type keeping struct {
	http.ResponseWriter
	status int
	body   []byte
}

const keptBytes = 1 << 20 // answers that name what was made are a few hundred bytes, with its tags a few thousand

func (k *keeping) WriteHeader(status int) {
	k.status = status
	k.ResponseWriter.WriteHeader(status)
}

func (k *keeping) Write(p []byte) (int, error) {
	if n := keptBytes - len(k.body); n > 0 {
		k.body = append(k.body, p[:min(n, len(p))]...)
	}
	return k.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (k *keeping) Unwrap() http.ResponseWriter { return k.ResponseWriter }

// idAt reads the id that a request made at the first of these places in its answer.
func idAt(paths ...string) func(wire.Object) string {
	return func(o wire.Object) string {
		for _, p := range paths {
			if s := textAt(o, p); s != "" {
				return s
			}
		}
		return ""
	}
}

// versionID names a version by when it was made too: another model may take the name, and its versions begin at 1 again.
func versionID(o wire.Object) string {
	name, version, when := textAt(o, "model_version.name"), textAt(o, "model_version.version"), textAt(o, "model_version.creation_timestamp")
	if name == "" || version == "" || when == "" {
		return ""
	}
	return name + "/" + version + "/" + when
}

// versionMaker gives the account that made a version through the gate; empty: not known.
func versionMaker(x *gateway.Exchange, name, version string) (string, error) {
	a, err := ask(x, "2.0/mlflow/model-versions/get", wire.Pair{Name: "name", Value: name}, wire.Pair{Name: "version", Value: version})
	if err != nil {
		return "", absent(err)
	}
	if id := versionID(a); id != "" {
		return maker(x, modelVersion, id)
	}
	return "", nil
}

// deleting forwards a request that deletes something, and forgets what was known of it.
func deleting(kind, name string) gateway.Flow {
	return func(x *gateway.Exchange) error {
		id, err := value(x, name)
		if err != nil {
			return err
		}
		defer x.Forget(keyOf(x, kind, id))
		if err := x.Forward(); err != nil || x.Record.Status != http.StatusOK {
			return err
		}
		return x.Keep(madeKey(x, kind, id), "")
	}
}

// renaming forwards a request that gives a registered model another name; who made it goes with it, who made its versions is not known any more.
func renaming(x *gateway.Exchange) error {
	old, err := value(x, "name")
	if err != nil {
		return err
	}
	name, err := value(x, "new_name")
	if err != nil {
		return err
	}
	who, err := maker(x, registeredModel, old)
	if err != nil {
		return err
	}
	defer x.Forget(keyOf(x, registeredModel, old))
	defer x.Forget(keyOf(x, registeredModel, name))
	if err := x.Forward(); err != nil || x.Record.Status != http.StatusOK {
		return err
	}
	if err := x.Keep(madeKey(x, registeredModel, old), ""); err != nil {
		return err
	}
	return x.Keep(madeKey(x, registeredModel, name), who)
}
