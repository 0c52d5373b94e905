package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// Bounds of one line, in bytes before escaping.
const (
	maxText  = 2048    // a path or a reason
	maxName  = 256     // everything else
	maxItems = 64      // entries of a list
	maxMore  = 8192    // Record.More as JSON
	maxLine  = 1 << 20 // what a reader accepts: more than any line that is written
)

// appendLine writes a record as one line of JSON, without the line end. The order of fields is fixed.
func appendLine(b []byte, seq uint64, prev *[sha256.Size]byte, r *Record) []byte {
	b = appendStart(b, seq, prev, r.Time)
	b = field(b, "request", r.Request, maxName)
	b = field(b, "who", r.Who, maxName)
	b = field(b, "how", r.How, maxName)
	b = field(b, "from", r.From, maxName)
	b = field(b, "server", r.Server, maxName)
	b = field(b, "method", r.Method, maxName)
	b = field(b, "path", Mask(r.Path), maxText)
	b = field(b, "route", r.Route, maxText)
	b = field(b, "action", r.Action, maxName)
	b = list(b, "resource", r.Resource)
	b = field(b, "decision", r.Decision, maxName)
	b = field(b, "policy", r.Policy, maxName)
	b = field(b, "reason", Mask(r.Reason), maxText)
	b = field(b, "hint", Mask(r.Hint), maxText)
	b = field(b, "observed", Mask(r.Observed), maxText)
	b = list(b, "findings", r.Findings)
	b = field(b, "digest", r.Digest, maxName)
	b = number(b, "status", int64(r.Status))
	b = number(b, "in", r.In)
	b = number(b, "out", r.Out)
	b = number(b, "micros", r.Micros)
	b = more(b, r.More)
	return append(b, '}')
}

func appendStart(b []byte, seq uint64, prev *[sha256.Size]byte, at time.Time) []byte {
	b = append(b, `{"seq":`...)
	b = strconv.AppendUint(b, seq, 10)
	b = append(b, `,"prev":"`...)
	b = hex.AppendEncode(b, prev[:])
	b = append(b, `","time":"`...)
	b = at.UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

func field(b []byte, name, value string, limit int) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	return quote(b, value, limit)
}

func number(b []byte, name string, n int64) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendInt(b, n, 10)
}

func list(b []byte, name string, values []string) []byte {
	if len(values) == 0 {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":[`...)
	for i, v := range values {
		if i == maxItems {
			b = quote(append(b, ','), "and "+strconv.Itoa(len(values)-i)+" more", maxName)
			break
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = quote(b, Mask(v), maxName)
	}
	return append(b, ']')
}

// more writes the free part: sorted by encoding/json, so the same record gives the same bytes.
func more(b []byte, m map[string]any) []byte {
	if len(m) == 0 {
		return b
	}
	clean := make(map[string]any, len(m))
	for k, v := range m {
		switch v := v.(type) {
		case string:
			clean[k] = MaskValue(k, v)
		case []string:
			masked := make([]string, len(v))
			for i := range v {
				masked[i] = MaskValue(k, v[i])
			}
			clean[k] = masked
		default:
			clean[k] = v
		}
	}
	data, err := json.Marshal(clean)
	if err != nil || len(data) > maxMore {
		data = []byte(`{"audit":"left out: too long or not JSON"}`)
	}
	return append(append(b, `,"more":`...), data...)
}

const hexDigits = "0123456789abcdef"

// quote writes a JSON string. What a terminal could take for a command (C0, DEL, C1) or for the end of a line (U+2028) is escaped, bytes that are
// not UTF-8 become U+FFFD, and what is longer than limit is cut with a mark.
func quote(b []byte, s string, limit int) []byte {
	cut := len(s) > limit
	if cut {
		s = s[:limit]
	}
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c < 0x7f && c != '"' && c != '\\' {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if size > 1 && !odd(r) {
			i += size
			continue
		}
		b = append(b, s[start:i]...)
		if c == '"' || c == '\\' {
			b = append(b, '\\', c)
		} else {
			b = append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		}
		i += size
		start = i
	}
	b = append(b, s[start:]...)
	if cut {
		b = append(b, "…"...)
	}
	return append(b, '"')
}

// odd tells characters that move or hide text: C1 controls, line separators, directional marks. All lie below U+10000.
func odd(r rune) bool {
	return r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff
}
