package h2o

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"weir"
	"weir/internal/format"
	"weir/internal/format/opaque"
)

// Flow is a notebook of H2O Flow: {"version": …, "cells": [{"type": "cs", "input": "assist"}, …]}. Cells of type cs are CoffeeScript that runs in
// the browser with the rights of whoever is signed in there; the others are markdown, HTML or text, which Flow shows when the notebook opens.
var Flow = format.Format{
	Name: "h2o-flow", Doc: "notebook of H2O Flow", Framework: "h2o", Parsed: true,
	Match: func(h format.Head) bool {
		text := bytes.TrimLeft(h.First, "\ufeff \t\r\n")
		return bytes.HasPrefix(text, []byte("{")) && flowKeys().Match(text) && !bytes.Contains(h.First, []byte(`"nbformat"`)) &&
			(bytes.Contains(h.First, []byte(`"input"`)) || strings.HasSuffix(h.Name, ".flow"))
	},
	Parse: parseFlow,
}

var flowKeys = weir.Pattern(`"cells"\s*:\s*\[`)

const maxFlow = 32 << 20

type flowFile struct {
	Version string     `json:"version"`
	Cells   []flowCell `json:"cells"`
}

type flowCell struct {
	Type  string `json:"type"`
	Input string `json:"input"`
}

// parseFlow emits a Code for every cell that has script, and a Call for every routine of Flow that a cell calls.
func parseFlow(in *format.Input) error {
	if in.Size > maxFlow {
		return errors.Join(fmt.Errorf("h2o: a notebook of more than %d bytes: %w", maxFlow, format.ErrLimit), opaque.Format.Parse(in))
	}
	b := make([]byte, in.Size)
	if _, err := in.ReadAt(b, 0); err != nil && err != io.EOF {
		return err
	}
	var f flowFile
	err := json.Unmarshal(bytes.TrimPrefix(b, []byte("\ufeff")), &f)
	in.Emit(weir.Note{Key: "h2o.flow.version", Value: short(f.Version)})
	for i, c := range f.Cells {
		flowCellFacts(in, b, i, c)
	}
	if err != nil {
		err = fmt.Errorf("h2o: notebook: %w", err)
	}
	return errors.Join(err, opaque.Format.Parse(in))
}

// routine is a call in CoffeeScript: a name with its arguments, with or without parentheses.
var routine = weir.Pattern(`(?m)(?:^|[^\w.$@])([A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*)(?:\(| +["'\[{\w-])`)

// comments are lines of nothing but a comment: H2O's own examples say there what to click, between backticks.
var comments = weir.Pattern(`(?m)^[ \t]*#.*$`)

// embedded is JavaScript in a CoffeeScript cell, between backticks.
var embedded = weir.Pattern("`([^`]*)`")

func flowCellFacts(in *format.Input, file []byte, i int, c flowCell) {
	name := fmt.Sprintf("cell %d (%s)", i+1, short(c.Type))
	at, line := place(file, c.Input)
	if c.Type != "cs" {
		if hit := markup().FindString(c.Input); hit != "" {
			in.Emit(weir.Code{Language: "html", Name: name, Text: short(hit), Auto: true, At: at, Line: line})
		}
		return
	}
	c.Input = comments().ReplaceAllString(c.Input, "")
	for _, m := range embedded().FindAllStringSubmatch(c.Input, 100) {
		in.Emit(weir.Code{Language: "javascript", Name: name, Text: short(m[1]), At: at, Line: line})
	}
	for _, m := range routine().FindAllStringSubmatchIndex(c.Input, 1000) {
		text := c.Input[m[2]:]
		if end := strings.IndexByte(text, '\n'); end >= 0 {
			text = text[:end]
		}
		callee := c.Input[m[2]:m[3]]
		in.Emit(weir.Call{Callee: short(callee), Args: []string{short(strings.TrimSpace(strings.Trim(strings.TrimPrefix(text, callee), "()")))}, Func: name, At: at, Line: line})
	}
}

// place finds a cell's text in the file by its first characters as JSON writes them.
func place(file []byte, input string) (int64, int) {
	key, err := json.Marshal(input[:min(len(input), 40)])
	if err != nil || len(key) < 3 {
		return 0, 0
	}
	at := bytes.Index(file, key[:len(key)-1])
	if at < 0 {
		return 0, 0
	}
	return int64(at), 1 + bytes.Count(file[:at], []byte("\n"))
}

// markup is HTML that runs script, or loads something that does, when a browser shows it.
var markup = weir.Pattern(`(?i)<\s*(?:script|iframe|object|embed|svg[^>]{0,200}\son\w+\s*=|meta[^>]{0,200}http-equiv|base\s|link\s)[^>]{0,100}|<[a-z][^>]{0,500}[\s/"']on[a-z]{3,30}\s*=[^>]{0,100}|(?:href|src|action|formaction)\s*=\s*["']?\s*(?:javascript|vbscript|data:text/html)[^>]{0,100}|\]\(\s*javascript:[^)]{0,100}`)

// scripts looks for script in a text, in pieces that overlap, with the escapes that JSON writers use for < and > undone.
func scripts(in *format.Input) error {
	const piece, overlap = 1 << 20, 1024
	buf := make([]byte, 0, min(piece, in.Size))
	found := 0
	for at := int64(0); at < in.Size && found < 20; at += piece - overlap {
		buf = buf[:min(piece, in.Size-at)]
		n, err := in.ReadAt(buf, at)
		if n < len(buf) && err != nil && err != io.EOF {
			return err
		}
		text := jsonEscapes.Replace(string(buf[:n]))
		for _, hit := range markup().FindAllString(text, 20) {
			found++
			in.Emit(weir.Code{Language: "html", Name: in.Name, Text: short(hit), At: at})
		}
		if int64(len(buf)) == in.Size-at {
			break
		}
	}
	return nil
}

var jsonEscapes = strings.NewReplacer(`\u003c`, "<", `\u003C`, "<", `\u003e`, ">", `\u003E`, ">", `\u0027`, "'", `\u0022`, `"`, `\"`, `"`, `\/`, "/", `\u003d`, "=", `\u003D`, "=")
