package telemetry

import (
	"strconv"
	"time"
)

// The JSON of OTLP: 64-bit integers are strings, ids are hex digits, enumerations are numbers.
type object = map[string]any

const (
	kindServer = 2 // SpanKind
	statusErr  = 2 // Status.Code
	cumulative = 2 // AggregationTemporality
)

func text(key, value string) object {
	return object{"key": key, "value": object{"stringValue": value}}
}

func integer(key string, value int64) object {
	return object{"key": key, "value": object{"intValue": strconv.FormatInt(value, 10)}}
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func (e *Exporter) resource() object {
	return object{"attributes": []object{text("service.name", e.opts.Service), text("service.version", e.opts.Version)}}
}

func (e *Exporter) scope() object { return object{"name": "weir/gateway", "version": e.opts.Version} }

// traces is an ExportTraceServiceRequest. Attributes follow the semantic conventions for HTTP where there is one.
func (e *Exporter) traces(batch []span) object {
	spans := make([]object, 0, len(batch))
	for _, s := range batch {
		r := s.record
		name := r.Route
		if name == "" {
			name = r.Method
		}
		o := object{
			"traceId": s.trace.ID, "spanId": r.Request, "name": name, "kind": kindServer,
			"startTimeUnixNano": nanos(r.Time), "endTimeUnixNano": nanos(r.Time.Add(time.Duration(r.Micros) * time.Microsecond)),
		}
		if s.trace.Parent != "" {
			o["parentSpanId"] = s.trace.Parent
		}
		a := []object{
			text("http.request.method", r.Method), integer("http.response.status_code", int64(r.Status)),
			integer("http.request.body.size", r.In), integer("http.response.body.size", r.Out), text("weir.decision", r.Decision),
		}
		for _, f := range [][2]string{{"http.route", r.Route}, {"weir.server", r.Server}, {"weir.action", r.Action}, {"weir.policy", r.Policy}, {"weir.observed", r.Observed}, {"enduser.id", r.Who}} {
			if f[1] != "" {
				a = append(a, text(f[0], f[1]))
			}
		}
		o["attributes"] = a
		if r.Status >= 500 || r.Decision == "error" {
			o["status"] = object{"code": statusErr}
		}
		spans = append(spans, o)
	}
	return object{"resourceSpans": []object{{"resource": e.resource(), "scopeSpans": []object{{"scope": e.scope(), "spans": spans}}}}}
}

// metrics is an ExportMetricsServiceRequest with the names of the Prometheus page, without _total.
func (e *Exporter) metrics() object {
	start, now := nanos(e.meter.start), nanos(time.Now())
	var list []object
	for _, f := range e.meter.all {
		var points []object
		point := func(l labels) object {
			p := object{"startTimeUnixNano": start, "timeUnixNano": now}
			var a []object
			for i, n := range f.names {
				a = append(a, text(n, l[i]))
			}
			if a != nil {
				p["attributes"] = a
			}
			points = append(points, p)
			return p
		}
		if f.histogram {
			f.spreads(func(l labels, s spread) {
				p := point(l)
				p["count"], p["sum"], p["explicitBounds"] = strconv.FormatUint(s.total, 10), s.sum, bounds
				counts := make([]string, len(s.counts))
				for i, n := range s.counts {
					counts[i] = strconv.FormatUint(n, 10)
				}
				p["bucketCounts"] = counts
			})
		} else {
			f.values(func(l labels, n uint64) { point(l)["asInt"] = strconv.FormatUint(n, 10) })
		}
		if points == nil {
			continue
		}
		metric := object{"name": f.name, "description": f.help, "unit": f.unit}
		if f.histogram {
			metric["histogram"] = object{"aggregationTemporality": cumulative, "dataPoints": points}
		} else {
			metric["sum"] = object{"aggregationTemporality": cumulative, "isMonotonic": true, "dataPoints": points}
		}
		list = append(list, metric)
	}
	for _, g := range e.meter.read() {
		list = append(list, object{"name": g.name, "description": g.help, "gauge": object{"dataPoints": []object{{"timeUnixNano": now, "asDouble": g.value}}}})
	}
	return object{"resourceMetrics": []object{{"resource": e.resource(), "scopeMetrics": []object{{"scope": e.scope(), "metrics": list}}}}}
}
