package java

import "unicode/utf8"

// decode turns modified UTF-8 (Java Virtual Machine Specification, 4.4.7: NUL in two bytes, everything outside the BMP as two surrogates of
// three bytes each) into UTF-8. What is neither becomes U+FFFD, but for a last character that was cut off.
func decode(b []byte, whole bool) string {
	plain := true
	for _, c := range b {
		if c >= 0x80 {
			plain = false
			break
		}
	}
	if plain {
		return string(b)
	}
	out := make([]rune, 0, len(b))
	for len(b) > 0 {
		r, n := unit(b)
		if n == 0 {
			if !whole && len(b) < 3 {
				break
			}
			r, n = utf8.RuneError, 1
		}
		b = b[n:]
		if r >= 0xd800 && r < 0xdc00 {
			if low, m := unit(b); m == 3 && low >= 0xdc00 && low < 0xe000 {
				r = (r-0xd800)<<10 + (low - 0xdc00) + 0x10000
				b = b[m:]
			}
		}
		out = append(out, r)
	}
	return string(out) // lone surrogates become U+FFFD
}

// unit takes one UTF-16 code unit; n is 0 where there is none.
func unit(b []byte) (r rune, n int) {
	switch {
	case len(b) == 0:
		return 0, 0
	case b[0] < 0x80:
		return rune(b[0]), 1
	case b[0]&0xe0 == 0xc0 && len(b) > 1 && b[1]&0xc0 == 0x80:
		return rune(b[0]&0x1f)<<6 | rune(b[1]&0x3f), 2
	case b[0]&0xf0 == 0xe0 && len(b) > 2 && b[1]&0xc0 == 0x80 && b[2]&0xc0 == 0x80:
		return rune(b[0]&0x0f)<<12 | rune(b[1]&0x3f)<<6 | rune(b[2]&0x3f), 3
	}
	return 0, 0
}
