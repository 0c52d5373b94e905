package mlflow

import (
	"encoding/binary"
	"encoding/hex"
	"errors"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// Bounds of what OpenTelemetry's exporters send at once: bytes once inflated (collectors send 8192 spans at most by default), and traces.
const (
	exportBytes  = 16 << 20
	exportTraces = 8192
)

// exported finds what an export of spans is about: the experiment in its header, and the traces that are there already, perhaps in another one.
func exported(x *gateway.Exchange) ([]auth.Resource, error) {
	h := x.Header.Values("X-Mlflow-Experiment-Id")
	if len(h) != 1 || !isID(h[0]) {
		return nil, refuse("mlflow/ids", "X-Mlflow-Experiment-Id must stand there once and be an id")
	}
	e, err := theExperiment(x, h[0])
	if err != nil {
		return nil, err
	}
	if err := need(x, auth.Write, e); err != nil {
		return nil, err
	}
	if x.Type != "application/x-protobuf" {
		return nil, wire.Refuse(415, "INVALID_PARAMETER_VALUE", "content-type", "weir gate: spans are sent as application/x-protobuf")
	}
	if err := x.ReadBytes(exportBytes); err != nil {
		return nil, err
	}
	found := []auth.Resource{e}
	traces, err := tracesOf(x.Raw)
	if err != nil {
		return nil, refuse("mlflow/otlp", "the spans cannot be read: %v", err)
	}
	for id := range traces {
		r, err := thePlaced(x, exportedTrace, "tr-"+id)
		if err != nil {
			return nil, err
		}
		if len(r.Within) > 0 {
			r.Type = trace
			found = append(found, r)
		}
	}
	return found, nil
}

// exportedTrace is a trace of a server that takes exports (3.x), so that only one way to ask for it is tried.
const exportedTrace = "trace of version 3"

var errExport = errors.New("it is no ExportTraceServiceRequest")

// tracesOf reads the ids of all traces in an ExportTraceServiceRequest (opentelemetry/proto/collector/trace/v1): resource_spans is its field 1,
// scope_spans 2 in that, spans 2 in that, and a span's trace_id, 16 bytes, its field 1.
func tracesOf(b []byte) (map[string]bool, error) {
	ids := map[string]bool{}
	return ids, eachField(b, []uint64{1, 2, 2, 1}, func(id []byte) error {
		if len(id) != 16 || len(ids) >= exportTraces {
			return errExport
		}
		ids[hex.EncodeToString(id)] = true
		return nil
	})
}

// eachField visits the fields at a path of numbers, which all are of the wire type for bytes.
func eachField(b []byte, path []uint64, visit func([]byte) error) error {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return errExport
		}
		b = b[n:]
		var content []byte
		switch tag & 7 {
		case 0:
			if _, n = binary.Uvarint(b); n <= 0 {
				return errExport
			}
		case 1:
			n = 8
		case 5:
			n = 4
		case 2:
			size, k := binary.Uvarint(b)
			if k <= 0 || size > uint64(len(b)-k) {
				return errExport
			}
			content, n = b[k:k+int(size)], k+int(size)
		default:
			return errExport // groups, which nobody writes any more
		}
		if n > len(b) {
			return errExport
		}
		b = b[n:]
		if tag>>3 != path[0] {
			continue
		}
		if tag&7 != 2 {
			return errExport
		}
		err := error(nil)
		if len(path) == 1 {
			err = visit(content)
		} else {
			err = eachField(content, path[1:], visit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
