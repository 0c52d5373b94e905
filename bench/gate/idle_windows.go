package main

import "errors"

func (b *bench) idle(int, target, int) error {
	return errors.New("idle connections are measured on Unix only")
}
