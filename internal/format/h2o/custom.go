package h2o

import (
	"errors"
	"fmt"
)

var errCustom = errors.New("a class whose own way to read itself weir does not know")

// custom reads what a class with a read_impl of its own reads, in place of its fields.
func (w *walker) custom(class string) error {
	switch class {
	case "water.Key", "water.parser.BufferedString", "water.fvec.Chunk", "hex.coxph.CoxPHModel$FrameMatrix":
		return w.field("A1")
	case "water.Value":
		if err := w.r.skip(3); err != nil {
			return err
		}
		return w.field("A1")
	case "water.util.IcedHashMapBase":
		return w.hashMap()
	case "water.util.IcedHashMapGeneric":
		return w.genericMap()
	case "water.util.IcedHashSet":
		some, err := w.r.byte()
		if err != nil || some == 0 {
			return err
		}
		for {
			if c, err := w.object(); err != nil || c == nil {
				return err
			}
		}
	case "hex.grid.HyperParameters":
		w.path = append(w.path, "hex.grid.HyperParameters")
		defer func() { w.path = w.path[:len(w.path)-1] }()
		return w.hyperParameters(0)
	case "water.util.VecUtils$CollectIntegerDomain":
		return w.field("A8")
	}
	return errCustom
}

// mapValues are the values of IcedHashMapBase by the number in its mode: ValueType.
var mapValues = []string{"Str", "Ice", "Z", "4", "8", "4f", "8d"}

// hashMap reads an IcedHashMap: a byte that says of what, then keys and values up to a null key; -1 when it is empty.
func (w *walker) hashMap() error {
	mode, err := w.r.byte()
	if err != nil || mode == 0xff {
		return err
	}
	key, value, array := mode&3, int(mode>>2&15), mode>>6
	if key > 1 || value >= len(mapValues) || array > 2 {
		return fmt.Errorf("a map of mode %d", mode)
	}
	code := mapValues[value]
	switch {
	case array == 2 && value < 2:
		return fmt.Errorf("a map of mode %d", mode)
	case array > 0 && code == "Z":
		code = "A1" // bools2bytes
	case array > 0:
		code = "A" + code
	}
	for {
		if last, err := w.mapKey(key == 0); err != nil || last {
			return err
		}
		if err := w.field(code); err != nil {
			return err
		}
	}
}

// mapKey reads a key and says whether it was null.
func (w *walker) mapKey(text bool) (null bool, err error) {
	if !text {
		c, err := w.object()
		return c == nil, err
	}
	if err := w.step(); err != nil {
		return false, err
	}
	n, err := w.r.int()
	if err != nil || n == -1 {
		return true, err
	}
	return false, w.r.skip(n)
}

// genericMap reads an IcedHashMapGeneric: for each entry a byte that says of what it is, -1 at the end.
func (w *walker) genericMap() error {
	for {
		mode, err := w.r.byte()
		if err != nil || mode == 0xff {
			return err
		}
		if mode < 1 || mode > 14 {
			return fmt.Errorf("a map entry of mode %d", mode)
		}
		if _, err := w.mapKey(mode%2 == 1); err != nil {
			return err
		}
		switch code := []string{"Str", "Ice", "", "4", "1", "4f", "8d"}[(mode-1)/2]; code {
		case "":
			err = w.objects4()
		default:
			err = w.field(code)
		}
		if err != nil {
			return err
		}
	}
}

// objects4 reads objects behind their number in four bytes.
func (w *walker) objects4() error {
	b, err := w.r.take(4)
	if err != nil {
		return err
	}
	n := int32(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24)
	if n < 0 {
		return fmt.Errorf("an array of %d elements", n)
	}
	for range n {
		if _, err := w.object(); err != nil {
			return err
		}
	}
	return nil
}

// hyperParameters reads the map of a grid's parameters, which may hold such maps again; the values are Java object streams.
func (w *walker) hyperParameters(depth int) error {
	if depth > 16 {
		return errors.New("too many maps of parameters within each other")
	}
	n, err := w.r.int()
	if err != nil {
		return err
	}
	for range max(n, 0) {
		if err := w.step(); err != nil {
			return err
		}
		if err := w.r.skipBytes(); err != nil {
			return err
		}
		maps, err := w.r.int()
		if err != nil {
			return err
		}
		if maps < 0 {
			if err := w.field("ASer"); err != nil {
				return err
			}
			continue
		}
		for range maps {
			if err := w.hyperParameters(depth + 1); err != nil {
				return err
			}
		}
	}
	return nil
}
