package attack

// MLflow is the suite against MLflow: the flaws with a CVE and those of the same kinds that its source shows.
func MLflow() []*Attack {
	var out []*Attack
	for _, part := range [][]Attack{mlflowSource, mlflowArtifacts, mlflowForgery, mlflowRequests, mlflowOthers, mlflowLogin, mlflowUploads, mlflowGateway} {
		for i := range part {
			out = append(out, &part[i])
		}
	}
	return append(out, uploadedArchive())
}

// H2O is the suite against H2O-3.
func H2O() []*Attack {
	var out []*Attack
	for i := range h2oAttacks {
		out = append(out, &h2oAttacks[i])
	}
	return out
}
