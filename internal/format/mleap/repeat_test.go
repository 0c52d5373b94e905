package mleap

import (
	"encoding/binary"
	"strings"
	"testing"
)

// TestRepeatedMetadata: old writers put a column's metadata behind it once more, and Bloom filters lie between columns and metadata.
func TestRepeatedMetadata(t *testing.T) {
	const column = "\x15\x02\x66\x14\x26\x08" // type, ten bytes from offset 4
	filter := "\x15\x40\x00" + strings.Repeat("x", 32)
	for name, c := range map[string]struct {
		behind, bloom string // bytes behind the column, and the field that says where a filter is
		gap           bool
	}{
		"nothing":                  {"", "", false},
		"metadata again":           {column + "\x00", "", false},
		"metadata and more":        {column + "\x00hidden", "", true},
		"something else":           {"hidden", "", true},
		"filter":                   {column + "\x00" + filter, "\x56\x2a", false}, // at 21
		"filter that is cut short": {column + "\x00" + filter[:30], "\x56\x2a", true},
		"filter that no one names": {column + "\x00" + filter, "", true},
	} {
		meta := "\x15\x02\x39\x1c\x19\x1c\x26\x1c\x1c" + column + c.bloom + "\x00\x00\x00\x00"
		file := "PAR1" + strings.Repeat("d", 10) + c.behind + meta
		file += string(binary.LittleEndian.AppendUint32(nil, uint32(len(meta)))) + "PAR1"
		got := parse("a.parquet", []byte(file))
		if gap := strings.Contains(got.String(), "odd gap"); gap != c.gap || len(got.errs) > 0 {
			t.Errorf("%s: gap %v, want %v\n%s", name, gap, c.gap, got)
		}
	}
}
