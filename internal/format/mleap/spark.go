package mleap

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"weir"
	"weir/internal/format"
)

// sparkKeys are those of DefaultParamsWriter (ml/util/ReadWrite.scala); language comes from Python's pipelines.
var sparkKeys = []string{"class", "timestamp", "sparkVersion", "uid", "paramMap", "defaultParamMap", "language"}

// matchSpark recognises metadata: an object with the keys that DefaultParamsReader demands, as far as they are seen.
func matchSpark(h format.Head) bool {
	s := shapeOf(h)
	if s == nil {
		return false
	}
	// Spark reads files of this name by the line; a first line that is longer than what is seen here could still become metadata.
	part := strings.HasPrefix(path.Base(h.Name), "part-")
	if s.blank || part && h.Size > int64(len(h.First)) && !bytes.ContainsRune(h.First, '\n') {
		return part
	}
	if s.is("class", 's') && (s.has("paramMap") || s.has("sparkVersion") || s.has("uid")) {
		return true
	}
	known := 0
	for _, k := range s.keys {
		if slices.Contains(sparkKeys, k) {
			known++
		}
	}
	return known >= 2 && known == len(s.keys)
}

// sparkParts are the folders in which Spark's models keep what is not metadata (the MLWriter of each, in org.apache.spark.ml).
var sparkParts = []string{"metadata", "stages", "data", "itemFactors", "userFactors", "treesMetadata", "bestModel", "estimator", "evaluator", "subModels",
	"classifier", "oldDataset", "initialModel", "strToIndex", "randomProjections"}

// matchSparkDir reports whether a folder holds what a Spark ML model does and nothing else: metadata, which it must have, and the parts.
func matchSparkDir(names []string) bool {
	return slices.Contains(names, "metadata") && !slices.ContainsFunc(names, func(n string) bool {
		number, model := strings.CutPrefix(n, "model_") // of OneVsRestModel
		return !slices.Contains(sparkParts, n) && (!model || strings.Trim(number, "0123456789") != "")
	})
}

// maxSQL bounds the text of a statement that becomes a fact.
const maxSQL = 16 << 10

// parseSpark reads the first line, which is all that Spark takes of it; what follows is examined as something else.
func parseSpark(in *format.Input) error {
	s := newSayer(in)
	class := false
	end, err := readJSON(section(in), in.Limits.Steps, func(p []string, v jsonValue) {
		if len(p) > 0 {
			s.twice(p, v.At)
		}
		class = class || len(p) == 1 && p[0] == "class"
		s.spark(p, v)
	})
	if !class && err == nil { // no metadata: lines of other JSON
		if end < in.Size {
			err = handRest(in, end)
		}
		return s.close(err)
	}
	if err != nil {
		if !errors.Is(err, format.ErrLimit) {
			in.Emit(weir.Oddity{Kind: weir.OddMalformed, Detail: err.Error(), At: end})
		}
		return s.close(fmt.Errorf("spark: %w", err))
	}
	return s.close(trailing(in, end))
}

// spark says what decides which code runs and which files are opened.
func (s *sayer) spark(p []string, v jsonValue) {
	say := func(key string, n int) { s.in.Emit(weir.Setting{Key: key, Value: cut(v.Text, n), At: v.At}) }
	if v.Kind != 's' || len(p) == 0 {
		return
	}
	param := ""
	if len(p) > 1 && (p[0] == "paramMap" || p[0] == "defaultParamMap") {
		param = p[1]
	}
	switch {
	case len(p) == 1 && p[0] == "class":
		say("spark.class", maxText)
	case len(p) == 1 && (p[0] == "sparkVersion" || p[0] == "uid"):
		s.in.Emit(weir.Note{Key: "spark." + p[0], Value: cut(v.Text, maxText)})
	case p[len(p)-1] == "language":
		say("spark.language", maxText)
	case param == "stageUids" && len(p) == 3:
		if s.plain++; s.plain <= maxNames || strings.ContainsAny(v.Text, "/\\") && s.pathAllowed() {
			say("spark.stage", maxText)
		}
	case param == "statement":
		if v.Cut || len(v.Text) > maxSQL {
			s.in.Emit(weir.Oddity{Kind: weir.OddShape, Detail: "an SQL statement too long to be shown", At: v.At})
		}
		say("spark.statement", maxSQL)
	}
}

func (s *sayer) pathAllowed() bool {
	if s.paths++; s.paths > maxNames {
		s.dropped = true
		return false
	}
	return true
}
