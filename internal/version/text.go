package version

import "strconv"

// Text gives the plain text of a key, with so many ".0" put back as the version was written with: keys do not hold zeros at the end. ok is false
// for every key but those of plain releases and Python's plain candidates (1.2.0, 1.2rc1), whose text is that in nearly all registries.
func (s Scheme) Text(key []byte, zeros int) (text string, ok bool) {
	var b []byte
	b, key = numbers(nil, key)
	for range zeros {
		b = append(b, '.', '0')
	}
	if len(b) > 0 {
		b = b[1:]
	}
	switch {
	case s == PEP440 && string(key) == "\x06", (s == NPM || s == Go || s == Cargo) && string(key) == "\x01\x02", s == Maven && string(key) == "\x08":
		return string(b), len(b) > 0
	case s == PEP440 && len(key) > 2 && key[0] >= 3 && key[0] <= 5 && key[len(key)-1] == 3:
		n, rest := numbers(nil, key[1:])
		if len(rest) != 1 || len(n) < 2 || len(b) == 0 {
			return "", false
		}
		return string(b) + map[byte]string{3: "a", 4: "b", 5: "rc"}[key[0]] + string(n[1:]), true
	}
	return "", false
}

// numbers appends the numbers that a key begins with, a dot before each, and gives what follows them.
func numbers(b, key []byte) (text, rest []byte) {
	for len(key) > 0 {
		switch c := key[0]; {
		case c >= keyNumber && c < keyLong:
			b = strconv.AppendInt(append(b, '.'), int64(c-keyNumber), 10)
			key = key[1:]
		case c >= keyLong && c < keyHuge:
			n := 1 + int(c-keyLong) + 3
			if n > len(key) {
				return b, key
			}
			b = append(append(b, '.'), key[1:n]...)
			key = key[n:]
		default:
			return b, key
		}
	}
	return b, key
}
