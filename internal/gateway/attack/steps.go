package attack

const (
	api2  = "/api/2.0/mlflow"
	ajax2 = "/ajax-api/2.0/mlflow"
	ajax3 = "/ajax-api/3.0/mlflow"
	files = "/api/2.0/mlflow-artifacts/artifacts"
)

func get(target string) Step { return Step{Request: "GET " + target} }

func post(path, body string) Step { return Step{Request: "POST " + path + "\n\n" + body} }

// put uploads bytes.
func put(target string, body []byte) Step { return Step{Request: "PUT " + target, Body: body} }

func (s Step) save(name, from string) Step {
	saved := map[string]string{name: from}
	for k, v := range s.Save {
		saved[k] = v
	}
	s.Save = saved
	return s
}

func (s Step) by(a Actor) Step {
	s.By = a
	return s
}

func (s Step) optional() Step {
	s.Maybe = true
	return s
}

// The attacker's own experiment, run, registered model and version, as the client makes them.

func experiment() Step {
	return post(api2+"/experiments/create", `{"name": "lab-${nonce}"}`).save("exp", "experiment_id")
}

func experimentAt(location string) Step {
	return post(api2+"/experiments/create", `{"name": "lab-${nonce}", "artifact_location": "`+location+`"}`).save("exp", "experiment_id")
}

func newRun() Step {
	return post(api2+"/runs/create", `{"experiment_id": "${exp}", "start_time": 1700000000000}`).save("run", "run.info.run_id")
}

func model() Step {
	return post(api2+"/registered-models/create", `{"name": "lab-${nonce}"}`)
}

func version(source string) Step {
	return post(api2+"/model-versions/create", `{"name": "lab-${nonce}", "source": "`+source+`"}`).save("version", "model_version.version")
}

func versionOfRun(source string) Step {
	return post(api2+"/model-versions/create", `{"name": "lab-${nonce}", "source": "`+source+`", "run_id": "${run}"}`).save("version", "model_version.version")
}

func versionArtifact(path string) Step {
	return get("/model-versions/get-artifact?name=lab-${nonce}&version=${version}&path=" + path)
}

func steps(parts ...[]Step) []Step {
	var out []Step
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// theirs is what somebody else has: an experiment with a run that has a parameter, a tag, a metric and, where the server keeps artifacts, a file, and
// a registered model. All hold ${mark}, which is ${secret}.
func theirs() []Step {
	return []Step{
		post(api2+"/experiments/create", `{"name": "secret-${nonce}"}`).save("vexp", "experiment_id").by(Victim),
		post(api2+"/runs/create", `{"experiment_id": "${vexp}", "start_time": 1700000000000, "run_name": "theirs"}`).save("vrun", "run.info.run_id").by(Victim),
		post(api2+"/runs/log-batch", `{"run_id": "${vrun}", "params": [{"key": "p", "value": "${secret}"}], "metrics": [{"key": "m", "value": 4711.25, "timestamp": 1700000000000, "step": 0}], "tags": [{"key": "t", "value": "${secret}"}]}`).by(Victim),
	}
}

// theirFile puts a file into the artifacts of their run.
func theirFile() []Step {
	return []Step{put(files+"/${vexp}/${vrun}/artifacts/note.txt", []byte("${secret}")).by(Victim)}
}

// theirModel registers a model of theirs with one version.
func theirModel() []Step {
	return []Step{
		post(api2+"/registered-models/create", `{"name": "secret-${nonce}", "description": "${secret}"}`).by(Victim),
		post(api2+"/model-versions/create", `{"name": "secret-${nonce}", "source": "mlflow-artifacts:/${vexp}/${vrun}/artifacts/model", "run_id": "${vrun}", "description": "${secret}"}`).by(Victim),
	}
}
