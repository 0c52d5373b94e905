package manifest

import (
	"bytes"
	"encoding/binary"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"weir"
	"weir/internal/format"
)

var jarFormats = []format.Format{
	{
		Name: "h2o-version", Doc: "class in which H2O keeps its own version", Framework: "h2o", Parsed: true,
		Match: isH2OVersion, Parse: parseH2OVersion,
	},
}

// Jar has a parser of zip archives say also which library of the Java world an archive is, and which it carries without saying so. Jars whose
// pom.properties are there tell that by their members alone.
func Jar(parse func(*format.Input) error) func(*format.Input) error {
	return func(in *format.Input) error {
		j := &jar{poms: map[string]bool{}, carried: map[string]string{}}
		own := *in
		own.Nested = func(name string, r io.ReaderAt, size int64) (format.Summary, error) {
			if j.member(name) {
				b := make([]byte, min(size, maxJarManifest))
				n, _ := r.ReadAt(b, 0)
				j.manifest = b[:n]
			}
			return in.Nested(name, r, size)
		}
		own.Expand = func(name string, src io.Reader, packed int64) (format.Summary, error) {
			if j.member(name) {
				src = io.TeeReader(src, (*head)(&j.manifest))
			}
			return in.Expand(name, src, packed)
		}
		err := parse(&own)
		j.emit(in)
		return err
	}
}

// maxJarManifest bounds in bytes what is kept of META-INF/MANIFEST.MF; its main section comes first.
const maxJarManifest = 64 << 10

// head keeps the first bytes that are written to it.
type head []byte

func (h *head) Write(p []byte) (int, error) {
	*h = append(*h, p[:min(len(p), max(maxJarManifest-len(*h), 0))]...)
	return len(p), nil
}

// jar is what the names in an archive tell.
type jar struct {
	manifest []byte
	classes  bool
	poms     map[string]bool   // artifacts whose pom.properties are there
	carried  map[string]string // group:artifact of known classes → the class
}

// maxPoms bounds the artifacts that are told apart.
const maxPoms = 4096

// member notes a member's name and reports whether its content is wanted.
func (j *jar) member(name string) bool {
	if dir, ok := strings.CutSuffix(name, ".class"); ok {
		j.classes = true
		if of, ok := h2oVersions[dir]; ok { // which tells the version as a member of its own
			j.poms[of] = true
		}
		if of, ok := knownClasses[path.Base(dir)]; ok && (strings.HasSuffix(dir, "/"+of.class) || dir == of.class) {
			j.carried[of.library] = name
		}
		return false
	}
	if strings.HasSuffix(name, "/pom.properties") && len(j.poms) < maxPoms {
		dir := path.Dir(name)
		j.poms[path.Base(path.Dir(dir))+":"+path.Base(dir)], j.poms[path.Base(dir)] = true, true
	}
	return name == "META-INF/MANIFEST.MF"
}

// knownClasses are classes that only one library has, by their simple name: libraries that are often copied into other archives, under their
// own packages or moved below those of their new owner. Their presence is found in the libraries' own released jars.
var knownClasses = map[string]struct{ class, library string }{
	"JndiLookup":              {"org/apache/logging/log4j/core/lookup/JndiLookup", "org.apache.logging.log4j:log4j-core"},
	"InvokerTransformer":      {"org/apache/commons/collections/functors/InvokerTransformer", "commons-collections:commons-collections"},
	"BeanDeserializerFactory": {"com/fasterxml/jackson/databind/deser/BeanDeserializerFactory", "com.fasterxml.jackson.core:jackson-databind"},
	"SafeConstructor":         {"org/yaml/snakeyaml/constructor/SafeConstructor", "org.yaml:snakeyaml"},
	"XStream":                 {"com/thoughtworks/xstream/XStream", "com.thoughtworks.xstream:xstream"},
	"StringSubstitutor":       {"org/apache/commons/text/StringSubstitutor", "org.apache.commons:commons-text"},
	"H2O":                     {"water/H2O", "ai.h2o:h2o-core"},
	"MojoModel":               {"hex/genmodel/MojoModel", "ai.h2o:h2o-genmodel"},
	"MleapContext":            {"ml/combust/mleap/runtime/MleapContext", "ml.combust.mleap:mleap-runtime_2.12"},
	"MlflowClient":            {"org/mlflow/tracking/MlflowClient", "org.mlflow:mlflow-client"},
	"ModelServer":             {"org/pytorch/serve/ModelServer", "org.pytorch:torchserve"},
}

// groups are those of artifacts that are often shipped without saying theirs.
var groups = map[string]string{
	"log4j-core": "org.apache.logging.log4j", "log4j-api": "org.apache.logging.log4j", "log4j": "log4j", "commons-collections": "commons-collections",
	"commons-text": "org.apache.commons", "commons-lang3": "org.apache.commons", "commons-compress": "org.apache.commons", "commons-io": "commons-io",
	"commons-beanutils": "commons-beanutils", "jackson-databind": "com.fasterxml.jackson.core", "jackson-core": "com.fasterxml.jackson.core",
	"snakeyaml": "org.yaml", "xstream": "com.thoughtworks.xstream", "gson": "com.google.code.gson", "guava": "com.google.guava", "netty-all": "io.netty",
	"h2o-core": "ai.h2o", "h2o-genmodel": "ai.h2o", "h2o-app": "ai.h2o", "h2o-algos": "ai.h2o", "h2o-ext-xgboost": "ai.h2o", "xgboost4j": "ml.dmlc",
	"mlflow-client": "org.mlflow", "protobuf-java": "com.google.protobuf", "spring-core": "org.springframework", "spring-beans": "org.springframework",
}

// emit says what the archive is and what it carries.
func (j *jar) emit(in *format.Input) {
	if j.manifest == nil && !j.classes {
		return
	}
	own := j.self(path.Base(in.Name))
	if own.Name != "" || own.Reason != "" {
		in.Emit(own)
	}
	for _, of := range slices.Sorted(maps.Keys(j.carried)) {
		_, artifact, _ := strings.Cut(of, ":")
		if j.poms[artifact] || own.Name == of || j.poms[of] {
			continue
		}
		in.Emit(weir.Requirement{
			Ecosystem: "maven", Name: of, State: weir.PinUnresolved, Origin: weir.OriginBundled, Direct: true, Text: j.carried[of],
			Reason: "a class of it is in the archive, but nothing tells its version",
		})
	}
}

// self gives the library that an archive is, by its name and its manifest (docs.oracle.com, JAR File Specification); nothing of one whose
// pom.properties tell it, and of a program without a version.
func (j *jar) self(base string) weir.Requirement {
	stem, ok := strings.CutSuffix(base, ".jar")
	for _, end := range []string{"-all", "-shaded", "-jar-with-dependencies", "-uber", "-fat"} {
		stem = strings.TrimSuffix(stem, end)
	}
	artifact, version := stem, ""
	for i := 1; i < len(stem); i++ {
		if stem[i-1] == '-' && stem[i] >= '0' && stem[i] <= '9' {
			artifact, version = stem[:i-1], stem[i:]
			break
		}
	}
	m := jarManifest(j.manifest)
	if version == "" {
		for _, key := range []string{"Implementation-Version", "Bundle-Version", "Specification-Version"} {
			if version = m[key]; version != "" {
				break
			}
		}
	}
	title := m["Implementation-Title"]
	if !ok || artifact == "" {
		artifact = title
	}
	if artifact == "" || version == "" || j.poms[artifact] || j.poms[title] || strings.HasSuffix(stem, "-sources") || strings.HasSuffix(stem, "-javadoc") {
		return weir.Requirement{}
	}
	r := weir.Requirement{
		Ecosystem: "maven", State: weir.PinExact, Version: cut(version, 200), Origin: weir.OriginBundled, Direct: true, Text: cut(base, maxStatement),
	}
	group := groups[artifact]
	for _, key := range []string{"Implementation-Vendor-Id", "Automatic-Module-Name", "Bundle-SymbolicName"} {
		if v, _, _ := strings.Cut(m[key], ";"); group == "" && strings.Contains(v, ".") && !strings.ContainsAny(v, " :/") {
			group = strings.TrimSuffix(v, "."+artifact)
		}
	}
	if group == "" {
		r.State, r.Version, r.Reason = weir.PinUnresolved, "", "neither its name nor its manifest tells the group"
		return r
	}
	r.Name = group + ":" + artifact
	return r
}

// jarManifest reads the main section: "Name: value" lines, continued by a blank at the beginning.
func jarManifest(b []byte) map[string]string {
	m, last := map[string]string{}, ""
	for line := range strings.Lines(string(bytes.ToValidUTF8(b, []byte("?")))) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		if rest, ok := strings.CutPrefix(line, " "); ok && last != "" {
			m[last] += rest
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if last = ""; ok && (len(m) < 200) {
			last = key
			m[key] = strings.TrimSpace(value)
		}
	}
	return m
}

// h2oVersions are the classes that isH2OVersion knows, and the libraries that they belong to.
var h2oVersions = map[string]string{"water/init/BuildVersion": "ai.h2o:h2o-core", "water/genmodel/BuildVersion": "ai.h2o:h2o-genmodel"}

// isH2OVersion knows the class in which H2O's build writes its version (h2o-core, water.init.BuildVersion; h2o-genmodel has one too), wherever
// it lies, so that a copy inside another archive is known by its content.
func isH2OVersion(h format.Head) bool {
	return bytes.HasPrefix(h.First, []byte(classMagic)) &&
		(bytes.Contains(h.First, []byte("water/init/BuildVersion")) || bytes.Contains(h.First, []byte("water/genmodel/BuildVersion"))) &&
		bytes.Contains(h.First, []byte("projectVersion")) && bytes.Contains(h.First, []byte("\x00\x11BuildVersion.java"))
}

// parseH2OVersion takes the version out of the constants of the class (JVM specification, 4.4).
func parseH2OVersion(in *format.Input) error {
	b := make([]byte, min(in.Size, format.HeadSize))
	if _, err := in.ReadAt(b, 0); err != nil && err != io.EOF {
		return fail("h2o-version", err)
	}
	h2oVersion(in, b)
	return nil
}

func h2oVersion(in *format.Input, b []byte) {
	name := "ai.h2o:h2o-core"
	if bytes.Contains(b, []byte("water/genmodel/BuildVersion")) {
		name = "ai.h2o:h2o-genmodel"
	}
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], 1) // CONSTANT_Utf8
		if i < 0 || at+i+3 > len(b) {
			return
		}
		at += i + 1
		size := int(binary.BigEndian.Uint16(b[at:]))
		if at+2+size > len(b) || size > 40 {
			continue
		}
		if s := string(b[at+2 : at+2+size]); strings.Count(s, ".") == 3 && strings.Trim(s, "0123456789.") == "" {
			in.Emit(weir.Requirement{
				Ecosystem: "maven", Name: name, State: weir.PinExact, Version: s, Origin: weir.OriginBundled, Direct: true, Text: "BuildVersion: " + s,
			})
			return
		}
	}
}
