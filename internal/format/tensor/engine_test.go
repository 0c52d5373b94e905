package tensor

import (
	"weir/internal/format"
	"weir/internal/format/archive"
	"weir/internal/format/formattest"
	"weir/internal/format/pickle"
)

func newEngine() *formattest.Engine {
	return formattest.New(Formats, pickle.Formats, []format.Format{archive.Zip})
}
