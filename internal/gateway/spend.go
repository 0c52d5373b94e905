package gateway

import (
	"errors"
	"net/http"

	"weir/internal/auth"
	"weir/internal/gateway/wire"
)

// download asks whether who may take more away, and counts what goes out from here on.
func (g *Gate) download(x *Exchange) error {
	if g.config.Downloads == nil || x.Route.Action != auth.Download {
		return nil
	}
	spend, err := g.config.Downloads(x.Ctx, x.Who, x.Resources)
	if err != nil {
		return g.observed(x, err)
	}
	if !g.config.Observe {
		x.W = &spending{ResponseWriter: x.W, spend: spend}
	}
	return nil
}

// CountDownload is for flows of public routes, which find out by themselves who asks (Who) and for what (Resources): the download counts as
// those of all other routes do. Its error, a *wire.Refusal with 429, says that the account may take no more.
func (x *Exchange) CountDownload() error { return x.gate.download(x) }

// spending counts what is written to the client. Its error, a *wire.Refusal, ends a download in its midst.
type spending struct {
	http.ResponseWriter
	spend func(int64) error
}

func (s *spending) Write(p []byte) (int, error) {
	if err := s.spend(int64(len(p))); err != nil {
		return 0, err
	}
	return s.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (s *spending) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// written tells why the client's answer could not be written: it went away, or it may not have more.
func written(err error) error {
	var no *wire.Refusal
	if errors.As(err, &no) {
		return no
	}
	return errClientGone
}
