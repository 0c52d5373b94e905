package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"weir"
)

// InspectSchema names the JSON that [InspectJSON] writes; it changes only with a new version number.
const InspectSchema = "weir/inspect/v1"

// Inspection is what one file holds, without judgement but for the verdict of the scan that read it.
type Inspection struct {
	Path      string        `json:"path"`
	Format    string        `json:"format"`
	Framework string        `json:"framework"`
	Size      int64         `json:"size"` // bytes
	Digest    string        `json:"digest,omitempty"`
	Verdict   weir.Verdict  `json:"verdict"`
	Coverage  weir.Coverage `json:"coverage"`

	Properties   []Property      `json:"properties"`
	Members      []Content       `json:"members"`
	Tensors      []TensorOf      `json:"tensors"`
	Objects      []Object        `json:"objects"`
	Classes      []ClassOf       `json:"classes"`
	Code         []CodeOf        `json:"code"`
	Requirements []string        `json:"requirements"`
	Parts        []weir.Part     `json:"parts"` // of the file itself, by offset
	Problems     []weir.Problem  `json:"problems"`
	Findings     []FindingInside `json:"findings"`
}

// Property is one thing that a file or a member of it says about itself: versions, producers, times, licences.
type Property struct {
	Member string `json:"member,omitempty"`
	Key    string `json:"key"`
	Value  string `json:"value"`
}

// Content is one entry of a container, or a stream within a file.
type Content struct {
	Name      string `json:"name"`
	Format    string `json:"format,omitempty"`
	Size      int64  `json:"size"`
	Packed    int64  `json:"packed,omitempty"` // bytes in the container, where it says so
	Link      string `json:"link,omitempty"`
	Encrypted bool   `json:"encrypted,omitempty"`
}

// TensorOf is a tensor with the member that holds it.
type TensorOf struct {
	Member string `json:"member,omitempty"`
	weir.Tensor
}

// Object is a class or function that loading the file would look up.
type Object struct {
	Name  string   `json:"name"`
	Use   weir.Use `json:"use"` // the strongest
	Count int64    `json:"count"`
}

// ClassOf is a Java class that reading the file would make an object of, or initialise.
type ClassOf struct {
	Name  string        `json:"name"`
	Use   weir.ClassUse `json:"use"`
	Count int64         `json:"count"`
}

// CodeOf is executable content that the file carries.
type CodeOf struct {
	Member   string   `json:"member,omitempty"`
	Language string   `json:"language"`
	Name     string   `json:"name"`
	Calls    []string `json:"calls,omitempty"`
}

// FindingInside is a finding of the scan in short; `weir scan` tells all about it.
type FindingInside struct {
	Rule     string        `json:"rule"`
	Severity weir.Severity `json:"severity"`
	Member   string        `json:"member,omitempty"`
	Message  string        `json:"message"`
}

// Inspect gathers the events of a scan with facts and hands each file's inspection to each, in order.
func Inspect(each func(*Inspection) error) weir.Sink {
	g := &gathering{}
	return func(e weir.Event) error {
		e = valid(e)
		switch {
		case e.Fact != nil:
			g.file(e.Fact.Path).fact(e.Fact.Member, e.Fact.Fact)
		case e.Finding != nil:
			f := g.file(e.Finding.Path)
			f.Findings = append(f.Findings, FindingInside{e.Finding.Rule, e.Finding.Severity, e.Finding.Member, e.Finding.Message})
		case e.Problem != nil:
			f := g.file(e.Problem.Path)
			f.Problems = append(f.Problems, *e.Problem)
		case e.Artifact != nil && e.Artifact.Member != "":
			g.file(e.Artifact.Path).member(*e.Artifact)
		case e.Artifact != nil:
			i := g.file(e.Artifact.Path).finish(*e.Artifact)
			g.now = nil
			return each(i)
		case e.End != nil && g.now != nil: // a problem of a path that is no file
			i := g.now.finish(weir.Artifact{Path: g.now.Path, Coverage: weir.CoveragePartial})
			g.now = nil
			return each(i)
		}
		return nil
	}
}

// gathering is the file whose events are passing by.
type gathering struct{ now *gathered }

type gathered struct {
	Inspection
	objects map[string]int
	entries map[string]int
	props   map[Property]bool
	classes map[ClassOf]int
}

func (g *gathering) file(path string) *gathered {
	if g.now == nil || g.now.Path != path {
		g.now = &gathered{Inspection: Inspection{Path: path}, objects: map[string]int{}, entries: map[string]int{}, props: map[Property]bool{}, classes: map[ClassOf]int{}}
	}
	return g.now
}

func (g *gathered) fact(member string, f weir.Fact) {
	switch f := f.(type) {
	case weir.Note:
		if p := (Property{member, f.Key, f.Value}); !g.props[p] {
			g.props[p] = true
			g.Properties = append(g.Properties, p)
		}
	case weir.Setting:
		g.Properties = append(g.Properties, Property{member, f.Key, f.Value})
	case weir.Tensor:
		g.Tensors = append(g.Tensors, TensorOf{member, f})
	case weir.Member:
		if isLicence(f.Name) {
			g.Properties = append(g.Properties, Property{member, "licence", f.Name})
		}
		c := g.content(within(member, f.Name))
		c.Size, c.Packed, c.Link, c.Encrypted = f.Size, f.Packed, f.Link, f.Encrypted
	case weir.Part:
		if member == "" {
			g.Parts = append(g.Parts, f)
		}
	case weir.Import:
		g.object(f)
	case weir.Class:
		g.class(f)
	case weir.Code:
		g.Code = append(g.Code, CodeOf{within(member, f.Member), f.Language, f.Name, f.Calls})
	case weir.Requirement:
		g.Requirements = append(g.Requirements, f.Text)
	}
}

func (g *gathered) content(name string) *Content {
	i, ok := g.entries[name]
	if !ok {
		i = len(g.Members)
		g.entries[name] = i
		g.Members = append(g.Members, Content{Name: name})
	}
	return &g.Members[i]
}

func (g *gathered) member(a weir.Artifact) {
	c := g.content(a.Member)
	c.Format = a.Format
	if c.Size == 0 {
		c.Size = a.Size
	}
}

func (g *gathered) object(f weir.Import) {
	name := strings.Trim(f.Module+"."+f.Name, ".")
	i, ok := g.objects[name]
	if !ok {
		i = len(g.Objects)
		g.objects[name] = i
		g.Objects = append(g.Objects, Object{Name: name})
	}
	o := &g.Objects[i]
	o.Use = max(o.Use, f.Use)
	if f.Use == weir.UseCalled || f.Use == weir.UseInstantiated {
		o.Count += 1 + f.Count
	}
}

// class counts the uses of a Java class. What is only described is a part of another class's description, or stands again as an object.
func (g *gathered) class(f weir.Class) {
	if f.How == weir.ClassDescribed || f.Searched {
		return
	}
	key := ClassOf{Name: f.Name, Use: f.How}
	i, ok := g.classes[key]
	if !ok {
		i = len(g.Classes)
		g.classes[key] = i
		g.Classes = append(g.Classes, key)
	}
	g.Classes[i].Count += 1 + f.Count
}

// finish completes the file's inspection with what its artifact says; lists are never nil.
func (g *gathered) finish(a weir.Artifact) *Inspection {
	i := &g.Inspection
	i.Format, i.Framework, i.Size, i.Digest, i.Verdict, i.Coverage = a.Format, a.Framework, a.Size, a.Digest, a.Verdict, a.Coverage
	slices.SortStableFunc(i.Parts, func(a, b weir.Part) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(b.Size, a.Size)) })
	i.Properties, i.Members, i.Tensors = notNil(i.Properties), notNil(i.Members), notNil(i.Tensors)
	i.Objects, i.Code, i.Requirements = notNil(i.Objects), notNil(i.Code), notNil(i.Requirements)
	i.Classes = notNil(i.Classes)
	i.Parts, i.Problems, i.Findings = notNil(i.Parts), notNil(i.Problems), notNil(i.Findings)
	return i
}

// isLicence reports whether an entry's name is one under which licences are kept.
func isLicence(name string) bool {
	base := strings.ToLower(path.Base(name))
	base, _, _ = strings.Cut(base, ".")
	return base == "licence" || base == "license" || base == "copying" || base == "notice"
}

// within names an entry of a member.
func within(member, name string) string {
	if member == "" || name == "" {
		return member + name
	}
	return member + "!/" + name
}

func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// InspectJSON writes inspections as one object: the schema's name and the files.
func InspectJSON(w io.Writer) (each func(*Inspection) error, end func() error) {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "{\n \"schema\": %q,\n \"files\": [", InspectSchema)
	n := 0
	each = func(i *Inspection) error {
		line, err := encode(i)
		if err != nil {
			return fmt.Errorf("json: %w", err)
		}
		if n++; n > 1 {
			b.WriteByte(',')
		}
		b.WriteString("\n  ")
		_, err = b.Write(line)
		return err
	}
	return each, func() error {
		if n > 0 {
			b.WriteString("\n ")
		}
		b.WriteString("]\n}\n")
		return b.Flush()
	}
}
