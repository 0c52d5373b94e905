package h2o

import (
	"net/http"

	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// Receiver takes uploads in.
type Receiver any

func unscanned() error {
	return wire.Refuse(http.StatusServiceUnavailable, "TEMPORARILY_UNAVAILABLE", "intake", "the gate has nothing to scan uploads with, so it takes none")
}

func (s *site) upload(*gateway.Exchange) error      { return unscanned() }
func (s *site) stored(*gateway.Exchange) error      { return unscanned() }
func (s *site) importModel(*gateway.Exchange) error { return unscanned() }
func (s *site) uploadModel(*gateway.Exchange) error { return unscanned() }
func (s *site) generic(*gateway.Exchange) error     { return unscanned() }
