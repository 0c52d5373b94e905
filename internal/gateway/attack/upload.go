package attack

import "context"

// Room is a place on an MLflow server for uploads that are to be checked: a run, in an experiment of its own or in one that is there.
type Room struct {
	target Target
	own    bool // the experiment too
}

// Enter makes a run, in the experiment with this id or, when that is empty, in a new one called weir-check-NONCE. It is empty when the account may not,
// or when files do not go through the server; why says so.
func Enter(ctx context.Context, t Target, experimentID string) (room *Room, why string, err error) {
	steps := []Step{newRun().save("at", `~"artifact_uri": *"mlflow-artifacts:/+([^"]+)"`)}
	vars := map[string]string{}
	own := experimentID == ""
	if own {
		steps = append([]Step{post(api2+"/experiments/create", `{"name": "weir-check-${nonce}"}`).save("exp", "experiment_id")}, steps...)
	} else {
		vars["exp"] = experimentID
	}
	t.Vars = vars
	r, err := Run(ctx, &Attack{ID: "mlflow/room", Check: &Check{Steps: steps, Proof: Proof{Like: "artifact_uri"}}}, &t)
	if err != nil {
		return nil, "", err
	}
	t.Vars = map[string]string{}
	for _, name := range []string{"exp", "run", "at"} {
		if v := r.Vars[name]; v != "" {
			t.Vars[name] = v
		}
	}
	room = &Room{target: t, own: own}
	switch {
	case t.Vars["run"] == "":
		room.Leave(ctx)
		return nil, "the account may make no run there", nil
	case t.Vars["at"] == "":
		room.Leave(ctx)
		return nil, "this server's clients write their files elsewhere, not through it", nil
	}
	return room, "", nil
}

// Upload puts a file there and says whether it comes back as it was; afterwards it is removed.
func (r *Room) Upload(ctx context.Context, name string, body []byte) (*Result, error) {
	dir := files + "/${at}/sample-${nonce}" // some stores delete folders alone
	check := &Check{
		Steps: []Step{{Request: "PUT " + dir + "/" + name, Make: func(map[string]string) []byte { return body }}, get(dir + "/" + name)},
		Proof: Proof{Answer: string(body)},
		Clean: []Step{{Request: "DELETE " + dir}},
	}
	return Run(ctx, &Attack{ID: "mlflow/upload", Check: check}, &r.target)
}

// Leave deletes the run, and the experiment if it was made for it. MLflow keeps both among what is deleted until `mlflow gc`.
func (r *Room) Leave(ctx context.Context) {
	var steps []Step
	if r.target.Vars["run"] != "" {
		steps = append(steps, post(api2+"/runs/delete", `{"run_id": "${run}"}`))
	}
	if r.own && r.target.Vars["exp"] != "" {
		steps = append(steps, post(api2+"/experiments/delete", `{"experiment_id": "${exp}"}`))
	}
	Run(ctx, &Attack{ID: "mlflow/leave", Check: &Check{Steps: steps}}, &r.target)
}
