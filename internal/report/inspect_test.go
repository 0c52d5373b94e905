package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"weir"
)

// inspected is a stream as a scan with facts gives it, with text that must do no harm in any output.
func inspected(text string) []weir.Event {
	fact := func(member string, f weir.Fact) weir.Event {
		return weir.Event{Fact: &weir.FactAt{Path: "a/model.pt", Member: member, Fact: f}}
	}
	return []weir.Event{
		{Start: &weir.Start{Schema: weir.Schema}},
		fact("", weir.Note{Key: "torch.version", Value: "3"}),
		fact("", weir.Note{Key: "torch.version", Value: "3"}),
		fact("", weir.Member{Name: "m/data.pkl", Size: 200, Packed: 120}),
		fact("", weir.Member{Name: "m/LICENSE.txt", Size: 11}),
		fact("", weir.Member{Name: text, Link: text, Size: 3}),
		fact("", weir.Tensor{Name: "fc.weight", DType: "float32", Shape: []int64{10, 4}, Size: 160, At: 400}),
		fact("", weir.Tensor{Name: text, DType: text, Shape: []int64{-1, 1 << 62, 1 << 62}, Size: 1}),
		fact("", weir.Tensor{DType: "int64", Size: 8}),
		fact("", weir.Part{Kind: "entry", Name: "m/data.pkl", At: 0, Size: 64}),
		fact("", weir.Part{Kind: "data", Name: text, At: 64, Size: 120}),
		fact("", weir.Part{Kind: "directory", At: 400, Size: 90000}),
		fact("", weir.Part{Kind: "data", Name: "beyond", At: -4, Size: 1 << 62}),
		fact("m/data.pkl", weir.Import{Module: "collections", Name: "OrderedDict", Use: weir.UseNamed}),
		fact("m/data.pkl", weir.Import{Module: "collections", Name: "OrderedDict", Use: weir.UseCalled, Count: 2}),
		fact("m/data.pkl", weir.Import{Module: text, Name: text, Use: weir.UseNamed}),
		fact("", weir.Code{Language: "torchscript", Name: text, Calls: []string{text}}),
		fact("", weir.Requirement{Text: "torch==2.0 " + text}),
		{Finding: &weir.Finding{Rule: "pickle/x", Severity: weir.SeverityHigh, Path: "a/model.pt", Message: text}},
		{Problem: &weir.Problem{Path: "a/model.pt", Member: text, Stage: "parse", Reason: text}},
		{Artifact: &weir.Artifact{Path: "a/model.pt", Member: "m/data.pkl", Format: "pickle", Size: 200}},
		{Artifact: &weir.Artifact{Path: "a/model.pt", Format: "torch-zip", Framework: "pytorch", Size: 600, Digest: "sha256:00", Verdict: weir.VerdictSuspicious}},
		{Problem: &weir.Problem{Path: "gone", Stage: "open", Reason: "no such file"}},
		{End: &weir.End{}},
	}
}

// inspections runs a stream through Inspect.
func inspections(t *testing.T, events []weir.Event, each func(*Inspection) error) []*Inspection {
	t.Helper()
	var all []*Inspection
	sink := Inspect(func(i *Inspection) error {
		all = append(all, i)
		return each(i)
	})
	for _, e := range events {
		if err := sink(e); err != nil {
			t.Fatal(err)
		}
	}
	if len(all) != 2 {
		t.Fatalf("%d inspections, want those of the file and of the path that is none", len(all))
	}
	return all
}

func TestInspectText(t *testing.T) {
	var b bytes.Buffer
	inspections(t, inspected("plain"), InspectText(&b, Options{Width: 80}, false))
	golden(t, "inspect.golden", b.Bytes())
}

func TestInspectGathers(t *testing.T) {
	i := inspections(t, inspected("x"), func(*Inspection) error { return nil })[0]
	if len(i.Properties) != 2 || len(i.Members) != 3 || len(i.Tensors) != 3 || len(i.Objects) != 2 || len(i.Parts) != 4 {
		t.Errorf("got %+v", i)
	}
	if m := i.Members[0]; m.Format != "pickle" || m.Packed != 120 {
		t.Errorf("member: %+v", m)
	}
	if o := i.Objects[0]; o.Name != "collections.OrderedDict" || o.Use != weir.UseCalled || o.Count != 3 {
		t.Errorf("object: %+v", o)
	}
}

func TestInspectJSON(t *testing.T) {
	for _, text := range []string{"plain", hostileText} {
		var b bytes.Buffer
		each, end := InspectJSON(&b)
		inspections(t, inspected(text), each)
		if err := end(); err != nil {
			t.Fatal(err)
		}
		var got struct {
			Schema string
			Files  []map[string]any
		}
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got.Schema != InspectSchema || len(got.Files) != 2 {
			t.Errorf("schema %q, %d files", got.Schema, len(got.Files))
		}
		for key, v := range got.Files[1] {
			if v == nil {
				t.Errorf("%s is null", key)
			}
		}
		safeText(t, strings.ReplaceAll(b.String(), "\n", ""))
	}
}

func TestHostileInspectText(t *testing.T) {
	var b bytes.Buffer
	inspections(t, inspected(hostileText), InspectText(&b, Options{}, true))
	safeText(t, strings.ReplaceAll(b.String(), "\n", ""))
}

// safeText fails for what a terminal would act on.
func safeText(t *testing.T, s string) {
	t.Helper()
	for _, r := range s {
		if !visible(r) {
			t.Errorf("%q is in the output", r)
		}
	}
}

// TestByteMap reads the picture as XML: nothing in it runs, and what no part names is there.
func TestByteMap(t *testing.T) {
	for _, text := range []string{"plain", hostileText} {
		var b bytes.Buffer
		i := inspections(t, inspected(text), func(*Inspection) error { return nil })[0]
		if err := ByteMap(&b, i); err != nil {
			t.Fatal(err)
		}
		allowed := map[string]bool{"svg": true, "defs": true, "pattern": true, "rect": true, "text": true, "title": true}
		unnamed := 0
		for d := xml.NewDecoder(&b); ; {
			tok, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if e, ok := tok.(xml.StartElement); ok {
				if !allowed[e.Name.Local] {
					t.Errorf("element %s", e.Name.Local)
				}
				for _, a := range e.Attr {
					if strings.HasPrefix(a.Name.Local, "on") {
						t.Errorf("attribute %s", a.Name.Local)
					}
					if a.Name.Local == "fill" && a.Value == "url(#unnamed)" {
						unnamed++
					}
				}
			}
		}
		if unnamed == 0 {
			t.Error("bytes that no part names are not shown")
		}
	}
}

func TestByteMapIsBounded(t *testing.T) {
	i := &Inspection{Path: "x", Size: 1 << 50}
	for n := range int64(100_000) {
		i.Parts = append(i.Parts, weir.Part{Kind: "data", At: n * (i.Size / 100_000), Size: i.Size / 100_000})
	}
	var b bytes.Buffer
	if err := ByteMap(&b, i); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 8<<20 {
		t.Errorf("a picture of %d bytes", b.Len())
	}
	for _, size := range []int64{0, 1, 63} {
		if err := ByteMap(io.Discard, &Inspection{Size: size}); err != nil {
			t.Error(err)
		}
	}
}
