package wire

import "strings"

const upperHex = "0123456789ABCDEF"

// EncodePath writes segments as a path in which only RFC 3986 unreserved characters and a few that no server reads in two ways stand bare.
func EncodePath(segments []string, slash bool) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		for i := 0; i < len(s); i++ {
			c := s[i]
			if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~@:!$,=", c) >= 0 {
				b.WriteByte(c)
				continue
			}
			b.WriteByte('%')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&15])
		}
	}
	if slash || len(segments) == 0 {
		b.WriteByte('/')
	}
	return b.String()
}
