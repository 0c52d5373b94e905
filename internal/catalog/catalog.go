// Package catalog is the one explicit list of formats and rules: nothing registers itself, so what weir can do is what stands here. Its
// tests run the cards and the corpora.
package catalog

import (
	"errors"
	"slices"

	"weir/internal/format"
	"weir/internal/format/archive"
	"weir/internal/format/h2o"
	"weir/internal/format/java"
	"weir/internal/format/manifest"
	"weir/internal/format/mleap"
	"weir/internal/format/mlflow"
	"weir/internal/format/opaque"
	"weir/internal/format/pickle"
	"weir/internal/format/pycode"
	"weir/internal/format/tensor"
	"weir/internal/format/tensorflow"
	"weir/internal/format/torch"
	"weir/internal/rule"
)

// Formats lists every file format that weir knows, in the order in which they are asked: models before the containers that they are made of.
func Formats() []format.Format {
	zip, plain := archive.Zip, slices.Clone(pickle.Formats)
	zip.Parse = manifest.Jar(torch.ParseZip) // finds what torch would read in a zip that does not begin as one of its own
	for i := range plain {
		plain[i].Parse = java.Beside(tensor.ParseJoblib) // a joblib array may first come far into a pickle
	}
	bundles := slices.Concat(mleap.Formats, h2o.Formats)
	for i := range bundles {
		if bundles[i].Name == "mleap-bundle" || bundles[i].Name == "h2o-mojo" {
			bundles[i].Parse = zip.Parse // what is in it is told by its members
		}
	}
	return slices.Concat(
		torch.Formats,
		tensor.Formats,
		bundles,
		beside(tensorflow.Formats),
		[]format.Format{
			zip, archive.Tar, archive.Gzip, archive.Zlib, archive.Bzip2, archive.XZ, archive.LZMA, archive.Zstd, archive.LZ4,
			archive.SevenZip,
		},
		plain,
		pycode.Formats,
		java.Formats,
		beside(withVersions(mlflow.Formats)),
		searched(beside(manifest.Formats)),
	)
}

// searched has the texts of formats searched for hidden content as well, which they would be if no format had claimed them.
func searched(formats []format.Format) []format.Format {
	out := slices.Clone(formats)
	for i := range out {
		if parse := out[i].Parse; parse != nil {
			out[i].Parse = func(in *format.Input) error { return errors.Join(parse(in), opaque.Format.Parse(in)) }
		}
	}
	return out
}

// beside has formats that hold values of any kind searched for Java object streams too.
func beside(formats []format.Format) []format.Format {
	out := slices.Clone(formats)
	for i := range out {
		if out[i].Parse != nil {
			out[i].Parse = java.Beside(out[i].Parse)
		}
	}
	return out
}

// Opaque is the format of content that no other one explains; the engine falls back on it.
func Opaque() *format.Format { return &opaque.Format }

// Rules lists every rule, family by family, in the order in which their findings are reported.
func Rules() []rule.Rule {
	return slices.Concat(rule.Pickle(), rule.Torch(), rule.Numpy(), rule.H2O(), rule.H2OMOJO(), rule.H2OSource(), rule.Joblib(), rule.MLeap(), rule.Spark(), rule.Archive(), rule.MLflow(), rule.Config(), rule.Java(), rule.Dependency())
}

// withVersions has Python source that is read beside a model tell also of which project it is a copy.
func withVersions(formats []format.Format) []format.Format {
	out := slices.Clone(formats)
	for i := range out {
		if out[i].Name == "python-source" {
			out[i].Parse = manifest.Vendored(out[i].Parse)
		}
	}
	return out
}
