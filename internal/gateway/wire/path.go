package wire

import (
	"slices"
	"strings"
	"unicode/utf8"
)

const upperHex = "0123456789ABCDEF"

// Bounds of a path.
const (
	maxSegments = 128
	maxSegment  = 1024 // bytes, decoded
)

// EncodePath writes segments as a path in which only RFC 3986 unreserved characters and a few that no server reads in two ways stand bare.
func EncodePath(segments []string, slash bool) string {
	n := 1
	for _, s := range segments {
		n += 1 + len(s)
	}
	b := make([]byte, 0, n+16)
	for _, s := range segments {
		b = append(b, '/')
		b = appendEscaped(b, s, "-._~@:!$,=")
	}
	if slash || len(segments) == 0 {
		b = append(b, '/')
	}
	return string(b)
}

// appendEscaped percent-encodes all but letters, digits and those in bare.
func appendEscaped(b []byte, s, bare string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(bare, c) >= 0 {
			b = append(b, c)
			continue
		}
		b = append(b, '%', upperHex[c>>4], upperHex[c&15])
	}
	return b
}

// slashedNames are segments behind which a name follows that always holds a slash, which clients send encoded. There, and nowhere else, "%2F" is read as
// the separator that it is for the server too ({name:path} in MLflow's routes of MCP servers), and goes upstream as one.
var slashedNames = []string{"mcp-servers"}

// splitPath reads a path as spelled into its segments, each decoded exactly once.
func splitPath(raw string) (segments []string, slash bool, err error) {
	if raw == "" || raw[0] != '/' {
		return nil, false, bad("wire/target", "the path does not start with a slash")
	}
	raw = raw[1:]
	if raw == "" {
		return nil, true, nil
	}
	segments = make([]string, 0, strings.Count(raw, "/")+1)
	for rest := raw; ; {
		part, tail, more := strings.Cut(rest, "/")
		if part == "" && !more {
			return segments, true, nil
		}
		parts := []string{part}
		if n := len(segments); n > 0 && slices.Contains(slashedNames, segments[n-1]) {
			parts = strings.Split(strings.ReplaceAll(part, "%2f", "%2F"), "%2F")
		}
		for _, part := range parts {
			s, err := decodeSegment(part)
			if err != nil {
				return nil, false, err
			}
			if segments = append(segments, s); len(segments) > maxSegments {
				return nil, false, Refuse(414, "BAD_REQUEST", "wire/path", "the path has too many segments")
			}
		}
		if !more {
			return segments, false, nil
		}
		rest = tail
	}
}

// decodeSegment decodes one segment and refuses what some reader, after one or two decodings, would take for another path.
func decodeSegment(raw string) (string, error) {
	s := raw
	if strings.IndexByte(raw, '%') >= 0 {
		var err error
		if s, err = unescape(raw, false); err != nil {
			return "", err
		}
	}
	return s, CheckSegment(s)
}

// CheckSegment says whether a decoded string can be one segment of a path in only one reading; if not, it is a *Refusal. It serves also for names that
// the server will make a path of.
func CheckSegment(s string) error {
	switch {
	case s == "":
		return bad("wire/path", "the path has an empty segment")
	case len(s) > maxSegment:
		return Refuse(414, "BAD_REQUEST", "wire/path", "a segment of the path is too long")
	case strings.Trim(s, ". ") == "":
		return bad("wire/dot-segment", "the path has a segment of dots")
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c < ' ' || c == 127:
			return bad("wire/control", "the path holds a control character")
		case c == '/' || c == '\\':
			return bad("wire/encoded-slash", "a segment of the path holds a slash or backslash")
		case c == ';' || c == '?' || c == '#':
			return bad("wire/path-delimiter", "a segment of the path holds a semicolon, question mark or number sign")
		case c == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0:
			return bad("wire/double-encoding", "the path is percent-encoded twice")
		}
	}
	return checkText(s, "the path")
}

// checkText wants UTF-8 without characters that some reader drops, or turns into a dot or slash.
func checkText(s, what string) error {
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return bad("wire/utf-8", what+" is not UTF-8")
		case r < 0xA0: // C1 controls
			return bad("wire/control", what+" holds a control character")
		case r == 0xFF0E || r == 0xFF0F || r == 0xFF3C || r == 0x2024 || r == 0x2025 || r == 0xFE52 || r == 0xFE68:
			// full-width and small forms that Unicode's compatibility normalisation (NFKC) turns into '.', '/' and '\'
			return bad("wire/look-alike", what+" holds a character that normalises to a dot or slash")
		case r == 0xFEFF || 0x202A <= r && r <= 0x202E || 0x2066 <= r && r <= 0x2069 || r == 0x2028 || r == 0x2029 || r == 0xFFFE || r == 0xFFFF:
			return bad("wire/control", what+" holds a character that changes how the text around it is shown or split")
		}
		i += n
	}
	return nil
}

// unescape decodes percent-escapes once; plus says that '+' is a space.
func unescape(s string, plus bool) (string, error) {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '%':
			if i+2 >= len(s) || unhex(s[i+1]) < 0 || unhex(s[i+2]) < 0 {
				return "", bad("wire/escape", "a percent-escape is broken")
			}
			b = append(b, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
		case c == '+' && plus:
			b = append(b, ' ')
		default:
			b = append(b, c)
		}
	}
	return string(b), nil
}
