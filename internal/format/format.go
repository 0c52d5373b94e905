// Package format says what a file format is: a Format is data with two functions, Match and Parse. Formats live in the packages below
// this one and are listed in internal/catalog; they read through Input only and hand members back to the engine, which owns all recursion.
package format

import (
	"errors"
	"io"

	"weir"
)

// ErrLimit is wrapped by every error that says a bound of weir.Limits was reached.
var ErrLimit = errors.New("limit reached")

// ErrEncrypted says that content is there but cannot be read without a key.
var ErrEncrypted = errors.New("encrypted")

// HeadSize and TailSize are the numbers of bytes that Match functions see of each end of a file. What no format matches is asked about again
// with LongTail bytes of its end: readers of zip look for the end record in the last 64 KiB, behind any prefix (APPNOTE 4.3.16, 4.4.12).
const (
	HeadSize = 16 << 10
	TailSize = 4 << 10
	LongTail = 66 << 10
)

// Head is what recognition sees: the two ends of the content, its size and its name (a hint that no Match may rest on alone).
type Head struct {
	Name  string
	Size  int64
	First []byte // the first min(Size, HeadSize) bytes
	Last  []byte // the last min(Size, TailSize) bytes, or LongTail of them
	// Inside: the content lies in an archive, or below a folder that some format's MatchDir claims. Formats that matter only beside a
	// model, such as Python source, match there alone.
	Inside bool
}

// Format is one file format. Adding one is writing one and listing it in internal/catalog.
type Format struct {
	Name      string // stable, as in reports: torch-zip
	Doc       string // one line for `weir formats`
	Framework string // pytorch, scikit-learn; empty when the format belongs to none
	Model     bool   // a file of this format is a model or data set (rather than a plain container)
	Manifest  bool   // it states dependencies: what it says is judged together with the other manifests of its project
	Parsed    bool   // weir accounts for every byte of it; otherwise it is only recognised and never clean
	// Supersedes names formats whose Match may hold as well but that must not run when this one does, because it parses them itself.
	Supersedes []string
	// Match reports whether the content is of this format. It is pure and quick.
	Match func(Head) bool
	// MatchDir reports whether a folder with these entry names may be one model of this format. It is one if a file directly in it is
	// recognised, by its content, as a model of the same framework: MLmodel, bundle.json. Nil for models that are single files.
	MatchDir func(names []string) bool
	// Below is the folder in such a folder whose files decide instead of those directly in it: Spark's metadata. Models of the same format
	// further down are then parts of the outermost one.
	Below string
	// Parse emits what is there. An error means that not everything could be read; facts emitted before it count.
	// Nil for formats that are only recognised.
	Parse func(*Input) error
}

// Input is everything a parser may touch: bytes, limits, and ways to hand things back. It has no access to files, network or clock;
// the reader starts to fail when the engine's time for the file is over.
type Input struct {
	io.ReaderAt
	Name   string // of the file or member, for messages and as a hint
	Size   int64
	Limits weir.Limits
	Trace  func(offset int64, line string) // not nil under --trace: receives the program as Python-like source
	Deep   bool                            // --deep: read and check raw tensor data too
	// Inspect asks for facts that only describe: tensors by name and shape, and the ranges that the file is made of.
	Inspect bool

	// Emit hands over a fact. Facts beyond Limits.Facts are dropped by the engine and become a Problem.
	Emit func(weir.Fact)
	// Nested hands a member's bytes back to the engine, which recognises and parses them by the same rules.
	Nested func(name string, r io.ReaderAt, size int64) (Summary, error)
	// Expand is Nested for content that must be inflated first: src is read to its end under the engine's budget (bytes, ratio
	// to packed, members) into spool space. It returns the inflated size in Summary.Size. A wrapped ErrLimit means that
	// only a part was read; that part has been examined.
	Expand func(name string, src io.Reader, packed int64) (Summary, error)
	// Sub is a view of a range of this input under another name for a parser that is called directly; facts keep absolute offsets.
	Sub func(name string, offset, size int64) *Input
}

// Summary says what became of a nested member.
type Summary struct {
	Size     int64    // bytes given or inflated
	Formats  []string // what it was recognised as; empty for inert or unknown content
	Complete bool     // every byte was accounted for
}
