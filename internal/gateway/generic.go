package gateway

// Generic is a server that weir knows nothing about: only the paths that the configuration lists are passed on, to those who may.
func Generic() *Kind {
	return &Kind{
		Name: "generic",
		Doc:  "any HTTP server: only the routes that the configuration lists pass",
	}
}
