package gateway

import (
	"io"
	"log/slog"
	"net/http"

	"weir/internal/gateway/intake"
	"weir/internal/gateway/wire"
)

// Intake gives what takes in and judges content. The error is a refusal: without an intake nothing that carries content passes.
func (x *Exchange) Intake() (*intake.Intake, error) {
	if n := x.gate.config.Intake; n != nil {
		return n, nil
	}
	return nil, wire.Refuse(http.StatusServiceUnavailable, "TEMPORARILY_UNAVAILABLE", intake.RuleScanner, "the gate has no scanner, so nothing that carries content passes")
}

// Here gives the address at which the client reaches this upstream, without a final '/': what the gate puts into answers that tell clients
// where to go next.
func (x *Exchange) Here() string {
	scheme := "http"
	if x.secure {
		scheme = "https"
	}
	return scheme + "://" + x.Host + x.Upstream.at()
}

// maxNoted bounds the rules that one record of the audit log names.
const maxNoted = 16

// Judged writes down what is known of content that passes or is turned away.
func (x *Exchange) Judged(it *intake.Item) {
	x.Record.Digest = it.Digest
	for i := range it.Findings {
		if len(x.Record.Findings) < maxNoted {
			x.Record.Findings = append(x.Record.Findings, it.Findings[i].Rule)
		}
	}
}

// Admit is the way of an upload through the intake: it is spooled and judged, and what may not pass is locked up and refused. The item that
// comes back may pass; the caller discards it. Where the configuration says so for this route (FailOpen), content passes unscanned while the
// scanner cannot work; that is written down.
func (x *Exchange) Admit(body io.Reader, m intake.Meta) (*intake.Item, error) {
	n, err := x.Intake()
	if err != nil {
		return nil, err
	}
	m.Server, m.Who = x.Upstream.Name, x.Who.Name
	if body == nil {
		body = http.NoBody
	}
	it, err := n.Spool(x.Ctx, body, m)
	if err != nil {
		return nil, err
	}
	x.Record.In += it.Size
	if err := x.Settle(n, it); err != nil {
		it.Discard()
		return nil, err
	}
	return it, nil
}

// Settle judges an item that was spooled; nil means that it may pass.
func (x *Exchange) Settle(n *intake.Intake, it *intake.Item) error {
	if err := n.Judge(x.Ctx, it); err != nil {
		if !x.Upstream.FailOpen[x.Route.Method+" "+x.Route.Path] {
			return err
		}
		slog.Warn("content passes unscanned, as the configuration says for this route", "request", x.Record.Request, "error", err)
		x.Record.Digest, x.Record.Observed = it.Digest, "passed unscanned: "+err.Error()
		return nil
	}
	x.Judged(it)
	if it.Passes() {
		return nil
	}
	if x.Observing() {
		x.Record.Observed = it.Refusal("").Reason
		return nil
	}
	x.Record.Decision = "quarantine"
	return n.Turn(x.Ctx, it)
}
