package manifest

import (
	"strings"

	"weir"
)

// image reads the reference of a container image (distribution/reference): [host/]path[:tag][@digest].
func image(t *text, w word) []weir.Fact {
	s := strings.TrimPrefix(w.text, "docker://")
	at := w.at
	if at >= 0 {
		at += len(w.text) - len(s)
	}
	r := weir.Requirement{
		Ecosystem: "oci", State: weir.PinAny, Origin: weir.OriginImage, Direct: true, Text: cut(w.text, maxStatement), Line: w.line,
	}
	name, digest, pinned := strings.Cut(s, "@")
	tag := ""
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name, tag = name[:i], name[i+1:]
	}
	switch {
	case s == "" || s == "scratch":
		return nil
	case strings.ContainsAny(name, "${}<> \t\n"):
		r.State, r.Reason = weir.PinUnresolved, "the image's name is only known when it is built"
		return []weir.Fact{r}
	case w.open || strings.ContainsAny(tag, "${}<>"):
		r.Name, r.State, r.Reason = imageName(name), weir.PinUnresolved, "the image's tag is only known when it is built"
		return []weir.Fact{r}
	case pinned:
		r.State, r.Version, r.Hashes = weir.PinExact, digest, 1
	case tag != "" && tag != "latest":
		r.State, r.Version = weir.PinExact, tag
	}
	r.Name = imageName(name)
	if tag != "" && at >= 0 && !pinned {
		r.Form, r.Spec = weir.SpecTag, t.span(at+len(name)+1, len(tag))
	}
	facts := []weir.Fact{r}
	if known, ok := imagePackages[r.Name]; ok {
		facts = append(facts, known.inside(r, tag)...)
	}
	return facts
}

// imageName gives a name with its registry, as docker completes it.
func imageName(name string) string {
	name = strings.ToLower(name)
	host, _, ok := strings.Cut(name, "/")
	switch {
	case !ok:
		return "docker.io/library/" + name
	case !strings.ContainsAny(host, ".:") && host != "localhost":
		return "docker.io/" + name
	}
	return strings.Replace(name, "index.docker.io/", "docker.io/", 1)
}

// imagePackage is a package that an image is made to run, of the version that its tag begins with.
type imagePackage struct {
	ecosystem, name string
	prefix          string // what stands before the version in the tag
}

// imagePackages are images whose tags follow the version of the package that they carry, as their makers' release pages say.
var imagePackages = map[string]imagePackage{
	"docker.io/pytorch/pytorch":                     {"pypi", "torch", ""},
	"docker.io/pytorch/torchserve":                  {"pypi", "torchserve", ""},
	"docker.io/pytorch/torchserve-kfs":              {"pypi", "torchserve", ""},
	"ghcr.io/mlflow/mlflow":                         {"pypi", "mlflow", "v"},
	"docker.io/bitnami/mlflow":                      {"pypi", "mlflow", ""},
	"docker.io/bitnami/pytorch":                     {"pypi", "torch", ""},
	"docker.io/tensorflow/tensorflow":               {"pypi", "tensorflow", ""},
	"docker.io/rayproject/ray":                      {"pypi", "ray", ""},
	"docker.io/rayproject/ray-ml":                   {"pypi", "ray", ""},
	"docker.io/seldonio/mlserver":                   {"pypi", "mlserver", ""},
	"docker.io/vllm/vllm-openai":                    {"pypi", "vllm", "v"},
	"docker.io/h2oai/h2o-open-source-k8s":           {"maven", "ai.h2o:h2o-core", ""},
	"docker.io/jupyterhub/jupyterhub":               {"pypi", "jupyterhub", ""},
	"docker.io/apache/airflow":                      {"pypi", "apache-airflow", ""},
	"docker.io/apache/spark":                        {"maven", "org.apache.spark:spark-core_2.12", ""},
	"docker.io/bitnami/spark":                       {"maven", "org.apache.spark:spark-core_2.12", ""},
	"docker.io/apache/spark-py":                     {"maven", "org.apache.spark:spark-core_2.12", "v"},
	"docker.io/ollama/ollama":                       {"golang", "github.com/ollama/ollama", ""},
	"ghcr.io/huggingface/text-generation-inference": {"pypi", "text-generation", ""},
}

// inside gives the package that an image carries; python images tell the interpreter.
func (p imagePackage) inside(of weir.Requirement, tag string) []weir.Fact {
	version, ok := strings.CutPrefix(tag, p.prefix)
	if !ok {
		version = tag
	}
	end := 0
	for end < len(version) && (version[end] >= '0' && version[end] <= '9' || version[end] == '.') {
		end++
	}
	rest := version[end:]
	if version = strings.TrimRight(version[:end], "."); strings.Count(version, ".") < 1 || version[0] == '.' || rest != "" && rest[0] != '-' && rest[0] != '_' && rest[0] != '.' {
		return nil // latest, nightly, a date
	}
	if p.ecosystem == "golang" {
		version = "v" + version
	}
	return []weir.Fact{weir.Requirement{
		Ecosystem: p.ecosystem, Name: p.name, State: weir.PinExact, Version: version, Origin: weir.OriginImage, Direct: true, Text: of.Text, Line: of.Line,
	}}
}
