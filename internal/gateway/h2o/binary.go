package h2o

import (
	"bytes"
	"io"
)

// firstOf finds the first of some names in a stream; memory is one buffer whatever its length.
func firstOf(r io.Reader, names []string) (string, error) {
	longest := 0
	for _, n := range names {
		longest = max(longest, len(n))
	}
	buf := make([]byte, 0, 256<<10+longest)
	for {
		keep := min(len(buf), longest)
		copy(buf[:keep], buf[len(buf)-keep:])
		n, err := io.ReadFull(r, buf[keep:cap(buf)])
		buf = buf[:keep+n]
		for _, name := range names {
			if bytes.Contains(buf, []byte(name)) {
				return name, nil
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return "", nil
		}
		if err != nil {
			return "", err
		}
	}
}

// binaryKey reads the name of the model at the beginning of a binary model: magic, version, type map, the model's type, then its key (AutoBuffer
// and Keyed of h2o-core).
func binaryKey(b []byte) (string, bool) {
	c := cursor{b: b}
	if len(b) < 2 || b[0] != 0x1C || b[1] != 0xED {
		return "", false
	}
	c.b = b[2:]
	c.text() // version
	if lead := c.number(); lead < 0 {
		return "", false
	}
	n := c.number()
	if n > 0 {
		c.number() // trailing nulls
	}
	for i := 0; i < n && !c.broken; i++ {
		c.text()
	}
	c.number() // type of the model
	c.number() // type of the key
	key := c.text()
	return key, !c.broken && goodKey(key)
}

// cursor reads AutoBuffer's numbers and strings; broken is set when there are none.
type cursor struct {
	b      []byte
	broken bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.broken = true
		return make([]byte, max(0, min(n, 8)))
	}
	v := c.b[:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) number() int {
	switch v := c.take(1)[0]; v {
	case 0xFF:
		b := c.take(2)
		return int(int16(uint16(b[0]) | uint16(b[1])<<8))
	case 0xFE:
		b := c.take(4)
		return int(int32(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24))
	default:
		return int(v) - 1
	}
}

func (c *cursor) text() string {
	n := c.number()
	if n < 0 {
		return ""
	}
	return string(c.take(n))
}
