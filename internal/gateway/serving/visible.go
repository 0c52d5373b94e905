package serving

import (
	"encoding/json"
	"io"
	"net/http"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// maxList bounds the lists of models that servers answer with, in bytes.
const maxList = 4 << 20

// visible asks for a list of models and hands back those that the caller may read. The list is the answer itself (V2), or its member of that name
// (TorchServe).
func visible(member string) gateway.Flow {
	return func(x *gateway.Exchange) error {
		res, err := x.Fetch()
		if err != nil {
			return err
		}
		if res.StatusCode != http.StatusOK {
			return x.Relay(res)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(io.LimitReader(res.Body, maxList+1))
		if err != nil {
			return err
		}
		if len(b) > maxList {
			return wire.Refuse(http.StatusBadGateway, "INTERNAL_ERROR", "list-size", "weir gate: the server's list of models is too long")
		}
		v, err := wire.ParseValue(b, wire.AnswerLimits)
		if err != nil {
			return wire.Refuse(http.StatusBadGateway, "INTERNAL_ERROR", "list", "weir gate: the server's list of models cannot be read")
		}
		if member == "" {
			v = readable(x, v)
		} else if o, ok := v.(wire.Object); ok {
			o[member] = readable(x, o[member])
		}
		if b, err = json.Marshal(v); err != nil {
			return err
		}
		return x.Answer(http.StatusOK, "application/json", b)
	}
}

// names are the members in which servers write a model's or workflow's name, with what it is.
var names = []struct{ member, kind string }{{"name", model}, {"modelName", model}, {"workflowName", workflow}}

func readable(x *gateway.Exchange, v any) []any {
	list, _ := v.([]any)
	out := []any{}
	for _, e := range list {
		o, _ := e.(wire.Object)
		for _, n := range names {
			if name, ok := o[n.member].(string); ok && (x.Observing() || x.Can(auth.Read, one(n.kind, name)[0]).Allow) {
				out = append(out, e)
				break
			}
		}
	}
	return out
}
