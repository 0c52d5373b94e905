package mleap

import (
	"strings"
	"testing"
)

// BenchmarkModelJSON reads a model of words and numbers as word2vec writes it.
func BenchmarkModelJSON(b *testing.B) {
	text := []byte(`{"op":"word_to_vector","attributes":{"words":{"type":"list","string":["w` + strings.Repeat(`ord","w`, 200_000) + `"]},"vectors":{"type":"list","double":[0` +
		strings.Repeat(",0.1234567891", 400_000) + `]}}}`)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if p := parse("model.json", text); len(p.errs) > 0 {
			b.Fatal(p.errs)
		}
	}
}
