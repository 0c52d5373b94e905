package torch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"weir"
	"weir/internal/format"
)

// A shard of a distributed checkpoint (torch/distributed/checkpoint/filesystem.py) is what torch.save wrote for each tensor, one file
// after another; .metadata, a pickle, knows where each begins. Every zip file among them says at its end how long it is, so they are found
// from the back without reading the tensors.
const (
	endSize     = 22 // end of central directory, without a comment: torch writes none
	end64Size   = 56
	locatorSize = 20
	maxParts    = 100_000
)

// lastZip gives where the zip file begins that ends at the end of tail, whose last byte is the one before offset end of the file.
func lastZip(tail []byte, end int64) (int64, bool) {
	if len(tail) < endSize {
		return 0, false
	}
	e := tail[len(tail)-endSize:]
	if string(e[:4]) != "PK\x05\x06" || e[20] != 0 || e[21] != 0 {
		return 0, false
	}
	size, offset := int64(binary.LittleEndian.Uint32(e[12:])), int64(binary.LittleEndian.Uint32(e[16:]))
	extra := int64(0)
	if n := endSize + locatorSize + end64Size; len(tail) >= n {
		if l := tail[len(tail)-endSize-locatorSize:]; string(l[:4]) == "PK\x06\x07" {
			r := tail[len(tail)-n:]
			if string(r[:4]) != "PK\x06\x06" {
				return 0, false
			}
			size, offset = int64(binary.LittleEndian.Uint64(r[40:])), int64(binary.LittleEndian.Uint64(r[48:]))
			extra = locatorSize + end64Size
		}
	}
	if size < 0 || offset < 0 || size > end || offset > end {
		return 0, false
	}
	start := end - endSize - extra - size - offset
	return start, start >= 0
}

// matchShard asks for two zip files in a row that each begin with data.pkl.
func matchShard(h format.Head) bool {
	start, ok := lastZip(h.Last, h.Size)
	if !ok || start == 0 || !bytes.HasPrefix(h.First, []byte("PK\x03\x04")) {
		return false
	}
	names := collect(nil, h.First[:min(len(h.First), 512)], "PK\x03\x04", 26, 30)
	return len(names) > 0 && strings.HasSuffix(names[0], "/data.pkl")
}

// parseShard finds the parts from the back and hands each to the engine, first to last.
func parseShard(in *format.Input) error {
	var starts []int64
	end := in.Size
	for end > 0 {
		if len(starts) == maxParts {
			return fmt.Errorf("torch-distcp: more than %d parts: %w", maxParts, format.ErrLimit)
		}
		tail := make([]byte, min(end, endSize+locatorSize+end64Size))
		if _, err := in.ReadAt(tail, end-int64(len(tail))); err != nil && err != io.EOF {
			return fmt.Errorf("torch-distcp: %w", err)
		}
		start, ok := lastZip(tail, end)
		if !ok || start >= end {
			break
		}
		starts = append(starts, start)
		end = start
	}
	if end > 0 {
		in.Emit(weir.Oddity{Kind: weir.OddPrefixed, Detail: "bytes before the first part that are no zip file", At: 0, Size: end})
		if _, err := in.Nested("prefix", io.NewSectionReader(in, 0, end), end); err != nil {
			return fmt.Errorf("torch-distcp: %w", err)
		}
	}
	in.Emit(weir.Note{Key: "torch.parts", Value: fmt.Sprint(len(starts))})
	var first error
	for i := len(starts) - 1; i >= 0; i-- {
		stop := in.Size
		if i > 0 {
			stop = starts[i-1]
		}
		_, err := in.Nested(fmt.Sprintf("part@%d", starts[i]), io.NewSectionReader(in, starts[i], stop-starts[i]), stop-starts[i])
		if first == nil && err != nil {
			first = fmt.Errorf("torch-distcp: %w", err)
		}
	}
	return first
}

// matchFolder knows a distributed checkpoint by its plan and a shard.
func matchFolder(names []string) bool {
	plan, shard := false, false
	for _, n := range names {
		plan = plan || n == ".metadata"
		shard = shard || strings.HasSuffix(n, ".distcp")
	}
	return plan && shard
}
