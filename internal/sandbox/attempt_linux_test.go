package sandbox

import (
	"errors"
	"os"
)

func attempt(string, []*os.File, func([]byte) error) error { return errors.New("soon") }
