package manifest

import (
	"path"
	"strings"

	"weir"
	"weir/internal/format"
)

var gradleFormats = []format.Format{
	{
		Name: "gradle-build", Doc: "build.gradle and build.gradle.kts", Parsed: true,
		Match: func(h format.Head) bool {
			return textual(h.First) && (strings.HasSuffix(h.Name, ".gradle") || strings.HasSuffix(h.Name, ".gradle.kts")) &&
				(within(h.First, "{", format.HeadSize))
		},
		Parse: parser("gradle-build", parseGradle),
	},
	{
		Name: "gradle-lock", Doc: "lock file of gradle (gradle.lockfile)", Parsed: true,
		Match: func(h format.Head) bool {
			return textual(h.First) && strings.HasSuffix(path.Base(h.Name), ".lockfile") && within(h.First, "# This is a Gradle generated file", 256)
		},
		Parse: parser("gradle-lock", parseGradleLock),
	},
	{
		Name: "gradle-catalog", Doc: "version catalogue of gradle (libs.versions.toml)", Parsed: true,
		Match: func(h format.Head) bool {
			return textual(h.First) && strings.HasSuffix(h.Name, ".versions.toml") && holds(h.First, "[libraries]", "[versions]", "[plugins]")
		},
		Parse: parser("gradle-catalog", parseGradleCatalog),
	},
}

// gradleNames are what the names of gradle's configurations end with, in small letters.
var gradleNames = []string{"implementation", "api", "compileonly", "runtimeonly", "compile", "runtime", "classpath", "annotationprocessor", "kapt", "ksp", "provided"}

var (
	// gradleCall is a dependency by its coordinate: implementation("g:a:v"), testImplementation platform('g:a:v').
	gradleCall = weir.Pattern(`(?m)\b([A-Za-z]+)[ \t]*\(?[ \t]*(?:(?:enforcedPlatform|platform|testFixtures)[ \t]*\([ \t]*)?(["'])([^"'\s]+)["']`)
	// gradleMap is a dependency in parts: compile group: 'g', name: 'a', version: 'v'; Kotlin has = in the place of the colon.
	gradleMap = weir.Pattern(`(?m)\b([A-Za-z]+)[ \t]*\(?[ \t]*group\s*[:=]\s*["']([^"']+)["']\s*,\s*name\s*[:=]\s*["']([^"']+)["'](?:\s*,\s*version\s*[:=]\s*(?:["']([^"']+)["']|([\w.]+)))?`)
	// gradlePlugin is a plugin of the block of plugins.
	gradlePlugin = weir.Pattern(`(?m)\bid[ \t]*\(?[ \t]*["']([\w.-]+)["'][ \t]*\)?[ \t]+version[ \t]*\(?[ \t]*["']([^"']+)["']`)
	// gradleVariable is a version that the file names once: ext.v = '1', def v = "1", val v by extra("1").
	gradleVariable = weir.Pattern(`(?m)^[ \t]*(?:def|val|var|final|String|set|ext\.)*[ \t(]*["']?([A-Za-z_][\w.]*)["']?[ \t]*(?:=|,|by extra\()[ \t]*["']([^"'\n]+)["']`)
	gradleUse      = weir.Pattern(`\$\{?([A-Za-z_][\w.]*)\}?`)
)

// parseGradle reads dependencies that stand as text in a build script; the script is a program, and what it computes is unresolved.
func parseGradle(in *format.Input, t *text) error {
	s := blankComments(string(t.b))
	vars := variables{}
	for _, m := range gradleVariable().FindAllStringSubmatch(s, maxVars) {
		vars.set(strings.TrimPrefix(m[1], "ext."), m[2])
	}
	for _, m := range gradleCall().FindAllStringSubmatchIndex(s, maxCommands) {
		conf, value := s[m[2]:m[3]], s[m[6]:m[7]]
		if group, ok := gradleGroup(conf); ok && strings.Contains(value, ":") && !strings.HasPrefix(value, ":") {
			in.Emit(gradleCoordinate(t, value, m[6], group, vars))
		}
	}
	for _, m := range gradleMap().FindAllStringSubmatchIndex(s, maxCommands) {
		group, ok := gradleGroup(s[m[2]:m[3]])
		if !ok {
			continue
		}
		value, at := s[m[4]:m[5]]+":"+s[m[6]:m[7]], -1
		if m[8] >= 0 {
			value, at = value+":"+s[m[8]:m[9]], m[8]-len(value)-1
		} else if m[10] >= 0 {
			value += ":$" + s[m[10]:m[11]]
		}
		r := gradleCoordinate(t, value, at, group, vars)
		r.Line = t.line(m[0])
		in.Emit(r)
	}
	for _, m := range gradlePlugin().FindAllStringSubmatchIndex(s, maxCommands) {
		id := s[m[2]:m[3]]
		w := word{text: id + ":" + id + ".gradle.plugin:" + s[m[4]:m[5]], at: -1, line: t.line(m[4])}
		r := coordinate(w)
		r.Origin, r.Group, r.Form, r.Spec = weir.OriginManifest, "build", weir.SpecVersion, t.span(m[4], m[5]-m[4])
		in.Emit(r)
	}
	return nil
}

// gradleGroup reports whether a word is the name of a configuration, and the group of what stands there.
func gradleGroup(conf string) (group string, ok bool) {
	small := strings.ToLower(conf)
	for _, n := range gradleNames {
		if !strings.HasSuffix(small, n) {
			continue
		}
		switch {
		case strings.HasPrefix(small, "test") || strings.HasPrefix(small, "androidtest"):
			return "test", true
		case n == "classpath" || n == "annotationprocessor" || n == "kapt" || n == "ksp":
			return "build", true
		case strings.HasPrefix(small, "compileonly") || n == "provided":
			return "provided", true
		}
		return "", true
	}
	return "", false
}

// gradleCoordinate reads group:artifact:version with variables put in.
func gradleCoordinate(t *text, value string, at int, group string, vars variables) weir.Requirement {
	plain, missing := true, ""
	filled := gradleUse().ReplaceAllStringFunc(value, func(use string) string {
		plain = false
		name := strings.Trim(use, "${}")
		for _, prefix := range []string{"", "ext.", "rootProject.ext.", "project.", "versions."} {
			if v, ok := vars[strings.TrimPrefix(name, prefix)]; ok {
				return v
			}
		}
		missing = name
		return use
	})
	w := word{text: filled, at: at, line: t.line(max(at, 0))}
	if !plain {
		w.at = -1
	}
	r := coordinate(w)
	r.Origin, r.Group, r.Text = weir.OriginManifest, group, cut(value, maxStatement)
	r.Spec = t.span(int(r.Spec.At), int(r.Spec.Size))
	switch {
	case missing != "":
		r.State, r.Version, r.Range, r.Reason = weir.PinUnresolved, "", "", "the variable "+cut(missing, 100)+" is not set in this file"
	case r.State == weir.PinAny: // no version: a platform gives it
		r.State, r.Reason = weir.PinUnresolved, "its version is given elsewhere: by a platform or a plugin"
	}
	return r
}

// blankComments puts blanks in the place of comments, so that places stay, and leaves strings alone.
func blankComments(s string) string {
	b := []byte(s)
	blank := func(from, to int) {
		for i := from; i < to; i++ {
			if b[i] != '\n' {
				b[i] = ' '
			}
		}
	}
	for i := 0; i < len(b); i++ {
		rest := s[i:]
		switch {
		case strings.HasPrefix(rest, "//"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			blank(i, i+n)
			i += n
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest, "*/")
			if n < 0 {
				n = len(rest) - 2
			}
			blank(i, i+n+2)
			i += n + 1
		case b[i] == '"' || b[i] == '\'':
			for j := i + 1; j < len(b) && b[j] != '\n'; j++ {
				if b[j] == '\\' {
					j++
				} else if b[j] == b[i] {
					i = j
					break
				}
			}
		}
	}
	return string(b)
}

// parseGradleLock reads group:artifact:version=configurations, one a line.
func parseGradleLock(in *format.Input, t *text) error {
	at := 0
	for line := range strings.Lines(string(t.b)) {
		code := strings.TrimRight(line, "\r\n")
		value, confs, ok := strings.Cut(code, "=")
		if !strings.HasPrefix(code, "#") && code != "" && value != "empty" {
			r := coordinate(word{text: value, at: -1, line: t.line(at)})
			r.Origin, r.Direct, r.Text = weir.OriginLock, false, cut(code, maxStatement)
			if !ok {
				r.State, r.Reason = weir.PinUnresolved, "not of the form group:artifact:version=configurations"
			}
			r.Group = lockGroup(confs)
			in.Emit(r)
		}
		at += len(line)
	}
	return nil
}

// lockGroup is "test" for what only configurations of tests need.
func lockGroup(confs string) string {
	if confs == "" {
		return ""
	}
	for c := range strings.SplitSeq(confs, ",") {
		if !strings.HasPrefix(strings.ToLower(c), "test") {
			return ""
		}
	}
	return "test"
}

// parseGradleCatalog reads the libraries and plugins of a version catalogue; which of them are used is said by the build scripts.
func parseGradleCatalog(in *format.Input, t *text) error {
	root, err := readTOML(t)
	versions := root.get("versions")
	emit := func(module string, v, at *node, group string) {
		version := at
		if ref := at.str("ref"); ref != "" {
			version = versions.get(ref)
		}
		if version != nil && version.shape == isMap { // a rich version
			for _, key := range []string{"strictly", "require", "prefer"} {
				if rich := version.get(key); rich != nil {
					version = rich
					break
				}
			}
		}
		r := coordinate(word{text: module, at: -1, line: v.line})
		r.Origin, r.Group, r.Text = weir.OriginManifest, group, cut(module+":"+version.str(), maxStatement)
		switch {
		case r.State == weir.PinUnresolved:
		case version.str() == "":
			r.State, r.Reason = weir.PinUnresolved, "its version is given elsewhere: by a platform or a plugin"
		default:
			if mavenConstraint(&r, version.text); version.at >= 0 && r.State != weir.PinUnresolved {
				r.Form, r.Spec = weir.SpecVersion, t.span(version.at, len(version.text))
			}
		}
		in.Emit(r)
	}
	for _, v := range root.get("libraries").fields() {
		switch {
		case v.shape == isString:
			r := coordinate(word{text: v.text, at: v.at, line: v.line})
			r.Origin, r.Spec = weir.OriginManifest, t.span(int(r.Spec.At), int(r.Spec.Size))
			in.Emit(r)
		case v.str("module") != "":
			emit(v.str("module"), v, v.get("version"), "")
		default:
			emit(v.str("group")+":"+v.str("name"), v, v.get("version"), "")
		}
	}
	for _, v := range root.get("plugins").fields() {
		if id := v.str("id"); id != "" {
			emit(id+":"+id+".gradle.plugin", v, v.get("version"), "build")
		}
	}
	return err
}
