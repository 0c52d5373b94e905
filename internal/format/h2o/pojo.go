package h2o

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"weir"
	"weir/internal/format"
	"weir/internal/format/javasource"
	"weir/internal/format/opaque"
)

// POJO is a model as Java source: a class that extends hex.genmodel.GenModel (hex.Model.toJava). H2O compiles and runs it when the property
// sys.ai.h2o.pojo.import.enabled allows that, and so does everybody who uses it as it is meant to be used.
var POJO = format.Format{
	Name: "h2o-pojo", Doc: "H2O-3 POJO: a model as Java source", Framework: "h2o", Model: true, Parsed: true, Supersedes: []string{"java-source"},
	Match: func(h format.Head) bool { return isPOJO(sourceHead(h)) }, Parse: parsePOJO,
}

// Source is Java source of which the head does not tell whether it is a POJO. Only what turns out to be one yields facts.
var Source = format.Format{
	Name: "java-source", Doc: "Java source, examined when it is an H2O POJO", Parsed: true,
	Match: func(h format.Head) bool {
		s := sourceHead(h)
		return s != nil && (len(s.Types) > 0 || len(s.Imports) > 0 || strings.EqualFold(path.Ext(h.Name), ".java"))
	},
	Parse: parsePOJO,
}

// sourceHead gives the outline of the first bytes of a file, nil when they are not Java: the unit begins with a package, an import or a type.
func sourceHead(h format.Head) *javasource.Source {
	first := h.First
	if len(first) == 0 || bytes.IndexByte(first[:min(len(first), 512)], 0) >= 0 {
		return nil
	}
	named := strings.EqualFold(path.Ext(h.Name), ".java")
	if !named && !bytes.Contains(first, []byte("class")) && !bytes.Contains(first, []byte(`\u`)) {
		return nil
	}
	if !named && !begins(first) {
		return nil
	}
	s, _ := javasource.Read(bytes.NewReader(first), int64(len(first)), format.HeadSize)
	if len(s.Types) == 0 && len(s.Imports) == 0 && !named {
		return nil
	}
	return s
}

// begins reports whether the first words are those of a Java compilation unit; Python, C and prose end an import or a word otherwise.
func begins(first []byte) bool {
	l := javasource.NewLexer(bytes.NewReader(first), int64(len(first)))
	for n := range 200 {
		t, err := l.Next()
		if err != nil {
			return n == 0 && !errors.Is(err, io.EOF) // one long comment
		}
		switch {
		case t.Kind == javasource.Ident && slices.Contains([]string{"import", "package"}, t.Text):
			for range 40 {
				t, err := l.Next()
				if err != nil || t.Kind != javasource.Ident && t.Text != "." && t.Text != "*" {
					return err == nil && t.Text == ";"
				}
			}
			return false
		case t.Kind == javasource.Ident && slices.Contains([]string{"public", "final", "abstract", "strictfp", "sealed"}, t.Text):
		case t.Kind == javasource.Ident && slices.Contains([]string{"class", "interface", "enum", "record"}, t.Text):
			name, err := l.Next()
			next, err2 := l.Next()
			return err == nil && err2 == nil && name.Kind == javasource.Ident &&
				(slices.Contains([]string{"extends", "implements", "{", "<"}, next.Text))
		case t.Text == "@" || n > 0 && t.Kind != javasource.Number:
			// an annotation and what it holds
			if n == 0 && t.Text != "@" {
				return false
			}
		case t.Text == ";":
		default:
			return false
		}
	}
	return false
}

// isPOJO reports whether a source declares a model: a type that extends GenModel or a model of hex.genmodel's, which all descend from it and
// have MojoModel in their names, or the annotation that H2O gives its own. Programs that score with a model import and name the same package,
// and reflect and read files as programs do; they are none.
func isPOJO(s *javasource.Source) bool {
	if s == nil {
		return false
	}
	isModel := func(name string) bool {
		name = lastPart(name)
		return name == "GenModel" || strings.Contains(name, "MojoModel")
	}
	return slices.ContainsFunc(s.Types, func(t javasource.Type) bool { return slices.ContainsFunc(t.Super, isModel) }) ||
		slices.ContainsFunc(s.Imports, func(i javasource.Import) bool { return i.Name == modelAnnotation }) ||
		slices.ContainsFunc(s.Uses, func(u javasource.Use) bool {
			return u.Name == modelAnnotation || u.How == javasource.UseNew && lastPart(u.Name) == "GenModel"
		})
}

// modelAnnotation is what H2O writes before the class of a POJO.
const modelAnnotation = "hex.genmodel.annotations.ModelPojo"

func lastPart(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// maxSource bounds the tokens of a source: POJOs of large forests are some hundred megabytes.
const maxSource = 200_000_000

// parsePOJO emits a Call for every name that the source uses and does not declare, and for each import one whose callee is "import".
func parsePOJO(in *format.Input) error {
	s, err := javasource.Read(in, in.Size, min(maxSource, in.Limits.Steps))
	if !isPOJO(s) {
		if err != nil && !errors.Is(err, format.ErrLimit) {
			err = nil // not Java after all
		}
		return errors.Join(err, opaque.Format.Parse(in))
	}
	in.Emit(weir.Note{Key: "h2o.pojo", Value: short(mainType(s))})
	for _, i := range s.Imports {
		callee := "import"
		if i.Static {
			callee = "import static"
		}
		in.Emit(weir.Call{Callee: callee, Args: []string{short(i.Name)}, At: i.At, Line: i.Line})
	}
	for _, u := range s.Uses {
		in.Emit(weir.Call{Callee: short(prefixes[u.How] + u.Name), Args: shortAll(u.Args), Auto: u.Auto, Func: short(u.In), At: u.At, Line: u.Line})
	}
	if err != nil {
		if !errors.Is(err, format.ErrLimit) {
			in.Emit(weir.Oddity{Kind: weir.OddTruncated, Detail: err.Error(), At: in.Size})
		}
		err = fmt.Errorf("h2o: Java source: %w", err)
	}
	return errors.Join(err, opaque.Format.Parse(in))
}

// prefixes tell apart how names are used, in the callee of a Call.
var prefixes = map[string]string{javasource.UseCall: "", javasource.UseNew: "new ", javasource.UseReference: "", javasource.UseType: "type "}

func mainType(s *javasource.Source) string {
	for _, t := range s.Types {
		if slices.ContainsFunc(t.Super, func(up string) bool { return strings.HasSuffix(up, "GenModel") }) {
			return t.Name
		}
	}
	return ""
}

func shortAll(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = short(s)
	}
	return out
}
