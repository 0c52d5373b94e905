package main

import (
	"cmp"
	"context"
	"net/url"

	"weir"
	"weir/internal/format/manifest"
	"weir/internal/resolve"
)

// resolver asks the package index that the settings or the variables of pip and uv name; nil where --resolve was not given.
func (a *app) resolver(s *settings) (func(context.Context, []weir.Requirement) ([]weir.Requirement, string, error), error) {
	if !s.flag("resolve") {
		return nil, nil
	}
	index := cmp.Or(s.text("index"), a.getenv("PIP_INDEX_URL"), a.getenv("UV_DEFAULT_INDEX"), a.getenv("UV_INDEX_URL"))
	if index == "" {
		return nil, usage("--index names one, or PIP_INDEX_URL, or index in weir.yaml.", "--resolve needs a package index to ask")
	}
	r, err := resolve.New(resolve.Config{Index: index, Python: s.text("python"), Parse: manifest.PEP508})
	if err != nil {
		return nil, usage("", "--resolve: %v", err)
	}
	name := "index"
	if u, err := url.Parse(index); err == nil {
		name = "index:" + u.Host
	}
	return func(ctx context.Context, direct []weir.Requirement) ([]weir.Requirement, string, error) {
		closure, err := r.Resolve(ctx, direct)
		return closure, name, err
	}, nil
}
