package weir

import "strings"

// Climbs reports whether a path with slashes leads above the folder where it begins, on its way or at its end. Empty components and "."
// stay where they are, so that an absolute path is judged by what follows its root. Backslashes are letters of names here: who looks at a
// path as Windows reads it replaces them first.
func Climbs(path string) bool {
	depth := 0
	for part := range strings.SplitSeq(path, "/") {
		switch part {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return true
			}
		default:
			depth++
		}
	}
	return false
}
