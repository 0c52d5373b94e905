package h2o

import (
	"net/http"
	"strconv"

	"weir/internal/gateway"
	"weir/internal/gateway/intake"
	"weir/internal/gateway/wire"
)

// handsOut carries out the routes that answer with a model: it is fetched whole, scanned, and goes out when it may pass. The server makes such a
// file anew each time (a MOJO's members have the time of day), so no earlier verdict is of use. ending is what files of this kind are called.
func (s *site) handsOut(ending string) gateway.Flow {
	return func(x *gateway.Exchange) error {
		if x.Method == http.MethodHead {
			return x.Forward()
		}
		it, res, err := s.fetched(x, x.Segments, x.Query, ending)
		if err != nil {
			return err
		}
		if it == nil {
			return x.Relay(res)
		}
		defer it.Discard()
		f, err := it.Open()
		if err != nil {
			return err
		}
		h := res.Header.Clone()
		h.Del("Transfer-Encoding")
		h.Set("Content-Length", strconv.FormatInt(it.Size, 10))
		return x.Relay(&http.Response{StatusCode: res.StatusCode, Header: h, Body: f})
	}
}

// exports carries out the routes that write a model to a path of the server's: it is fetched and judged first, as if it were downloaded. at is the
// route that gives the same model over HTTP, without the model's name.
func (s *site) exports(at []string, after, ending string) gateway.Flow {
	return func(x *gateway.Exchange) error {
		segments := append(append([]string{}, at...), x.Vars["model_id"])
		if after != "" {
			segments = append(segments, after)
		}
		it, res, err := s.fetched(x, segments, nil, ending)
		if err != nil {
			return err
		}
		if it == nil {
			return x.Relay(res) // in the server's words, why there is no such file
		}
		it.Discard()
		return x.Forward()
	}
}

// fetched takes what the server gives at a path into the spool and has it judged. An answer of the server that is no file comes back as it is,
// without an item; what may not go out is refused. The caller discards the item.
func (s *site) fetched(x *gateway.Exchange, segments []string, query []wire.Pair, ending string) (*intake.Item, *http.Response, error) {
	n, err := x.Intake()
	if err != nil {
		return nil, nil, err
	}
	res, err := x.Send(http.MethodGet, segments, query, nil, nil, 0)
	if err != nil || res.StatusCode != http.StatusOK {
		return nil, res, err
	}
	defer res.Body.Close()
	name := x.Vars["model_id"]
	if name == "" {
		name = x.Vars["assembly_id"]
	}
	it, err := n.Receive(x.Ctx, res.Body, intake.Meta{Server: x.Upstream.Name, Name: name + ending, To: "the model " + name, Who: x.Who.Name, Length: res.ContentLength})
	if err != nil {
		return nil, nil, err
	}
	x.Judged(it)
	if no := it.Refusal(""); no != nil {
		if !x.Observing() {
			it.Discard()
			return nil, nil, no
		}
		x.Record.Observed = no.Reason
	}
	return it, res, nil
}
