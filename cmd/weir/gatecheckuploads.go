package main

import (
	"context"
	"fmt"
	"strings"

	"weir/internal/gateway/attack"
	"weir/internal/lab"
)

// checkUploads uploads the samples of the lab with the account, or without where there is none, and says which came back. The harmless one among them
// must: a server that takes nothing proves nothing. why says that uploads could not be checked.
func checkUploads(ctx context.Context, address, auth, experiment string, suite []*attack.Attack) (list []checked, why string, err error) {
	if len(suite) == 0 || !strings.HasPrefix(suite[0].ID, "mlflow/") {
		return nil, "", usage("Leave --uploads away.", "only to MLflow can the samples be uploaded")
	}
	room, why, err := attack.Enter(ctx, attack.Target{URL: address, Auth: auth}, experiment)
	if err != nil || why != "" {
		return nil, why, err
	}
	defer room.Leave(context.WithoutCancel(ctx))
	for _, s := range lab.Samples() {
		r, err := room.Upload(ctx, s.File, s.Make())
		if err != nil {
			return nil, "", err
		}
		state := "stopped"
		switch {
		case r.Worked:
			state = "through"
		case r.Steps == 0:
			state = "unanswered"
		}
		if s.Kind == lab.Harmless {
			if state != "through" {
				why = fmt.Sprintf("a harmless file was %s too", state)
			}
			continue
		}
		c := checked{Attack: "mlflow/sample-" + s.Kind, CVE: []string{}, Doc: "uploads a model: " + s.Doc}
		if auth == "" {
			c.Without = state
		} else {
			c.With = state
		}
		list = append(list, c)
	}
	return list, why, nil
}
