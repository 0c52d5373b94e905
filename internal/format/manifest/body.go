package manifest

import (
	"bytes"
	"strings"

	"weir"
	"weir/internal/format"
)

// classMagic begins every class file (JVM specification, 4.1).
const classMagic = "\xca\xfe\xba\xbe"

// body is a function with a known flaw, as copies and forks carry it whatever version they claim: what its file is known by, what the function
// is known by, and what every release that mends the flaw has added there.
type body struct {
	flaw, pkg string
	name      string   // of the function
	file      string   // what the file's name ends with
	head      []string // all of them stand in the first bytes of the file
	function  string
	mended    []string // any of them
}

// bodies were compared with the released files: torch 1.13 and 2.2 (flawed) and 2.11 (mended), mlflow 2.2.0 and 2.8.0 and 2.9.2, h2o 3.46.0.4 and
// 3.46.0.12, bundle-ml 0.16.0 and 0.20.0 with the repository's later state.
var bodies = []body{
	{
		"CVE-2025-32434", "torch", "torch.serialization._legacy_load", "serialization.py", []string{"import torch._weights_only_unpickler"},
		"def _legacy_load(", []string{"legacy .tar format"},
	},
	{
		"CVE-2023-6909", "mlflow", "mlflow.utils.uri.append_to_uri_path", "uri.py", []string{"mlflow", "import posixpath"},
		"def append_to_uri_path(", []string{"def validate_query_string("},
	},
	{
		"CVE-2024-8862", "ai.h2o:h2o-core", "water.jdbc.SQLManager.importSqlTable", ".class", []string{"water/jdbc/SQLManager;", "NEXT_TABLE_NUM"},
		"importSqlTable", []string{"DISALLOWED_JDBC_PARAMETERS", "JDBC_DISALLOWED_PARAMETERS"},
	},
	{
		"CVE-2023-5245", "ml.combust.bundle:bundle-ml_2.12", "ml.combust.bundle.serializer.FileUtil.extract", ".class",
		[]string{"ml/combust/bundle/serializer/FileUtil", "FileUtil.scala"}, "getNextEntry", []string{"getCanonicalPath", "normalize", "startsWith"},
	},
}

// bodyOf gives the body that a file may hold; nil of all others.
func bodyOf(name string, head []byte) *body {
	for i, b := range bodies {
		if !strings.HasSuffix(name, b.file) {
			continue
		}
		all := true
		for _, mark := range b.head {
			all = all && bytes.Contains(head, []byte(mark))
		}
		if all {
			return &bodies[i]
		}
	}
	return nil
}

// emit says whether the function is there with its flaw, or mended: code.flawed or code.mended, with the flaw's id, the package and the function.
func (b *body) emit(in *format.Input, t *text) {
	at := bytes.Index(t.b, []byte(b.function))
	if at < 0 {
		return
	}
	s := weir.Setting{Key: "code.flawed", Value: b.flaw + " " + b.pkg + " " + b.name}
	if b.file != ".class" {
		s.Line = t.line(at)
	}
	for _, m := range b.mended {
		if bytes.Contains(t.b, []byte(m)) {
			s.Key = "code.mended"
		}
	}
	in.Emit(s)
}
